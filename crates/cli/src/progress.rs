//! Progress of what takes long, on standard error; bars only on a terminal.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use doorward_change::{Change, Observer, PreparedStep};
use doorward_plan::StepId;
use doorward_report::escape;
use doorward_search::Progress;
use doorward_site::Recording;
use doorward_trial::Manner;
use indicatif::{ProgressBar, ProgressStyle};

/// Shows how much of the watching is done.
pub(crate) struct Watching {
    bar: ProgressBar,
}

impl Watching {
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

impl Drop for Watching {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows how many machines are done.
pub(crate) struct Machines {
    bar: ProgressBar,
}

impl Machines {
    /// A bar for that many.
    pub(crate) fn new(all: usize) -> Self {
        let bar = ProgressBar::new(all as u64);
        if let Ok(style) =
            ProgressStyle::with_template("auditing [{bar:40}] {pos}/{len} machines, {eta} left")
        {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// One more is done.
    pub(crate) fn one_more(&mut self) {
        self.bar.inc(1);
    }

    /// A line on standard error, above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows how many of the site's checks are done, and how many of them failed.
pub(crate) struct Checks {
    bar: ProgressBar,
    failed: AtomicUsize,
}

impl Checks {
    /// A bar for that many.
    pub(crate) fn new(all: usize) -> Self {
        let bar = ProgressBar::new(all as u64);
        if let Ok(style) = ProgressStyle::with_template("testing [{bar:40}] {pos}/{len}{msg}, {eta} left") {
            bar.set_style(style);
        }
        Self { bar, failed: AtomicUsize::new(0) }
    }

    /// One more is done.
    pub(crate) fn done(&self, failed: bool) {
        if failed {
            let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            self.bar.set_message(format!(", {failed} failed"));
        }
        self.bar.inc(1);
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows how many pages of a site are recorded.
pub(crate) struct Pages {
    bar: ProgressBar,
}

impl Pages {
    /// A bar that knows of no page yet.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} pages") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Sets what is done.
    pub(crate) fn set(&self, now: Recording) {
        let round = format!("recording, round {} of {}", now.round, now.rounds);
        self.bar.set_message(match now.waits {
            Some(time) => format!("{round}, waiting {} s for what changes slowly", time.as_secs()),
            None => round,
        });
        self.bar.set_length(now.known as u64);
        self.bar.set_position(now.done as u64);
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows how far a trial is.
pub(crate) struct Trials {
    bar: ProgressBar,
    lanes: usize,
    began: Instant,
    done: usize,
}

impl Trials {
    /// A bar for trials on so many lanes at a time.
    pub(crate) fn new(lanes: usize) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, lanes: lanes.max(1), began: Instant::now(), done: 0 }
    }

    /// A round of trials begins, each of which shuts so many steps.
    pub(crate) fn round(&mut self, manner: Manner, progress: Option<Progress>, shut: &[usize]) {
        let counts: Vec<String> = shut.iter().map(ToString::to_string).collect();
        let how = match manner {
            Manner::Disabled => "off",
            Manner::Rebooted => "off, after a reboot",
            Manner::Applied => "off as planned, after a reboot",
        };
        let mut message = format!("{} {how}", counts.join(", "));
        if let Some(progress) = progress {
            let left = self.left(progress).map(|left| format!(", about {left} s left")).unwrap_or_default();
            message = format!(
                "trial {} of about {}{left}: {message}; {} unneeded, {} needed so far",
                progress.trial, progress.about, progress.shut, progress.kept
            );
        }
        self.done += shut.len();
        self.bar.set_message(message);
    }

    fn left(&self, progress: Progress) -> Option<u64> {
        let rounds = (progress.about + 1).saturating_sub(progress.trial).div_ceil(self.lanes);
        let made = self.done.div_ceil(self.lanes);
        let each = self.began.elapsed().checked_div(u32::try_from(made).ok()?)?;
        Some((each * u32::try_from(rounds).ok()?).as_secs())
    }

    /// A line on standard error, above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

impl Drop for Trials {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Shows the steps of a plan, and of its undoing, a line each.
pub(crate) struct Steps;

impl Observer for Steps {
    fn step(&mut self, at: usize, of: usize, step: &PreparedStep) {
        eprintln!("{}/{of}  {}", at + 1, escape(&step.id.to_string()));
    }

    fn undoing(&mut self, step: &StepId, change: &Change) {
        eprintln!("undo  {}: {}", escape(&step.to_string()), escape(&change.to_string()));
    }
}
