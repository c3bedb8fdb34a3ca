//! Tests of a web site: their file, running them, their baseline, and recording them from the site itself.
//!
//! 1. [`read`] and [`print()`] are the file `site.toml`: named checks of what a visitor, or a program, asks of the site;
//! 2. [`run()`] runs them side by side, each within its time limit, and tells for each [`Test`] whether it passed, what
//!    was expected and what was seen. A host name can be led to another address, as a copy of the site has one;
//! 3. [`Baseline::measure`] runs them several times and tells how often each fails by itself;
//! 4. [`record()`] writes the file from the site: its pages, and what its access logs say is asked for most;
//! 5. [`coverage()`] tells which of a server's endpoints and of its logs' paths the checks touch.
//!
//! What comes from the site is hostile: bodies, lines and results are bounded, redirects stay on the site, and no shell
//! is involved. Text of outcomes is shown by whoever escapes it.
#![forbid(unsafe_code)]

mod baseline;
mod coverage;
mod file;
mod logs;
mod net;
mod outcome;
mod record;
mod results;
mod run;
mod until;
mod values;

pub use baseline::{Baseline, Broken, Measured, NoBaseline, Rate, rates};
pub use coverage::{Coverage, Endpoint, coverage};
pub use file::*;
pub use logs::{LogLine, LogPath, LogPaths};
pub use outcome::{Exchange, Mismatch, Outcome, Outcomes, Test, Verdict};
pub use record::{NotRecorded, RecordSettings, Recorded, Recording, Refused, record};
pub use results::{Case, Ending, MOST_CASES, ResultsError, junit, tap, write_junit};
pub use run::{Settings, run};
pub use url::Url;
pub use values::{InvalidValue, JsonQuery, Pattern, Sha256, Size, Time};
