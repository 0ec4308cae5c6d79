//! What a seed delivers, and to whom.

use alluvium_model::{AnnouncedObject, LAYOUT_VERSION, Limits, layout, ports::WriteObjects as _};
use alluvium_testkit::{MemoryLanding, MemoryObjects};
use fastrand::Rng;

use alluvium_tests::late::at_once;

/// Objects whose opening always fails have this in their keys.
pub(crate) const POISON: &str = "poison";

/// What a key holds at some time.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) key: String,
    pub(crate) text: String,
    /// The names of its good records, which no other content has.
    pub(crate) good: Vec<String>,
    /// Its bad records as they are, which no other content has either.
    pub(crate) bad: Vec<String>,
}

/// What is done to the landing bucket or a partition, at some moment.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// The content of this number is put under its key.
    Put(usize),
    /// The key of this content is deleted.
    Delete(usize),
    /// The partition of this number is swapped.
    Swap(usize),
}

/// A version of the function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deployment {
    pub(crate) layout: u32,
    part_records: u32,
    contract: &'static str,
}

/// What a seed delivers.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) deployments: [Deployment; 2],
    pub(crate) contents: Vec<Content>,
    pub(crate) acts: Vec<Act>,
}

const BY_P: &str = "table = \"events\"\n[partition]\nby = [\"identity($.p)\"]\n";
const DOUBLES: &str =
    "table = \"events\"\n[partition]\nby = [\"identity($.p)\"]\n[schema]\nnumbers = \"double\"\n";
/// This one and the others refuse tables that the other one made.
const BY_DAY: &str = "table = \"events\"\n[partition]\nby = [\"day(arrived_at)\"]\n";
const VALUES: [&str; 4] = ["1", "2.5", "\"s\"", "[true]"];

impl Deployment {
    pub(crate) fn limits(self) -> Limits {
        let (part_text_bytes, record_bytes) = (1 << 12, 1 << 12);
        let part_records = self.part_records;
        Limits { part_text_bytes, record_bytes, part_records, ..Limits::default() }
    }

    /// Where its contract lies.
    pub(crate) fn contracts(self) -> MemoryObjects {
        let objects = MemoryObjects::default();
        let key = layout::contracts().object("events.toml");
        at_once(objects.put_object(&key, self.contract.into())).unwrap();
        objects
    }
}

impl Scene {
    /// The scene of a seed; with `upgrade`, one deployment is of a later layout.
    pub(crate) fn new(random: &mut Rng, upgrade: bool) -> Self {
        let mut deployment = || Deployment {
            layout: LAYOUT_VERSION,
            part_records: random.u32(1..=3),
            contract: if random.bool() { BY_P } else { DOUBLES },
        };
        let mut deployments = [deployment(), deployment()];
        match random.u32(..8) {
            0..3 => deployments[1].layout += 1,
            _ if upgrade => deployments[1].layout += 1,
            3 => deployments[1].contract = BY_DAY,
            _ => {}
        }
        let mut numbers = 0..;
        let mut contents = Vec::new();
        for key in 0..random.usize(2..=4) {
            for _ in 0..random.usize(1..=2) {
                let key = format!("events/{key}");
                contents.push(Content::new(random, key, &mut numbers));
            }
        }
        if random.u32(..4) == 0 {
            let key = format!("events/{POISON}");
            contents.push(Content { key, text: "{}".to_owned(), good: vec![], bad: vec![] });
        }
        let acts = Self::acts(random, contents.len());
        Self { deployments, contents, acts }
    }

    /// Everything is put there once at least, in any order; more happens between.
    fn acts(random: &mut Rng, contents: usize) -> Vec<Act> {
        let mut acts: Vec<_> = (0..contents).map(Act::Put).collect();
        for _ in 0..random.usize(..=3) {
            let content = random.usize(..contents);
            acts.push(if random.bool() { Act::Put(content) } else { Act::Delete(content) });
        }
        acts.extend((0..random.usize(..=5)).map(|_| Act::Swap(random.usize(..6))));
        random.shuffle(&mut acts);
        acts
    }
}

impl Content {
    fn new(random: &mut Rng, key: String, numbers: &mut impl Iterator<Item = u32>) -> Self {
        let (mut text, mut good, mut bad) = (String::new(), Vec::new(), Vec::new());
        for number in numbers.by_ref().take(random.usize(1..=5)) {
            let line = if random.u32(..8) == 0 {
                bad.push(format!("bad {number}"));
                format!("bad {number}\n")
            } else {
                good.push(format!("r{number}"));
                let (p, value) = (random.u32(..2), VALUES[random.usize(..VALUES.len())]);
                format!("{{\"name\":\"r{number}\",\"p\":\"{p}\",\"v\":{value}}}\n")
            };
            text.push_str(&line);
        }
        Self { key, text, good, bad }
    }

    /// How a bucket announces it.
    pub(crate) fn announced(&self) -> AnnouncedObject {
        MemoryLanding::default().drop_object(&self.key, self.text.clone())
    }

    pub(crate) fn is_poison(&self) -> bool {
        self.key.ends_with(POISON)
    }
}
