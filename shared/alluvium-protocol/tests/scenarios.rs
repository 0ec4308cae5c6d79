//! What one attempt calls, situation by situation: what the code is compared with.

use alluvium_protocol::{Ending, Scenario, ending_of, steps_of};
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
fn a_new_partition_is_registered_before_its_pointer_is_made() {
    assert_snapshot!(told(Scenario::NewPartition), @"
    read entry
    open source
    claim
    commit schema: first part
    read pointer: first partition
    register partition: first partition
    create pointer: first partition
    read pointer: first partition
    write file: first part, first partition, current
    read pointer again: first partition
    commit entry: files
    done
    ");
}

#[test]
fn a_known_partition_takes_a_file_between_two_looks_at_its_pointer() {
    assert_snapshot!(told(Scenario::KnownPartition), @"
    read entry
    open source
    claim
    commit schema: first part
    read pointer: first partition
    write file: first part, first partition, current
    read pointer again: first partition
    commit entry: files
    done
    ");
}

#[test]
fn parts_come_one_after_the_other() {
    assert_snapshot!(told(Scenario::TwoPartsInTwoPartitions), @"
    read entry
    open source
    claim
    commit schema: first part
    read pointer: first partition
    write file: first part, first partition, current
    read pointer again: first partition
    commit schema: second part
    read pointer: second partition
    write file: second part, second partition, current
    read pointer again: second partition
    commit entry: files
    done
    ");
}

#[test]
fn pointers_of_a_part_are_read_together_and_again_file_by_file() {
    assert_snapshot!(told(Scenario::OnePartInTwoPartitions), @"
    read entry
    open source
    claim
    commit schema: first part
    read pointer: first partition
    read pointer: second partition
    write file: first part, first partition, current
    read pointer again: first partition
    write file: first part, second partition, current
    read pointer again: second partition
    commit entry: files
    done
    ");
}

#[test]
fn during_a_swap_files_are_written_to_both_locations() {
    assert_snapshot!(told(Scenario::SwapUnderWay), @"
    read entry
    open source
    claim
    commit schema: first part
    read pointer: first partition
    write file: first part, first partition, current
    write file: first part, first partition, next
    read pointer again: first partition
    commit entry: files
    done
    ");
}

#[test]
fn a_swap_that_begins_gets_its_file_after_the_pointer_was_read_again() {
    assert_snapshot!(told(Scenario::SwapBegins), @"
    read entry
    open source
    claim
    commit schema: first part
    read pointer: first partition
    write file: first part, first partition, current
    read pointer again: first partition
    write file: first part, first partition, next
    read pointer again: first partition
    commit entry: files
    done
    ");
}

#[test]
fn a_committed_source_takes_one_call() {
    assert_snapshot!(told(Scenario::Committed), @"
    read entry
    done
    ");
}

#[test]
fn a_commit_that_conflicts_is_read_again() {
    assert_snapshot!(told(Scenario::CommittedMeanwhile), @"
    read entry
    open source
    claim
    commit schema: first part
    read pointer: first partition
    write file: first part, first partition, current
    read pointer again: first partition
    commit entry: files
    read entry
    done
    ");
    assert_eq!(told(Scenario::CommittedMeanwhile), told(Scenario::CommitAnswerLost));
}

#[test]
fn a_claim_that_conflicts_is_read_again() {
    assert_snapshot!(told(Scenario::ClaimedMeanwhile), @"
    read entry
    open source
    claim
    read entry
    commit schema: first part
    read pointer: first partition
    write file: first part, first partition, current
    read pointer again: first partition
    commit entry: files
    done
    ");
    assert_eq!(told(Scenario::ClaimedMeanwhile), told(Scenario::ClaimAnswerLost));
}

#[test]
fn a_claim_of_the_same_plan_is_followed() {
    assert_snapshot!(told(Scenario::Claimed), @"
    read entry
    open source
    commit schema: first part
    read pointer: first partition
    write file: first part, first partition, current
    read pointer again: first partition
    commit entry: files
    done
    ");
}

#[test]
fn a_source_that_is_gone_is_superseded_without_a_claim() {
    assert_snapshot!(told(Scenario::GoneUnclaimed), @"
    read entry
    open source
    supersede
    done
    ");
}

#[test]
fn a_source_that_is_gone_after_it_was_claimed_is_taken_over() {
    assert_snapshot!(told(Scenario::GoneClaimed), @"
    read entry
    open source
    fence: superseded
    retry
    ");
    assert_snapshot!(told(Scenario::GoneTakenOver), @"
    read entry
    list pointers
    read pointer to sweep: first partition
    list leftovers: first partition, current
    delete leftovers: first partition, current
    open source
    commit entry: superseded
    done
    ");
}

#[test]
fn a_source_that_came_back_is_claimed_again() {
    assert_snapshot!(told(Scenario::CameBack), @"
    read entry
    open source
    reopen
    commit schema: first part
    read pointer: first partition
    write file: first part, first partition, current
    read pointer again: first partition
    commit entry: files
    done
    ");
    assert_snapshot!(told(Scenario::CameBackTooSoon), @"
    read entry
    open source
    retry
    ");
    assert_snapshot!(told(Scenario::CameBackTakenOver), @"
    read entry
    list pointers
    read pointer to sweep: first partition
    list leftovers: first partition, current
    delete leftovers: first partition, current
    open source
    fence: files
    retry
    ");
}

#[test]
fn newer_code_takes_over_from_older_code_only() {
    assert_snapshot!(told(Scenario::ClaimedByOlder), @"
    read entry
    fence: files
    retry
    ");
    assert_snapshot!(told(Scenario::ClaimedByNewer), @"
    read entry
    retry
    ");
}

#[test]
fn a_take_over_goes_on_after_the_settle_time() {
    assert_snapshot!(told(Scenario::TakenOverJustNow), @"
    read entry
    retry
    ");
    assert_snapshot!(told(Scenario::TakenOver), @"
    read entry
    list pointers
    read pointer to sweep: first partition
    list leftovers: first partition, current
    delete leftovers: first partition, current
    open source
    commit schema: first part
    read pointer: first partition
    write file: first part, first partition, current
    read pointer again: first partition
    commit entry: files
    done
    ");
}
