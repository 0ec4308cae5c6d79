//! What each stage on the way from JSON to Parquet takes, on small seeded data of three shapes:
//!
//! ```text
//! cargo bench --profile local -p alluvium-columnar
//! ```
//!
//! `read` finds records and checks their grammar; `shred` reads and flattens them, so that
//! flattening is the difference; `encode` writes a part that is ready; `whole` is all of it. Whole
//! loads beside other programs are measured by `make bench`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "whoever measures reads what went wrong")]

use std::{fmt, fmt::Write as _, sync::Arc};

use alluvium_columnar::{Events, Part, Shredder, Step};
use alluvium_model::{Limits, Origin, TableRules, TableSchema};
use bytes::Bytes;
use divan::{Bencher, black_box, counter::BytesCount};
use fastrand::Rng;

const TEXT_BYTES: usize = 4 << 20;
const SEED: u64 = 10;
const SHAPES: [Shape; 3] = [Shape::Telemetry, Shape::Nested, Shape::Sparse];

/// What records look like.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Flat, with many kinds of numbers.
    Telemetry,
    /// Objects and lists in objects, and prose.
    Nested,
    /// Hundreds of keys, of which a record has few, and kinds that conflict.
    Sparse,
}

fn main() {
    divan::main();
}

#[divan::bench(args = SHAPES)]
fn read(bencher: Bencher<'_, '_>, shape: Shape) {
    let text = text(shape);
    bencher.counter(BytesCount::of_slice(&text)).bench_local(|| {
        let mut events = Events::of(text.clone(), Limits::default());
        while let Some(event) = events.next_event() {
            black_box(event.unwrap());
        }
    });
}

#[divan::bench(args = SHAPES)]
fn shred(bencher: Bencher<'_, '_>, shape: Shape) {
    let text = text(shape);
    bencher.counter(BytesCount::of_slice(&text)).bench_local(|| part(text.clone()));
}

#[divan::bench(args = SHAPES)]
fn encode(bencher: Bencher<'_, '_>, shape: Shape) {
    let text = text(shape);
    let schema = schema(&part(text.clone()));
    let part = || part(text.clone());
    bencher
        .counter(BytesCount::of_slice(&text))
        .with_inputs(part)
        .bench_local_values(|part| file_bytes(part, &schema));
}

#[divan::bench(args = SHAPES)]
fn whole(bencher: Bencher<'_, '_>, shape: Shape) {
    let text = text(shape);
    bencher.counter(BytesCount::of_slice(&text)).bench_local(|| {
        let part = part(text.clone());
        let schema = schema(&part);
        file_bytes(part, &schema)
    });
}

fn part(text: Bytes) -> Part {
    let mut shredder = Shredder::new(origin(), Arc::default(), Limits::default());
    shredder.feed(text);
    loop {
        match shredder.step() {
            Step::NeedInput => shredder.finish(),
            Step::Part(part) => return *part,
            Step::Done | Step::Failed(_) => panic!("there are records"),
        }
    }
}

/// The table that a part alone makes.
fn schema(part: &Part) -> TableSchema {
    let empty = TableSchema::default();
    empty.extend(&part.discovery(), &origin(), &TableRules::default()).schema
}

fn file_bytes(part: Part, schema: &TableSchema) -> usize {
    part.placed(schema).files().map(|file| file.unwrap().bytes.len()).sum()
}

fn origin() -> Origin {
    Origin {
        source: "s3://landing/events/1.json".to_owned(),
        arrived_at: "2026-11-28T00:00:00Z".parse().unwrap(),
    }
}

/// Lines of JSON, as many as have the bytes.
fn text(shape: Shape) -> Bytes {
    let mut random = Rng::with_seed(SEED);
    let mut text = String::with_capacity(TEXT_BYTES + 8_192);
    for number in 0.. {
        if text.len() >= TEXT_BYTES {
            break;
        }
        match shape {
            Shape::Telemetry => telemetry(&mut text, &mut random, number),
            Shape::Nested => nested(&mut text, &mut random, number),
            Shape::Sparse => sparse(&mut text, &mut random, number),
        }
        .unwrap();
    }
    text.into()
}

fn telemetry(text: &mut String, random: &mut Rng, number: u64) -> fmt::Result {
    let (device, second) = (random.u32(..20_000), number % 60);
    write!(
        text,
        r#"{{"event_id":"{:024x}","device_id":"dev-{device:06}","site":"site-{:02}","#,
        random.u64(..),
        device % 40
    )?;
    write!(text, r#""measured_at":"2026-11-28T12:00:{second:02}.{:03}Z","#, random.u32(..1_000))?;
    for (key, span) in [("temperature", 40.0), ("humidity", 99.0), ("pressure", 1_030.0)] {
        write!(text, r#""{key}":{:.2},"#, random.f64() * span)?;
    }
    for (key, span) in [("latitude", 60.0), ("longitude", 170.0)] {
        write!(text, r#""{key}":{:.6},"#, random.f64() * span)?;
    }
    let (moving, rssi) = (random.bool(), random.i32(-99..-30));
    let error = if random.u8(..10) == 0 { r#""E-TIMEOUT""# } else { "null" };
    writeln!(text, r#""moving":{moving},"rssi":{rssi},"sequence":{number},"error":{error}}}"#)
}

fn nested(text: &mut String, random: &mut Rng, number: u64) -> fmt::Result {
    let login = random.u32(..4_000);
    write!(text, r#"{{"id":"{}","type":"PushEvent","actor":"#, 17_244_207_336 + number)?;
    user(text, login)?;
    write!(
        text,
        r#","payload":{{"push_id":{number},"labels":["bug","v{}"],"commits":["#,
        login % 9
    )?;
    for commit in 0..=random.u8(..6) {
        let comma = if commit > 0 { "," } else { "" };
        write!(text, r#"{comma}{{"sha":"{:040x}","message":""#, random.u128(..))?;
        for _ in 0..random.u8(4..40) {
            write!(text, r#"word{} \"quoted\"\n"#, random.u16(..3_000))?;
        }
        write!(text, r#"","distinct":{}}}"#, random.bool())?;
    }
    text.push_str(r#"],"head":{"repo":{"private":false,"owner":"#);
    user(text, random.u32(..4_000))?;
    writeln!(text, r#"}}}}}},"created_at":"2026-11-28T12:00:{:02}Z"}}"#, number % 60)
}

fn user(text: &mut String, login: u32) -> fmt::Result {
    write!(
        text,
        r#"{{"id":{login},"login":"user-{login}","url":"https://api.github.com/users/user-{login}"}}"#
    )
}

fn sparse(text: &mut String, random: &mut Rng, number: u64) -> fmt::Result {
    let kind = random.u64(..30);
    write!(text, r#"{{"EventID":{},"RecordNumber":{number},"#, 4_600 + kind)?;
    if random.u8(..10) < 6 {
        write!(text, r#""Task":{kind},"host":{{"name":"WORKSTATION{}"}},"#, random.u8(..))?;
    } else {
        write!(text, r#""Task":"Logon","host":"WORKSTATION{}","#, random.u8(..))?;
    }
    text.push_str(r#""EventData":{"#);
    for key in 0..12 {
        let comma = if key > 0 { "," } else { "" };
        write!(text, r#"{comma}"Type{kind}Key{key}":"#)?;
        match key % 3 {
            0 => write!(text, "{}", random.u32(..12_000))?,
            1 => write!(text, r#""C:\\Windows\\System32\\{}.exe""#, random.u16(..500))?,
            _ => write!(text, r#""0x{:x}""#, random.u32(..))?,
        }
    }
    text.push_str("}}\n");
    Ok(())
}
