//! How much of the world takes part in one exploration.

use crate::{
    set::Set,
    words::{Layout, Part, Partition, Row},
};

/// How code of one layout cuts the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// All rows are one part.
    Whole,
    /// Each row is a part.
    Rows,
}

/// Who takes part, how often, and which faults there are. Small numbers: the states grow with
/// their product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Rows of the source: one or two.
    pub rows: usize,
    /// Partitions that they go to: one, or one for each row.
    pub partitions: usize,
    /// How the lower and the higher layout cut the source.
    pub cuts: [Cut; 2],
    /// Whose deployments there are.
    pub layouts: &'static [Layout],
    /// Whether the partitions were there before, each with a row in a merged file.
    pub known_partitions: bool,
    /// Attempts at work at one time, up to three.
    pub attempts: usize,
    /// Attempts in all.
    pub deliveries: u8,
    /// Compactors at work at one time, up to three.
    pub compactors: usize,
    /// Swaps that are planned in all, up to three.
    pub swaps: u8,
    /// Readers that take their time, in all.
    pub readings: u8,
    /// Whether the vacuum runs.
    pub vacuum: bool,
    /// Attempts and compactors that die at any point.
    pub crashes: u8,
    /// Changes that are made, but answered as conflicts.
    pub lost_answers: u8,
    /// Requests of attempts that take effect a second time, late.
    pub late_requests: u8,
    /// Copies and changes of the catalog that take effect a second time, late.
    pub late_calls: u8,
    /// Outputs of merges that are given up and land all the same.
    pub late_outputs: u8,
    /// Ledger entries that expire, long after anybody has changed them.
    pub expiries: u8,
    /// How often the source is deleted.
    pub disappearances: u8,
    /// How often it comes back with the same bytes.
    pub returns: u8,
}

impl Bounds {
    /// One row, one known partition, one deployment, one attempt, nothing else.
    pub const ONE_ATTEMPT: Self = Self {
        rows: 1,
        partitions: 1,
        cuts: [Cut::Whole, Cut::Whole],
        layouts: &[Layout::Lower],
        known_partitions: true,
        attempts: 1,
        deliveries: 1,
        compactors: 1,
        swaps: 0,
        readings: 0,
        vacuum: false,
        crashes: 0,
        lost_answers: 0,
        late_requests: 0,
        late_calls: 0,
        late_outputs: 0,
        expiries: 0,
        disappearances: 0,
        returns: 0,
    };

    /// The partitions of the table.
    pub(crate) fn all_partitions(&self) -> impl Iterator<Item = Partition> {
        [Partition::First, Partition::Second].into_iter().take(self.partitions)
    }

    /// The parts that code of `layout` makes of the source, in order.
    pub(crate) fn parts(&self, layout: Layout) -> impl Iterator<Item = Part> + use<> {
        let count = match self.cuts[layout as usize] {
            Cut::Whole => 1,
            Cut::Rows => self.rows,
        };
        [Part::First, Part::Second].into_iter().take(count)
    }

    /// The rows of the source in a partition.
    pub(crate) fn rows_in(&self, partition: Partition) -> Set<Row> {
        let rows = [Row::First, Row::Second].into_iter().take(self.rows);
        Set::of(rows.filter(|row| self.partition_of(*row) == partition))
    }

    /// The rows of a part in a partition.
    pub(crate) fn rows_of_part(
        &self,
        layout: Layout,
        part: Part,
        partition: Partition,
    ) -> Set<Row> {
        let cut = match (self.cuts[layout as usize], part) {
            (Cut::Whole, _) => Set::of([Row::First, Row::Second]),
            (Cut::Rows, Part::First) => Set::of([Row::First]),
            (Cut::Rows, Part::Second) => Set::of([Row::Second]),
        };
        self.rows_in(partition).intersection(cut)
    }

    /// The partitions that a part has rows in, in order.
    pub(crate) fn partitions_of_part(
        &self,
        layout: Layout,
        part: Part,
    ) -> impl Iterator<Item = Partition> {
        self.all_partitions()
            .filter(move |partition| !self.rows_of_part(layout, part, *partition).is_empty())
    }

    fn partition_of(&self, row: Row) -> Partition {
        match row {
            Row::First | Row::Older => Partition::First,
            Row::Second if self.partitions == 1 => Partition::First,
            Row::Second => Partition::Second,
        }
    }
}
