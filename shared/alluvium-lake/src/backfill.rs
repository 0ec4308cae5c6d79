//! Announcing what lies in a landing bucket already.
//!
//! Objects are announced in the order of their keys, one small batch after the other, so that a
//! key is enough to go on from. Nothing is held but a page of the listing. An object that is
//! announced twice is loaded once; therefore whatever is in doubt is announced again.

use std::{collections::BTreeMap, num::NonZeroU32};

use alluvium_model::{
    UtcInstant,
    ports::{AnnounceObjects, Answers, LandedObject, ListLanding, PortResult, QUEUE_BATCH_MAX},
};
use serde::Serialize;

use crate::{Backoff, LakeError, handover::hand_over, pace::Pace};

/// Archived objects that are named; all are counted.
const NAMED_MAX: usize = 20;
/// Folders that are told apart; what lies in others is counted together.
const FOLDERS_MAX: usize = 1_000;

/// Which objects are announced, and how fast.
#[derive(Clone, Debug, Default)]
pub struct BackfillSettings {
    /// What all keys begin with.
    pub prefix: String,
    /// Only objects that were written then or later.
    pub since: Option<UtcInstant>,
    /// Only objects that were written earlier.
    pub until: Option<UtcInstant>,
    /// Only objects whose keys come behind this one.
    pub start_after: Option<String>,
    /// Objects a second at most.
    pub a_second: Option<NonZeroU32>,
    /// How often a call is made again.
    pub backoff: Backoff,
}

/// Announces what lies in a landing bucket.
#[derive(Debug)]
pub struct Backfill<L, A> {
    landing: L,
    announcer: A,
    settings: BackfillSettings,
}

/// What was announced so far, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BackfillReport {
    /// Objects that were announced.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The key of the first of them.
    pub first_key: Option<String>,
    /// The key of the last of them.
    pub last_key: Option<String>,
    /// The same by the folders below the prefix.
    pub folders: BTreeMap<String, FolderReport>,
    /// What lies in further folders.
    pub other_folders: FolderReport,
    /// Objects that were written at other times.
    pub at_other_times: u64,
    /// Empty objects that only show a folder.
    pub folder_markers: u64,
    /// Objects that lie in an archive and cannot be read.
    pub archived: u64,
    /// The keys of the first of these.
    pub archived_keys: Vec<String>,
    /// Everything up to this key is done; none before the first one.
    pub done_up_to: Option<String>,
}

/// What lies in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FolderReport {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Nobody is told: for a look at what would be announced.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoQueue;

impl AnnounceObjects for NoQueue {
    async fn announce(&self, objects: &[LandedObject]) -> PortResult<Answers> {
        Ok(objects.iter().map(|_| Ok(())).collect())
    }
}

impl<L: ListLanding, A: AnnounceObjects> Backfill<L, A> {
    /// Announces what `landing` lists to `announcer`.
    pub const fn new(landing: L, announcer: A, settings: BackfillSettings) -> Self {
        Self { landing, announcer, settings }
    }

    /// Announces everything, and keeps `report` true after each step: it may be looked at in
    /// `watch`, and is what was done when this fails or is dropped.
    ///
    /// # Errors
    /// When a listing or an announcement fails in spite of all retries; `done_up_to` says where to
    /// go on.
    pub async fn run(
        &self,
        report: &mut BackfillReport,
        mut watch: impl FnMut(&BackfillReport),
    ) -> Result<(), LakeError> {
        let BackfillSettings { start_after, a_second, backoff, .. } = &self.settings;
        report.done_up_to.clone_from(start_after);
        let mut speed = Pace::new(*a_second);
        loop {
            let after = report.done_up_to.clone();
            let page = backoff.retry(|| self.landing.landed_after(after.as_deref())).await?;
            let mut rest = page.objects.as_slice();
            while let Some(last) = rest.last() {
                let (step, behind) = self.step(rest);
                let wanted: Vec<_> =
                    step.iter().filter(|object| self.is_wanted(object)).cloned().collect();
                speed.wait_for(wanted.len()).await;
                self.announce(&wanted, report).await?;
                for object in step {
                    self.count_left_out(object, report);
                }
                let done = step.last().unwrap_or(last);
                report.done_up_to = Some(done.announced.key.clone());
                watch(report);
                rest = behind;
            }
            if page.is_last {
                return Ok(());
            }
        }
    }

    /// As many of `objects` as make one batch, with what is left out between them, and the rest.
    fn step<'a>(&self, objects: &'a [LandedObject]) -> (&'a [LandedObject], &'a [LandedObject]) {
        let wanted = objects.iter().enumerate().filter(|(_, object)| self.is_wanted(object));
        let end = wanted.map(|(index, _)| index + 1).nth(QUEUE_BATCH_MAX - 1);
        objects.split_at_checked(end.unwrap_or(objects.len())).unwrap_or((objects, &[]))
    }

    async fn announce(
        &self,
        objects: &[LandedObject],
        report: &mut BackfillReport,
    ) -> Result<(), LakeError> {
        let call = async |left: &[LandedObject]| self.announcer.announce(left).await;
        let handover = hand_over(self.settings.backoff, objects, call).await;
        for object in handover.accepted_of(objects) {
            report.count(&object, &self.settings.prefix);
        }
        handover.error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn is_wanted(&self, object: &LandedObject) -> bool {
        !object.is_archived && !is_folder_marker(object) && self.is_of_the_time(object)
    }

    fn is_of_the_time(&self, object: &LandedObject) -> bool {
        let BackfillSettings { since, until, .. } = &self.settings;
        since.is_none_or(|since| since <= object.modified_at)
            && until.is_none_or(|until| object.modified_at < until)
    }

    fn count_left_out(&self, object: &LandedObject, report: &mut BackfillReport) {
        if is_folder_marker(object) {
            report.folder_markers += 1;
        } else if !self.is_of_the_time(object) {
            report.at_other_times += 1;
        } else if object.is_archived {
            report.archived += 1;
            if report.archived_keys.len() < NAMED_MAX {
                report.archived_keys.push(object.announced.key.clone());
            }
        }
    }
}

/// What consoles and copying tools put there to show a folder.
fn is_folder_marker(object: &LandedObject) -> bool {
    object.bytes == 0 && object.announced.key.ends_with('/')
}

impl BackfillReport {
    fn count(&mut self, object: &LandedObject, prefix: &str) {
        let key = &object.announced.key;
        self.objects += 1;
        self.bytes += object.bytes;
        self.first_key.get_or_insert_with(|| key.clone());
        self.last_key = Some(key.clone());
        let name = folder_below(key, prefix);
        let is_told_apart = self.folders.len() < FOLDERS_MAX || self.folders.contains_key(name);
        let folder = if is_told_apart {
            self.folders.entry(name.to_owned()).or_default()
        } else {
            &mut self.other_folders
        };
        folder.objects += 1;
        folder.bytes += object.bytes;
    }
}

/// The folder of a key, one level below that of the prefix at most: `camera/` of
/// `camera/2026/1.json`, but `camera/2026/` of it when the prefix is `camera/`.
fn folder_below<'a>(key: &'a str, prefix: &str) -> &'a str {
    let begin = prefix.rfind('/').map_or(0, |slash| slash + 1);
    let below = key.get(begin..).and_then(|rest| rest.find('/'));
    let end = below.map_or(begin, |slash| begin + slash + 1);
    key.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_level_below_the_prefix() {
        let check = |key: &str, prefix: &str, folder: &str| {
            assert_eq!(folder_below(key, prefix), folder, "{key} below {prefix}");
        };
        check("camera/2026/1.json", "", "camera/");
        check("camera/2026/1.json", "cam", "camera/");
        check("camera/2026/1.json", "camera/", "camera/2026/");
        check("camera/1.json", "camera/", "camera/");
        check("1.json", "", "");
        check("größe/ä/1.json", "größe/", "größe/ä/");
        check("a//1.json", "a/", "a//");
    }
}
