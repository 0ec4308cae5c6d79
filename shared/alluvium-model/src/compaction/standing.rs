//! Where a file of a partition stands: what may be merged, and what may not.

use crate::{
    LedgerEntry, LedgerFile, LedgerState, PartitionKey, TableName, UtcInstant,
    layout::{Location, ObjectKey, is_merged_file, source_of_file},
    ports::ObjectEntry,
};

/// The files of a partition that lie in its location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFiles {
    /// The table.
    pub table: TableName,
    /// The partition.
    pub partition: PartitionKey,
    /// Where they lie.
    pub location: Location,
    /// Whether a swap of it was begun and given up.
    pub has_unfinished_swap: bool,
    /// The files.
    pub files: Vec<StandingFile>,
}

/// A file, with what the ledger says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
    /// When something was heard of it last: its commit, or when it was written.
    pub since: UtcInstant,
    /// When its earliest event happened, as far as somebody noted it.
    pub first_event: Option<UtcInstant>,
    /// What may become of it.
    pub standing: Standing,
}

/// What may become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A committed source names it, since that moment.
    Committed,
    /// A swap made it of what was committed.
    Merged,
    /// It is of a plan that its source was not loaded by, or of a source that is gone: whatever it
    /// holds is in another file or nowhere. A swap leaves it behind.
    Leftover,
    /// It may be being written, or nothing is known of it: it is copied as it is.
    Open,
}

/// An entry of the ledger with when it was written last. It must have been listed after it was
/// read: an entry does not change any more once it is committed, so this is then the age of the
/// commit, and never that of the claim before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatedEntry {
    /// The entry.
    pub entry: LedgerEntry,
    /// When it was written last, by the time of the store.
    pub modified: UtcInstant,
}

impl StandingFile {
    /// A file that was listed in a partition, with the entry of its source if there is one.
    #[must_use]
    pub fn new(
        listed: &ObjectEntry,
        (table, partition): (&TableName, &PartitionKey),
        entry: Option<&DatedEntry>,
    ) -> Self {
        let name = name_of(&listed.key).to_owned();
        let standing = standing(listed, &name, entry);
        let since = match (standing, entry) {
            (Standing::Committed | Standing::Leftover, Some(dated)) => dated.modified,
            (Standing::Committed | Standing::Leftover, None)
            | (Standing::Merged | Standing::Open, _) => listed.modified,
        };
        let is_it = |file: &&LedgerFile| {
            file.name == name && file.table == *table && file.partition == *partition
        };
        let noted = entry.and_then(|dated| match &dated.entry.state {
            LedgerState::Committed(committed) => committed.files.iter().find(is_it),
            LedgerState::Writing(_) | LedgerState::Superseded { .. } => None,
        });
        let first_event = noted.and_then(|file| file.first_event);
        Self { bytes: listed.bytes, name, since, first_event, standing }
    }
}

/// What the last segment of a key says.
fn name_of(key: &ObjectKey) -> &str {
    key.as_str().rsplit('/').next().unwrap_or_default()
}

fn standing(listed: &ObjectEntry, name: &str, entry: Option<&DatedEntry>) -> Standing {
    if is_merged_file(name) {
        return Standing::Merged;
    }
    let (Some((_, plan)), Some(dated)) = (source_of_file(&listed.key), entry) else {
        return Standing::Open;
    };
    match &dated.entry.state {
        LedgerState::Committed(committed) if committed.plan == plan => Standing::Committed,
        LedgerState::Committed(_) | LedgerState::Superseded { .. } => Standing::Leftover,
        LedgerState::Writing(_) => Standing::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Claim, Committed, Plan, PlanId, RecordCounts, SourceId, layout};

    const LISTED: &str = "2026-11-22T10:00:00Z";
    const ENTERED: &str = "2026-11-22T10:30:00Z";

    fn day() -> PartitionKey {
        PartitionKey::new(vec![("dt".parse().unwrap(), "2026-11-22".to_owned())])
    }

    fn named(plan: PlanId) -> String {
        layout::file_name(SourceId::of_object("landing", "1.json", "etag"), plan, 0)
    }

    fn entry(state: LedgerState) -> DatedEntry {
        let source = "s3://landing/1.json".to_owned();
        let entry = LedgerEntry { source, arrived_at: None, state };
        DatedEntry { entry, modified: ENTERED.parse().unwrap() }
    }

    fn committed(plan: PlanId) -> LedgerState {
        let file = LedgerFile {
            table: "camera".parse().unwrap(),
            partition: day(),
            name: named(plan),
            rows: 1,
            bytes: 100,
            first_event: Some("2026-11-22T09:00:00Z".parse().unwrap()),
            last_event: None,
        };
        let counts = RecordCounts::default();
        LedgerState::Committed(Committed { plan, table: None, files: vec![file], counts })
    }

    #[test]
    fn a_file_stands_where_its_name_and_the_ledger_say() {
        let check = |name: &str, state: Option<LedgerState>, expected: &str| {
            let table = "camera".parse().unwrap();
            let location = layout::first_generation(&"lake".parse().unwrap(), &table, &day());
            let modified = LISTED.parse().unwrap();
            let listed = ObjectEntry { key: location.object(name), bytes: 100, modified };
            let entry = state.map(entry);
            let file = StandingFile::new(&listed, (&table, &day()), entry.as_ref());
            let first = file.first_event.map(|event| format!(" from {event}")).unwrap_or_default();
            assert_eq!(format!("{:?} since {}{first}", file.standing, file.since), expected);
            assert_eq!((file.name.as_str(), file.bytes), (name, 100));
        };
        let ours = Plan::default().id();
        let theirs = "0badc0de".parse().unwrap();
        let writing = Claim { plan: None, fenced_at: None, taken_over: Vec::new() };
        let since = ENTERED.parse().unwrap();
        let (file, listed) = (named(ours), format!("since {LISTED}"));
        let entered = format!("since {ENTERED}");
        let from = "from 2026-11-22T09:00:00Z";
        check(&file, Some(committed(ours)), &format!("Committed {entered} {from}"));
        check(&file, Some(committed(theirs)), &format!("Leftover {entered}"));
        check(&file, Some(LedgerState::Superseded { since }), &format!("Leftover {entered}"));
        check(&file, Some(LedgerState::Writing(writing)), &format!("Open {listed}"));
        // Entries expire: that one is missing is no evidence.
        check(&file, None, &format!("Open {listed}"));
        check("by hand.parquet", None, &format!("Open {listed}"));
        check("merged-1-8a-0.parquet", None, &format!("Merged {listed}"));
    }
}
