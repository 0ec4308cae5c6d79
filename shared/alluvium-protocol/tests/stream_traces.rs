//! Each protection of streams alone, taken away, lets them fall: the model finds how. The numbers
//! are the events of the shortest way there.

#![expect(clippy::expect_used, reason = "a trace that is not found must stop its test")]

use std::time::Duration;

use alluvium_protocol::{Limits, shortest_violation, stream::TRACES};

const LIMITS: Limits = Limits { states: usize::MAX, time: Duration::from_mins(10), threads: 1 };

fn check(name: &str, events: usize) {
    let trace = TRACES.iter().find(|trace| trace.name == name).expect("a trace of this name");
    let violation = shortest_violation(trace.streams, LIMITS).expect("a violation");
    println!("{name}, {}: {violation}", trace.story);
    assert_eq!(violation.events.len(), events, "{violation}");
}

macro_rules! falls {
    ($($test:ident: $name:literal, $events:literal;)+) => {
        $(#[test]
        fn $test() {
            check($name, $events);
        })+

        #[test]
        fn every_trace_has_a_test() {
            let tested = [$($name),+];
            assert_eq!(TRACES.iter().map(|trace| trace.name).collect::<Vec<_>>(), tested);
        }
    };
}

falls! {
    s1_a_name_does_not_tell_the_range: "s1", 11;
    s4_rows_are_written_before_the_watermark: "s4", 7;
    s5_a_delivery_does_not_compare: "s5", 16;
    s6_a_loser_deletes_its_files: "s6", 5;
    s7_a_loser_deletes_its_raw_object: "s7", 7;
    s8_the_watermark_is_set_before_the_raw_object: "s8", 3;
    s9_a_claimed_range_is_not_pending: "s9", 7;
    s10_a_replay_leaves_out_what_the_watermark_has_passed: "s10", 1;
    s11_a_replay_does_not_compare: "s11", 13;
    s12_a_replay_reads_the_watermark_last: "s12", 20;
    s13_a_watermark_comes_again: "s13", 32;
    s14_an_entry_expires: "s14", 11;
    s15_a_dropped_object_loses_its_name: "s15", 11;
    s16_a_raw_object_is_dropped_at_once: "s16", 14;
    s17_a_replay_leaves_the_watermark: "s17", 18;
    s18_a_failed_range_is_accepted_again: "s18", 8;
}
