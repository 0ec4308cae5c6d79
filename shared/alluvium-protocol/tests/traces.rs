//! Each protection alone, taken away, lets the protocol fall: the model finds how. The numbers are
//! the events of the shortest way there.

#![expect(clippy::expect_used, reason = "a trace that is not found must stop its test")]

use std::time::Duration;

use alluvium_protocol::{Limits, TRACES, shortest_violation};

const LIMITS: Limits = Limits { states: usize::MAX, time: Duration::from_mins(10), threads: 1 };

fn check(name: &str, events: usize) {
    let trace = TRACES.iter().find(|trace| trace.name == name).expect("a trace of this name");
    let violation = shortest_violation(trace.protocol, LIMITS).expect("a violation");
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
    d1_the_pointer_flips_before_the_catalog: "d1", 15;
    d7_a_compactor_writes_the_catalog_after_its_lease: "d7", 21;
    d10_the_lease_ends_with_the_swap: "d10", 23;
    d2_a_pointer_stands_for_a_partition_that_is_not_registered: "d2", 11;
    d2q_whoever_made_the_pointer_died_before_it_registered: "d2q", 6;
    d3q_e3q_a_name_does_not_tell_the_plan: "d3q, e3q", 9;
    d4q_d6q_a_loser_deletes_what_it_wrote: "d4q, d6q", 14;
    d5q_e2q_a_claim_binds_nobody: "d5q, e2q", 14;
    d8_a_generation_is_used_twice: "d8", 22;
    d9_a_merge_that_was_given_up_lands: "d9", 11;
    w1_the_location_is_listed_before_next_is_set: "w1", 15;
    w5_files_are_written_to_one_location: "w5", 15;
    w6_the_pointer_is_not_read_again: "w6", 14;
    w2_a_fresh_commit_is_merged: "w2", 20;
    w3_w4_a_file_is_older_than_its_commit: "w3, w4", 20;
    w7_the_age_is_tested_after_the_ledger_was_read: "w7", 17;
    w12_a_take_over_does_not_wait: "w12", 15;
    w16_a_file_that_is_there_is_not_written: "w16", 21;
    w17_what_was_replaced_is_deleted_at_once: "w17", 18;
    m1_a_source_that_came_back_is_claimed_at_once: "m1", 27;
    m2_a_file_without_an_entry_is_dropped: "m2", 17;
    m3_a_source_that_came_back_is_not_looked_for: "m3", 9;
    m4_a_copy_lands_after_a_sweep_has_passed: "m4", 31;
    m5_a_claim_expires: "m5", 7;
}
