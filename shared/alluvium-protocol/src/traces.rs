//! What each protection is for: how the protocol falls without it.

use crate::{
    bounds::{Bounds, Cut},
    protections::Protections,
    protocol::Protocol,
    words::Layout,
};

/// A way to fall, with the one protection taken away that prevents it.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// What it is called. Drafts of the protocol fell under the names with d, e and w; those with m
    /// were found here, some of them in refinements that were thought to be safe.
    pub name: &'static str,
    /// What happens.
    pub story: &'static str,
    /// The protocol without the protection, among those who take part.
    pub protocol: Protocol,
}

/// Who takes part in most of them: two attempts of three, one of which may die.
const ATTEMPTS: Bounds = Bounds { attempts: 2, deliveries: 3, crashes: 1, ..Bounds::ONE_ATTEMPT };

/// One attempt beside one swap.
const SWAP: Bounds = Bounds { swaps: 1, ..Bounds::ONE_ATTEMPT };

/// Two attempts of two deployments; the newer one makes one part of what the older one cuts in two.
const LAYOUTS: Bounds = Bounds {
    rows: 2,
    cuts: [Cut::Rows, Cut::Whole],
    layouts: &[Layout::Lower, Layout::Higher],
    ..ATTEMPTS
};

const fn trace(
    name: &'static str,
    story: &'static str,
    protections: Protections,
    bounds: Bounds,
) -> Trace {
    Trace { name, story, protocol: Protocol { protections, bounds } }
}

const ALL: Protections = Protections::ALL;

/// All of them.
pub const TRACES: &[Trace] = &[
    trace(
        "d1",
        "the pointer flips first: an attempt writes to the new location only and commits, while \
         readers are still sent to the old one",
        Protections { catalog_before_flip: false, ..ALL },
        SWAP,
    ),
    trace(
        "d7",
        "a compactor whose lease has passed puts its location back into the catalog after others \
         have swapped the partition again",
        Protections { catalog_under_lease: false, ..ALL },
        Bounds { swaps: 3, compactors: 3, vacuum: true, deliveries: 0, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "d10",
        "the next swap begins while a late request of the finished one may still write the catalog",
        Protections { lease_outlives_swap: false, ..ALL },
        Bounds {
            swaps: 2,
            compactors: 2,
            late_calls: 1,
            vacuum: true,
            deliveries: 0,
            ..Bounds::ONE_ATTEMPT
        },
    ),
    trace(
        "d2",
        "an attempt finds a pointer and commits before the one that made it has registered the \
         partition",
        Protections { partition_before_pointer: false, ..ALL },
        Bounds { known_partitions: false, attempts: 2, deliveries: 2, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "d2q",
        "the one that made the pointer is dead: nobody ever registers the partition",
        Protections { partition_before_pointer: false, ..ALL },
        Bounds { known_partitions: false, deliveries: 2, crashes: 1, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "d3q, e3q",
        "a part of the other cut stays under a name that the sweep cannot tell from its own",
        Protections { plan_in_name: false, ..ALL },
        Bounds { attempts: 1, ..LAYOUTS },
    ),
    trace(
        "d4q, d6q",
        "an attempt that finds the source committed deletes the files that it wrote, which are \
         the committed ones",
        Protections { losers_delete_nothing: false, ..ALL },
        Bounds { attempts: 2, deliveries: 2, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "d5q, e2q",
        "attempts of two deployments, bound by no claim: the sweep before the commit of one does \
         not see what the other still writes",
        Protections { claim_binds: false, ..ALL },
        Bounds { crashes: 0, deliveries: 2, ..LAYOUTS },
    ),
    trace(
        "d8",
        "a second compactor reuses the generation that a dead one has copied a file to, which it \
         merges itself",
        Protections { generations_are_unique: false, ..ALL },
        Bounds { swaps: 2, compactors: 1, crashes: 1, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "d9",
        "the output of a merge that was given up lands beside the copies of its inputs",
        Protections { failed_merge_abandons: false, ..ALL },
        Bounds { swaps: 1, late_outputs: 1, deliveries: 0, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "w1",
        "a file is written between the listing and the word of where files are going",
        Protections { next_before_list: false, ..ALL },
        SWAP,
    ),
    trace(
        "w5",
        "a file is written after the listing, to the old location only",
        Protections { writes_to_both: false, ..ALL },
        SWAP,
    ),
    trace(
        "w6",
        "a swap begins and lists between an attempt's look at the pointer and its file",
        Protections { reads_pointer_again: false, ..ALL },
        SWAP,
    ),
    trace(
        "w2",
        "a fresh commit is merged while a duplicate attempt still writes its file beside it",
        Protections { merges_only_settled: false, ..ALL },
        Bounds { swaps: 1, deliveries: 2, attempts: 2, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "w3, w4",
        "an old file of a fresh commit is merged: a duplicate attempt that began after the file \
         was written, and before it was committed, writes it once more",
        Protections { settles_from_commit: false, ..ALL },
        Bounds { swaps: 1, deliveries: 2, attempts: 2, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "w7",
        "a file is dropped for its age upon an answer of the ledger from before its commit",
        Protections { age_before_ledger: false, ..ALL },
        SWAP,
    ),
    trace(
        "w12",
        "an attempt that was fenced off still writes after the sweep",
        Protections { take_over_waits: false, ..ALL },
        LAYOUTS,
    ),
    trace(
        "w16",
        "a retry relies on the file of a dead attempt, which a swap drops for its age just before \
         the commit",
        Protections { writes_always: false, ..ALL },
        Bounds { swaps: 1, deliveries: 2, crashes: 1, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "w17",
        "the files of a slow reader disappear",
        Protections { grace: false, ..ALL },
        Bounds { swaps: 1, readings: 1, vacuum: true, deliveries: 0, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "m1",
        "a superseded source that came back is claimed at once, while a slow attempt still sweeps \
         whatever it finds of it",
        Protections { reopening_waits: false, ..ALL },
        Bounds {
            attempts: 2,
            deliveries: 6,
            disappearances: 1,
            returns: 1,
            crashes: 1,
            ..Bounds::ONE_ATTEMPT
        },
    ),
    trace(
        "m2",
        "a swap drops the file of a source whose entry has expired",
        Protections { missing_entry_is_no_evidence: false, ..ALL },
        Bounds { expiries: 1, ..SWAP },
    ),
    trace(
        "m3",
        "the delivery of a source that came back ends well by committing it as superseded",
        Protections { opens_before_superseding: false, ..ALL },
        Bounds { deliveries: 3, crashes: 1, disappearances: 1, returns: 1, ..Bounds::ONE_ATTEMPT },
    ),
    trace(
        "m4",
        "a compactor has looked at the ledger and copies; meanwhile the plan is taken over, and the \
         sweep passes the new location before the copy is there",
        Protections { copies_in_time: false, ..ALL },
        Bounds { swaps: 1, deliveries: 4, crashes: 1, attempts: 1, ..LAYOUTS },
    ),
    trace(
        "m5",
        "the claim of a dead attempt expires, and with it the knowledge that its files are to be \
         swept before those of another plan are committed",
        Protections { claims_never_expire: false, ..ALL },
        Bounds { expiries: 1, ..LAYOUTS },
    ),
];
