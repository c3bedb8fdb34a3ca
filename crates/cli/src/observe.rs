//! The progress bar of `--observe`, on standard error and only on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how much of the watching is done.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for a watch of that length.
    pub(crate) fn new(whole: Duration) -> Self {
        let bar = ProgressBar::new(whole.as_secs());
        if let Ok(style) = ProgressStyle::with_template("watching connections [{bar:40}] {pos}/{len} s") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Sets the time that has passed.
    pub(crate) fn tick(&mut self, elapsed: Duration) {
        self.bar.set_position(elapsed.as_secs());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
