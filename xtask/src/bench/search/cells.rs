//! The cells that are measured, and what is to be reached in each.

use std::fmt;

use super::instance::{Needed, Shape};
use super::run::Figures;

/// What is to be reached at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// Trials in the mean, as times the bound.
    TimesBound(f64),
    /// Trials, always.
    Trials(f64),
    /// Rounds in the mean.
    Rounds(f64),
    /// As the first, and one wrong result in so many.
    Noisy(f64, f64),
    None,
}

impl Goal {
    /// Whether it is; none where there is no goal. Without noise no result may be wrong.
    pub(super) fn reached(self, figures: &Figures) -> Option<bool> {
        #[expect(clippy::cast_precision_loss, reason = "counts")]
        let wrong = figures.wrong.len() as f64;
        match self {
            Self::TimesBound(times) => Some(figures.ratio() <= times && wrong == 0.0),
            Self::Trials(trials) => Some(figures.lbs.max <= trials && wrong == 0.0),
            Self::Rounds(rounds) => Some(figures.rounds.mean <= rounds && wrong == 0.0),
            #[expect(clippy::cast_precision_loss, reason = "counts")]
            Self::Noisy(times, one_in) => {
                Some(figures.ratio() <= times && wrong * one_in <= figures.instances as f64)
            }
            Self::None => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimesBound(times) => write!(f, "mean <= {times:.2} x bound"),
            Self::Trials(trials) => write!(f, "<= {trials} trials"),
            Self::Rounds(rounds) => write!(f, "mean <= {rounds} rounds"),
            Self::Noisy(times, one_in) => {
                write!(f, "mean <= {times:.2} x bound, wrong <= 1 in {one_in}")
            }
            Self::None => Ok(()),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) lanes: usize,
    /// Rates of false failures and false passes.
    pub(super) noise: Option<(f64, f64)>,
    pub(super) goal: Goal,
}

/// All cells. "or": of three needed ones, one has another that would do; "tests": that, and five tests.
pub(super) fn all() -> Vec<Cell> {
    let shape = |candidates, needed| Shape { candidates, needed, disjunctions: 0.0, tests: 1 };
    let mut cells = Vec::new();
    let mut add = |name: String, shape: Shape, lanes, noise, goal| {
        cells.push(Cell { name, shape, lanes, noise, goal });
    };
    for n in [60, 150, 1000] {
        let natural = shape(n, Needed::ByPriors);
        add(format!("prior-{n}"), natural, 1, None, Goal::TimesBound(1.10));
        add(format!("prior-{n}-or"), Shape { disjunctions: 0.3, ..natural }, 1, None, Goal::TimesBound(1.10));
        add(
            format!("prior-{n}-tests"),
            Shape { tests: 5, disjunctions: 0.3, ..natural },
            1,
            None,
            Goal::None,
        );
    }
    for (n, k) in
        [(30, 3), (60, 3), (60, 8), (60, 12), (150, 3), (150, 8), (150, 12), (1000, 3), (1000, 8), (1000, 12)]
    {
        let goal = match n {
            30 => Goal::None,
            1000 => Goal::TimesBound(1.15),
            _ => Goal::TimesBound(1.25),
        };
        add(format!("flat-{n}-{k}"), shape(n, Needed::Uniform(k)), 1, None, goal);
    }
    for n in [60, 150, 1000] {
        add(format!("none-{n}"), shape(n, Needed::Uniform(0)), 1, None, Goal::Trials(3.0));
    }
    for (n, tests) in [(60, 1), (150, 1), (60, 5)] {
        let shape = Shape { tests, ..shape(n, Needed::ByPriors) };
        add(format!("noise-{n}-t{tests}"), shape, 1, Some((0.02, 0.002)), Goal::Noisy(2.2, 10_000.0));
    }
    for lanes in [2, 4, 8] {
        let goal = if lanes == 8 { Goal::Rounds(3.0) } else { Goal::None };
        add(format!("lanes-60-p{lanes}"), shape(60, Needed::ByPriors), lanes, None, goal);
    }
    let many = Shape { tests: 5, disjunctions: 0.3, ..shape(60, Needed::ByPriors) };
    add("lanes-60-p8-tests".into(), many, 8, None, Goal::None);
    add("noise-60-p4".into(), shape(60, Needed::ByPriors), 4, Some((0.02, 0.002)), Goal::None);
    cells
}
