//! Somebody loads a source beside a swap: both stop at every pair of their calls, and go on in
//! either order. What is committed is seen at once, and once.

use crate::world::World;

const BEFORE: [u32; 3] = [1, 2, 3];
const AFTER: [u32; 4] = [1, 2, 3, 4];

fn world() -> World {
    let world = World::new();
    world.load(1);
    world.load(2);
    world.pass(World::settings().settle);
    world.load(3);
    world
}

/// What readers may see while a source is being loaded: its rows or not, the others once.
fn assert_seen(world: &World, point: &str) {
    let seen = world.rows();
    assert!(seen == BEFORE || seen == AFTER, "{point}: {seen:?}");
}

#[test]
fn a_source_that_is_loaded_beside_a_swap_is_there_once() {
    let mut pairs = 0;
    for of_swap in 1.. {
        let mut last = false;
        for of_load in 1.. {
            let world = world();
            let mut swap = world.swapper(world.plan());
            let mut load = world.loader(4);
            let point = format!("load at {of_load}, swap at {of_swap}");
            let loads = load.goes_to(None, of_load);
            let swaps = swap.goes_to(None, of_swap);
            assert_seen(&world, &point);
            last = !swaps;
            if pairs % 2 == 0 {
                load.ends();
                assert_eq!(world.rows(), AFTER, "{point}");
                swap.ends().unwrap();
            } else {
                swap.ends().unwrap();
                assert_seen(&world, &point);
                load.ends();
            }
            assert_eq!(world.rows(), AFTER, "{point}");
            pairs += 1;
            if !loads {
                break;
            }
        }
        if last {
            break;
        }
    }
    assert!(pairs > 200, "only {pairs} pairs");
}

/// The same, but the load stops once more when the swap is done.
#[test]
fn a_load_that_meets_the_end_of_a_swap_anywhere_is_there_once() {
    for of_load in 1.. {
        let world = world();
        let mut load = world.loader(4);
        let loads = load.goes_to(None, of_load);
        let mut swap = world.swapper(world.plan());
        // The third replacement of the pointer flips it.
        assert!(swap.goes_to(Some("replace_object"), 3));
        load.goes_to(Some("object_since"), 1);
        swap.ends().unwrap();
        load.ends();
        assert_eq!(world.rows(), AFTER, "load at {of_load}");
        world.assert_healed(&AFTER, &format!("load at {of_load}"));
        if !loads {
            break;
        }
    }
}
