//! The times of files.

use std::{
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use alluvium_model::UtcInstant;

/// The same time as an instant of ours.
pub(crate) fn instant(time: SystemTime) -> io::Result<UtcInstant> {
    let micros = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).ok(),
        Err(before) => i64::try_from(before.duration().as_micros()).ok().map(|micros| -micros),
    };
    let instant = micros.and_then(UtcInstant::from_micros);
    instant
        .ok_or_else(|| io::Error::other("its modification time is not within years -9999 to 9999"))
}
