//! What each protection of streams is for: how they fall without it.

use super::{Streams, bounds::Bounds, protections::Protections};

/// A way to fall, with the protections taken away that prevent it.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// What it is called. Drafts of the protocol fell under the names up to s6; the others were
    /// found here.
    pub name: &'static str,
    /// What happens.
    pub story: &'static str,
    /// The protocol without the protection, among those who take part.
    pub streams: Streams,
}

const fn trace(
    name: &'static str,
    story: &'static str,
    protections: Protections,
    bounds: Bounds,
) -> Trace {
    Trace { name, story, streams: Streams { protections, bounds } }
}

const ALL: Protections = Protections::ALL;

/// One delivery beside the replay of a batch that was given up.
const REPLAY: Bounds = Bounds { deliveries: 1, given_up: 1, replays: 1, ..Bounds::TWO_DELIVERIES };

/// All of them.
pub const TRACES: &[Trace] = &[
    trace(
        "s1",
        "two cuts that begin with the same record have the same name: the shorter one overwrites \
         what the longer one has put into the watermark",
        Protections { range_in_name: false, ..ALL },
        Bounds::TWO_DELIVERIES,
    ),
    trace(
        "s4",
        "two cuts of one range are written to the table; the one that loses the watermark stays",
        Protections { raw_first: false, ..ALL },
        Bounds::TWO_DELIVERIES,
    ),
    trace(
        "s5",
        "a delivery sets the watermark over that of another one, which it has not seen: a range is \
         no longer pending, or is accepted twice",
        Protections { deliveries_compare: false, ..ALL },
        Bounds::TWO_DELIVERIES,
    ),
    trace(
        "s6",
        "rows are written first and losers clean up: the winner does not hear that it won, and \
         deletes its own files",
        Protections { raw_first: false, losers_delete_nothing: false, ..ALL },
        Bounds { lost_answers: 1, ..Bounds::TWO_DELIVERIES },
    ),
    trace(
        "s7",
        "the same with a raw object: it is pending, and its own writer deletes it",
        Protections { losers_delete_nothing: false, ..ALL },
        Bounds { lost_answers: 1, ..Bounds::TWO_DELIVERIES },
    ),
    trace(
        "s8",
        "the watermark names a raw object that its writer dies before writing",
        Protections { raw_before_watermark: false, ..ALL },
        Bounds { crashes: 1, ..Bounds::TWO_DELIVERIES },
    ),
    trace(
        "s9",
        "a range is taken off the pending ones since somebody has claimed it, who dies",
        Protections { pending_until_committed: false, ..ALL },
        Bounds { crashes: 1, ..Bounds::TWO_DELIVERIES },
    ),
    trace(
        "s10",
        "a batch was given up and never accepted; a later one passes it, and the replay takes it \
         to be loaded",
        Protections { replay_minus_ranges: false, ..ALL },
        REPLAY,
    ),
    trace(
        "s11",
        "a zombie accepts the batch that was given up, and the replay, which looked before, sets \
         its own watermark",
        Protections { replay_compares: false, ..ALL },
        REPLAY,
    ),
    trace(
        "s12",
        "a zombie accepts the batch after the replay has looked for ranges and before it reads the \
         watermark, and has loaded it by then",
        Protections { watermark_before_listing: false, ..ALL },
        REPLAY,
    ),
    trace(
        "s13",
        "two replays of batches that share a record: one reads the watermark, the other one \
         accepts, loads and releases, and the watermark is what it was",
        Protections { watermark_never_repeats: false, ..ALL },
        Bounds { deliveries: 1, given_up: 2, replays: 2, ..Bounds::TWO_DELIVERIES },
    ),
    trace(
        "s14",
        "the entry of a range expires before the batch is replayed that shares a record with it",
        Protections { entries_outlive_failures: false, ..ALL },
        Bounds { expiries: 1, ..REPLAY },
    ),
    trace(
        "s15",
        "a raw object is deleted after it was loaded, and with it its name: a replay does not know \
         of it",
        Protections { dropped_keeps_its_name: false, ..ALL },
        Bounds { drops: 1, ..REPLAY },
    ),
    trace(
        "s16",
        "a raw object is dropped while a slow attempt is about to read it: its file, now without \
         rows, replaces the committed one",
        Protections { drop_waits: false, ..ALL },
        Bounds { drops: 1, ..Bounds::TWO_DELIVERIES },
    ),
    trace(
        "s17",
        "a replay accepts a batch and leaves the watermark before it: a zombie with the same records \
         accepts them again",
        Protections { replay_passes: false, ..ALL },
        REPLAY,
    ),
    trace(
        "s18",
        "a range failed before anybody claimed it: the replay of a batch that shares a record with \
         it accepts that record once more",
        Protections { failed_is_accepted: false, ..ALL },
        Bounds { schedules: 1, failures: 1, crashes: 1, ..REPLAY },
    ),
];
