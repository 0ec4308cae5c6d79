//! The files of a bin become one.

use alluvium_model::{
    compaction::{MergeAnswer, MergeOutcome, MergeRequest},
    ports::{SwapCatalog, SwapObjects},
};

use super::Swaps;
use crate::{Deadline, LakeError};

impl<C: SwapCatalog, O: SwapObjects> Swaps<C, O> {
    /// Merges the files of a bin into one, under the name that every worker gives it who tries.
    ///
    /// # Errors
    /// When a port fails, or the plan is gone.
    pub async fn merge(
        &self,
        request: &MergeRequest,
        deadline: Deadline,
    ) -> Result<MergeAnswer, LakeError> {
        let _ = deadline;
        let outcome = MergeOutcome::Failed { message: "not there yet".to_owned() };
        Ok(MergeAnswer { bin: request.bin, outcome })
    }
}
