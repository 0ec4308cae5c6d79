//! Records that could not be loaded, as rows of the quarantine table.

use std::{borrow::Cow, sync::Arc};

use alluvium_model::{Origin, QuarantineColumn, Reason, UtcInstant};
use arrow::{
    array::{ArrayRef, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Schema},
};

use crate::{
    ColumnarError, PlacedPart, Position, column::timestamp_type, encode::EncodedFile,
    encoding::Encoding, parquet_file::ParquetFile, part::Extent, sniff::Charset, utf16::Utf16,
};

/// Bytes of a bad record that are kept; of a longer one the source holds the rest.
pub const QUARANTINE_BYTES_MAX: usize = 64 << 10;

/// What a bad record takes in memory besides its bytes and its message, allocations included.
const OVERHEAD_BYTES: usize = 200;
/// Bad records written at a time: 8 MiB of bytes at most.
const BATCH_RECORDS: usize = 128;

/// A record that could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// Where it begins in the decompressed source.
    pub position: Position,
    /// How long it is there, in bytes.
    pub length: u64,
    /// Why it could not be loaded.
    pub reason: Reason,
    /// What is wrong, for people.
    pub message: String,
    /// Its bytes as they stand in the source, at most [`QUARANTINE_BYTES_MAX`].
    pub bytes: Vec<u8>,
    /// Whether more of it is in the source than could be read, even if not a byte of it was.
    is_cut: bool,
    /// Whether its bytes are its JSON text, which leaves out white space of the source.
    is_text: bool,
    charset: Charset,
    /// When it arrived, if it is known better than by its source.
    arrived_at: Option<UtcInstant>,
}

impl BadRecord {
    /// Whether `bytes` is all of it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.is_cut && (self.is_text || self.bytes.len() as u64 == self.length)
    }

    /// What it takes in memory.
    pub(crate) const fn memory_bytes(&self) -> usize {
        self.bytes.len() + self.message.len() + OVERHEAD_BYTES
    }

    /// A record of which no bytes were seen yet.
    #[must_use]
    pub const fn new(position: Position, reason: Reason, message: String) -> Self {
        let bytes = Vec::new();
        let (is_cut, is_text, charset) = (false, false, Charset::Utf8);
        let arrived_at = None;
        Self { position, length: 0, reason, message, bytes, is_cut, is_text, charset, arrived_at }
    }

    /// Notes that more of it is in the source than could be read.
    pub(crate) const fn cut_off(&mut self) {
        self.is_cut = true;
    }

    /// Leaves its bytes to the source.
    pub fn withhold(&mut self) {
        self.bytes.clear();
        self.is_cut = true;
    }

    /// A record that was read, but has no place in its table. Its bytes are its JSON text.
    pub(crate) fn refused(extent: Extent, message: String, text: &str) -> Self {
        let mut bad = Self::new(extent.position, Reason::Contract, message);
        bad.extend(text.as_bytes());
        bad.is_cut = bad.bytes.len() < text.len();
        (bad.length, bad.is_text) = (extent.bytes, true);
        bad
    }

    /// The same record, written like this.
    pub(crate) const fn written_in(mut self, charset: Charset) -> Self {
        self.charset = charset;
        self
    }

    /// What its first bytes say, for people; what is no text is replaced.
    #[must_use]
    pub fn excerpt(&self, bytes_max: usize) -> String {
        let shown = self.bytes.get(..bytes_max).unwrap_or(&self.bytes);
        let mut text = Vec::new();
        match Utf16::of(self.charset) {
            Some(mut utf16) => utf16.decode(shown, &mut text),
            None => text.extend_from_slice(shown),
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Takes the bytes that follow, as far as they are kept.
    pub fn extend(&mut self, bytes: &[u8]) {
        let room = QUARANTINE_BYTES_MAX - self.bytes.len();
        self.bytes.extend(bytes.iter().take(room));
        self.length += bytes.len() as u64;
    }

    /// Takes the text that follows, as the bytes that it came from.
    pub(crate) fn extend_with_text(&mut self, text: &[u8]) {
        if self.bytes.len() < QUARANTINE_BYTES_MAX {
            self.extend(&self.charset.source_bytes(text));
        } else {
            self.length += self.charset.source_length(text);
        }
    }

    /// What the table holds of it, apart from its source.
    pub(crate) fn in_table(&self) -> (u64, u64, Reason, &str, &[u8]) {
        (self.position.offset, self.length, self.reason, &self.message, &self.bytes)
    }

    /// The same record, that arrived then.
    pub(crate) const fn arrived(mut self, at: UtcInstant) -> Self {
        self.arrived_at = Some(at);
        self
    }
}

/// The bad records of a part, in their order. Those that a contract refuses are made as they are
/// asked for: there may be as many as good ones.
#[derive(Clone, Copy)]
pub struct BadRecords<'a> {
    bad: &'a [(u64, BadRecord)],
    refused: Option<&'a PlacedPart<'a>>,
}

impl<'a> BadRecords<'a> {
    /// These bad records, each with its index in the source.
    #[must_use]
    pub const fn of(bad: &'a [(u64, BadRecord)]) -> Self {
        Self { bad, refused: None }
    }

    /// And those that were refused of the same part.
    pub(crate) const fn and_refused(self, placed: &'a PlacedPart<'a>) -> Self {
        Self { refused: Some(placed), ..self }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bad.len() + self.refused.map_or(0, |placed| placed.refused().len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each with its index in the source.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Cow<'a, BadRecord>)> + use<'a> {
        let placed = self.refused;
        let rows = placed.map_or(0..0, PlacedPart::refused);
        let refused = rows.filter_map(move |row| placed?.refused_record(row));
        let mut refused = refused.map(|(record, bad)| (record, Cow::Owned(bad))).peekable();
        let mut bad = self.bad.iter().map(|(record, bad)| (*record, Cow::Borrowed(bad))).peekable();
        std::iter::from_fn(move || match (bad.peek(), refused.peek()) {
            (Some((one, _)), Some((other, _))) if other < one => refused.next(),
            (None, _) => refused.next(),
            (Some(_), _) => bad.next(),
        })
    }

    /// All of them as a Parquet file of the quarantine table.
    ///
    /// # Errors
    /// Only by a bug: no input makes this fail.
    pub fn encode(&self, origin: &Origin) -> Result<EncodedFile, ColumnarError> {
        let fields = QuarantineColumn::ALL.map(field);
        let mut file = ParquetFile::new(Schema::new(fields.to_vec()), None)?;
        file.row_group(|column, sink| {
            let Some(column) = QuarantineColumn::ALL.get(column) else { return Ok(()) };
            let mut records = self.iter();
            loop {
                let batch: Vec<_> = records.by_ref().take(BATCH_RECORDS).collect();
                if batch.is_empty() {
                    return Ok(());
                }
                sink(array(*column, &batch, origin))?;
            }
        })?;
        let (bytes, rows) = file.finish()?;
        Ok(EncodedFile { bytes, rows, rescued: 0, events: None })
    }
}

/// A column of a file of the quarantine table.
pub(crate) fn field(column: QuarantineColumn) -> Field {
    let data_type = match column {
        QuarantineColumn::Reason
        | QuarantineColumn::Message
        | QuarantineColumn::Source
        | QuarantineColumn::Bytes
        | QuarantineColumn::Encoding => DataType::Utf8,
        QuarantineColumn::Record | QuarantineColumn::Offset | QuarantineColumn::Length => {
            DataType::Int64
        }
        QuarantineColumn::Complete => DataType::Boolean,
        QuarantineColumn::ArrivedAt => timestamp_type(),
    };
    Field::new(column.name(), data_type, true)
}

fn array(
    column: QuarantineColumn,
    batch: &[(u64, Cow<'_, BadRecord>)],
    origin: &Origin,
) -> ArrayRef {
    let texts = |text: fn(&BadRecord) -> Cow<'_, str>| -> ArrayRef {
        Arc::new(batch.iter().map(|(_, bad)| Some(text(bad))).collect::<StringArray>())
    };
    let integers = |integer: fn(&(u64, Cow<'_, BadRecord>)) -> u64| -> ArrayRef {
        Arc::new(batch.iter().map(|bad| i64::try_from(integer(bad)).ok()).collect::<Int64Array>())
    };
    match column {
        QuarantineColumn::Reason => texts(|bad| bad.reason.name().into()),
        QuarantineColumn::Message => texts(|bad| bad.message.as_str().into()),
        QuarantineColumn::Source => {
            Arc::new(batch.iter().map(|_| Some(&origin.source)).collect::<StringArray>())
        }
        QuarantineColumn::Record => integers(|(index, _)| *index),
        QuarantineColumn::Offset => integers(|(_, bad)| bad.position.offset),
        QuarantineColumn::Length => integers(|(_, bad)| bad.length),
        QuarantineColumn::Bytes => texts(|bad| Encoding::of(&bad.bytes).1),
        QuarantineColumn::Encoding => texts(|bad| Encoding::of(&bad.bytes).0.name().into()),
        QuarantineColumn::Complete => {
            Arc::new(batch.iter().map(|(_, bad)| Some(bad.is_complete())).collect::<BooleanArray>())
        }
        QuarantineColumn::ArrivedAt => {
            let at = |bad: &BadRecord| bad.arrived_at.unwrap_or(origin.arrived_at).micros();
            let micros: Vec<_> = batch.iter().map(|(_, bad)| at(bad)).collect();
            Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))
        }
    }
}
