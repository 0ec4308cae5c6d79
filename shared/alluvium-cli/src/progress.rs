//! A bar for people who wait.

use alluvium_model::ports::{Chunk, PortResult, ReadSource};
use indicatif::{ProgressBar, ProgressStyle};

/// A bar over this many bytes, drawn on standard error if that is a terminal.
pub(crate) fn bar(total_bytes: u64) -> ProgressBar {
    let template = "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(total_bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A count of so many things of which nobody knows how many there are, drawn alike.
pub(crate) fn spinner(things: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{pos}} {things} {{per_sec}} {{msg}}"));
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

/// A source whose reading moves a bar.
#[derive(Debug)]
pub(crate) struct Watched<R> {
    pub(crate) reader: R,
    pub(crate) bar: ProgressBar,
}

impl<R: ReadSource + Send> ReadSource for Watched<R> {
    async fn next_chunk(&mut self) -> PortResult<Chunk> {
        let chunk = self.reader.next_chunk().await?;
        if let Chunk::Bytes(bytes) = &chunk {
            self.bar.inc(bytes.len() as u64);
        }
        Ok(chunk)
    }
}
