//! Explores.
use alluvium_protocol::*;
use std::time::Duration;
fn main() {
    let limits = Limits { states: 30_000_000, time: Duration::from_secs(60), threads: 2 };
    let base = Bounds { deliveries: 3, attempts: 2, crashes: 1, ..Bounds::ONE_ATTEMPT };
    for (name, bounds) in [
        ("two attempts", base),
        ("two attempts new partition", Bounds{known_partitions:false, rows:2, partitions:2, ..base}),
        ("lost late", Bounds{lost_answers:1, late_files:1, ..base}),
        ("swap", Bounds{swaps:1, ..base}),
        ("swap vac reader", Bounds{swaps:1, vacuum:true, readings:1, deliveries:2, ..base}),
        ("two layouts", Bounds{layouts: &[Layout::Lower, Layout::Higher], cuts:[Cut::Rows, Cut::Whole], rows:2, ..base}),
        ("superseded", Bounds{disappearances:1, returns:1, ..base}),
        ("two swaps", Bounds{swaps:2, compactors:2, deliveries:1, ..base}),
    ] {
        let finding = check(Protocol { protections: Protections::ALL, bounds }, limits);
        println!("{name}: {finding}");
        if let Some(v) = finding.violation { for e in v.events { println!("   {e:?}"); } }
    }
    println!("{}", std::mem::size_of::<State>());
}
