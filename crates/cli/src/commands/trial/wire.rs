//! What the one who leads a trial and the agent on the host that is tried tell each other: a line of JSON each. The agent
//! puts everything back when the line breaks.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use doorward_model::trial::NotTried;
use doorward_site::Outcomes;
use serde::{Deserialize, Serialize};

/// What the agent is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ask {
    /// To get ready. The answer is [`Answer::Ready`].
    Begin(Begin),
    /// What of a plan cannot be tried here. The answer is [`Answer::Looked`].
    Look {
        /// The plan's file.
        plan: String,
    },
    /// To shut what a plan says, and to let things settle. The answer is [`Answer::Shut`].
    Shut {
        /// The plan's file.
        plan: String,
    },
    /// To stop and start the site's own services. The answer is [`Answer::Shut`].
    Fresh,
    /// To put everything back. The answer is [`Answer::Restored`].
    Restore,
    /// To run the site's tests. The answer is [`Answer::Tested`].
    Test {
        /// The tests' file.
        site: String,
        /// Where the site is.
        address: Option<IpAddr>,
        /// Tests at the same time.
        lanes: NonZeroUsize,
    },
}

/// How the agent is to work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Begin {
    /// The leader's version, which has to be the agent's as well.
    pub(super) version: String,
    /// Where journals are kept.
    pub(super) state: PathBuf,
    /// Whether a timer and the next boot put everything back if the agent cannot, and after how long: where the host is
    /// no copy that is thrown away.
    pub(super) switch: Option<Duration>,
    /// The site's own services, by unit, in an order in which they can be started.
    pub(super) own: Vec<String>,
    /// How long things settle; learned from the units where it is not said.
    pub(super) settle: Option<Duration>,
}

/// What the agent answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// It is ready.
    Ready,
    /// Steps that cannot be tried here, with the reason.
    Looked(Vec<NotTried>),
    /// Done or, with a reason, not; then everything is back.
    Shut {
        /// Why not, or what did not live on.
        problem: Option<String>,
    },
    /// What could not be put back: nothing, where all is well.
    Restored {
        /// In words.
        failures: Vec<String>,
    },
    /// What came of the tests.
    Tested(Outcomes),
    /// It could not do what was asked, and cannot go on.
    Failed(String),
}

/// No line is longer, in bytes: outcomes hold excerpts of answers.
pub(super) const LONGEST: u64 = 256 << 20;
