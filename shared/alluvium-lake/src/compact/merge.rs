//! The files of a bin become one.
//!
//! Small files are read whole, many at once; of large ones only the pieces that are being merged
//! are in memory, fetched by the thread that merges.

use std::{ops::Range, sync::Arc, time::Duration};

use alluvium_columnar::{MergeError, MergeInput, MergeSpec, MergeTable, MergedFile, merge};
use alluvium_model::{
    Contracts, ErrorKind, Phase, Pointer, TableName, TableRules, TableSchema, TableSource,
    compaction::{self, MergeAnswer, MergeOutcome, MergeRequest, PlannedBin, PlannedFile, Swap},
    layout::{ObjectKey, merged_file_name},
    ports::{Put, SwapCatalog, SwapObjects},
};
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{
    Swaps,
    pieces::{Fetch, Input},
    pointer::Place,
};
use crate::{ContractStore, Deadline, LakeError, pointers::at_once};

/// Files up to this size are read whole.
const WHOLE_BYTES_MAX: u64 = 4 << 20;
/// Bytes of files that are read whole, together; further ones are read in pieces.
const ALL_WHOLE_BYTES_MAX: u64 = 128 << 20;

/// The table of a bin.
enum Table {
    Rows { schema: Box<TableSchema>, rules: Arc<TableRules> },
    Quarantine,
}

/// What became of a merge that did not fail on the way to its files.
enum Merged {
    File(MergedFile),
    Failed(String),
}

impl<C, O> Swaps<C, O>
where
    C: SwapCatalog,
    O: SwapObjects + Clone + Send + Sync + 'static,
{
    /// Merges the files of a bin into one, verified against them, under the name that every worker
    /// gives it who tries.
    ///
    /// # Errors
    /// When a port fails, or the plan is gone. That files could not be merged is an answer: their
    /// generation must be given up.
    pub async fn merge(
        &self,
        request: &MergeRequest,
        deadline: Deadline,
    ) -> Result<MergeAnswer, LakeError> {
        let deadline = self.step(deadline);
        let MergeRequest { swap, bin } = request;
        let answer = |outcome| Ok(MergeAnswer { bin: *bin, outcome });
        let failed = |message: &str| MergeOutcome::Failed { message: message.to_owned() };
        if !self.is_filling(swap, deadline).await? {
            return answer(failed("the swap was given up"));
        }
        let plan = self.plan(&swap.item, deadline).await?;
        let Some(planned) = plan.bin(*bin) else {
            return answer(failed("the plan has no such bin"));
        };
        let table = self.table(&swap.item.table, deadline).await?;
        let Some(inputs) = self.inputs(swap, planned, deadline).await? else {
            return answer(failed("a file is gone"));
        };
        let file = match self.merge_files(inputs, table, deadline).await? {
            Merged::File(file) => file,
            Merged::Failed(message) => return answer(MergeOutcome::Failed { message }),
        };
        let name = merged_file_name(&swap.generation, *bin);
        let key = swap.next.object(&name);
        // Whoever tried before may have written it, and readers may see it: equal names, equal
        // rows, but not equal bytes.
        let create = || self.objects.create_object(&key, file.bytes.clone());
        match deadline.call(self.settings.backoff.retry(create)).await? {
            Put::Done(_) => {}
            // S3 says the same of a request that is under way and may come to nothing.
            Put::Conflict => self.is_there(&key, deadline).await?,
        }
        let (rows, bytes) = (file.rows, file.bytes.len() as u64);
        answer(MergeOutcome::Verified(compaction::MergedFile { name, rows, bytes }))
    }

    /// Sees that an object is there that somebody else was about to write.
    ///
    /// # Errors
    /// As `Retry` when it is not.
    async fn is_there(&self, key: &ObjectKey, deadline: Deadline) -> Result<(), LakeError> {
        let look = || self.objects.object_range(key, 0..1);
        let found = deadline.call(self.settings.backoff.retry(look)).await?;
        found.map(drop).ok_or_else(|| LakeError::NotWritten { key: key.clone() })
    }

    /// Whether a swap is where its files are merged: what is written later would lie where nobody
    /// looks any more, and nobody would delete it.
    async fn is_filling(&self, swap: &Swap, deadline: Deadline) -> Result<bool, LakeError> {
        let place = Place::new(&self.settings.database, &swap.item.table, &swap.item.partition);
        let found = self.read::<Pointer>(&place.object, deadline).await?;
        let next = found.and_then(|found| found.value.next);
        Ok(next
            .is_some_and(|next| next.generation == swap.generation && next.phase == Phase::Filling))
    }

    /// Today's schema of a table, and its rules.
    async fn table(&self, name: &TableName, deadline: Deadline) -> Result<Table, LakeError> {
        if *name == TableName::quarantine() {
            return Ok(Table::Quarantine);
        }
        let read = self.settings.backoff.retry(|| self.catalog.table(name));
        let found = deadline.call(read).await?;
        let found = found.ok_or_else(|| LakeError::NoTable { table: name.clone() })?;
        let entry = found.value.heal()?.entry;
        let contracts = self.contracts(deadline).await?;
        let source = TableSource::new(entry.source().unwrap_or(name.as_str()));
        let rules = contracts.of_table(&source).rules;
        Ok(Table::Rows { schema: Box::new(entry.schema()?), rules })
    }

    /// The contracts that lie in the lake now.
    pub(super) async fn contracts(&self, deadline: Deadline) -> Result<Arc<Contracts>, LakeError> {
        let store = ContractStore::new(self.objects.clone(), Duration::ZERO);
        let mut tries = self.settings.backoff.begin();
        loop {
            match deadline.call(store.contracts()).await {
                Err(LakeError::Port(error)) if error.kind() == ErrorKind::Retry => {
                    if !tries.pause().await {
                        return Err(error.into());
                    }
                }
                ended => return ended,
            }
        }
    }

    /// The files of a bin, small ones as far as there is memory read whole; none if one is gone.
    async fn inputs(
        &self,
        swap: &Swap,
        bin: &PlannedBin,
        deadline: Deadline,
    ) -> Result<Option<Vec<MergeInput<Input>>>, LakeError> {
        // Without a runtime around there is no thread that could fetch pieces.
        let can_fetch = Handle::try_current().is_ok();
        let mut whole_bytes = 0;
        let mut is_whole = |file: &PlannedFile| {
            let fits =
                file.bytes <= WHOLE_BYTES_MAX && whole_bytes + file.bytes <= ALL_WHOLE_BYTES_MAX;
            let is_whole = fits || !can_fetch;
            whole_bytes += if is_whole { file.bytes } else { 0 };
            is_whole
        };
        let input = |file: &PlannedFile| {
            let (is_whole, file) = (is_whole(file), file.clone());
            let key = swap.location.object(&file.name);
            async move {
                let all = 0..file.bytes;
                if !is_whole {
                    let fetch = self.fetch(key, deadline);
                    return Ok(Some((file.name, Input::Pieces { bytes: file.bytes, fetch })));
                }
                let read = || self.objects.object_range(&key, all.clone());
                let read = deadline.call(self.settings.backoff.retry(read)).await?;
                Ok::<_, LakeError>(read.map(|bytes| (file.name, Input::Whole(bytes))))
            }
        };
        let inputs = at_once(bin.inputs.iter().map(input)).await?.into_iter();
        let named = inputs.map(|input| input.map(|(name, reader)| MergeInput { name, reader }));
        Ok(named.collect())
    }

    /// Fetches pieces of an object, from a thread that may wait.
    fn fetch(&self, key: ObjectKey, deadline: Deadline) -> Fetch {
        let (objects, backoff) = (self.objects.clone(), self.settings.backoff);
        let runtime = Handle::current();
        Fetch::new(move |range: Range<u64>| {
            let read = backoff.retry(|| objects.object_range(&key, range.clone()));
            let read = runtime.block_on(deadline.call(read))?;
            read.ok_or_else(|| LakeError::Vanished { key: key.clone() })
        })
    }

    /// Merges files, in a thread of its own if there are any: that is computing.
    async fn merge_files(
        &self,
        inputs: Vec<MergeInput<Input>>,
        table: Table,
        deadline: Deadline,
    ) -> Result<Merged, LakeError> {
        let merge_them = move || {
            let table = match &table {
                Table::Rows { schema, rules } => MergeTable::Rows { schema, rules },
                Table::Quarantine => MergeTable::Quarantine,
            };
            merge(inputs, &MergeSpec::new(table))
        };
        let merged = if Handle::try_current().is_ok() {
            let merging = async {
                let merged = spawn_blocking(merge_them).await;
                Ok::<_, LakeError>(merged.map_err(|panic| panic.to_string()))
            };
            match deadline.call(merging).await? {
                Ok(merged) => merged,
                Err(panic) => return Ok(Merged::Failed(panic)),
            }
        } else {
            merge_them()
        };
        match merged {
            Ok(file) => Ok(Merged::File(file)),
            Err(error) if error.kind() == ErrorKind::Retry => Err(error.into()),
            Err(error) => Ok(Merged::Failed(message(&error))),
        }
    }
}

/// What went wrong, and why.
fn message(error: &MergeError) -> String {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}
