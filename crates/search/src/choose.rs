//! Which prefixes of the line tell most.

use crate::line::Line;
use crate::noise::Rates;

/// Where the line may break before its risky part, at least that likely, that part is left alone.
const LATE: f64 = 0.02;

/// Weight of the other tests where the likeliest to fail is undecided between prefixes.
const TIE: f64 = 0.01;

/// Binary entropy in bits.
pub(crate) fn entropy(p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 { 0.0 } else { -p * p.log2() - (1.0 - p) * (1.0 - p).log2() }
}

/// Bits that a test's result tells of whether it should fail, which it should that likely.
fn bits(failing: f64, rates: Option<Rates>) -> f64 {
    let (false_fail, false_pass) = rates.map_or((0.0, 0.0), |r| (r.false_fail(), r.false_pass()));
    let fails = failing * (1.0 - false_pass) + (1.0 - failing) * false_fail;
    entropy(fails) - failing * entropy(false_pass) - (1.0 - failing) * entropy(false_fail)
}

/// Lengths of prefixes to be tried at the same time, at most so many. `posteriors` and `rates` by test; `late` tells
/// nodes that are risky to restart, which lie last.
pub(crate) fn lengths(
    line: &Line,
    posteriors: &[Vec<f64>],
    rates: &dyn Fn(usize) -> Option<Rates>,
    late: &[bool],
    lanes: usize,
) -> Vec<usize> {
    // How likely each prefix fails each test.
    let failing: Vec<Vec<f64>> = posteriors.iter().map(|posterior| running_sums(posterior)).collect();
    let risky = line.order.iter().position(|&node| late[node]).unwrap_or(line.len());
    let undecided =
        risky > 0 && failing.iter().any(|sums| sums[risky - 1] > LATE && sums[risky - 1] < 1.0 - LATE);
    let longest = if undecided { risky } else { line.len() };

    // The test likeliest to fail stands for all, which mostly need the same: to halve where that one breaks ends the
    // search soonest, as measured. Where results err, each test's own bits count: they are repeated evidence.
    let noisy = rates(0).is_some();
    let told = |length: usize| -> f64 {
        let each = |test: usize| bits(failing[test][length - 1], rates(test));
        let sum: f64 = (0..failing.len()).map(each).sum();
        let likeliest = failing.iter().map(|sums| sums[length - 1]).fold(0.0, f64::max);
        if noisy { sum } else { entropy(likeliest) + TIE * sum }
    };
    let Some(best) = (1..=longest).max_by(|&a, &b| told(a).total_cmp(&told(b))) else { return Vec::new() };
    if lanes == 1 {
        return vec![best];
    }
    // Several prefixes of one line cut the belief in equal parts. Where one place is likelier than a part, its two
    // sides are taken in turn.
    let test = (0..failing.len())
        .max_by(|&a, &b| entropy(failing[a][best - 1]).total_cmp(&entropy(failing[b][best - 1])))
        .unwrap_or(0);
    let sums = &failing[test];
    #[expect(clippy::cast_precision_loss, reason = "few lanes")]
    let cut = |lane: usize| {
        let part = (lane + 1) as f64 / (lanes + 1) as f64;
        let behind = sums.iter().position(|&sum| sum >= part).map_or(longest, |place| place + 1);
        let nearer = behind - usize::from(lane.is_multiple_of(2) && behind > 1);
        nearer.clamp(1, longest)
    };
    let mut lengths: Vec<usize> = (0..lanes).map(cut).collect();
    if !lengths.contains(&best) {
        lengths[lanes / 2] = best;
    }
    lengths
}

fn running_sums(values: &[f64]) -> Vec<f64> {
    values
        .iter()
        .scan(0.0, |sum, value| {
            *sum += value;
            Some(f64::min(*sum, 1.0))
        })
        .collect()
}
