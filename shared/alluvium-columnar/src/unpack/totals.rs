//! How much went into a source's layers and came out of them, and whether that is too much.

use alluvium_model::{Limits, Reason};

use super::Corrupt;

/// What was counted so far.
pub(super) struct Totals {
    pub(super) limits: Limits,
    /// Bytes that came out of other parts of the source, each of which is packed by itself.
    before: u64,
    /// Bytes of the source itself.
    packed: u64,
    /// Bytes that came out of all layers together, even if nobody wanted them: between layers a
    /// bomb may explode that leaves no text.
    unpacked: u64,
    is_exceeded: bool,
}

impl Totals {
    pub(super) const fn new(limits: Limits) -> Self {
        Self { limits, before: 0, packed: 0, unpacked: 0, is_exceeded: false }
    }

    pub(super) const fn count_before(&mut self, unpacked: u64) {
        self.before = unpacked;
    }

    pub(super) const fn unpacked(&self) -> u64 {
        self.unpacked
    }

    pub(super) const fn went_in(&mut self, bytes: usize) {
        self.packed += bytes as u64;
    }

    /// Counts what came out of a layer, and as many bytes that it dropped; cuts off what is too
    /// much and says so.
    pub(super) fn came_out(&mut self, plain: &mut Vec<u8>, dropped: u64) -> Result<(), Corrupt> {
        let Limits { unpacked_bytes, compression_ratio, .. } = self.limits;
        self.unpacked = self.unpacked.saturating_add(dropped).saturating_add(plain.len() as u64);
        let of_all = self.before.saturating_add(self.unpacked);
        // Each part has a ratio of its own: a bomb must not make its neighbours suspicious.
        let is_suspicious = self.unpacked > self.packed.saturating_mul(compression_ratio);
        let (reason, message) = if of_all > unpacked_bytes {
            let excess = usize::try_from(of_all - unpacked_bytes).unwrap_or(usize::MAX);
            plain.truncate(plain.len().saturating_sub(excess));
            let message = format!("more than {unpacked_bytes} bytes come out of the source");
            (Reason::SourceTooLarge, message)
        } else if is_suspicious && of_all > self.limits.compression_ratio_from_bytes {
            let message = format!("it is compressed to less than a {compression_ratio}th");
            (Reason::CompressionRatio, message)
        } else {
            return Ok(());
        };
        self.is_exceeded = true;
        Err(Corrupt { reason, message })
    }

    /// Whether too much came out: then nothing more is unpacked.
    pub(super) const fn is_exceeded(&self) -> bool {
        self.is_exceeded
    }
}
