//! Where in a contract something stands, and what was found there.

use std::ops::Range;

use super::{ContractError, ContractProblem, ValueError};

/// A value, the key that it stands under, and where in the file.
#[derive(Clone, Debug)]
pub(super) struct Said<T> {
    /// As in `schema.max_columns`.
    pub(super) key: String,
    /// The byte that it begins at.
    pub(super) at: usize,
    pub(super) value: T,
}

/// A place for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
}

/// What was found wrong in one file so far.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<ContractError>,
}

impl<'a> Problems<'a> {
    pub(super) const fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    pub(super) fn add(&mut self, at: usize, problem: ContractProblem) {
        let Place { line, column } = self.place(at);
        self.found.push(ContractError { file: self.file.to_owned(), line, column, problem });
    }

    pub(super) fn add_value(&mut self, key: &str, at: usize, error: ValueError) {
        self.add(at, ContractProblem::Value { key: key.to_owned(), error });
    }

    pub(super) const fn file(&self) -> &'a str {
        self.file
    }

    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn place(&self, at: usize) -> Place {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Place { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }

    pub(super) const fn count(&self) -> usize {
        self.found.len()
    }

    /// In the order of their places.
    pub(super) fn into_errors(mut self) -> Vec<ContractError> {
        self.found.sort_by_key(|error| (error.line, error.column));
        self.found
    }
}

impl<T> Said<T> {
    pub(super) fn new(key: String, span: Range<usize>, value: T) -> Self {
        Self { key, at: span.start, value }
    }

    /// The value as `read` understands it; none, and a problem, if it does not.
    pub(super) fn read<U, E: Into<ValueError>>(
        &self,
        problems: &mut Problems<'_>,
        read: impl FnOnce(&T) -> Result<U, E>,
    ) -> Option<Said<U>> {
        match read(&self.value) {
            Ok(value) => Some(Said { key: self.key.clone(), at: self.at, value }),
            Err(error) => {
                problems.add_value(&self.key, self.at, error.into());
                None
            }
        }
    }
}

/// The known word that `text` is most like, unless it is like none.
pub(super) fn nearest(text: &str, known: &[&'static str]) -> Option<&'static str> {
    let distance = |word: &&'static str| (strsim::damerau_levenshtein(text, word), *word);
    let (edits, word) = known.iter().map(distance).min()?;
    (edits <= 1 + word.len() / 4).then_some(word)
}
