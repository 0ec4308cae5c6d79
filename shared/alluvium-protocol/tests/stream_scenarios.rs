//! What one attempt at a shard calls, situation by situation: what code is compared with.

use alluvium_protocol::{
    Ending,
    stream::{Scenario, ending_of, steps_of},
};
use insta::assert_snapshot;

fn told(scenario: Scenario) -> String {
    let steps = steps_of(scenario).into_iter().map(|step| step.to_string());
    let ending = match ending_of(scenario) {
        Ending::Done => "done",
        Ending::Retry => "retry",
    };
    steps.chain([ending.to_owned()]).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_new_batch_is_a_raw_object_before_it_is_accepted_and_rows_come_from_that() {
    assert_snapshot!(told(Scenario::NewBatch), @"
    read watermark
    write raw: 1-2
    set watermark
    read entry: 1-2
    open raw: 1-2
    claim: 1-2
    write file: 1-2
    commit entry: 1-2
    release
    done
    ");
}

#[test]
fn a_batch_that_was_loaded_takes_one_call() {
    assert_snapshot!(told(Scenario::LoadedBatch), @"
    read watermark
    done
    ");
}

#[test]
fn of_a_batch_only_what_is_beyond_the_watermark_is_accepted() {
    assert_snapshot!(told(Scenario::PartlyLoadedBatch), @"
    read watermark
    write raw: 3-3
    set watermark
    read entry: 3-3
    open raw: 3-3
    claim: 3-3
    write file: 3-3
    commit entry: 3-3
    release
    done
    ");
}

#[test]
fn whoever_comes_next_finishes_what_is_pending_oldest_first() {
    assert_snapshot!(told(Scenario::PendingBatch), @"
    read watermark
    read entry: 1-2
    open raw: 1-2
    claim: 1-2
    write file: 1-2
    commit entry: 1-2
    release
    done
    ");
    assert_snapshot!(told(Scenario::OlderPending), @"
    read watermark
    write raw: 3-3
    set watermark
    read entry: 1-2
    open raw: 1-2
    claim: 1-2
    write file: 1-2
    commit entry: 1-2
    read entry: 3-3
    open raw: 3-3
    claim: 3-3
    write file: 3-3
    commit entry: 3-3
    release
    done
    ");
}

#[test]
fn a_watermark_that_conflicts_is_read_again_and_nothing_is_repaired() {
    assert_snapshot!(told(Scenario::AcceptedMeanwhile), @"
    read watermark
    write raw: 1-2
    set watermark
    read watermark
    write raw: 2-2
    set watermark
    read entry: 2-2
    open raw: 2-2
    claim: 2-2
    write file: 2-2
    commit entry: 2-2
    release
    done
    ");
    assert_snapshot!(told(Scenario::SetAnswerLost), @"
    read watermark
    write raw: 1-2
    set watermark
    read watermark
    read entry: 1-2
    open raw: 1-2
    claim: 1-2
    write file: 1-2
    commit entry: 1-2
    release
    done
    ");
}

#[test]
fn a_range_that_another_one_released_is_done() {
    assert_snapshot!(told(Scenario::ReleasedMeanwhile), @"
    read watermark
    write raw: 1-2
    set watermark
    read entry: 1-2
    open raw: 1-2
    claim: 1-2
    write file: 1-2
    commit entry: 1-2
    release
    read watermark
    done
    ");
}

#[test]
fn a_schedule_finishes_what_is_pending_or_calls_it_failed() {
    assert_snapshot!(told(Scenario::NothingPending), @"
    read watermark
    done
    ");
    assert_snapshot!(told(Scenario::SchedulePending), @"
    read watermark
    read entry: 1-2
    open raw: 1-2
    claim: 1-2
    write file: 1-2
    commit entry: 1-2
    release
    done
    ");
    assert_snapshot!(told(Scenario::ScheduleFails), @"
    read watermark
    read entry: 1-2
    move to failed: 1-2
    done
    ");
}

#[test]
fn what_has_failed_is_made_pending_again_and_loaded() {
    assert_snapshot!(told(Scenario::FailedTriedAgain), @"
    read watermark
    move back
    read entry: 1-2
    open raw: 1-2
    claim: 1-2
    write file: 1-2
    commit entry: 1-2
    release
    done
    ");
}

#[test]
fn a_replay_accepts_what_nobody_has_accepted_range_by_range() {
    assert_snapshot!(told(Scenario::ReplayNew), @"
    read watermark
    list raw
    write raw: 1-2
    set watermark
    delete given up
    read entry: 1-2
    open raw: 1-2
    claim: 1-2
    write file: 1-2
    commit entry: 1-2
    release
    done
    ");
    assert_snapshot!(told(Scenario::ReplayPartlyLoaded), @"
    read watermark
    list raw
    look up: 2-2
    write raw: 1-1
    write raw: 3-3
    set watermark
    delete given up
    read entry: 1-1
    open raw: 1-1
    claim: 1-1
    write file: 1-1
    commit entry: 1-1
    read entry: 3-3
    open raw: 3-3
    claim: 3-3
    write file: 3-3
    commit entry: 3-3
    release
    done
    ");
    assert_snapshot!(told(Scenario::ReplayPending), @"
    read watermark
    list raw
    delete given up
    read entry: 1-2
    open raw: 1-2
    claim: 1-2
    write file: 1-2
    commit entry: 1-2
    release
    done
    ");
}

#[test]
fn a_replay_begins_again_when_something_was_accepted_meanwhile() {
    assert_snapshot!(told(Scenario::ReplayAcceptedMeanwhile), @"
    read watermark
    list raw
    write raw: 1-2
    set watermark
    read watermark
    list raw
    look up: 1-1
    look up: 1-2
    write raw: 2-2
    set watermark
    delete given up
    read entry: 2-2
    open raw: 2-2
    claim: 2-2
    write file: 2-2
    commit entry: 2-2
    release
    done
    ");
}

#[test]
fn every_scenario_ends_well() {
    for scenario in Scenario::ALL {
        assert_eq!(ending_of(*scenario), Ending::Done, "{scenario:?}");
    }
}
