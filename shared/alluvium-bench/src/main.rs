//! What Alluvium is measured against that is written in Rust: `bounds parse FILE` and
//! `bounds encode FOLDER` are the two halves without which no JSON becomes Parquet, `bounds
//! arrow-json FILE OUT` is a peer. Each prints one JSON object; `make bench` runs them beside
//! the others (tests/bench).
//!
//! The halves are timed by themselves, on the CPU's clock, since subtracting what reading from
//! the disk took is fragile.

mod arrow_json_peer;
mod clock;
mod encode;
mod parse;

use std::path::Path;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let printed = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["parse", file] => parse::parse(Path::new(file))?,
        ["encode", folder] => encode::encode(Path::new(folder))?,
        ["arrow-json", file, out] => arrow_json_peer::load(Path::new(file), Path::new(out))?,
        _ => bail!("usage: bounds parse FILE | encode FOLDER | arrow-json FILE OUT"),
    };
    println!("{printed}");
    Ok(())
}
