//! What contracts say of how long partitions are kept.

use alluvium_model::{
    Contracts, SwapOwner, TableName, TableSource,
    layout::table_location,
    ports::{DropPartitions, ReadPartitions, SwapCatalog, SwapObjects},
};

use super::{Swaps, VacuumReport};
use crate::{Deadline, LakeError, compact::retire::Retired, doctor::is_ours};

/// A table whose contract says how long its partitions are kept.
struct Aging {
    table: TableName,
    days: u32,
}

impl<C, O> Swaps<C, O>
where
    C: SwapCatalog + ReadPartitions + DropPartitions,
    O: SwapObjects + Clone + Send + Sync + 'static,
{
    /// [`Swaps::vacuum`], and then retires the partitions that are past what the contracts in the
    /// lake say. What a wrong contract keeps from being retired was no reason to keep garbage.
    ///
    /// # Errors
    /// When a port fails, or a contract is wrong.
    pub async fn vacuum_by_contracts(
        &self,
        owner: impl FnMut() -> SwapOwner,
        deadline: Deadline,
    ) -> Result<VacuumReport, LakeError> {
        let mut report = self.vacuum(deadline).await?;
        match self.retire_by_contracts(owner, deadline).await {
            Ok(Retired { retired, leased, left }) => {
                (report.retired, report.leased) = (retired, leased);
                report.left += left;
            }
            // Nothing was begun: the next time.
            Err(LakeError::OutOfTime) => report.left += 1,
            Err(error) => return Err(error),
        }
        Ok(report)
    }

    /// Retires what is past its age in every table whose contract says how long it is kept, be it
    /// that of all tables without one.
    async fn retire_by_contracts(
        &self,
        mut owner: impl FnMut() -> SwapOwner,
        deadline: Deadline,
    ) -> Result<Retired, LakeError> {
        let contracts = self.contracts(deadline).await?;
        let mut all = Retired::default();
        for Aging { table, days } in self.aging(&contracts, deadline).await? {
            match self.retire_older((&table, days), &mut owner, deadline).await {
                Ok(found) => all += found,
                // How many there are nobody knows yet.
                Err(LakeError::OutOfTime) => all.left += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// The tables that a contract lets age. Quarantine has none, and what others made or moved
    /// elsewhere is not ours to empty.
    async fn aging(
        &self,
        contracts: &Contracts,
        deadline: Deadline,
    ) -> Result<Vec<Aging>, LakeError> {
        // Most lakes have none, and are not looked through.
        if contracts.iter().all(|contract| contract.retention_days().is_none()) {
            return Ok(Vec::new());
        }
        let backoff = self.settings.backoff;
        let names = deadline.call(backoff.retry(|| self.catalog.table_names())).await?;
        let mut aging = Vec::new();
        for table in names {
            let found = deadline.call(backoff.retry(|| self.catalog.table(&table))).await?;
            let Some(entry) = found.map(|found| found.value).filter(is_ours) else { continue };
            if entry.location != table_location(&self.settings.database, &table) {
                continue;
            }
            let days = entry
                .source()
                .and_then(|source| contracts.retention_days(&TableSource::new(source)));
            aging.extend(days.map(|days| Aging { table, days }));
        }
        Ok(aging)
    }
}
