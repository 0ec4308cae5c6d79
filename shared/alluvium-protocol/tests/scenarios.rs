//! x
use alluvium_protocol::*;
#[test]
fn show() {
    for s in Scenario::ALL {
        println!("{s:?} -> {:?}", ending_of(*s));
        for step in steps_of(*s) { println!("    {step}"); }
    }
}
