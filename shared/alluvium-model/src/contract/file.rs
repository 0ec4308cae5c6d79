//! What a contract says: every value as it is written, with its place. Keys that are not known,
//! and values of another type than they must have, are told here.
//!
//! The document is walked instead of being derived from types, because a derived reader stops at
//! the first thing that is wrong.

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    ContractProblem,
    places::{Problems, Said, nearest},
};

/// The sections and keys of a contract; none where it is silent.
#[derive(Debug, Default)]
pub(super) struct ContractFile {
    pub(super) table: Option<Said<String>>,
    pub(super) prefix: Option<Said<String>>,
    pub(super) stream: Option<Said<String>>,
    pub(super) route: Option<Said<String>>,
    pub(super) wrappers: Vec<Said<String>>,
    /// Whether there is a section of that name, and where.
    pub(super) time: Option<Said<()>>,
    pub(super) event_time: Option<Said<String>>,
    pub(super) format: Option<Said<String>>,
    pub(super) past: Option<Said<String>>,
    pub(super) future: Option<Said<String>>,
    pub(super) by: Option<Said<Vec<Said<String>>>>,
    pub(super) mode: Option<Said<String>>,
    pub(super) max_columns: Option<Said<String>>,
    pub(super) max_keys: Option<Said<String>>,
    pub(super) max_depth: Option<Said<String>>,
    pub(super) names: Option<Said<String>>,
    pub(super) numbers: Option<Said<String>>,
    pub(super) timestamps: Option<Said<String>>,
    pub(super) columns: Vec<ColumnFile>,
    /// Whether there is a section of that name, and where.
    pub(super) retention: Option<Said<()>>,
    pub(super) days: Option<Said<String>>,
    /// Whether it is no TOML at all.
    pub(super) broken: bool,
}

/// What is said of one path.
#[derive(Debug)]
pub(super) struct ColumnFile {
    /// The path, as the key that it is.
    pub(super) path: Said<String>,
    pub(super) kind: Option<Said<String>>,
    pub(super) drop: Option<Said<bool>>,
    pub(super) privacy: Option<Said<String>>,
    /// Whether something in it was not understood.
    pub(super) broken: bool,
}

/// A table of the document.
struct Section<'a> {
    /// Empty, or ends with a dot.
    name: String,
    table: &'a DeTable<'a>,
}

impl ContractFile {
    pub(super) fn read(text: &str, problems: &mut Problems<'_>) -> Self {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().map_or(text.len(), |span| span.start);
            problems.add(at, ContractProblem::Syntax { message: error.message().to_owned() });
        }
        // What is left of a broken document would be misunderstood.
        if !errors.is_empty() {
            return Self { broken: true, ..Self::default() };
        }
        let mut file = Self::default();
        let root = Section { name: String::new(), table: document.get_ref() };
        let sections = ["source", "time", "partition", "schema", "columns", "retention"];
        root.allow(&["table"].iter().chain(&sections).copied().collect::<Vec<_>>(), problems);
        file.table = root.text("table", problems);
        if let Some(source) = root.section("source", problems) {
            source.allow(&["prefix", "route", "wrappers", "stream"], problems);
            file.prefix = source.text("prefix", problems);
            file.route = source.text("route", problems);
            file.wrappers = source.texts("wrappers", problems).map_or(Vec::new(), |s| s.value);
            file.stream = source.text("stream", problems);
        }
        file.read_time(&root, problems);
        if let Some(partition) = root.section("partition", problems) {
            partition.allow(&["by"], problems);
            file.by = partition.texts("by", problems);
        }
        file.read_schema(&root, problems);
        if let Some(columns) = root.section("columns", problems) {
            file.columns = columns.columns(problems);
        }
        file.read_retention(&root, problems);
        file
    }

    fn read_time(&mut self, root: &Section<'_>, problems: &mut Problems<'_>) {
        let Some(time) = root.section("time", problems) else { return };
        time.allow(&["event_time", "format", "window"], problems);
        self.time = root.presence("time");
        self.event_time = time.text("event_time", problems);
        self.format = time.text("format", problems);
        if let Some(window) = time.section("window", problems) {
            window.allow(&["past", "future"], problems);
            self.past = window.text("past", problems);
            self.future = window.text("future", problems);
        }
    }

    fn read_retention(&mut self, root: &Section<'_>, problems: &mut Problems<'_>) {
        let Some(retention) = root.section("retention", problems) else { return };
        retention.allow(&["days"], problems);
        self.retention = root.presence("retention");
        self.days = retention.number("days", problems);
        if let (None, Some(said)) = (retention.entry("days"), &self.retention) {
            problems.add(said.at, ContractProblem::Missing { key: "retention.days" });
        }
    }

    fn read_schema(&mut self, root: &Section<'_>, problems: &mut Problems<'_>) {
        let Some(schema) = root.section("schema", problems) else { return };
        let sizes = ["max_columns", "max_keys", "max_depth"];
        let words = ["mode", "names", "numbers", "timestamps"];
        schema.allow(&[&words[..], &sizes].concat(), problems);
        self.mode = schema.text("mode", problems);
        self.max_columns = schema.number("max_columns", problems);
        self.max_keys = schema.number("max_keys", problems);
        self.max_depth = schema.number("max_depth", problems);
        self.names = schema.text("names", problems);
        self.numbers = schema.text("numbers", problems);
        self.timestamps = schema.text("timestamps", problems);
    }
}

impl<'a> Section<'a> {
    /// Tells the keys that are none of these.
    fn allow(&self, known: &[&'static str], problems: &mut Problems<'_>) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let (key, at) = (self.key(name), key.span().start);
                let nearest = nearest(name, known);
                problems.add(at, ContractProblem::UnknownKey { key, nearest });
            }
        }
    }

    fn key(&self, name: &str) -> String {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !name.is_empty() && name.chars().all(is_bare) {
            format!("{}{name}", self.name)
        } else {
            format!("{}{name:?}", self.name)
        }
    }

    fn entry(&self, name: &str) -> Option<(&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
        self.table.iter().find(|(key, _)| key.get_ref() == name)
    }

    fn presence(&self, name: &str) -> Option<Said<()>> {
        let (key, _) = self.entry(name)?;
        Some(Said::new(self.key(name), key.span(), ()))
    }

    /// What `read` makes of the value under a key; a problem if that is nothing.
    fn value<T>(
        &self,
        name: &str,
        expected: &'static str,
        problems: &mut Problems<'_>,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Said<T>> {
        let (_, value) = self.entry(name)?;
        said(self.key(name), value, expected, problems, read)
    }

    fn text(&self, name: &str, problems: &mut Problems<'_>) -> Option<Said<String>> {
        self.value(name, "a text", problems, text)
    }

    /// A number as it is written: its bounds are told with its meaning.
    fn number(&self, name: &str, problems: &mut Problems<'_>) -> Option<Said<String>> {
        self.value(name, "a whole number", problems, |value| {
            let number = value.as_integer()?;
            let decimal = i128::from_str_radix(number.as_str(), number.radix());
            Some(decimal.map_or_else(|_| number.to_string(), |decimal| decimal.to_string()))
        })
    }

    fn texts(&self, name: &str, problems: &mut Problems<'_>) -> Option<Said<Vec<Said<String>>>> {
        let expected = "a list of texts";
        let list = self.value(name, expected, problems, DeValue::as_array)?;
        let Said { key, at, value } = list;
        let elements = value.iter();
        let texts = elements.filter_map(|one| said(key.clone(), one, "a text", problems, text));
        let value = texts.collect();
        Some(Said { key, at, value })
    }

    fn section(&self, name: &str, problems: &mut Problems<'_>) -> Option<Section<'a>> {
        let table = self.value(name, "a section", problems, DeValue::as_table)?;
        Some(Section { name: format!("{}.", table.key), table: table.value })
    }

    /// Each path with what is said of it, in the order of the file.
    fn columns(&self, problems: &mut Problems<'_>) -> Vec<ColumnFile> {
        let mut columns = Vec::new();
        for key in self.table.keys() {
            let path = key.get_ref().as_ref();
            let expected = "like { type = \"double\" } or { drop = true }";
            let Some(rule) = self.value(path, expected, problems, DeValue::as_table) else {
                continue;
            };
            let rule = Section { name: format!("{}.", rule.key), table: rule.value };
            let before = problems.count();
            rule.allow(&["type", "drop", "privacy"], problems);
            columns.push(ColumnFile {
                path: Said::new(self.key(path), key.span(), path.to_owned()),
                kind: rule.text("type", problems),
                drop: rule
                    .value("drop", "`true`", problems, |value| value.as_bool().filter(|b| *b)),
                privacy: rule.text("privacy", problems),
                broken: problems.count() > before,
            });
        }
        columns.sort_by_key(|column| column.path.at);
        columns
    }
}

fn said<'a, T>(
    key: String,
    value: &'a Spanned<DeValue<'a>>,
    expected: &'static str,
    problems: &mut Problems<'_>,
    read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
) -> Option<Said<T>> {
    if let Some(found) = read(value.get_ref()) {
        return Some(Said::new(key, value.span(), found));
    }
    let found = type_name(value.get_ref());
    problems.add(value.span().start, ContractProblem::Type { key, expected, found });
    None
}

fn text(value: &DeValue<'_>) -> Option<String> {
    value.as_str().map(str::to_owned)
}

const fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(true) => "`true`",
        DeValue::Boolean(false) => "`false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
