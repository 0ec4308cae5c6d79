//! What the writers of a storm are given.

use fastrand::Rng;

use crate::WRITERS;

/// A file and the folder that names its table.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) key: String,
    pub(crate) text: String,
}

/// Sources of tables; two of them want one name, and no table is there before.
const TABLES: [&str; 6] = ["camera", "Camera", "quakes", "events", "logs 1", "quarantine"];
/// Keys that many files have, each with values of any kind.
const SHARED: [&str; 4] = ["mag", "at", "tags", "state"];
/// Keys that would share a name.
const COLLIDING: [&str; 7] = ["userId", "user_id", "UserId", "user id", "user.id", "_source", "dt"];
const VALUES: [&str; 14] = [
    "1",
    "-2.5",
    "9007199254740993",
    "123456789012345678901234567890",
    "true",
    "\"text\"",
    "\"2026-11-24T10:00:00Z\"",
    "[1,2]",
    "[\"a\",null]",
    "[1,{\"k\":2}]",
    "[null]",
    "{\"x\":1}",
    "{\"x\":\"y\",\"z\":{\"w\":[true]}}",
    "null",
];

/// Some more files than writers.
pub(crate) fn files(random: &mut Rng) -> Vec<File> {
    let file = |number| {
        let table = TABLES[random.usize(..TABLES.len())];
        let lines = if random.u8(..4) == 0 { 2 } else { 1 };
        let text = (0..lines).map(|_| line(random, number)).collect();
        File { key: format!("{table}/{number}.json"), text }
    };
    (0..WRITERS + WRITERS / 8).map(file).collect()
}

fn line(random: &mut Rng, file: usize) -> String {
    if random.u32(..20) == 0 {
        return "no record\n".to_owned();
    }
    let members: Vec<_> = (0..=random.usize(..3)).map(|_| member(random, file)).collect();
    format!("{{{}}}\n", members.join(","))
}

fn member(random: &mut Rng, file: usize) -> String {
    let value = VALUES[random.usize(..VALUES.len())];
    let key = match random.u32(..8) {
        0..3 => SHARED[random.usize(..SHARED.len())].to_owned(),
        3..5 => COLLIDING[random.usize(..COLLIDING.len())].to_owned(),
        // The same name by three ways.
        5 => {
            return ["\"a_b\":", "\"a\":{\"b\":", "\"A\":{\"B\":"]
                .map(|begin| format!("{begin}{value}{}", "}".repeat(begin.matches('{').count())))
                [random.usize(..3)]
            .clone();
        }
        _ => format!("own_{file}_{}", random.u32(..2)),
    };
    format!("\"{key}\":{value}")
}
