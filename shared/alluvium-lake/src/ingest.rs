//! One source, from its bytes to rows that the catalog names, exactly once.
//!
//! The steps of an attempt, in this order: look into the ledger and claim the source; shred a part,
//! commit the schema that it needs and do what follows from it, open the partitions that it belongs
//! to, write one file a partition (all of this is on the page `attempt`); after the last part say
//! in the ledger that it is committed. Names of files are functions of source and plan, so attempts
//! by the same plan write the same files, and the ledger sees to it that there is one plan.

use std::time::Duration;

use alluvium_model::{
    Assignment, Counts, DatabaseName, ErrorKind, LAYOUT_VERSION, Limits, Plan, SourceId,
    ports::{LakeCatalog, LakeObjects, PublishEvents, ReadSource, Source},
};

use crate::{
    Backoff, Deadline, IngestReport, LakeError, LoadedBefore, NoSubscribers,
    attempt::{Attempt, Loaded, Outcome},
    commit::{SchemaCommitter, SchemaRules},
    follow::Followers,
    ledger::{Claimed, Commitment, Found, Gone, Intent, Ledger, OwnClaim},
    pointers::Pointers,
    sweep::Sweeper,
};

/// How long it takes until everybody may rely on an attempt having ended.
const SETTLE: Duration = Duration::from_mins(20);

/// How a lake is written.
#[derive(Clone, Debug)]
pub struct IngestSettings {
    /// The database of its tables.
    pub database: DatabaseName,
    /// How sources are read and cut; what contracts say comes with their destinations.
    pub limits: Limits,
    /// How a contended catalog is asked again.
    pub backoff: Backoff,
    /// The settle time: longer than any attempt lives, from when it looks into the ledger until the
    /// last of its calls can have an effect. All who write to a lake must have the same.
    pub settle: Duration,
    /// How long an attempt may take; none if the caller sees to it that it ends in time.
    pub attempt_max: Option<Duration>,
    /// The layout of this code; others have made or will make files of other layouts.
    pub layout: u32,
}

impl IngestSettings {
    /// The defaults, for this database.
    #[must_use]
    pub fn new(database: DatabaseName) -> Self {
        let (limits, backoff) = (Limits::default(), Backoff::default());
        let (settle, layout) = (SETTLE, LAYOUT_VERSION);
        Self { database, limits, backoff, settle, attempt_max: None, layout }.settling(settle)
    }

    /// The same with this settle time: attempts may take three quarters of it, which leaves the
    /// rest to calls that were given up and may have an effect nevertheless.
    #[must_use]
    pub fn settling(self, settle: Duration) -> Self {
        Self { settle, attempt_max: Some(settle * 3 / 4), ..self }
    }
}

/// Ingests sources into one lake. Made once and used for many sources, it knows ever more tables
/// and partitions and asks the catalog ever less.
#[derive(Debug)]
pub struct Ingest<C, O, E = NoSubscribers> {
    pub(crate) schemas: SchemaCommitter<C>,
    pub(crate) followers: Followers<C, E>,
    pub(crate) pointers: Pointers<C, O>,
    pub(crate) objects: O,
    pub(crate) settings: IngestSettings,
    ledger: Ledger<O>,
    sweeper: Sweeper<C, O>,
}

impl<C: LakeCatalog + Clone, O: LakeObjects + Clone> Ingest<C, O> {
    /// An ingest into the lake of these ports, which tells nobody what it changes of tables.
    pub fn new(catalog: C, objects: O, settings: IngestSettings) -> Self {
        let IngestSettings { database, backoff, settle, .. } = settings.clone();
        let rules = SchemaRules { database: database.clone(), backoff };
        Self {
            schemas: SchemaCommitter::new(catalog.clone(), rules),
            followers: Followers::new(&catalog, &settings, NoSubscribers),
            pointers: Pointers::new(catalog.clone(), objects.clone(), database.clone(), backoff),
            objects: objects.clone(),
            settings,
            ledger: Ledger::new(objects.clone(), database.clone(), settle, backoff),
            sweeper: Sweeper { catalog, objects, database, backoff },
        }
    }

    /// The same, but whatever changes of tables is told to `events`.
    pub fn telling<E>(self, events: E) -> Ingest<C, O, E> {
        let Self { schemas, followers, pointers, objects, settings, ledger, sweeper } = self;
        let followers = followers.telling(events);
        Ingest { schemas, followers, pointers, objects, settings, ledger, sweeper }
    }
}

impl<C, O, E> Ingest<C, O, E>
where
    C: LakeCatalog + Clone,
    O: LakeObjects + Clone,
    E: PublishEvents,
{
    /// Takes a source to its table, or to quarantine as a whole: as one record, of a long one its
    /// beginning, and nothing where the rules drop something. One that was loaded before is left
    /// alone, whatever the rules are now.
    ///
    /// # Errors
    /// When a port fails, or as `Retry` while another plan takes the place of the one that an
    /// earlier attempt followed. The source may then be visible in part, and is whole after any
    /// attempt that succeeds.
    pub async fn ingest<R: ReadSource>(
        &self,
        assignment: impl Into<Assignment>,
        source: Source<R>,
    ) -> Result<IngestReport, LakeError> {
        let deadline = self.deadline();
        let found = self.find(source.id, deadline).await?;
        self.ingest_found(found, assignment.into(), source, deadline).await
    }

    /// Until when an attempt that begins now may make calls.
    pub(crate) fn deadline(&self) -> Deadline {
        self.settings.attempt_max.map_or(Deadline::NEVER, Deadline::after)
    }

    /// What the ledger says of a source.
    pub(crate) async fn find(&self, id: SourceId, deadline: Deadline) -> Result<Found, LakeError> {
        deadline.call(self.ledger.find(id)).await
    }

    /// Like [`Ingest::ingest`], for a source that was looked for in the ledger.
    pub(crate) async fn ingest_found<R: ReadSource>(
        &self,
        found: Found,
        assignment: Assignment,
        mut source: Source<R>,
        deadline: Deadline,
    ) -> Result<IngestReport, LakeError> {
        let IngestSettings { layout, limits, .. } = self.settings;
        let uri = source.origin.source.clone();
        let intent = Intent {
            source: &uri,
            arrived_at: source.origin.arrived_at,
            plan: Plan { layout, limits, contract: assignment.rules.digest() },
            assignment: &assignment,
        };
        let claim = match deadline.call(self.ledger.claim(found, intent)).await? {
            Claimed::Ours(claim) => *claim,
            Claimed::Before(committed) => return Ok(IngestReport::duplicate(committed.into())),
        };
        if let Some(sweep) = &claim.sweep {
            let swept = deadline.call(self.sweeper.sweep(sweep)).await?;
            tracing::info!(source = uri, swept, "files of another plan are gone");
        }
        source.origin.arrived_at = claim.arrived_at;
        let attempt = Attempt::new(self, &source, claim.plan, deadline);
        match attempt.run(&claim.assignment, source.reader).await {
            Ok(Outcome::Loaded(loaded)) => self.commit(claim, *loaded, deadline).await,
            Ok(Outcome::Superseded) => match self.supersede(claim.found, &uri, deadline).await {
                Err(LakeError::Fenced { source_uri, .. }) => Err(LakeError::Changed { source_uri }),
                ended => ended,
            },
            // What was claimed by rules that do not suit the table would never be loaded, although
            // the rules are right by now.
            Err(error) if error.kind() == ErrorKind::Invalid && claim.plan != intent.plan => {
                tracing::warn!(source = uri, %error, "the plan it was begun by fails for good");
                Err(deadline.call(self.ledger.take_over(claim.found, intent)).await?)
            }
            Err(error) => Err(error),
        }
    }

    /// Says in the ledger that all of a source is in its tables.
    async fn commit(
        &self,
        claim: OwnClaim,
        loaded: Loaded,
        deadline: Deadline,
    ) -> Result<IngestReport, LakeError> {
        let table = claim.assignment.table.as_ref().map(|table| table.as_str().to_owned());
        let committed = loaded.committed(claim.plan.id(), table.clone());
        Ok(match deadline.call(self.ledger.commit(claim, committed)).await? {
            Commitment::Ours => IngestReport { table, ..loaded.report },
            Commitment::Before(committed) => IngestReport::duplicate(committed.into()),
        })
    }

    /// Says in the ledger that a source was overwritten or deleted before it was read to its end.
    ///
    /// # Errors
    /// As `Retry` until nobody can write any of it any more.
    pub(crate) async fn supersede(
        &self,
        found: Found,
        source: &str,
        deadline: Deadline,
    ) -> Result<IngestReport, LakeError> {
        Ok(match self.sweeper.supersede(&self.ledger, (found, source), deadline).await? {
            Gone::Superseded => IngestReport::unread(Counts { superseded: 1, ..Counts::default() }),
            Gone::Before | Gone::After(..) => IngestReport::duplicate(LoadedBefore::default()),
        })
    }
}
