//! A contract with all that a preview suggests, for people to edit.

use alluvium_model::Contract;

use super::{Suggestion, TablePreview};

/// What a file holds before anything is suggested.
const SILENT: &str = "# Nothing in these records needs to be settled beforehand.\n";

impl TablePreview {
    /// The text of a contract that [`Contract::read`] accepts. What partitions a table into more
    /// files than the day, and other candidates for the time, stand in comments.
    #[must_use]
    pub fn contract(&self) -> String {
        let (table, records) = (&self.table, self.counts.records);
        let mut text = format!(
            "# Suggested from {records} records. Every key is explained in README.md.\ntable = \"{table}\"\n"
        );
        // What files are called whose first segment is no lawful prefix, nobody knows.
        let prefix = format!("\n[source]\nprefix = {}\n", quoted(&format!("{}/", self.source)));
        if Contract::read(&format!("{table}.toml"), format!("{text}{prefix}").as_bytes()).is_ok() {
            text += &prefix;
        }
        let sections =
            [times(&self.suggestions), partitions(&self.suggestions), columns(&self.suggestions)];
        if sections.iter().all(String::is_empty) {
            text += "\n";
            text += SILENT;
        }
        text + &sections.concat()
    }
}

fn times(suggestions: &[Suggestion]) -> String {
    let mut text = String::new();
    for suggestion in suggestions {
        let Suggestion::EventTime { path, format, missing, past_days } = suggestion else {
            continue;
        };
        let note =
            if *missing > 0 { format!("  # {missing} records have none") } else { String::new() };
        let (path, format) = (quoted(path), quoted(format));
        if text.is_empty() {
            text = format!("\n[time]\nevent_time = {path}{note}\nformat = {format}\n");
            if let Some(days) = past_days {
                text += &format!(
                    "window = {{ past = \"{days}d\", future = \"1d\" }}  # some are older than 3650 days\n"
                );
            }
        } else {
            text += &format!("# or: event_time = {path}, format = {format}{note}\n");
        }
    }
    text
}

fn partitions(suggestions: &[Suggestion]) -> String {
    let has_time = suggestions.iter().any(|s| matches!(s, Suggestion::EventTime { .. }));
    let mut text = String::new();
    if has_time {
        text += "\n[partition]\nby = [\"day(event_time)\"]\n";
    }
    for suggestion in suggestions {
        let Suggestion::Partition { path, distinct } = suggestion else { continue };
        if text.is_empty() {
            text += "\n[partition]\nby = [\"day(arrived_at)\"]\n";
        }
        let transform = quoted(&format!("identity({path})"));
        text += &format!("# or with {transform}: {distinct} values, each in files of its own\n");
    }
    text
}

fn columns(suggestions: &[Suggestion]) -> String {
    let mut text = String::new();
    for suggestion in suggestions {
        let Suggestion::Kind { path, kind, why } = suggestion else { continue };
        if text.is_empty() {
            text += "\n[columns]\n";
        }
        text += &format!("{} = {{ type = \"{kind}\" }}  # {why}\n", quoted(path));
    }
    text
}

/// A basic string of TOML. Paths hold no control characters, so that JSON's escapes suffice.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
