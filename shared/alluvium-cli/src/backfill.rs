//! `alluvium backfill`

use std::{fmt, num::NonZeroU32};

use alluvium_aws::{Aws, BucketPrefix, QueueUrl, S3Landing, SqsQueue};
use alluvium_lake::{
    Backfill, BackfillReport, BackfillSettings, Backoff, FolderReport, LakeError, NoQueue,
};
use alluvium_model::{UtcInstant, ports::AnnounceObjects};
use clap::Args;
use serde::Serialize;

use crate::{
    interrupt::Interrupt,
    output::{self, Outcome, UsageError, bytes, count, printable},
    progress::spinner,
};

/// Folders that people are shown.
const SHOWN_MAX: usize = 20;
/// How a day is written.
const DAY: &str = "YYYY-MM-DD";

/// What is announced, and where.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// A bucket, and what the keys of its objects begin with
    #[arg(value_name = "s3://BUCKET/PREFIX")]
    place: String,
    /// The queue that announces objects to the function: the output `LandingQueueUrl` of the
    /// stack. Credentials, region and endpoints are found as by every AWS SDK
    #[arg(long, value_name = "URL", required_unless_present = "dry_run")]
    queue: Option<String>,
    /// Only objects that were written then or later: an instant in RFC 3339, or a day in UTC
    #[arg(long, value_name = "TIME", value_parser = instant_or_day)]
    since: Option<UtcInstant>,
    /// Only objects that were written earlier
    #[arg(long, value_name = "TIME", value_parser = instant_or_day)]
    until: Option<UtcInstant>,
    /// Objects a second at most. What comes in meanwhile waits behind what is announced faster
    /// than the function loads it
    #[arg(long, value_name = "N", default_value = "100")]
    rate: NonZeroU32,
    /// Only objects whose keys come behind this one: where an earlier run stopped
    #[arg(long, value_name = "KEY")]
    start_after: Option<String>,
    /// Only say what would be announced
    #[arg(long)]
    dry_run: bool,
}

/// What became of everything.
#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    report: BackfillReport,
    dry_run: bool,
    /// Why not everything was announced.
    error: Option<String>,
    #[serde(skip)]
    place: BucketPrefix,
}

pub(crate) async fn run(how: How, json: bool) -> anyhow::Result<Outcome> {
    let place: BucketPrefix = how.place.parse().map_err(UsageError::NotABucket)?;
    let queue: Option<QueueUrl> =
        how.queue.map(|url| url.parse()).transpose().map_err(UsageError::NotAQueue)?;
    if how.since.zip(how.until).is_some_and(|(since, until)| until <= since) {
        return Err(UsageError::NoTime.into());
    }
    let settings = BackfillSettings {
        prefix: place.prefix().to_owned(),
        since: how.since,
        until: how.until,
        start_after: how.start_after,
        a_second: (!how.dry_run).then_some(how.rate),
        backoff: Backoff::default(),
    };
    let aws = Aws::from_environment().await;
    let landing = S3Landing::new(&aws, place.clone());
    let (report, error) = match queue {
        Some(queue) if !how.dry_run => {
            announce(&Backfill::new(landing, SqsQueue::new(&aws, queue), settings)).await?
        }
        _ => announce(&Backfill::new(landing, NoQueue, settings)).await?,
    };
    let summary = Summary { report, dry_run: how.dry_run, error, place };
    if json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.to_string())?;
    }
    Ok(summary.end())
}

/// What was announced, and why it ended before its time.
async fn announce<A: AnnounceObjects>(
    backfill: &Backfill<S3Landing, A>,
) -> anyhow::Result<(BackfillReport, Option<String>)> {
    let interrupt = Interrupt::note()?;
    let spinner = spinner("objects");
    let mut report = BackfillReport::default();
    let watch = |report: &BackfillReport| {
        spinner.set_position(report.objects);
        spinner.set_message(printable(report.done_up_to.as_deref().unwrap_or_default()));
    };
    let ended: Option<Result<(), LakeError>> = tokio::select! {
        ended = backfill.run(&mut report, watch) => Some(ended),
        () = interrupt.asked() => None,
    };
    spinner.finish_and_clear();
    let error = match ended {
        Some(Ok(())) => None,
        Some(Err(error)) => Some(format!("{:#}", anyhow::Error::from(error))),
        None => Some("it was interrupted".to_owned()),
    };
    Ok((report, error))
}

impl Summary {
    /// Says on standard error what went wrong, and how to go on.
    fn end(&self) -> Outcome {
        let Some(error) = &self.error else { return Outcome::Done };
        eprintln!("error: {error}");
        match &self.report.done_up_to {
            Some(key) => eprintln!(
                "everything up to `{}` is done: to go on, do the same again with --start-after={}",
                printable(key),
                quoted(key),
            ),
            None => eprintln!("nothing is done yet: do the same again"),
        }
        Outcome::Failed
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let done = match (self.dry_run, report.objects) {
            (true, _) => "would be announced",
            (false, 1) => "was announced",
            (false, _) => "were announced",
        };
        let objects = count(report.objects, "object", "objects");
        writeln!(f, "{objects} of {} at {} {done}", bytes(report.bytes), self.place)?;
        if let (Some(first), Some(last)) = (&report.first_key, &report.last_key) {
            writeln!(f, "from {} to {}", printable(first), printable(last))?;
        }
        for (name, FolderReport { objects, bytes: size }) in report.folders.iter().take(SHOWN_MAX) {
            let objects = count(*objects, "object", "objects");
            let name = if name.is_empty() { "(no folder)" } else { name };
            writeln!(f, "  {}  {objects}, {}", printable(name), bytes(*size))?;
        }
        let hidden: u64 = report.folders.values().skip(SHOWN_MAX).map(|f| f.objects).sum();
        let hidden = hidden + report.other_folders.objects;
        if hidden > 0 {
            writeln!(f, "  {} in more folders", count(hidden, "object", "objects"))?;
        }
        if report.at_other_times > 0 {
            let objects = count(report.at_other_times, "object", "objects");
            writeln!(f, "{objects} written at other times left out")?;
        }
        if report.archived > 0 {
            let objects = count(report.archived, "archived object", "archived objects");
            writeln!(f, "! {objects} left out, to be restored first:")?;
            for key in &report.archived_keys {
                writeln!(f, "!   {}", printable(key))?;
            }
        }
        Ok(())
    }
}

/// An instant as it is written, or the beginning of a day in UTC.
fn instant_or_day(text: &str) -> Result<UtcInstant, String> {
    let day = (text.len() == DAY.len()).then(|| format!("{text}T00:00:00Z").parse().ok());
    let instant = || text.parse().ok();
    day.unwrap_or_else(instant)
        .ok_or_else(|| format!("neither an instant such as 2026-11-01T12:00:00Z nor a day, {DAY}"))
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_instants_or_days() {
        let check = |text: &str, expected: Option<&str>| {
            let instant = instant_or_day(text).ok().map(|instant| instant.to_string());
            assert_eq!(instant.as_deref(), expected, "{text}");
        };
        check("2026-11-01", Some("2026-11-01T00:00:00Z"));
        check("2026-11-01T12:30:00Z", Some("2026-11-01T12:30:00Z"));
        check("2026-11-01T12:30:00.5+02:00", Some("2026-11-01T10:30:00.5Z"));
        for text in ["", "2026-11", "2026-11-31", "01.11.2026", "2026-11-01T12:30:00", "yesterday"]
        {
            check(text, None);
        }
    }

    #[test]
    fn a_key_is_one_word_of_a_shell() {
        assert_eq!(quoted("camera/a b.json"), "'camera/a b.json'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
