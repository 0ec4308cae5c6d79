//! How much of the world takes part in one exploration of a stream.

/// Who takes part, how often, and which faults there are. There are always three records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Attempts at work at one time, up to three: deliveries, replays, schedules.
    pub attempts: usize,
    /// Batches that are delivered in all, each with any cut.
    pub deliveries: u8,
    /// Batches that the mapping gives up.
    pub given_up: u8,
    /// Replays of what was given up.
    pub replays: u8,
    /// Runs of the schedule that finishes pending ranges.
    pub schedules: u8,
    /// Times that failed ranges are made pending again.
    pub second_tries: u8,
    /// Attempts that die at any point.
    pub crashes: u8,
    /// Changes that are made, but answered as conflicts.
    pub lost_answers: u8,
    /// Pending ranges that are moved to the failed ones.
    pub failures: u8,
    /// Raw objects that are dropped once they are loaded.
    pub drops: u8,
    /// Ledger entries that expire. With its protection on none does.
    pub expiries: u8,
}

impl Bounds {
    /// Two deliveries at once, nothing else.
    pub const TWO_DELIVERIES: Self = Self {
        attempts: 2,
        deliveries: 2,
        given_up: 0,
        replays: 0,
        schedules: 0,
        second_tries: 0,
        crashes: 0,
        lost_answers: 0,
        failures: 0,
        drops: 0,
        expiries: 0,
    };
}
