//! Which files become one.

use super::{
    plan::{PlannedBin, PlannedFile},
    settings::CompactionSettings,
    standing::{Standing, StandingFile},
};
use crate::UtcInstant;

/// Packs small files into bins, in the order of their events, so that as few bins as possible have
/// events of the same time and readers can leave out most of a partition. A bin is full when the
/// next file would take it past the target. Since every file is smaller than half of that, a full
/// bin is larger than half of it: what it becomes is not merged again, and at most one bin is not
/// full.
pub(super) fn pack(
    mut files: Vec<&StandingFile>,
    settings: &CompactionSettings,
) -> Vec<PlannedBin> {
    files.sort_by(|a, b| place(a).cmp(&place(b)));
    let mut full = Vec::new();
    let (mut bin, mut bytes) = (Vec::new(), 0);
    for file in files {
        let is_full = bytes + file.bytes > settings.target_bytes;
        if is_full || bin.len() == settings.inputs_max {
            full.push(std::mem::take(&mut bin));
            bytes = 0;
        }
        bytes += file.bytes;
        bin.push(PlannedFile { name: file.name.clone(), bytes: file.bytes });
    }
    full.push(bin);
    // A file alone is copied.
    let several = full.into_iter().filter(|inputs| inputs.len() > 1).take(settings.bins_max);
    let numbered = several.zip(0..).map(|(inputs, index)| PlannedBin { index, inputs });
    numbered.collect()
}

/// What was merged before is older than what came since. Without events the commit tells.
fn place(file: &StandingFile) -> (bool, UtcInstant, &str) {
    let is_fresh = match file.standing {
        Standing::Merged => false,
        Standing::Committed | Standing::Leftover | Standing::Open => true,
    };
    (is_fresh, file.first_event.unwrap_or(file.since), &file.name)
}
