//! The ledger: one entry per source, over all tables that it feeds.
//!
//! Whoever begins to load a source claims it first, and says by which plan: until the source is
//! committed everybody else loads it by that plan, too, whatever has been deployed since. So all
//! attempts write the same files. An entry is replaced by compare-and-set alone.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    Contract, Counts, Limits, PartitionKey, Plan, PlanId, Reason, TableName, TableRules,
    TableSource, UtcInstant, rules::Assignment,
};

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The URI of the source.
    pub source: String,
    /// When it arrived; none if nobody ever read it. Rows have this time, however often the source
    /// is delivered.
    pub arrived_at: Option<UtcInstant>,
    /// How far it is.
    #[serde(flatten)]
    pub state: LedgerState,
}

/// How far a source is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LedgerState {
    /// Somebody began to load it.
    Writing(Claim),
    /// All of its rows are in their tables.
    Committed(Committed),
    /// Its object was overwritten or deleted before it was read to its end; it has no rows. One
    /// that comes back, with the same bytes under the same key, is claimed anew, but not before
    /// whoever swept it must have ended.
    Superseded {
        /// When this was said, by the time of the store.
        since: UtcInstant,
    },
}

/// A source that somebody began to load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The plan by which it is loaded; none if it was found to be gone, and what was written of it
    /// is to be swept.
    pub plan: Option<ClaimedPlan>,
    /// When another plan took its place, by the time of the store. Attempts by the other one may
    /// go on writing for as long as an attempt can live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fenced_at: Option<UtcInstant>,
    /// The tables of plans whose place was taken: files of theirs may lie there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_over: Vec<String>,
}

/// A plan, with all that is needed to follow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedPlan {
    /// The identity of the plan.
    pub id: PlanId,
    /// The number of the layout that code which can follow it has.
    pub layout: u32,
    /// Limits that are not the default ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, u64>,
    /// The table, as it is called where it comes from; none if the source goes to quarantine as a
    /// whole.
    pub table: Option<String>,
    /// The contract that its rules were read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<ContractText>,
}

/// A contract as it is written.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractText {
    /// What its reader calls its file.
    pub file: String,
    /// What the file says.
    pub text: String,
}

/// A source whose rows are in their tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The plan by which it was loaded.
    pub plan: PlanId,
    /// The table that it was meant for, as that is called where it comes from.
    pub table: Option<String>,
    /// Its files, at most one a part and partition.
    pub files: Vec<LedgerFile>,
    /// What became of its records.
    pub counts: RecordCounts,
}

/// A file of a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LedgerFile {
    /// Its table.
    pub table: TableName,
    /// Its partition.
    pub partition: PartitionKey,
    /// Its name, whatever generation of the partition it lies in.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// When its earliest event happened that says so and is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_event: Option<UtcInstant>,
    /// When its latest event did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_event: Option<UtcInstant>,
}

/// What became of the records of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCounts {
    /// Its records.
    pub records: u64,
    /// Those that became rows.
    pub loaded: u64,
    /// Those that became rows of the quarantine table, by reason.
    pub quarantined: BTreeMap<Reason, u64>,
}

impl From<&Counts> for RecordCounts {
    fn from(counts: &Counts) -> Self {
        Self {
            records: counts.records,
            loaded: counts.loaded,
            quarantined: counts.quarantined.clone(),
        }
    }
}

impl RecordCounts {
    /// Adds the counts of another source.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.loaded += other.loaded;
        for (reason, count) in &other.quarantined {
            *self.quarantined.entry(*reason).or_default() += count;
        }
    }

    /// Quarantined records of all reasons.
    #[must_use]
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.values().sum()
    }
}

impl LedgerState {
    /// Whether it says when something was, which others compare with the time.
    #[must_use]
    pub const fn tells_time(&self) -> bool {
        match self {
            Self::Writing(claim) => claim.fenced_at.is_some(),
            Self::Committed(_) => false,
            Self::Superseded { .. } => true,
        }
    }
}

impl Claim {
    /// What the tables are made of that files of this plan and of those before it may lie in.
    #[must_use]
    pub fn tables(&self) -> Vec<String> {
        let table = self.plan.as_ref().and_then(|plan| plan.table.as_ref());
        let others = self.taken_over.iter().filter(|other| Some(*other) != table);
        others.chain(table).cloned().collect()
    }
}

impl ClaimedPlan {
    /// The plan of who reads a source within these limits and takes it where `assignment` says.
    #[must_use]
    pub fn new(plan: &Plan, assignment: &Assignment) -> Self {
        Self {
            id: plan.id(),
            layout: plan.layout,
            limits: plan.limits.others().map(|(name, value)| (name.to_owned(), value)).collect(),
            table: assignment.table.as_ref().map(|table| table.as_str().to_owned()),
            contract: assignment.contract.as_deref().cloned(),
        }
    }

    /// The plan and where it takes the source, for code of this layout; none if such code cannot
    /// follow it. Rules that were not read from a contract are followed if they are the default
    /// ones.
    #[must_use]
    pub fn follow(&self, layout: u32) -> Option<(Plan, Assignment)> {
        let mut limits = Limits::default();
        for (name, value) in &self.limits {
            limits.set(&format!("{name}={value}")).ok()?;
        }
        let rules = match &self.contract {
            None => Arc::<TableRules>::default(),
            Some(ContractText { file, text }) => {
                Arc::clone(Contract::read(file, text.as_bytes()).ok()?.rules())
            }
        };
        let plan = Plan { layout, limits, contract: rules.digest() };
        let table = self.table.as_deref().map(TableSource::new);
        let contract = self.contract.clone().map(Arc::new);
        (plan.id() == self.id).then_some((plan, Assignment { table, rules, contract }))
    }
}

/// Contracts may be long: their names do in messages.
impl fmt::Debug for ContractText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContractText").field(&self.file).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(contract: &str) -> Assignment {
        let contract = Contract::read("camera.toml", contract.as_bytes()).unwrap();
        contract.destination().unwrap().into()
    }

    #[test]
    fn an_entry_is_written_like_this() {
        let limits = Limits { part_records: 10, ..Limits::default() };
        let assignment = assignment("table = \"camera\"\n[schema]\nmode = \"freeze\"\n");
        let plan = Plan { limits, contract: assignment.rules.digest(), ..Plan::default() };
        let claim = Claim {
            plan: Some(ClaimedPlan::new(&plan, &assignment)),
            fenced_at: None,
            taken_over: Vec::new(),
        };
        let mut entry = LedgerEntry {
            source: "s3://landing/camera/1.json".to_owned(),
            arrived_at: Some("2026-11-22T10:00:00Z".parse().unwrap()),
            state: LedgerState::Writing(claim),
        };
        let check = |entry: &LedgerEntry| {
            let text = serde_json::to_string_pretty(entry).unwrap();
            assert_eq!(serde_json::from_str::<LedgerEntry>(&text).unwrap(), *entry);
            text
        };
        insta::assert_snapshot!(check(&entry), @r#"
        {
          "source": "s3://landing/camera/1.json",
          "arrived_at": "2026-11-22T10:00:00Z",
          "state": "writing",
          "plan": {
            "id": "bad3520c",
            "layout": 5,
            "limits": {
              "part_records": 10
            },
            "table": "camera",
            "contract": {
              "file": "camera.toml",
              "text": "table = \"camera\"\n[schema]\nmode = \"freeze\"\n"
            }
          }
        }
        "#);
        let counts =
            RecordCounts { records: 3, loaded: 2, quarantined: [(Reason::InvalidJson, 1)].into() };
        let table = Some("camera".to_owned());
        let committed = Committed { plan: plan.id(), table, files: Vec::new(), counts };
        entry.state = LedgerState::Committed(committed);
        insta::assert_snapshot!(check(&entry), @r#"
        {
          "source": "s3://landing/camera/1.json",
          "arrived_at": "2026-11-22T10:00:00Z",
          "state": "committed",
          "plan": "bad3520c",
          "table": "camera",
          "files": [],
          "counts": {
            "records": 3,
            "loaded": 2,
            "quarantined": {
              "invalid_json": 1
            }
          }
        }
        "#);
        let since = "2026-11-22T10:20:00Z".parse().unwrap();
        entry.state = LedgerState::Superseded { since };
        insta::assert_snapshot!(check(&entry), @r#"
        {
          "source": "s3://landing/camera/1.json",
          "arrived_at": "2026-11-22T10:00:00Z",
          "state": "superseded",
          "since": "2026-11-22T10:20:00Z"
        }
        "#);
    }

    #[test]
    fn a_claimed_plan_is_followed_by_code_of_its_layout_alone() {
        let limits = Limits { part_records: 10, parse_depth: 64, ..Limits::default() };
        for contract in ["table = \"camera\"", "table = \"camera\"\n[schema]\nmode = \"freeze\"\n"]
        {
            let assignment = assignment(contract);
            let plan = Plan { limits, contract: assignment.rules.digest(), ..Plan::default() };
            let claimed = ClaimedPlan::new(&plan, &assignment);
            assert_eq!(claimed.follow(plan.layout), Some((plan, assignment.clone())));
            assert_eq!(claimed.follow(plan.layout + 1), None);
        }
        let nowhere = Assignment { table: None, ..Assignment::default() };
        let claimed = ClaimedPlan::new(&Plan::default(), &nowhere);
        assert_eq!(claimed.follow(Plan::default().layout), Some((Plan::default(), nowhere)));
    }

    #[test]
    fn a_contract_that_is_read_otherwise_today_is_not_followed() {
        let assignment = assignment("table = \"camera\"\n[schema]\nmode = \"freeze\"\n");
        let plan = Plan { contract: assignment.rules.digest(), ..Plan::default() };
        let mut claimed = ClaimedPlan::new(&plan, &assignment);
        claimed.contract.as_mut().unwrap().text = "table = \"camera\"".to_owned();
        assert_eq!(claimed.follow(plan.layout), None);
        claimed.contract.as_mut().unwrap().text = "mode = ".to_owned();
        assert_eq!(claimed.follow(plan.layout), None);
    }
}
