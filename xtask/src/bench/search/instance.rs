//! Made sites to search: graph, priors, what is needed, by which tests.

use doorward_search::{Candidate, Item, Probability, Problem};
use fastrand::Rng;

use super::units::Units;

/// Which graph an instance gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Systemd,
    Windows,
}

/// How what is needed is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Needed {
    /// Each candidate by its prior; the searcher is given the priors.
    ByPriors,
    /// So many, uniformly; the searcher is given no priors.
    Uniform(usize),
}

/// What instances of a cell have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub(super) candidates: usize,
    pub(super) needed: Needed,
    /// How likely something needed has a partner that would do as well.
    pub(super) disjunctions: f64,
    pub(super) tests: usize,
}

/// Something that has to run: the item, or its partner.
#[derive(Debug, Clone)]
struct Need {
    item: usize,
    partner: Option<usize>,
    tests: Vec<bool>,
}

/// One made site.
pub(super) struct Instance {
    pub(super) problem: Problem,
    /// Each candidate with all that requires it.
    pub(super) up: Vec<Vec<usize>>,
    pub(super) down: Vec<Vec<usize>>,
    needs: Vec<Need>,
    pub(super) priors: Vec<f64>,
    pub(super) tests: usize,
    /// Bits that any search needs in the mean.
    pub(super) bound: f64,
}

impl Instance {
    pub(super) fn new(shape: &Shape, kind: Kind, units: &Units, rng: &mut Rng) -> Self {
        let requires = match kind {
            Kind::Systemd => units.sample(shape.candidates, rng),
            Kind::Windows => layered(shape.candidates, rng),
        };
        let down = closures(&requires);
        let mut up = vec![Vec::new(); down.len()];
        for (item, below) in down.iter().enumerate() {
            for &on in below {
                up[on].push(item);
            }
        }
        let priors = priors(shape.candidates, rng);
        let chosen = match shape.needed {
            Needed::ByPriors => independent(&priors, &up, rng),
            Needed::Uniform(count) => uniform(count, &down, rng),
        };
        let bound = match shape.needed {
            Needed::ByPriors => priors.iter().map(|&p| entropy(p)).sum(),
            Needed::Uniform(count) => log2_choose(shape.candidates, count),
        };
        let needs = chosen
            .iter()
            .map(|&item| Need {
                item,
                partner: (rng.f64() < shape.disjunctions).then(|| partner(item, &up, &down, rng)).flatten(),
                tests: tests(shape.tests, rng),
            })
            .collect();
        let given = (shape.needed == Needed::ByPriors).then_some(priors.as_slice());
        let problem = problem(&requires, given, shape.tests);
        Self { problem, up, down, needs, priors, tests: shape.tests, bound }
    }

    /// Whether the test fails when these are shut, without flaking.
    pub(super) fn fails(&self, shut: &[bool], test: usize) -> bool {
        self.needs.iter().any(|need| {
            need.tests[test] && shut[need.item] && need.partner.is_none_or(|partner| shut[partner])
        })
    }

    /// Whether any test fails when these are shut.
    pub(super) fn breaks(&self, shut: &[bool]) -> bool {
        (0..self.tests).any(|test| self.fails(shut, test))
    }
}

fn problem(requires: &[Vec<usize>], priors: Option<&[f64]>, tests: usize) -> Problem {
    let mut problem = Problem::new((0..tests).map(|test| format!("test {test}"))).expect("tests");
    let items: Vec<Item> = (0..requires.len())
        .map(|item| {
            let candidate = Candidate::new(format!("service {item}"));
            let prior = priors.and_then(|priors| Probability::new(priors[item]));
            problem.add(Candidate { prior, ..candidate }).expect("a new name")
        })
        .collect();
    for (dependent, on) in requires.iter().enumerate() {
        for &on in on {
            problem.requires(items[dependent], items[on]).expect("items of the problem");
        }
    }
    problem
}

/// Layers of 8, 17, 35 and 40 %, as services of Windows lie: above the lowest, each requires some of the layers below.
fn layered(count: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
    let mut requires = vec![Vec::new(); count];
    let share = |percent: usize| (count * percent / 100).max(1).min(count);
    let starts = [0, share(8), share(25), share(60)];
    for (item, requires) in requires.iter_mut().enumerate().skip(starts[1]) {
        let high = starts.iter().rev().find(|&&start| start <= item).copied().unwrap_or(0);
        let degree = match rng.f64() {
            d if d < 0.3 => 0,
            d if d < 0.7 => 1,
            d if d < 0.9 => 2,
            _ => 3,
        };
        for _ in 0..degree {
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let on = (high as f64).powf(rng.f64() * rng.f64().max(0.3)).floor() as usize;
            requires.push(on.saturating_sub(1).min(high - 1));
        }
        requires.sort_unstable();
        requires.dedup();
    }
    requires
}

/// Each item with all that it requires. Without cycles, in any order.
pub(super) fn closures(requires: &[Vec<usize>]) -> Vec<Vec<usize>> {
    (0..requires.len())
        .map(|item| {
            let mut seen = vec![item];
            let mut at = 0;
            while at < seen.len() {
                for &on in &requires[seen[at]] {
                    if !seen.contains(&on) {
                        seen.push(on);
                    }
                }
                at += 1;
            }
            seen
        })
        .collect()
}

fn priors(count: usize, rng: &mut Rng) -> Vec<f64> {
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let scale = if count > 150 { 100.0 / count as f64 } else { 1.0 };
    let mut prior = || match rng.f64() {
        u if u < 0.5 => 0.002,
        u if u < 0.75 => 0.01,
        u if u < 0.9 => 0.05,
        u if u < 0.97 => 0.25,
        _ => 0.6,
    };
    (0..count).map(|_| prior() * scale).collect()
}

/// Independent draws; what another needed one requires is needed by that, not itself.
fn independent(priors: &[f64], up: &[Vec<usize>], rng: &mut Rng) -> Vec<usize> {
    let drawn: Vec<bool> = priors.iter().map(|&p| rng.f64() < p).collect();
    let itself = |item: usize| !up[item].iter().any(|&above| above != item && drawn[above]);
    (0..priors.len()).filter(|&item| drawn[item] && itself(item)).collect()
}

/// So many, uniformly, none of which requires another.
fn uniform(count: usize, down: &[Vec<usize>], rng: &mut Rng) -> Vec<usize> {
    loop {
        let mut all: Vec<usize> = (0..down.len()).collect();
        rng.shuffle(&mut all);
        let mut chosen: Vec<usize> = Vec::new();
        for item in all {
            let apart = |&other: &usize| !down[item].contains(&other) && !down[other].contains(&item);
            if chosen.len() < count && chosen.iter().all(apart) {
                chosen.push(item);
            }
        }
        if chosen.len() == count {
            return chosen;
        }
    }
}

/// One that would do as well: neither requires the other.
fn partner(item: usize, up: &[Vec<usize>], down: &[Vec<usize>], rng: &mut Rng) -> Option<usize> {
    let apart: Vec<usize> =
        (0..up.len()).filter(|other| !up[item].contains(other) && !down[item].contains(other)).collect();
    rng.choice(apart)
}

fn tests(count: usize, rng: &mut Rng) -> Vec<bool> {
    if rng.f64() < 0.35 {
        return vec![true; count];
    }
    let mut tests: Vec<bool> = (0..count).map(|_| rng.f64() < 0.3).collect();
    if !tests.contains(&true) {
        tests[rng.usize(..count)] = true;
    }
    tests
}

fn entropy(p: f64) -> f64 {
    -p * p.log2() - (1.0 - p) * (1.0 - p).log2()
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
pub(super) fn log2_choose(n: usize, k: usize) -> f64 {
    (0..k).map(|i| ((n - i) as f64 / (k - i) as f64).log2()).sum()
}
