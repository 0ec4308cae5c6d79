//! What lies in the lake: the ledger entry of the source, pointers, locations with files.
//!
//! Times are not numbers here. Of every event whose age is asked for there is known who was alive
//! when it happened, and it may count as older than the settle time (for garbage: than the grace)
//! as soon as all of these are gone. That is exactly what these times are chosen for, and leaves
//! every order of events possible that a clock would allow.

use crate::{
    set::{Member, Set},
    words::{Actor, FileName, Generation, Layout, Plan, Row},
};

/// The ledger entry of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Entry {
    Absent,
    /// Claimed; `fenced` since a plan was taken over.
    Writing {
        plan: Plan,
        fenced: Option<Set<Actor>>,
    },
    Committed {
        plan: Plan,
        since: Set<Actor>,
    },
    /// It was committed, long ago; there is no entry any more.
    Expired {
        layout: Layout,
    },
}

impl Entry {
    /// The layout whose files are committed.
    pub(crate) fn committed_layout(self) -> Option<Layout> {
        match self {
            Self::Committed { plan: Plan::Files(layout), .. } | Self::Expired { layout } => {
                Some(layout)
            }
            Self::Committed { plan: Plan::Superseded, .. }
            | Self::Absent
            | Self::Writing { .. } => None,
        }
    }
}

/// How far a swap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// It brings files to `next` and may still be given up.
    Filling,
    /// It can only go forward.
    Committing,
}

/// Where the files of a partition are, and where they are going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pointer {
    pub(crate) location: Generation,
    pub(crate) next: Option<(Generation, Phase)>,
    /// The compactor that wrote it last, as long as it lives.
    pub(crate) owner: Option<usize>,
    /// Whether the lease that it took has not passed.
    pub(crate) leased: bool,
}

impl Pointer {
    /// That of a new partition.
    pub(crate) const FIRST: Self =
        Self { location: Generation::FIRST, next: None, owner: None, leased: false };

    pub(crate) fn names(self, generation: Generation) -> bool {
        self.location == generation || self.next_location() == Some(generation)
    }

    pub(crate) fn next_location(self) -> Option<Generation> {
        self.next.map(|(generation, _)| generation)
    }
}

/// A file; without rows it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct File {
    pub(crate) rows: Set<Row>,
    /// Who was alive when it was written.
    pub(crate) written: Set<Actor>,
}

impl File {
    pub(crate) const ABSENT: Self = Self { rows: Set::EMPTY, written: Set::EMPTY };
}

/// The files in one location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Location([File; FileName::COUNT]);

impl Location {
    pub(crate) const EMPTY: Self = Self([File::ABSENT; FileName::COUNT]);

    pub(crate) fn file(&self, name: FileName) -> File {
        self.0[name.number()]
    }

    pub(crate) fn has(&self, name: FileName) -> bool {
        !self.file(name).rows.is_empty()
    }

    pub(crate) fn put(&mut self, name: FileName, file: File) {
        self.0[name.number()] = file;
    }

    /// Puts a file where there is none of its name.
    pub(crate) fn create(&mut self, name: FileName, file: File) {
        if !self.has(name) {
            self.put(name, file);
        }
    }

    pub(crate) fn delete(&mut self, names: Set<FileName>) {
        names.iter().for_each(|name| self.put(name, File::ABSENT));
    }

    pub(crate) fn names(&self) -> Set<FileName> {
        Set::of(FileName::ALL.iter().copied().filter(|name| self.has(*name)))
    }

    /// Changes the notes of who was alive when the files were written.
    pub(crate) fn change_actors(&mut self, change: impl Fn(Set<Actor>) -> Set<Actor>) {
        self.0.iter_mut().for_each(|file| file.written = change(file.written));
    }

    /// The rows that are in some of the files, and those that are in more than one.
    pub(crate) fn rows(&self, names: Set<FileName>) -> (Set<Row>, Set<Row>) {
        names.iter().fold((Set::EMPTY, Set::EMPTY), |(once, twice), name| {
            let rows = self.file(name).rows;
            (once.union(rows), twice.union(once.intersection(rows)))
        })
    }
}
