//! Bad records, as people are shown them.

use alluvium_lake::BadRecordReport;

/// Where it stands (in an editor's terms, as far as the file is not packed), what is wrong with
/// it and how it begins.
pub(crate) fn text(bad: &BadRecordReport) -> String {
    let BadRecordReport { source, record, offset, line, column, reason, message, excerpt } = bad;
    let begin = format!("! {source}:{line}:{column}: record {record} at byte {offset}\n");
    begin + &format!("  {reason}: {message}\n  {excerpt}\n")
}
