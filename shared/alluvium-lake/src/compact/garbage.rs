//! Notes of what may be deleted, later.

use alluvium_model::{
    Garbage, UtcInstant,
    layout::garbage_key,
    ports::{ReadObjects, TellTime, WriteObjects},
};

use super::{Swaps, later};
use crate::{Deadline, LakeError, state};

impl<C, O: WriteObjects + ReadObjects + TellTime> Swaps<C, O> {
    /// Notes that something nobody names from now on may be deleted when its grace has passed.
    pub(super) async fn put_garbage(
        &self,
        garbage: &Garbage,
        now: UtcInstant,
        deadline: Deadline,
    ) -> Result<(), LakeError> {
        let not_before = later(now, self.settings.grace.max(self.settings.settle));
        let key = garbage_key(&self.settings.database, not_before, garbage);
        let bytes = state::bytes(&key, garbage)?;
        let put = || self.objects.put_object(&key, bytes.clone());
        deadline.call(self.settings.backoff.retry(put)).await
    }
}
