//! Partitions that the catalog has elsewhere than their pointers say: put back under their leases.

use alluvium_model::{
    SwapOwner,
    ports::{SwapCatalog, SwapObjects},
};

use super::{Diagnosis, Doctor, Inconsistency, Reported, Treatment, failed};
use crate::{Deadline, Repair, Swaps};

impl<C: SwapCatalog, O: SwapObjects> Doctor<C, O> {
    /// Heals of what was found what takes the lease of a partition, and notes what it did: where
    /// somebody swaps the partition, or did so a short time ago, nothing. `owner` gives an id that
    /// nobody else ever has, each time another one.
    pub async fn heal_locations(
        &self,
        diagnosis: &mut Diagnosis,
        swaps: &Swaps<C, O>,
        mut owner: impl FnMut() -> SwapOwner,
    ) {
        for Reported { finding, treatment } in &mut diagnosis.findings {
            let Inconsistency::OtherLocation { table, partition, .. } = finding else { continue };
            let repair = swaps.repair((&*table, &*partition), owner(), Deadline::NEVER);
            *treatment = Some(match repair.await {
                Ok(Repair::Done) => Treatment::Moved,
                Ok(Repair::Stopped(_)) => Treatment::Left,
                Err(error) => failed(&error),
            });
        }
    }
}
