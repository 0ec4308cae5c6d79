//! Where the protocol, with all its protections, is looked through.

use crate::{
    bounds::{Bounds, Cut},
    words::Layout,
};

/// A world to be explored.
#[derive(Clone, Copy, Debug)]
pub struct Exploration {
    /// What is interesting in it.
    pub name: &'static str,
    /// Who takes part.
    pub bounds: Bounds,
}

/// Two attempts at work, three in all, one of which may die.
const ATTEMPTS: Bounds = Bounds { attempts: 2, deliveries: 3, crashes: 1, ..Bounds::ONE_ATTEMPT };

/// Attempts of two deployments, the newer of which makes one part of two.
const LAYOUTS: Bounds = Bounds {
    rows: 2,
    cuts: [Cut::Rows, Cut::Whole],
    layouts: &[Layout::Lower, Layout::Higher],
    deliveries: 4,
    ..ATTEMPTS
};

/// Two compactors beside one attempt and a vacuum.
const SWAPS: Bounds =
    Bounds { compactors: 2, swaps: 2, vacuum: true, crashes: 1, ..Bounds::ONE_ATTEMPT };

/// Those that take seconds.
pub const SMALL: &[Exploration] = &[
    Exploration {
        name: "attempts in new partitions",
        bounds: Bounds {
            known_partitions: false,
            rows: 2,
            partitions: 2,
            attempts: 3,
            deliveries: 4,
            lost_answers: 1,
            ..ATTEMPTS
        },
    },
    Exploration {
        name: "parts in two partitions",
        bounds: Bounds {
            rows: 2,
            partitions: 2,
            cuts: [Cut::Rows, Cut::Rows],
            swaps: 1,
            ..Bounds { deliveries: 2, ..ATTEMPTS }
        },
    },
    Exploration {
        name: "lost answers and late requests",
        bounds: Bounds {
            attempts: 3,
            deliveries: 4,
            crashes: 2,
            lost_answers: 2,
            late_requests: 1,
            ..ATTEMPTS
        },
    },
    Exploration {
        name: "superseded and back",
        bounds: Bounds {
            deliveries: 6,
            lost_answers: 1,
            late_requests: 1,
            disappearances: 2,
            returns: 2,
            ..ATTEMPTS
        },
    },
    Exploration {
        name: "two deployments",
        bounds: Bounds { deliveries: 5, crashes: 2, lost_answers: 1, late_requests: 1, ..LAYOUTS },
    },
    Exploration {
        name: "attempts beside a swap",
        bounds: Bounds { swaps: 1, late_requests: 1, lost_answers: 1, ..ATTEMPTS },
    },
    Exploration {
        name: "superseded beside a swap",
        bounds: Bounds { swaps: 1, deliveries: 5, disappearances: 1, returns: 1, ..ATTEMPTS },
    },
    Exploration { name: "two deployments beside a swap", bounds: Bounds { swaps: 1, ..LAYOUTS } },
    Exploration { name: "swaps beside a slow reader", bounds: Bounds { readings: 1, ..SWAPS } },
    Exploration { name: "an entry that expires", bounds: Bounds { expiries: 1, ..SWAPS } },
    Exploration {
        name: "late requests of swaps",
        bounds: Bounds { late_calls: 1, late_outputs: 1, ..SWAPS },
    },
];

/// Those that take up to minutes.
pub const LARGE: &[Exploration] = &[
    Exploration {
        name: "three swaps beside a slow reader",
        bounds: Bounds {
            compactors: 3,
            swaps: 3,
            deliveries: 0,
            readings: 1,
            late_calls: 1,
            late_outputs: 1,
            ..SWAPS
        },
    },
    Exploration {
        name: "three swaps beside an attempt",
        bounds: Bounds { swaps: 3, crashes: 0, ..SWAPS },
    },
    Exploration {
        name: "two swaps beside two attempts",
        bounds: Bounds { attempts: 2, deliveries: 2, vacuum: false, ..SWAPS },
    },
    Exploration {
        name: "two swaps beside two attempts, late files",
        bounds: Bounds {
            attempts: 2,
            deliveries: 2,
            vacuum: false,
            crashes: 0,
            late_requests: 1,
            ..SWAPS
        },
    },
    Exploration {
        name: "two swaps beside two attempts, late calls",
        bounds: Bounds {
            attempts: 2,
            deliveries: 2,
            vacuum: false,
            crashes: 0,
            late_calls: 1,
            late_outputs: 1,
            ..SWAPS
        },
    },
    Exploration {
        name: "two partitions, two attempts, two swaps",
        bounds: Bounds {
            rows: 2,
            partitions: 2,
            attempts: 2,
            deliveries: 2,
            crashes: 0,
            vacuum: false,
            ..SWAPS
        },
    },
    Exploration {
        name: "three attempts beside a swap",
        bounds: Bounds { attempts: 3, deliveries: 4, swaps: 1, ..ATTEMPTS },
    },
    Exploration {
        name: "three attempts of two deployments beside a swap",
        bounds: Bounds { attempts: 3, swaps: 1, rows: 1, cuts: [Cut::Whole; 2], ..LAYOUTS },
    },
    Exploration {
        name: "two deployments beside a swap, late requests",
        bounds: Bounds {
            rows: 1,
            cuts: [Cut::Whole; 2],
            swaps: 1,
            late_requests: 1,
            late_calls: 1,
            ..LAYOUTS
        },
    },
    Exploration {
        name: "two deployments beside two swaps",
        bounds: Bounds { compactors: 2, swaps: 2, rows: 1, cuts: [Cut::Whole; 2], ..LAYOUTS },
    },
    Exploration {
        name: "the older deployment makes one part of two",
        bounds: Bounds { cuts: [Cut::Whole, Cut::Rows], deliveries: 5, swaps: 1, ..LAYOUTS },
    },
    Exploration {
        name: "two deployments, superseded and back",
        bounds: Bounds {
            deliveries: 7,
            crashes: 2,
            late_requests: 1,
            disappearances: 2,
            returns: 2,
            ..LAYOUTS
        },
    },
    Exploration {
        name: "superseded and back beside two swaps",
        bounds: Bounds {
            attempts: 1,
            deliveries: 5,
            disappearances: 1,
            returns: 1,
            compactors: 2,
            swaps: 2,
            ..ATTEMPTS
        },
    },
];
