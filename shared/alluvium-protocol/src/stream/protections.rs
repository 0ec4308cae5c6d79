//! What the protocol of streams does to be safe, each as a switch, so that it can be shown what it
//! is for.

/// The protections of streams. All are on by default; each alone, when off, lets the model find a
/// violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "a switch is what each of them is")]
pub struct Protections {
    /// What a batch commits is a raw object, from which the table is written. Off: rows are written
    /// to the table, then the watermark is set.
    pub raw_first: bool,
    /// Names and identities tell the whole range. Off: its first record only.
    pub range_in_name: bool,
    /// Who lost the race for the watermark, or takes it so, deletes nothing. Off: it deletes what
    /// it wrote.
    pub losers_delete_nothing: bool,
    /// The raw object is written before the watermark names it. Off: after.
    pub raw_before_watermark: bool,
    /// A delivery replaces the watermark that it has read only. Off: whatever is there.
    pub deliveries_compare: bool,
    /// A range is pending until it is committed. Off: until somebody has claimed it.
    pub pending_until_committed: bool,
    /// A replay leaves out what was accepted, range by range. Off: what is not beyond the
    /// watermark.
    pub replay_minus_ranges: bool,
    /// A replay moves the watermark past what it accepts. Off: it leaves it where it is.
    pub replay_passes: bool,
    /// A replay counts failed ranges as accepted. Off: pending ones and those with an entry only.
    pub failed_is_accepted: bool,
    /// A replay replaces the watermark that it has read only. Off: whatever is there.
    pub replay_compares: bool,
    /// A replay reads the watermark before it looks for ranges. Off: after.
    pub watermark_before_listing: bool,
    /// No two watermarks have the same bytes: each counts one more. Off: a range that comes and
    /// goes leaves those that were there before.
    pub watermark_never_repeats: bool,
    /// Entries of ranges stay as long as a replay may look for them. Off: they expire.
    pub entries_outlive_failures: bool,
    /// What is dropped keeps its name, without bytes. Off: it is deleted.
    pub dropped_keeps_its_name: bool,
    /// Raw objects are dropped only when their commit is older than the settle time. Off: at once.
    pub drop_waits: bool,
}

impl Protections {
    /// All of them.
    pub const ALL: Self = Self {
        raw_first: true,
        range_in_name: true,
        losers_delete_nothing: true,
        raw_before_watermark: true,
        deliveries_compare: true,
        pending_until_committed: true,
        replay_minus_ranges: true,
        replay_passes: true,
        failed_is_accepted: true,
        replay_compares: true,
        watermark_before_listing: true,
        watermark_never_repeats: true,
        entries_outlive_failures: true,
        dropped_keeps_its_name: true,
        drop_waits: true,
    };
}

impl Default for Protections {
    fn default() -> Self {
        Self::ALL
    }
}
