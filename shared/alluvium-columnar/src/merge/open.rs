//! The rows that are in memory, in their order.

use std::mem::take;

use super::{
    group::Group,
    order::{Moment, NO_EVENT},
    piece::Piece,
};

/// A row of a piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) moment: Moment,
    pub(super) piece: u32,
    pub(super) rank: u32,
}

/// The rows that are in memory.
#[derive(Default)]
pub(super) struct OpenRows {
    /// The pieces that still have rows here, by their number.
    pieces: Vec<Option<Piece>>,
    /// Their rows; those from `sorted` on have just come.
    entries: Vec<Entry>,
    /// Rows in front that were taken already.
    taken: usize,
    bytes: usize,
}

impl OpenRows {
    /// About what they take in memory.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.len() == self.taken
    }

    pub(super) fn add(&mut self, piece: Piece) {
        // Far fewer pieces than that fit into memory.
        let number = u32::try_from(self.pieces.len()).unwrap_or(u32::MAX);
        let rows = u32::try_from(piece.rows()).unwrap_or(u32::MAX);
        let entry = |rank| Entry { moment: piece.moment(rank), piece: number, rank };
        self.entries.extend((0..rows).map(entry));
        self.bytes += piece.bytes;
        self.pieces.push(Some(piece));
    }

    /// Brings the rows into their order.
    pub(super) fn sort(&mut self) {
        let pieces = &self.pieces;
        let piece = |entry: &Entry| pieces.get(entry.piece as usize).and_then(Option::as_ref);
        // Finds out by itself which rows are in order already: each piece's, and those that were
        // here before.
        self.entries.sort_by(|one, two| {
            one.moment.cmp(&two.moment).then_with(|| match (piece(one), piece(two)) {
                (Some(a), Some(b)) => a.cmp_sources(one.rank, b, two.rank),
                (a, b) => a.is_some().cmp(&b.is_some()),
            })
        });
    }

    /// How many of the first rows make a group, which ends after so many rows or bytes; none if
    /// more rows might belong to it, or stand before one of its rows, since only rows before
    /// `end` are all here.
    pub(super) fn next_group(&self, end: Option<Moment>, limits: GroupLimits) -> Option<usize> {
        let mut bytes = 0;
        for (rows, entry) in self.entries.iter().skip(self.taken).enumerate() {
            if rows >= limits.rows || bytes >= limits.bytes {
                return Some(rows);
            }
            if end.is_some_and(|end| entry.moment >= end) {
                return None;
            }
            bytes += self.piece(entry).map_or(0, |piece| piece.weight(entry.rank) as usize);
        }
        let rows = self.entries.len() - self.taken;
        (end.is_none() && rows > 0).then_some(rows)
    }

    /// The first rows that were not taken, and what is written of them.
    pub(super) fn first(&self, rows: usize) -> (&[Entry], Group<'_>) {
        let entries = self.entries.get(self.taken..).unwrap_or_default();
        let entries = entries.get(..rows).unwrap_or(entries);
        (entries, Group::new(entries, &self.pieces))
    }

    /// Takes the first rows away.
    pub(super) const fn take(&mut self, rows: usize) {
        self.taken += rows;
    }

    /// Gives back the memory of what was taken.
    pub(super) fn forget_taken(&mut self) {
        self.entries.drain(..take(&mut self.taken));
        let mut has_rows = vec![false; self.pieces.len()];
        for entry in &self.entries {
            if let Some(has_rows) = has_rows.get_mut(entry.piece as usize) {
                *has_rows = true;
            }
        }
        for (piece, has_rows) in self.pieces.iter_mut().zip(has_rows) {
            if !has_rows && let Some(piece) = piece.take() {
                self.bytes -= piece.bytes;
            }
        }
        if self.entries.is_empty() {
            self.pieces.clear();
            self.entries = Vec::new();
        }
    }

    pub(super) fn piece(&self, entry: &Entry) -> Option<&Piece> {
        self.pieces.get(entry.piece as usize)?.as_ref()
    }
}

/// Where a group of rows ends: with the row that reaches one of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupLimits {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

impl Entry {
    /// When its record happened, in microseconds since 1970, if it says so.
    pub(super) fn event(&self) -> Option<i64> {
        Some(self.moment.event).filter(|event| *event != NO_EVENT)
    }
}
