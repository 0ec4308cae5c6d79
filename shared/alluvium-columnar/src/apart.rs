//! A round on a thread of its own, to which records are handed over in batches.

use std::{
    mem,
    panic::resume_unwind,
    sync::mpsc::{Receiver, SendError, Sender, SyncSender, channel, sync_channel},
    thread::{self, JoinHandle},
};

use crate::{
    Part,
    members::{Member, Record},
    part::Extent,
    quarantine::BadRecord,
    read::Reader,
    round::{Fill, Round},
};

/// What is handed over at a time, but for its last record: bytes of text and bad records.
const BATCH_BYTES: usize = 256 << 10;
/// And records of both kinds.
const BATCH_RECORDS: usize = 4_096;
/// Batches that wait at most.
const BATCHES_WAITING: usize = 2;
/// A record with more members, or more text than a batch, is handed over as it is instead of being
/// copied, and nothing is done until it is flattened: two of them would be too many in memory.
pub(crate) const MEMBERS_COPIED_MAX: usize = 1 << 14;

/// The end of a round that records are given to.
pub(crate) struct Apart {
    /// How full the round will be once it has everything.
    fill: Fill,
    batch: Batch,
    /// None once the thread is to end.
    batches: Option<SyncSender<Batch>>,
    done: Receiver<Done>,
    /// Batches that were handed over and are not done.
    under_way: usize,
    thread: Option<JoinHandle<()>>,
}

/// What is handed over at a time.
#[derive(Default)]
struct Batch {
    /// Bytes of text and bad records.
    bytes: usize,
    text: String,
    members: Vec<Member>,
    entries: Vec<Entry>,
    ends_round: bool,
}

enum Entry {
    /// A record that reaches to here in text and members of the batch.
    Record {
        text: usize,
        members: usize,
        extent: Extent,
    },
    Large {
        text: String,
        members: Vec<Member>,
        extent: Extent,
    },
    Bad(Box<BadRecord>),
}

/// What comes of a batch: the room that it took, and the parts of the round that it ended.
struct Done {
    room: Batch,
    parts: Option<Vec<Part>>,
}

impl Apart {
    /// Goes on with a round on another thread; none if the system has none to give. Then the round
    /// is as it was.
    pub(crate) fn new(round: &mut Round) -> Option<Self> {
        let fill = *round.fill();
        let (batches, to_do) = sync_channel(BATCHES_WAITING);
        let (finished, done) = channel();
        let (give, given) = channel::<Round>();
        let work = move || {
            if let Ok(round) = given.recv() {
                fill_rounds(round, &to_do, &finished);
            }
        };
        let thread = thread::Builder::new().spawn(work).ok()?;
        if let Err(SendError(kept)) = give.send(round.leave()) {
            *round = kept;
            return None;
        }
        let (batches, thread) = (Some(batches), Some(thread));
        Some(Self { fill, batch: Batch::default(), batches, done, under_way: 0, thread })
    }

    pub(crate) const fn fill(&self) -> &Fill {
        &self.fill
    }

    /// Takes the record that was read last.
    pub(crate) fn push(&mut self, reader: &mut Reader) {
        let (record, extent) = (reader.record(), reader.extent());
        self.fill.add(record.text.len());
        let batch = &mut self.batch;
        if record.members.len() > MEMBERS_COPIED_MAX || record.text.len() > BATCH_BYTES {
            let (text, members) = reader.take_record();
            batch.entries.push(Entry::Large { text, members, extent });
            self.hand_over();
            return self.wait();
        }
        batch.text.push_str(record.text);
        batch.members.extend_from_slice(record.members);
        batch.bytes += record.text.len();
        let (text, members) = (batch.text.len(), batch.members.len());
        batch.entries.push(Entry::Record { text, members, extent });
        self.hand_over_if_full();
    }

    /// Takes a bad record.
    pub(crate) fn push_bad(&mut self, bad: BadRecord) {
        self.fill.add(bad.memory_bytes());
        self.batch.bytes += bad.memory_bytes();
        self.batch.entries.push(Entry::Bad(Box::new(bad)));
        self.hand_over_if_full();
    }

    /// Gives the parts that have records, and begins the next round.
    pub(crate) fn end_round(&mut self) -> Vec<Part> {
        self.fill.end_round();
        self.batch.ends_round = true;
        self.hand_over();
        let mut parts = None;
        while self.under_way > 0 {
            parts = self.receive().parts.or(parts);
        }
        // None if a panic was caught that should not have been: whoever counts records sees it.
        parts.unwrap_or_default()
    }

    fn hand_over_if_full(&mut self) {
        if self.batch.bytes >= BATCH_BYTES || self.batch.entries.len() >= BATCH_RECORDS {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let room = if let Ok(done) = self.done.try_recv() {
            self.under_way -= 1;
            done.room
        } else {
            Batch::default()
        };
        let batch = mem::replace(&mut self.batch, room);
        self.under_way += 1;
        if self.batches.as_ref().is_none_or(|batches| batches.send(batch).is_err()) {
            self.fail();
        }
    }

    /// Waits until everything is done that was handed over.
    fn wait(&mut self) {
        while self.under_way > 0 {
            self.receive();
        }
    }

    fn receive(&mut self) -> Done {
        let Ok(done) = self.done.recv() else {
            self.fail();
            return Done { room: Batch::default(), parts: None };
        };
        self.under_way -= 1;
        done
    }

    /// Passes the panic on that ended the other thread: it ends by nothing else.
    fn fail(&mut self) {
        (self.batches, self.under_way) = (None, 0);
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            resume_unwind(panic);
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Without batches the thread ends. What it might panic with nobody waits for any more.
        self.batches = None;
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Fills rounds until nothing more comes, or nobody wants to know.
fn fill_rounds(mut round: Round, to_do: &Receiver<Batch>, finished: &Sender<Done>) {
    while let Ok(mut batch) = to_do.recv() {
        batch.give(&mut round);
        let parts = mem::take(&mut batch.ends_round).then(|| round.take());
        if finished.send(Done { room: batch, parts }).is_err() {
            return;
        }
    }
}

impl Batch {
    /// Gives everything to a round.
    fn give(&mut self, round: &mut Round) {
        let (mut from_text, mut from_members) = (0, 0);
        for entry in self.entries.drain(..) {
            match entry {
                Entry::Record { text, members, extent } => {
                    let record = Record {
                        text: self.text.get(from_text..text).unwrap_or_default(),
                        members: self.members.get(from_members..members).unwrap_or_default(),
                    };
                    round.push(record, extent);
                    (from_text, from_members) = (text, members);
                }
                Entry::Large { text, members, extent } => {
                    round.push(Record { text: &text, members: &members }, extent);
                }
                Entry::Bad(bad) => round.push_bad(*bad),
            }
        }
        self.text.clear();
        self.members.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alluvium_model::{Limits, Origin, TableRules};

    use super::*;
    use crate::{frame::Frame, part::SourceFacts};

    fn round(limits: Limits) -> Round {
        let arrived_at = "2026-11-28T00:00:00Z".parse().unwrap();
        let origin = Origin { source: "s".to_owned(), arrived_at };
        Round::new(Arc::new(SourceFacts::new(origin, Arc::new(TableRules::default()), limits)))
    }

    /// Reads a text; says what is in each part of the round that `push` filled.
    fn parts(
        text: &str,
        mut push: impl FnMut(&mut Reader, Option<BadRecord>) -> Option<Vec<Part>>,
    ) -> Vec<String> {
        let mut input = bytes::Bytes::copy_from_slice(text.as_bytes());
        let mut reader = Reader::new(Limits::default(), Vec::new());
        let mut all = Vec::new();
        loop {
            let parts = match reader.next(&mut input, true) {
                Frame::Record => push(&mut reader, None),
                Frame::Bad(bad) => push(&mut reader, Some(bad)),
                Frame::NeedInput | Frame::End => break,
            };
            all.extend(parts.into_iter().flatten().map(|part| describe(&part)));
        }
        all
    }

    fn describe(part: &Part) -> String {
        let rows = (0..usize::try_from(part.rows()).unwrap()).map(|row| part.record_text(row));
        let rows: Vec<_> = rows.map(Option::unwrap).collect();
        format!("{} {:?} {rows:?} {:?}", part.index(), part.span(), part.bad_records())
    }

    #[test]
    fn rounds_are_the_same_on_another_thread() {
        let wide: Vec<_> = (0..2 * MEMBERS_COPIED_MAX).map(|n| format!("\"{n}\":{n}")).collect();
        let lines = (0..40_000).map(|n| match n % 1_000 {
            7 => format!("{{\"n\":{n},}}\n"),
            900 if n < 4_000 => format!("{{{}}}\n", wide.join(",")),
            _ => format!("{{\"n\": {n}, \"o\": {{\"k\": [{n}]}}}}\n"),
        });
        let text: String = lines.collect();
        let limits = Limits { part_records: 9_000, ..Limits::default() };
        let mut here = round(limits);
        let alone = parts(&text, |reader, bad| {
            match bad {
                Some(bad) => here.push_bad(bad),
                None => here.push(reader.record(), reader.extent()),
            }
            here.fill().is_full().then(|| here.take())
        });
        let mut apart = Apart::new(&mut round(limits)).unwrap();
        let together = parts(&text, |reader, bad| {
            match bad {
                Some(bad) => apart.push_bad(bad),
                None => apart.push(reader),
            }
            apart.fill().is_full().then(|| apart.end_round())
        });
        assert_eq!(alone.len(), 4);
        assert!(alone == together);
        assert_eq!(here.fill().next_record(), apart.fill().next_record());
        assert_eq!(here.fill().records(), apart.fill().records());
    }

    #[test]
    #[should_panic(expected = "no part")]
    fn a_panic_of_the_other_thread_is_passed_on() {
        let thread = thread::spawn(|| panic!("no part"));
        let (batches, _) = sync_channel(1);
        let (_, done) = channel();
        let (batches, thread) = (Some(batches), Some(thread));
        let fill = *round(Limits::default()).fill();
        Apart { fill, batch: Batch::default(), batches, done, under_way: 0, thread }.end_round();
    }
}
