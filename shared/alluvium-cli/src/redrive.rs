//! `alluvium redrive`

use std::{fmt, num::NonZeroU32};

use alluvium_aws::{Aws, QueueUrl, SqsQueue};
use alluvium_lake::{Backoff, Redrive, RedriveReport};
use clap::Args;
use serde::Serialize;

use crate::{
    interrupt::Interrupt,
    output::{self, Outcome, UsageError, count},
    progress::spinner,
};

/// Which letters are sent where.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// The dead-letter queue: the output `LandingDeadLetterQueueUrl` of the stack
    #[arg(long, value_name = "URL")]
    from: String,
    /// The queue that announces objects to the function: the output `LandingQueueUrl`
    #[arg(long, value_name = "URL")]
    to: String,
    /// Letters a second at most
    #[arg(long, value_name = "N", default_value = "100")]
    rate: NonZeroU32,
    /// Only count the letters
    #[arg(long)]
    dry_run: bool,
}

/// What became of the letters.
#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    report: RedriveReport,
    dry_run: bool,
    /// Why not all were sent back.
    error: Option<String>,
}

pub(crate) async fn run(how: How, json: bool) -> anyhow::Result<Outcome> {
    let queue = |url: &str| url.parse::<QueueUrl>().map_err(UsageError::NotAQueue);
    let (from, to) = (queue(&how.from)?, queue(&how.to)?);
    if from == to {
        return Err(UsageError::SameQueue.into());
    }
    let aws = Aws::from_environment().await;
    let (dead, queue) = (SqsQueue::new(&aws, from), SqsQueue::new(&aws, to));
    let redrive = Redrive::new(dead, queue, Some(how.rate), Backoff::default());
    let mut report = RedriveReport::default();
    redrive.count(&mut report).await?;
    let error = if how.dry_run { None } else { send_back(&redrive, &mut report).await? };
    let summary = Summary { report, dry_run: how.dry_run, error };
    if json {
        output::print_json(&summary)?;
    } else {
        output::print(&summary.to_string())?;
    }
    let Some(error) = summary.error else { return Ok(Outcome::Done) };
    eprintln!("error: {error}");
    Ok(Outcome::Failed)
}

/// Sends letters back; returns why not all of them.
async fn send_back(
    redrive: &Redrive<SqsQueue, SqsQueue>,
    report: &mut RedriveReport,
) -> anyhow::Result<Option<String>> {
    let interrupt = Interrupt::note()?;
    let spinner = spinner("letters");
    let ended = tokio::select! {
        ended = redrive.run(report, |report| spinner.set_position(report.moved)) => Some(ended),
        () = interrupt.asked() => None,
    };
    spinner.finish_and_clear();
    Ok(match ended {
        Some(Ok(())) if report.is_complete() => None,
        Some(Ok(())) => Some(
            "no more letters can be taken now: an interrupted run or somebody else has taken the \
             rest, which comes back within minutes"
                .to_owned(),
        ),
        Some(Err(error)) => Some(format!("{:#}", anyhow::Error::from(error))),
        None => Some("it was interrupted; letters in between come back within minutes".to_owned()),
    })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RedriveReport { found, taken_by_others, moved } = self.report;
        let found = count(found, "dead letter", "dead letters");
        if self.dry_run {
            writeln!(f, "{found} would be sent back")?;
        } else {
            writeln!(f, "{moved} of {found} sent back")?;
        }
        if taken_by_others > 0 {
            let letters = count(taken_by_others, "more letter", "more letters");
            writeln!(f, "{letters} taken by somebody else; what is not removed comes back")?;
        }
        Ok(())
    }
}
