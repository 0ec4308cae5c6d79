//! A process that dies at any call of any port, and the next one that is given its work again.
//!
//! Whatever the call was and whether it took effect or not: in the end the lake is, byte for byte,
//! what it would be had nobody died.
#![expect(clippy::unwrap_used, reason = "a broken expectation must stop the test")]

#[path = "crashes/fading.rs"]
mod fading;
#[path = "crashes/mortal.rs"]
mod mortal;
#[path = "crashes/scenarios.rs"]
mod scenarios;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
};

use alluvium_model::ErrorKind;
use alluvium_testkit::Fault;

use crate::{
    mortal::{End, run},
    scenarios::{SCENARIOS, Scenario, UPGRADED},
};

const DEATHS: [Fault; 2] = [Fault::DiedBefore, Fault::DiedAfter];
/// Pairs of deaths that are tried of each scenario.
const PAIRS: usize = 150;

/// Runs a scenario with one fault at every call, and compares how it ends; how many calls that
/// were.
fn fail_at_every_call(scenario: &Scenario, fault: Fault, expected: &[&End]) -> u64 {
    for call in 0.. {
        let ended = run(scenario, &BTreeMap::from([(call, fault)]));
        if ended.calls <= call {
            return call;
        }
        assert_ended(&ended, expected, || format!("{}: {fault:?} at {call}", scenario.name));
    }
    0
}

fn assert_ended(ended: &End, expected: &[&End], point: impl Fn() -> String) {
    if let [expected] = expected {
        assert_eq!(ended.objects, expected.objects, "{}", point());
        assert_eq!(ended.tables, expected.tables, "{}", point());
        assert_eq!(ended.partitions, expected.partitions, "{}", point());
        assert_eq!(ended.views, expected.views, "{}", point());
    }
    assert!(expected.iter().any(|expected| ended.is_like(expected)), "{}", point());
}

fn check(faults: &[Fault], points_min: u64) {
    let mut points = 0;
    for scenario in SCENARIOS {
        let expected = run(scenario, &BTreeMap::new());
        scenario.assert_shows_what_it_is_for(&expected);
        for fault in faults {
            points += fail_at_every_call(scenario, *fault, &[&expected]);
        }
    }
    tell(&format!("{points} calls failed, each in a run of its own"));
    assert!(points >= points_min, "only {points} calls were made to fail");
}

/// Says something that is shown although the test passes: what macros print is not.
#[expect(clippy::explicit_write, reason = "tests keep what `eprintln!` says to themselves")]
fn tell(line: &str) {
    writeln!(io::stderr(), "{line}").unwrap();
}

#[test]
fn a_process_that_dies_at_any_call_leaves_what_the_next_one_makes_whole() {
    check(&DEATHS, 500);
}

#[test]
fn a_lost_answer_to_any_call_changes_nothing() {
    check(&[Fault::AnswerLost(ErrorKind::Retry)], 250);
}

#[test]
fn dying_twice_is_no_worse() {
    let mut random = fastrand::Rng::with_seed(1);
    for scenario in SCENARIOS {
        let expected = run(scenario, &BTreeMap::new());
        for _ in 0..PAIRS {
            let mut death = || (random.u64(..2 * expected.calls), DEATHS[random.usize(..2)]);
            let deaths = BTreeMap::from([death(), death()]);
            let ended = run(scenario, &deaths);
            assert_ended(&ended, &[&expected], || format!("{}: {deaths:?}", scenario.name));
        }
    }
}

/// Every process but the first is of a later layout, and so takes over what the first one began.
#[test]
fn a_deployment_that_dies_at_any_call_while_it_takes_over_is_followed_by_the_next() {
    let before = run(&UPGRADED, &BTreeMap::new());
    let after = run(&Scenario { layouts: [UPGRADED.layouts[1]; 2], ..UPGRADED }, &BTreeMap::new());
    assert!(!before.is_like(&after));
    let mut points = 0;
    for first in (0..before.calls).flat_map(|call| DEATHS.map(|death| (call, death))) {
        let deaths = BTreeMap::from([first]);
        let calls = run(&UPGRADED, &deaths).calls;
        for second in (first.0 + 1..calls).step_by(2) {
            let deaths = BTreeMap::from([first, (second, DEATHS[usize::from(second % 4 < 2)])]);
            let ended = run(&UPGRADED, &deaths);
            assert_ended(&ended, &[&before, &after], || format!("{deaths:?}"));
            points += 1;
        }
    }
    tell(&format!("{points} pairs of deaths around a take-over"));
    assert!(points > 1_000, "only {points} pairs of deaths");
}
