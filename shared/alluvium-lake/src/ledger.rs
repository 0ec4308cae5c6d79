//! Claims on sources: who loads them by which plan, and whether they are loaded already.
//!
//! An entry goes from nothing to `writing` to `committed`, each step by compare-and-set. Between
//! them everybody follows the plan that was claimed first. Only where code cannot follow it (it is
//! of a later layout, or the source is gone) the plan is replaced, and then nobody writes until
//! every attempt by the replaced one must have ended: for the settle time after the fence.

use std::{collections::BTreeSet, time::Duration};

use alluvium_model::{
    Assignment, Claim, ClaimedPlan, Committed, DatabaseName, LedgerEntry, LedgerState, Plan,
    PlanId, SourceId, TableSource, UtcInstant, Versioned,
    layout::{ObjectKey, ledger_key},
    ports::{CommitObjects, Put, ReadObjects, TellTime},
};
use jiff::SignedDuration;

use crate::{Backoff, IngestReport, LakeError, state};

/// Times that an entry may change under an attempt before that is given up.
const ROUNDS_MAX: u32 = 16;

/// The ledger of one database.
#[derive(Debug)]
pub(crate) struct Ledger<O> {
    objects: O,
    database: DatabaseName,
    settle: SignedDuration,
    backoff: Backoff,
}

/// What the ledger says of a source.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) id: SourceId,
    key: ObjectKey,
    pub(crate) entry: Option<Versioned<LedgerEntry>>,
}

/// What an attempt would do with a source, if nobody had begun to load it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intent<'a> {
    pub(crate) source: &'a str,
    pub(crate) arrived_at: UtcInstant,
    pub(crate) plan: Plan,
    pub(crate) assignment: &'a Assignment,
}

/// Whether a source is to be loaded.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// It is, in this way and no other.
    Ours(Box<OwnClaim>),
    /// All of it is in its tables.
    Before(Committed),
}

/// A source that is to be loaded.
#[derive(Debug)]
pub(crate) struct OwnClaim {
    pub(crate) found: Found,
    pub(crate) plan: Plan,
    pub(crate) assignment: Assignment,
    pub(crate) arrived_at: UtcInstant,
    /// The sweep that must precede the first write, after another plan was replaced.
    pub(crate) sweep: Option<Sweep>,
}

/// Files of a source that are to be deleted: those of all plans but one, if that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sweep {
    pub(crate) id: SourceId,
    pub(crate) keep: Option<PlanId>,
    /// What the tables are made of that they may lie in.
    pub(crate) tables: BTreeSet<String>,
}

/// Who said that a source is in its tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Commitment {
    /// This attempt.
    Ours,
    /// Another one by the same plan.
    Before(Committed),
}

/// How far a source is that is gone.
#[derive(Debug)]
pub(crate) enum Gone {
    /// The ledger says so.
    Superseded,
    /// The ledger had said so before, or that all of it was loaded before it was gone.
    Before,
    /// It may say so once this is done.
    After(Sweep, Box<Found>),
}

/// How an entry is changed.
enum Step<T> {
    /// Not at all.
    Done(T),
    /// To this state.
    To(LedgerState),
}

impl<O: ReadObjects + CommitObjects + TellTime> Ledger<O> {
    pub(crate) fn new(
        objects: O,
        database: DatabaseName,
        settle: Duration,
        backoff: Backoff,
    ) -> Self {
        let settle = SignedDuration::try_from(settle).unwrap_or(SignedDuration::MAX);
        Self { objects, database, settle, backoff }
    }

    /// What the ledger says of a source.
    pub(crate) async fn find(&self, id: SourceId) -> Result<Found, LakeError> {
        let key = ledger_key(&self.database, id);
        let entry = self.read(&key).await?;
        Ok(Found { id, key, entry })
    }

    /// Claims a source, or finds out how it is claimed or that it is committed.
    ///
    /// # Errors
    /// As `Retry` while attempts by a plan that was replaced may go on, or when code of a higher
    /// layout loads it.
    pub(crate) async fn claim(
        &self,
        mut found: Found,
        intent: Intent<'_>,
    ) -> Result<Claimed, LakeError> {
        for _ in 0..ROUNDS_MAX {
            let state = match self.next_claim(&found, intent).await? {
                Step::Done(Claimed::Before(committed)) => return Ok(Claimed::Before(committed)),
                Step::Done(Claimed::Ours(ours)) => return Ok(Claimed::Ours(ours)),
                Step::To(state) => state,
            };
            let arrived_at = found.arrived_at().or(Some(intent.arrived_at));
            let source = intent.source.to_owned();
            let entry = LedgerEntry { source, arrived_at, state };
            found = self.put(found, entry).await?;
        }
        Err(contended(&found))
    }

    async fn next_claim(
        &self,
        found: &Found,
        intent: Intent<'_>,
    ) -> Result<Step<Claimed>, LakeError> {
        let claim = match found.state() {
            None => return Ok(Step::To(intent.claim())),
            // It is there again. Whoever swept it may still be at it.
            Some(LedgerState::Superseded { since }) => {
                self.wait_for_settled(found, Some(*since)).await?;
                return Ok(Step::To(intent.claim()));
            }
            Some(LedgerState::Committed(committed)) => {
                return Ok(Step::Done(Claimed::Before(committed.clone())));
            }
            Some(LedgerState::Writing(claim)) => claim,
        };
        let Some(claimed) = &claim.plan else {
            // It was gone, and is there again. Whoever sweeps it may still be at it, so this is a
            // fence of its own.
            let now = self.now().await?;
            return Ok(Step::To(intent.in_place_of(claim, Some(now))));
        };
        let (plan, assignment) = match claimed.follow(intent.plan.layout) {
            _ if intent.is(claimed) => (intent.plan, intent.assignment.clone()),
            Some(followed) => followed,
            None if claimed.layout > intent.plan.layout => {
                let source_uri = found.source();
                return Err(LakeError::LaterLayout { source_uri, layout: claimed.layout });
            }
            None => {
                let now = self.now().await?;
                return Ok(Step::To(intent.in_place_of(claim, Some(now))));
            }
        };
        let mut sweep = None;
        if claim.fenced_at.is_some() {
            self.wait_for_settled(found, claim.fenced_at).await?;
            let (keep, tables) = (Some(plan.id()), claim.tables().into_iter().collect());
            sweep = Some(Sweep { id: found.id, keep, tables });
        }
        let arrived_at = found.arrived_at().unwrap_or(intent.arrived_at);
        let found = found.clone();
        Ok(Step::Done(Claimed::Ours(Box::new(OwnClaim {
            found,
            plan,
            assignment,
            arrived_at,
            sweep,
        }))))
    }

    /// Puts our plan in the place of one that was followed and fails for good; the error says so.
    ///
    /// # Errors
    /// When a port fails.
    pub(crate) async fn take_over(
        &self,
        found: Found,
        intent: Intent<'_>,
    ) -> Result<LakeError, LakeError> {
        let source_uri = intent.source.to_owned();
        if let Some(LedgerState::Writing(claim)) = found.state() {
            let state = intent.in_place_of(claim, Some(self.now().await?));
            let (source, arrived_at) = (source_uri.clone(), found.arrived_at());
            self.put(found, LedgerEntry { source, arrived_at, state }).await?;
        }
        Ok(LakeError::Fenced { source_uri, until: None })
    }

    /// Says that a source is gone: at once if nobody began to load it, else when what was written
    /// of it is swept.
    ///
    /// # Errors
    /// As `Retry` while attempts may go on that read it before it was gone.
    pub(crate) async fn supersede(
        &self,
        mut found: Found,
        source: &str,
    ) -> Result<Gone, LakeError> {
        for _ in 0..ROUNDS_MAX {
            let state = match self.next_supersede(&found).await? {
                Step::Done(gone) => return Ok(gone),
                Step::To(state) => state,
            };
            let was_gone = matches!(found.state(), Some(LedgerState::Superseded { .. }));
            let (source, arrived_at) = (source.to_owned(), found.arrived_at());
            let entry = LedgerEntry { source, arrived_at, state };
            found = self.put(found, entry.clone()).await?;
            let is_last = matches!(entry.state, LedgerState::Superseded { .. });
            if is_last && found.entry.as_ref().is_some_and(|found| found.value == entry) {
                return Ok(if was_gone { Gone::Before } else { Gone::Superseded });
            }
        }
        Err(contended(&found))
    }

    async fn next_supersede(&self, found: &Found) -> Result<Step<Gone>, LakeError> {
        match found.state() {
            // Said again, too: an attempt may be about to claim it that saw it between, and its
            // message goes with this one if it is the same. So it cannot any more.
            None | Some(LedgerState::Superseded { .. }) => {
                Ok(Step::To(LedgerState::Superseded { since: self.now().await? }))
            }
            Some(LedgerState::Committed(_)) => Ok(Step::Done(Gone::Before)),
            Some(LedgerState::Writing(claim @ Claim { plan: Some(_), .. })) => {
                let (fenced_at, taken_over) = (Some(self.now().await?), claim.tables());
                Ok(Step::To(LedgerState::Writing(Claim { plan: None, fenced_at, taken_over })))
            }
            Some(LedgerState::Writing(claim @ Claim { plan: None, .. })) => {
                self.wait_for_settled(found, claim.fenced_at).await?;
                let tables = claim.tables().into_iter().collect();
                let sweep = Sweep { id: found.id, keep: None, tables };
                Ok(Step::Done(Gone::After(sweep, Box::new(found.clone()))))
            }
        }
    }

    /// Says that a source is gone whose files are swept.
    pub(crate) async fn superseded(&self, found: Found) -> Result<Gone, LakeError> {
        let (source, arrived_at) = (found.source(), found.arrived_at());
        let state = LedgerState::Superseded { since: self.now().await? };
        let found = self.put(found, LedgerEntry { source, arrived_at, state }).await?;
        match found.state() {
            Some(LedgerState::Superseded { .. }) => Ok(Gone::Superseded),
            Some(LedgerState::Committed(_)) => Ok(Gone::Before),
            Some(LedgerState::Writing(_)) | None => Err(contended(&found)),
        }
    }

    /// Says that all of a source is in its tables.
    ///
    /// # Errors
    /// As `Retry` when another plan took the place of the one it was loaded by.
    pub(crate) async fn commit(
        &self,
        claim: OwnClaim,
        committed: Committed,
    ) -> Result<Commitment, LakeError> {
        let (source, arrived_at) = (claim.found.source(), Some(claim.arrived_at));
        let state = LedgerState::Committed(committed);
        let entry = LedgerEntry { source, arrived_at, state };
        let found = self.put(claim.found, entry.clone()).await?;
        match found.entry {
            Some(found) if found.value == entry => Ok(Commitment::Ours),
            Some(Versioned {
                value: LedgerEntry { state: LedgerState::Committed(committed), .. },
                ..
            }) => Ok(Commitment::Before(committed)),
            Some(_) | None => Err(LakeError::Fenced { source_uri: entry.source, until: None }),
        }
    }

    /// Writes an entry over the one that was found, unless it is another one by now; what is there
    /// afterwards. A conflict may be one with ourselves, if an answer got lost: what is there tells.
    /// One with somebody who did not come through leaves what was found, and is tried again.
    async fn put(&self, found: Found, entry: LedgerEntry) -> Result<Found, LakeError> {
        let Found { id, key, entry: before } = found;
        let bytes = state::bytes(&key, &entry)?;
        // What tells the time must be true when it arrives, or a fence would end too early: it is
        // not tried for long.
        let backoff = if entry.state.tells_time() { self.backoff.once() } else { self.backoff };
        let put = || async {
            match &before {
                None => self.objects.create_object(&key, bytes.clone()).await,
                Some(Versioned { version, .. }) => {
                    self.objects.replace_object(&key, bytes.clone(), version).await
                }
            }
        };
        let mut tries = backoff.begin();
        let entry = loop {
            if let Put::Done(version) = backoff.retry(put).await? {
                break Some(Versioned { value: entry, version });
            }
            let now = self.read(&key).await?;
            let is_unchanged = now.as_ref().map(|now| &now.version)
                == before.as_ref().map(|before| &before.version);
            if !is_unchanged || !tries.pause().await {
                break now;
            }
        };
        Ok(Found { id, key, entry })
    }

    async fn read(&self, key: &ObjectKey) -> Result<Option<Versioned<LedgerEntry>>, LakeError> {
        let found = self.backoff.retry(|| self.objects.object(key)).await?;
        Ok(found.map(|found| state::understand(key, found)).transpose()?)
    }

    async fn now(&self) -> Result<UtcInstant, LakeError> {
        Ok(self.backoff.retry(|| self.objects.now()).await?)
    }

    /// Fails until every attempt must have ended that was under way at the fence.
    async fn wait_for_settled(
        &self,
        found: &Found,
        fenced_at: Option<UtcInstant>,
    ) -> Result<(), LakeError> {
        let until = fenced_at.and_then(|fenced_at| fenced_at.plus(self.settle));
        match until {
            Some(until) if self.now().await? > until => Ok(()),
            Some(_) | None => Err(LakeError::Fenced { source_uri: found.source(), until }),
        }
    }
}

impl Intent<'_> {
    /// The claim of a source that nobody began to load.
    fn claim(&self) -> LedgerState {
        let plan = Some(ClaimedPlan::new(&self.plan, self.assignment));
        LedgerState::Writing(Claim { plan, fenced_at: None, taken_over: Vec::new() })
    }

    /// Whether that is our own plan, and takes the source where we would.
    fn is(&self, claimed: &ClaimedPlan) -> bool {
        let table = self.assignment.table.as_ref().map(TableSource::as_str);
        claimed.id == self.plan.id() && claimed.table.as_deref() == table
    }

    /// The claim of this plan in the place of another one.
    fn in_place_of(&self, claim: &Claim, fenced_at: Option<UtcInstant>) -> LedgerState {
        let plan = Some(ClaimedPlan::new(&self.plan, self.assignment));
        LedgerState::Writing(Claim { plan, fenced_at, taken_over: claim.tables() })
    }
}

impl Found {
    /// The report of a delivery of the source, if all of its rows are in their tables.
    pub(crate) fn duplicate(&self) -> Option<IngestReport> {
        match self.state() {
            Some(LedgerState::Committed(committed)) => {
                Some(IngestReport::duplicate(committed.clone().into()))
            }
            Some(LedgerState::Writing(_) | LedgerState::Superseded { .. }) | None => None,
        }
    }

    pub(crate) fn state(&self) -> Option<&LedgerState> {
        self.entry.as_ref().map(|entry| &entry.value.state)
    }

    fn arrived_at(&self) -> Option<UtcInstant> {
        self.entry.as_ref().and_then(|entry| entry.value.arrived_at)
    }

    fn source(&self) -> String {
        match &self.entry {
            Some(entry) => entry.value.source.clone(),
            None => self.id.to_string(),
        }
    }
}

fn contended(found: &Found) -> LakeError {
    LakeError::Disputed { source_uri: found.source() }
}
