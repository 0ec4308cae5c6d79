//! What the lake remembers of sources and partitions: small objects of JSON.

use alluvium_model::{ErrorKind, PortError, Versioned, layout::ObjectKey};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

/// What an object says.
///
/// # Errors
/// As `Invalid`, and names the object, when it is not as Alluvium left it.
pub(crate) fn understand<T: DeserializeOwned>(
    key: &ObjectKey,
    found: Versioned<Bytes>,
) -> Result<Versioned<T>, PortError> {
    let Versioned { value, version } = found;
    Ok(Versioned { value: understand_bytes(key, &value)?, version })
}

/// The same of bytes alone.
///
/// # Errors
/// Like [`understand`].
pub(crate) fn understand_bytes<T: DeserializeOwned>(
    key: &ObjectKey,
    bytes: &[u8],
) -> Result<T, PortError> {
    serde_json::from_slice(bytes).map_err(|error| {
        PortError::new(ErrorKind::Invalid, "understand", key.as_str()).because(error)
    })
}

/// The bytes of an object that says this.
///
/// # Errors
/// As `Bug`.
pub(crate) fn bytes<T: Serialize>(key: &ObjectKey, value: &T) -> Result<Bytes, PortError> {
    let failed = |error| PortError::new(ErrorKind::Bug, "write", key.as_str()).because(error);
    serde_json::to_vec(value).map(Bytes::from).map_err(failed)
}
