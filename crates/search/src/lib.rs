//! Finds which services can be shut without breaking a site, in few trials, and proves it.
//!
//! Some of many candidates are needed, nobody knows which. A *trial* shuts some, with all that requires them, and runs the
//! site's tests. The search says which sets to try and is told what came out; it does no I/O, knows no clock, and gives
//! the same questions for the same answers. In the end there is a set that can be shut, to which nothing can be added:
//! - it was really tested, or is part of a set that was, and every test passed;
//! - every item that is kept has a *witness*: a trial that failed, in which nothing was shut but what is shut in the end
//!   and the item, with what requires it;
//! - priors, lanes and the order of trials change how many there are, never that.
//!
//! What is taken for granted: the untouched site passes, and shutting more never mends a site. Nothing else; "A or B must
//! run" is found as it is. With tests that flake, the same holds up to error rates that are said to the search.
//!
//! ```
//! use doorward_search::{Candidate, Outcome, Problem, Search, Settings};
//!
//! let mut problem = Problem::new(["the shop works"])?;
//! let web = problem.add(Candidate::new("web"))?;
//! let database = problem.add(Candidate::new("database"))?;
//! let printing = problem.add(Candidate::new("printing"))?;
//! problem.requires(web, database)?;
//!
//! let mut search = Search::start(&problem, &Settings::default())?;
//! let report = loop {
//!     search = match search {
//!         Search::Done(found) => break found.report().clone(),
//!         Search::Unsteady(_) => unreachable!("this site always does the same"),
//!         Search::Asks(round) => {
//!             // Shut what each lane says, run the tests, start it again.
//!             let works = |shut: &[_]| if shut.contains(&web) { Outcome::Failed } else { Outcome::Passed };
//!             let answers: Vec<_> = round.lanes().iter().map(|lane| vec![works(&lane.shut)]).collect();
//!             round.answer(&answers)?
//!         }
//!     }
//! };
//! assert_eq!(report.shut, [printing]);
//! assert_eq!(report.kept[1].needed, web); // the database is kept for the web server
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it searches
//! The candidates' graph is freed of cycles (`graph`) and laid on a line, what requires others before it, the least likely
//! needed first (`line`). Prefixes of the line are shut. For any predicate that shutting more never mends, each test has
//! one *first needed* node on it, and the belief where it is, given all results, is exact; the prefix is tried whose
//! result tells most (`choose`). Once found, the node leaves the line with all that it requires, what is known of the rest
//! stays, and the search goes on. How likely each node is needed follows from the priors, and from how well they foretold
//! what was found so far (`belief`). What the certificate lacks in the end is tried (`certify`); an item whose absence
//! turns out harmless goes back to the line. A maximal set may still keep more than it has to: `minimum` looks for that
//! on request.
//!
//! **Noise.** The same belief with results that err is a noisy binary search (Horstein 1963): it repeats trials where that
//! tells more than new ones, and doubts what it verified before when results say so, with no rule for either. The final
//! set is accepted on passes made for that alone, each kept item on failures of exactly the final set and the item.
//!
//! **Lanes.** Prefixes made at once tell `log2(lanes + 1)` bits. Without noise the sets are instead chosen to tell draws of
//! what is possible apart (`pool`), up to one bit a lane; these draws take each item to be needed for itself. Where "A or
//! B" makes that wrong, no draw fits any more, and the line goes on.
//!
//! # Beside other ways
//! One at a time takes a trial for each candidate. Delta debugging (ddmin; Zeller and Hildebrandt 2002) is made for tests
//! that may be unresolved and changes that interfere, which costs it. `ProbDD` (Wang et al. 2021) has a probability for each
//! item but forgets which of them failed together; `QuickXplain` (Junker 2004) remembers that, but splits by number and not
//! by probability. None takes results of several tests, several trials at a time, or flaking ones. Adaptive group testing
//! (Hwang 1972, and generalised binary splitting since) is where the search on a line comes from. `cargo xtask bench-search`
//! runs all beside each other.
#![forbid(unsafe_code)]

mod belief;
mod certify;
mod choose;
mod engine;
mod graph;
mod line;
mod log;
mod minimum;
mod noise;
mod pool;
mod problem;
mod report;
mod search;

pub use log::{Log, LogError, Outcome, Purpose, Trial};
pub use noise::{Noise, Rates};
pub use problem::{Candidate, Item, Probability, Problem, ProblemError};
pub use report::{Bound, Kept, Progress, Report};
pub use search::{Found, Lane, Mismatch, Refused, Round, Search, Settings, StartError, Unsteady};
