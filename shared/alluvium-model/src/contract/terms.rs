//! What a contract means, value by value: each is lawful by itself, with its place.

use jiff::SignedDuration;

use super::{
    ContractFile, ContractProblem, ValueError,
    file::ColumnFile,
    places::{Problems, Said, nearest},
};
use crate::{
    Budget, ColumnRule, JsonPath, Kind, Limits, Mode, NameStyle, Numbers, ParsePartitionError,
    PartitionSpec, StreamName, StreamRoute, TableName, TableSource, TimeFormat, TimePattern,
    Timestamps, Transform, Window,
};

/// More columns than these were never measured, and the bytes of a table's definition are bounded
/// besides.
const COLUMNS_MAX: u32 = 10_000;
/// What `source.route` says of a stream whose topics name tables.
const BY_TOPIC: &str = "topic";
const DAY_SECONDS: i64 = 86_400;

/// The terms of a contract; none where the file is silent or wrong.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) table: Option<Said<TableName>>,
    pub(super) prefix: Option<Said<String>>,
    pub(super) wrappers: Vec<String>,
    pub(super) stream: Option<Said<StreamName>>,
    pub(super) stream_route: StreamRoute,
    pub(super) route: Option<Said<JsonPath>>,
    pub(super) event_time: Option<Said<JsonPath>>,
    pub(super) format: TimeFormat,
    pub(super) window: Window,
    pub(super) partitions: Option<Said<PartitionSpec>>,
    pub(super) mode: Mode,
    pub(super) budget: Budget,
    pub(super) max_depth: Option<u32>,
    pub(super) names: NameStyle,
    pub(super) numbers: Numbers,
    pub(super) timestamps: Timestamps,
    pub(super) columns: Vec<(Said<JsonPath>, ColumnRule)>,
}

impl Terms {
    pub(super) fn of(file: &ContractFile, problems: &mut Problems<'_>) -> Self {
        refuse_unsupported(file, problems);
        let names = [("snake", NameStyle::Snake), ("lower", NameStyle::Lower)];
        let names = word(file.names.as_ref(), &names, problems).unwrap_or(NameStyle::Snake);
        let by_topic = file.route.as_ref().is_some_and(|route| route.value == BY_TOPIC);
        let route = file.route.as_ref().filter(|_| !by_topic);
        let default = Window::default();
        let budget = Budget::default();
        let count = |said, problems: &mut Problems<'_>| {
            number(said, COLUMNS_MAX, problems).map(|number| number as usize)
        };
        Self {
            table: file.table.as_ref().and_then(|said| said.read(problems, |s| table_name(s))),
            prefix: file.prefix.as_ref().and_then(|said| said.read(problems, |s| prefix(s))),
            wrappers: wrappers(&file.wrappers, problems),
            stream: file.stream.as_ref().and_then(|said| said.read(problems, |s| s.parse())),
            stream_route: if by_topic { StreamRoute::Topic } else { StreamRoute::Name },
            route: route.and_then(|said| said.read(problems, |s| value_path(s))),
            event_time: file.event_time.as_ref().and_then(|s| s.read(problems, |s| value_path(s))),
            format: time_format(file, problems),
            window: Window {
                past: span(file.past.as_ref(), problems).unwrap_or(default.past),
                future: span(file.future.as_ref(), problems).unwrap_or(default.future),
            },
            partitions: partitions(file, names, problems),
            mode: word(file.mode.as_ref(), &MODES, problems).unwrap_or(Mode::Evolve),
            budget: Budget {
                max_columns: count(file.max_columns.as_ref(), problems)
                    .unwrap_or(budget.max_columns),
                max_keys: count(file.max_keys.as_ref(), problems).unwrap_or(budget.max_keys),
                ..budget
            },
            max_depth: number(file.max_depth.as_ref(), Limits::PARSE_DEPTH_MAX, problems),
            names,
            numbers: word(file.numbers.as_ref(), &NUMBERS, problems).unwrap_or(Numbers::Infer),
            timestamps: word(file.timestamps.as_ref(), &TIMESTAMPS, problems)
                .unwrap_or(Timestamps::Infer),
            columns: file.columns.iter().filter_map(|c| column(c, problems)).collect(),
        }
    }
}

const MODES: [(&str, Mode); 3] =
    [("evolve", Mode::Evolve), ("freeze", Mode::Freeze), ("quarantine", Mode::Quarantine)];
const NUMBERS: [(&str, Numbers); 2] = [("infer", Numbers::Infer), ("double", Numbers::Double)];
const TIMESTAMPS: [(&str, Timestamps); 2] =
    [("infer", Timestamps::Infer), ("string", Timestamps::String)];
const FORMATS: [(&str, TimeFormat); 5] = [
    ("rfc3339", TimeFormat::Rfc3339),
    ("s", TimeFormat::Seconds),
    ("ms", TimeFormat::Milliseconds),
    ("us", TimeFormat::Microseconds),
    ("ns", TimeFormat::Nanoseconds),
];

/// What will be understood one day must not be ignored until then.
fn refuse_unsupported(file: &ContractFile, problems: &mut Problems<'_>) {
    let mut refuse = |key: &str, at, what| {
        problems.add(at, ContractProblem::NotYetSupported { key: key.to_owned(), what });
    };
    if let Some(retention) = &file.retention {
        refuse(&retention.key, retention.at, "retention periods");
    }
    for privacy in file.columns.iter().filter_map(|column| column.privacy.as_ref()) {
        refuse(&privacy.key, privacy.at, "rules of privacy");
    }
}

fn table_name(text: &str) -> Result<TableName, ValueError> {
    if text == TableName::quarantine().as_str() || text.ends_with("_unified") {
        return Err(ValueError::Reserved(text.to_owned()));
    }
    // The table of a contract is called what the contract says, so the rules of names must leave
    // it as it is.
    let named = TableSource::new(text).table_names().next();
    named.filter(|name| name.as_str() == text).ok_or_else(|| ValueError::TableName(text.to_owned()))
}

fn prefix(text: &str) -> Result<String, ValueError> {
    let goes_elsewhere = |segment| matches!(segment, "." | "..");
    if text.is_empty() || text.starts_with('/') || text.split('/').any(goes_elsewhere) {
        return Err(ValueError::Prefix(text.to_owned()));
    }
    Ok(text.to_owned())
}

fn wrappers(said: &[Said<String>], problems: &mut Problems<'_>) -> Vec<String> {
    let mut wrappers: Vec<String> = Vec::new();
    for Said { key, at, value } in said {
        if value.is_empty() || value == "Records" || wrappers.contains(value) {
            problems.add_value(key, *at, ValueError::Wrapper(value.clone()));
        } else {
            wrappers.push(value.clone());
        }
    }
    wrappers
}

fn value_path(text: &str) -> Result<JsonPath, ValueError> {
    let path: JsonPath = text.parse()?;
    if path.is_root() { Err(ValueError::Record) } else { Ok(path) }
}

fn time_format(file: &ContractFile, problems: &mut Problems<'_>) -> TimeFormat {
    let read = |text: &String| -> Result<TimeFormat, ValueError> {
        if text.contains('%') {
            return Ok(TimeFormat::Pattern(TimePattern::new(text)?));
        }
        let found = FORMATS.into_iter().find(|(name, _)| name == text);
        found.map(|(_, format)| format).ok_or_else(|| {
            let words = FORMATS.iter().map(|(name, _)| *name).collect();
            unknown_word(text, words, &["a pattern such as `%Y-%m-%d %H:%M:%S`"])
        })
    };
    let format = file.format.as_ref().and_then(|said| said.read(problems, read));
    format.map_or(TimeFormat::Rfc3339, |said| said.value)
}

fn partitions(
    file: &ContractFile,
    names: NameStyle,
    problems: &mut Problems<'_>,
) -> Option<Said<PartitionSpec>> {
    let by = file.by.as_ref()?;
    let read = |said: &Said<String>| said.read(problems, |text| Transform::parse(text, names));
    let transforms: Vec<_> = by.value.iter().filter_map(read).collect();
    if transforms.len() < by.value.len() {
        return None;
    }
    by.read(problems, |_| {
        let transforms = transforms.into_iter().map(|said| said.value).collect();
        PartitionSpec::new(transforms).map_err(ParsePartitionError::from)
    })
}

fn column(file: &ColumnFile, problems: &mut Problems<'_>) -> Option<(Said<JsonPath>, ColumnRule)> {
    let path = file.path.read(problems, |text| value_path(text));
    let rule = match (&file.kind, &file.drop) {
        (Some(kind), None) => kind
            .read(problems, |kind| kind.parse::<Kind>())
            .map(|kind| ColumnRule::Typed(kind.value)),
        (None, Some(_)) => Some(ColumnRule::Drop),
        (None, None) if file.broken || file.privacy.is_some() => None,
        (None, None) | (Some(_), Some(_)) => {
            problems.add_value(&file.path.key, file.path.at, ValueError::NoRule);
            None
        }
    };
    Some((path?, rule?))
}

/// One of a few words.
fn word<T: Copy>(
    said: Option<&Said<String>>,
    words: &[(&'static str, T)],
    problems: &mut Problems<'_>,
) -> Option<T> {
    let read = |text: &String| {
        let found = words.iter().find(|(name, _)| name == text);
        let names = || words.iter().map(|(name, _)| *name).collect();
        found.map(|(_, value)| *value).ok_or_else(|| unknown_word(text, names(), &[]))
    };
    said?.read(problems, read).map(|said| said.value)
}

fn unknown_word(value: &str, mut words: Vec<&'static str>, others: &[&'static str]) -> ValueError {
    let nearest = nearest(value, &words);
    words.extend(others);
    ValueError::Word { value: value.to_owned(), words, nearest }
}

fn number(said: Option<&Said<String>>, max: u32, problems: &mut Problems<'_>) -> Option<u32> {
    let read = |text: &String| {
        let number = text.parse().ok().filter(|number| (1..=max).contains(number));
        number.ok_or_else(|| ValueError::Number { value: text.clone(), max })
    };
    said?.read(problems, read).map(|said| said.value)
}

fn span(said: Option<&Said<String>>, problems: &mut Problems<'_>) -> Option<SignedDuration> {
    let read = |text: &String| {
        let seconds = |(at, unit): (usize, char)| {
            let unit = match unit {
                's' => 1,
                'm' => 60,
                'h' => 3_600,
                'd' => DAY_SECONDS,
                _ => return None,
            };
            let digits = text.get(..at).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
            Some(i64::from(digits.parse::<u32>().ok()?) * unit)
        };
        let seconds = text.char_indices().next_back().and_then(seconds);
        let span = seconds.map(SignedDuration::from_secs);
        span.ok_or_else(|| ValueError::Span(text.clone()))
    };
    said?.read(problems, read).map(|said| said.value)
}
