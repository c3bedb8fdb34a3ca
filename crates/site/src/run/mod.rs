//! Runs checks side by side, each within its time limit.

mod body;
pub(crate) mod client;
mod dns;
pub(crate) mod expect;
mod family;
mod http;
mod program;
mod suite;
mod tcp;

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::file::{Site, TIME_LIMIT};
use crate::net::{Network, Trusted};
use crate::outcome::{Mismatch, Outcome, Outcomes};
use crate::until::Until;
use crate::values::Time;

/// How checks are run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address at which the site's hosts are, instead of what their names say: a copy of the site. Names in TLS and
    /// in requests stay as they are.
    pub address: Option<IpAddr>,
    /// Checks that run at the same time.
    pub lanes: NonZeroUsize,
    /// Set from elsewhere, it ends within some tenths of a second: no further check is begun, those that run are broken
    /// off, programs are killed. Neither have an outcome.
    pub stop: Arc<AtomicBool>,
    pub(crate) trusted: Arc<Trusted>,
}

/// More checks at a time than this would test the site's load, not its parts.
const LANES: NonZeroUsize = NonZeroUsize::new(4).expect("not zero");

impl Default for Settings {
    fn default() -> Self {
        Self { address: None, lanes: LANES, stop: Arc::default(), trusted: Arc::default() }
    }
}

/// Runs all checks. `done` is told of each as it is done: outcomes of its tests. It takes at most the sum of the checks'
/// time limits, divided by the lanes, and some milliseconds for each. Outcomes are in the same order in each run.
///
/// # Panics
/// When `done` does.
pub fn run(site: &Site, settings: &Settings, done: &(dyn Fn(&[Outcome]) + Sync)) -> Outcomes {
    let jobs = jobs(site);
    let results: Mutex<Vec<Option<Vec<Outcome>>>> = Mutex::new(jobs.iter().map(|_| None).collect());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..settings.lanes.get().min(jobs.len()) {
            scope.spawn(|| {
                while !settings.stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(at) else { return };
                    let outcomes = job.run(site, settings);
                    if settings.stop.load(Ordering::Relaxed) {
                        // It may have failed for that alone.
                        return;
                    }
                    done(&outcomes);
                    results.lock().expect("nothing panics while it is held")[at] = Some(outcomes);
                }
            });
        }
    });
    let results = results.into_inner().expect("nothing panics while it is held");
    Outcomes { tests: results.into_iter().flatten().flatten().collect() }
}

type Work<'a> = Box<dyn Fn(&Site, &Settings) -> Vec<Outcome> + Sync + Send + 'a>;

struct Job<'a> {
    name: &'a str,
    work: Work<'a>,
}

impl Job<'_> {
    /// A check that a library fails on fails, and the others go on.
    fn run(&self, site: &Site, settings: &Settings) -> Vec<Outcome> {
        let began = Instant::now();
        catch_unwind(AssertUnwindSafe(|| (self.work)(site, settings))).unwrap_or_else(|_| {
            let wrong = Mismatch::new("check", "an outcome", "this program failed; please report it");
            vec![Outcome::of(self.name, began.elapsed(), vec![wrong], Vec::new())]
        })
    }
}

fn jobs(site: &Site) -> Vec<Job<'_>> {
    fn one<'a>(name: &'a str, work: impl Fn(&Site, &Settings) -> Outcome + Sync + Send + 'a) -> Job<'a> {
        Job { name, work: Box::new(move |site, settings| vec![work(site, settings)]) }
    }
    // What takes long comes first.
    let mut jobs: Vec<Job<'_>> = Vec::new();
    for check in &site.suite {
        let work = |site: &Site, settings: &Settings| suite::run(check, site, settings);
        jobs.push(Job { name: &check.name, work: Box::new(work) });
    }
    jobs.extend(site.command.iter().map(|check| one(&check.name, |s, t| program::check(check, s, t))));
    jobs.extend(site.http.iter().map(|check| one(&check.name, |s, t| http::run(check, s, t))));
    jobs.extend(site.greeting.iter().map(|check| one(&check.name, |s, t| tcp::greeting(check, s, t))));
    jobs.extend(site.tcp.iter().map(|check| one(&check.name, |s, t| tcp::run(check, s, t))));
    jobs.extend(site.dns.iter().map(|check| one(&check.name, |s, t| dns::run(check, s, t))));
    jobs
}

fn time_limit(site: &Site, own: Option<Time>) -> Duration {
    own.or(site.time_limit).unwrap_or(TIME_LIMIT).0
}

/// The network of a check that begins now.
fn network(site: &Site, settings: &Settings, limit: Option<Time>) -> Network {
    network_in(site, settings, time_limit(site, limit))
}

/// The network of what has so much time from now on.
pub(crate) fn network_in(site: &Site, settings: &Settings, limit: Duration) -> Network {
    let mut led = site.hosts.clone();
    led.push(site.host().to_owned());
    Network { led, to: settings.address, until: Until::in_time(limit, &settings.stop) }
}
