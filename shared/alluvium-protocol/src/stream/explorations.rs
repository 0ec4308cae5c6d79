//! Where the protocol of streams, with all its protections, is looked through.

use super::bounds::Bounds;

/// A world to be explored.
#[derive(Clone, Copy, Debug)]
pub struct Exploration {
    /// What is interesting in it.
    pub name: &'static str,
    /// Who takes part.
    pub bounds: Bounds,
}

/// Two attempts at work, one delivery and one replay in all.
const REPLAYED: Bounds =
    Bounds { deliveries: 1, given_up: 1, replays: 1, ..Bounds::TWO_DELIVERIES };

/// Those that take seconds.
pub const SMALL: &[Exploration] = &[
    Exploration {
        name: "batches with other cuts",
        bounds: Bounds { deliveries: 3, crashes: 1, lost_answers: 1, ..Bounds::TWO_DELIVERIES },
    },
    Exploration {
        name: "batches beside a schedule",
        bounds: Bounds { schedules: 1, crashes: 1, failures: 1, ..Bounds::TWO_DELIVERIES },
    },
    Exploration {
        name: "failed ranges that are tried again",
        bounds: Bounds {
            deliveries: 1,
            schedules: 2,
            failures: 2,
            second_tries: 1,
            lost_answers: 1,
            ..Bounds::TWO_DELIVERIES
        },
    },
    Exploration {
        name: "a batch beside a replay",
        bounds: Bounds { crashes: 1, lost_answers: 1, ..REPLAYED },
    },
    Exploration {
        name: "two replays at once",
        bounds: Bounds { given_up: 2, replays: 2, deliveries: 0, crashes: 1, ..REPLAYED },
    },
    Exploration {
        name: "raw objects that are dropped",
        bounds: Bounds { drops: 1, crashes: 1, ..REPLAYED },
    },
];

/// Those that take up to minutes.
pub const LARGE: &[Exploration] = &[
    Exploration {
        name: "three batches at once",
        bounds: Bounds {
            attempts: 3,
            deliveries: 3,
            crashes: 1,
            lost_answers: 1,
            ..Bounds::TWO_DELIVERIES
        },
    },
    Exploration {
        name: "batches, replays and a schedule",
        bounds: Bounds { deliveries: 2, schedules: 1, failures: 1, crashes: 1, ..REPLAYED },
    },
    Exploration {
        name: "failed ranges beside a replay",
        bounds: Bounds { schedules: 2, failures: 2, second_tries: 2, ..REPLAYED },
    },
    Exploration {
        name: "two batches beside two replays",
        bounds: Bounds { deliveries: 2, given_up: 2, replays: 2, ..REPLAYED },
    },
    Exploration {
        name: "a batch beside two replays at once",
        bounds: Bounds { attempts: 3, replays: 2, ..REPLAYED },
    },
    Exploration {
        name: "three replays of two batches at once",
        bounds: Bounds { attempts: 3, deliveries: 0, given_up: 2, replays: 3, ..REPLAYED },
    },
    Exploration {
        name: "batches and replays whose raw objects are dropped",
        bounds: Bounds { deliveries: 2, drops: 2, lost_answers: 1, ..REPLAYED },
    },
];
