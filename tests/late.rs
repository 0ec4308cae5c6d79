//! A lake over a network: requests that were sent take effect although nobody waits for them any
//! more, and some that took effect are answered as if they had not.

mod catalog;

use std::{
    ops::Range,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
    time::Duration,
};

use alluvium_model::{
    PartitionEntry, Pointer, TableName, UtcInstant, Version, Versioned,
    layout::{Location, ObjectKey},
    ports::{
        CommitObjects, Copied, CopyObjects, DeleteObjects, ListObjects, ObjectEntry, PortResult,
        Put, ReadObjects, ReadRanges, Reread, TellTime, WriteObjects,
    },
};
use alluvium_testkit::{MemoryCatalog, MemoryClock, MemoryObjects};
use bytes::Bytes;
use fastrand::Rng;
use tokio::task::yield_now;

pub use catalog::LateCatalog;

/// A request that was sent takes effect within this time, whoever waits for it.
pub const LATE_MAX: Duration = Duration::from_secs(10);
/// Compare-and-sets of a hundred that took effect and are answered by a conflict: the SDK sent
/// them again when the answer got lost.
const FALSE_CONFLICTS: u32 = 2;

/// What a lake may be without, to see that a storm would notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Without {
    /// Nothing.
    #[default]
    Nothing,
    /// A pointer that was read is never found to have changed.
    Reread,
    /// Nobody is told of locations that are coming.
    Next,
    /// Whoever claims a source believes that it is his.
    Claim,
    /// Compare-and-sets do not compare.
    Compare,
}

/// What a request does.
#[derive(Clone, Debug)]
enum Effect {
    Put(ObjectKey, Bytes),
    Create(ObjectKey, Bytes),
    Replace(ObjectKey, Bytes, Version),
    Delete(Vec<ObjectKey>),
    Copy(ObjectKey, ObjectKey),
    Move(MemoryCatalog, TableName, PartitionEntry),
}

/// How a request was answered.
#[derive(Clone, Debug)]
enum Answer {
    Done,
    Put(Put),
    Copied(Copied),
}

/// How often something changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Anything.
    pub all: u64,
    /// An object that was there: only so does a ledger entry become committed.
    pub replaced: u64,
}

#[derive(Debug)]
struct Network {
    random: Rng,
    under_way: Vec<(UtcInstant, Effect)>,
    changes: Changes,
    late: u64,
}

/// Objects over a network. Clones share both.
#[derive(Clone, Debug)]
pub struct LateObjects {
    objects: MemoryObjects,
    clock: MemoryClock,
    network: Arc<Mutex<Network>>,
    without: Without,
}

/// A request between its sending and its effect.
struct Sent<'a> {
    objects: &'a LateObjects,
    effect: Option<Effect>,
}

/// Nobody waits for it any more: the network has it, or lost it.
impl Drop for Sent<'_> {
    fn drop(&mut self) {
        if let Some(effect) = self.effect.take() {
            let mut network = self.objects.network();
            let arrives = network.random.bool();
            let delay = LATE_MAX.mul_f64(network.random.f64());
            if arrives {
                network.under_way.push((self.objects.clock.after(delay), effect));
            }
        }
    }
}

impl LateObjects {
    /// These objects, over a network of its own.
    #[must_use]
    pub fn new(objects: MemoryObjects, clock: MemoryClock, random: Rng) -> Self {
        let network =
            Network { random, under_way: Vec::new(), changes: Changes::default(), late: 0 };
        let network = Arc::new(Mutex::new(network));
        Self { objects, clock, network, without: Without::Nothing }
    }

    /// The same objects, seen by somebody who is without something.
    #[must_use]
    pub fn without(&self, without: Without) -> Self {
        Self { without, ..self.clone() }
    }

    /// Lets everything take effect that is late until now; how many changes there were so far.
    #[expect(clippy::must_use_candidate, reason = "some only want it to happen")]
    pub fn catch_up(&self) -> Changes {
        let now = self.clock.now();
        let due: Vec<_> =
            self.network().under_way.extract_if(.., |(arrives, _)| *arrives <= now).collect();
        self.network().late += due.len() as u64;
        for (_, effect) in due {
            self.take_effect(&effect);
        }
        self.network().changes
    }

    /// Says that something changed that is not an object.
    pub fn changed(&self) {
        self.network().changes.all += 1;
    }

    /// How many requests took effect when nobody waited for them any more.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.network().late
    }

    async fn send(&self, effect: Effect) -> Answer {
        let mut sent = Sent { objects: self, effect: Some(effect) };
        yield_now().await;
        let answer = sent.effect.take().map_or(Answer::Done, |effect| self.take_effect(&effect));
        let is_hidden = self.network().random.u32(..100) < FALSE_CONFLICTS;
        match answer {
            Answer::Put(_) if is_hidden => Answer::Put(Put::Conflict),
            answer => answer,
        }
    }

    async fn send_put(&self, effect: Effect) -> Put {
        let Answer::Put(put) = self.send(effect).await else { unreachable!("it is no put") };
        put
    }

    fn take_effect(&self, effect: &Effect) -> Answer {
        self.network().changes.all += 1;
        let objects = &self.objects;
        match effect {
            Effect::Put(key, bytes) => {
                at_once(objects.put_object(key, bytes.clone())).unwrap();
            }
            Effect::Create(key, bytes) => {
                return Answer::Put(at_once(objects.create_object(key, bytes.clone())).unwrap());
            }
            Effect::Replace(key, bytes, version) => {
                self.network().changes.replaced += 1;
                let replaced = objects.replace_object(key, bytes.clone(), version);
                return Answer::Put(at_once(replaced).unwrap());
            }
            Effect::Delete(keys) => at_once(objects.delete_objects(keys)).unwrap(),
            Effect::Copy(from, to) => {
                return Answer::Copied(at_once(objects.copy_object(from, to)).unwrap());
            }
            Effect::Move(catalog, table, PartitionEntry { key, location }) => {
                assert!(catalog.move_partition(table, key, location.clone()));
            }
        }
        Answer::Done
    }

    fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap()
    }
}

/// What a future gives that waits for nothing.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    let turn = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    let given = match turn {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    };
    given.unwrap()
}

impl WriteObjects for LateObjects {
    async fn put_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<()> {
        self.send(Effect::Put(key.clone(), bytes)).await;
        Ok(())
    }
}

impl ReadObjects for LateObjects {
    async fn object(&self, key: &ObjectKey) -> PortResult<Option<Versioned<Bytes>>> {
        let found = self.objects.object(key).await?;
        let is_pointer = key.as_str().starts_with("_alluvium/pointers/");
        Ok(found.map(|mut found| {
            if is_pointer && self.without == Without::Next {
                let pointer: Pointer = serde_json::from_slice(&found.value).unwrap();
                let pointer = Pointer { next: None, ..pointer };
                found.value = serde_json::to_vec(&pointer).unwrap().into();
            }
            found
        }))
    }

    async fn object_since(&self, key: &ObjectKey, known: &Version) -> PortResult<Reread> {
        if self.without == Without::Reread {
            return Ok(Reread::Unchanged);
        }
        Ok(match self.object(key).await? {
            None => Reread::Gone,
            Some(found) if found.version == *known => Reread::Unchanged,
            Some(found) => Reread::Changed(found),
        })
    }
}

impl CommitObjects for LateObjects {
    async fn create_object(&self, key: &ObjectKey, bytes: Bytes) -> PortResult<Put> {
        // Somebody else is about to write the same file, and comes to nothing.
        let is_merged = key.as_str().contains("/merged-");
        if is_merged && self.network().random.u32(..100) < FALSE_CONFLICTS {
            yield_now().await;
            return Ok(Put::Conflict);
        }
        let put = self.send_put(Effect::Create(key.clone(), bytes.clone())).await;
        if put == Put::Conflict && self.without == Without::Claim {
            self.send(Effect::Put(key.clone(), bytes)).await;
            let written = self.objects.object(key).await?.unwrap();
            return Ok(Put::Done(written.version));
        }
        Ok(put)
    }

    async fn replace_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        version: &Version,
    ) -> PortResult<Put> {
        let mut version = version.clone();
        if self.without == Without::Compare
            && let Some(found) = self.objects.object(key).await?
        {
            version = found.version;
        }
        Ok(self.send_put(Effect::Replace(key.clone(), bytes, version)).await)
    }
}

impl DeleteObjects for LateObjects {
    async fn delete_objects(&self, keys: &[ObjectKey]) -> PortResult<()> {
        self.send(Effect::Delete(keys.to_vec())).await;
        Ok(())
    }
}

impl ListObjects for LateObjects {
    async fn list_objects(&self, location: &Location) -> PortResult<Vec<ObjectEntry>> {
        self.objects.list_objects(location).await
    }
}

impl TellTime for LateObjects {
    async fn now(&self) -> PortResult<UtcInstant> {
        Ok(self.clock.now())
    }
}

impl CopyObjects for LateObjects {
    async fn copy_object(&self, from: &ObjectKey, to: &ObjectKey) -> PortResult<Copied> {
        let copied = self.send(Effect::Copy(from.clone(), to.clone())).await;
        let Answer::Copied(copied) = copied else { unreachable!("it is no copy") };
        Ok(copied)
    }
}

impl ReadRanges for LateObjects {
    async fn object_range(&self, key: &ObjectKey, range: Range<u64>) -> PortResult<Option<Bytes>> {
        self.objects.object_range(key, range).await
    }
}
