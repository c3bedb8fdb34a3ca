//! Writes a site's checks from the site itself: its pages as links, its sitemap and its access logs name them, each
//! fetched several times, without what changes by itself.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use url::Url;

use crate::file::{Expect, HttpCheck, Request, SIZE_LIMIT, Site, TIME_LIMIT, Tls};
use crate::logs::LogPaths;
use crate::outcome::Mismatch;
use crate::run::client::{Answer, Client, Question, Unanswered};
use crate::run::expect::without;
use crate::run::{Settings, network_in, run};
use crate::until::pause;
use crate::values::{Pattern, Sha256, Time};

mod clock;
mod crawl;
mod learn;
mod page;
mod robots;

/// How often each page is fetched.
const ROUNDS: usize = 4;
/// Time from one fetch of a page to the next: clocks that show seconds have moved on.
const PAUSE: Duration = Duration::from_millis(1100);
/// How often the written checks are run to see that they hold.
const PROOFS: usize = 2;
/// The round in which what changes slowly is fetched once more, and all rounds.
const SLOW: usize = ROUNDS + 1;
const ALL: usize = SLOW + PROOFS;
/// Text that is compared word by word is not longer, in bytes; of what is longer, only its sum is compared.
const LONGEST_TEXT: usize = 1 << 20;

/// How a site is recorded.
#[derive(Debug, Clone)]
pub struct RecordSettings {
    /// Where the site is, and how many pages are fetched at a time.
    pub run: Settings,
    /// Which certificates are trusted. Written into the file.
    pub tls: Option<Tls>,
    /// Other names of the site's host. Written into the file.
    pub hosts: Vec<String>,
    /// So many pages, with what they are shown with, are recorded at most.
    pub max_pages: NonZeroUsize,
    /// Fetch what `robots.txt` asks crawlers to leave alone.
    pub ignore_robots: bool,
    /// Each fetch may take so long; written into the file. As long as a check that does not say so if left out.
    pub time_limit: Option<Time>,
    /// Each page is fetched once more after this time, to see what changes slowly. If left out, those pages are that show
    /// a clock, after a minute.
    pub pause: Option<Time>,
    /// Record requests of logs that are neither GET nor HEAD: they are sent without a body.
    pub allow_post: bool,
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The checks. Each passed several times.
    pub site: Site,
    /// What failed already, so that no check can rest on it.
    pub refused: Vec<Refused>,
    /// Pages that change too much to be compared: status and title alone are checked.
    pub loose: Vec<Url>,
    /// How many addresses `robots.txt` asks to leave alone.
    pub left_alone: usize,
    /// There was more than the most pages asked for.
    pub more: bool,
}

/// A page that was not recorded. Hostile text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its address.
    pub url: Url,
    /// Why.
    pub why: String,
}

/// Why nothing was recorded. Hostile text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRecorded {
    /// Not even the first page is well.
    #[error("{url}: {why}: a site that fails cannot be recorded")]
    Failing {
        /// Its address.
        url: Box<Url>,
        /// Why.
        why: String,
    },
    /// The first page shows a certificate that is not trusted.
    #[error("{url}: {why}; if that is the site's own, give it with --pin")]
    Untrusted {
        /// Its address.
        url: Box<Url>,
        /// Why, and the certificate's sum.
        why: String,
    },
    /// Robots are asked to leave, or nothing passed.
    #[error("{0}")]
    Nothing(String),
    /// Somebody stopped it.
    #[error("stopped after {pages} pages were found: no tests were written")]
    Stopped {
        /// How many pages were found until then.
        pages: usize,
    },
}

/// What is being done, for a progress bar: pages fetched, of so many known so far, in this round of all rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    /// The round, from 1.
    pub round: usize,
    /// Of so many.
    pub rounds: usize,
    /// Pages fetched in it.
    pub done: usize,
    /// Pages that are known.
    pub known: usize,
    /// It waits for what changes slowly: seconds until these pages are fetched once more.
    pub waits: Option<Duration>,
}

/// A page while it is learned.
struct Learning {
    method: String,
    url: Url,
    status: u16,
    ends_at: Option<String>,
    kind: Option<String>,
    title: Option<String>,
    /// The first body, where it is text of a size that is compared.
    text: Option<String>,
    sum: Sha256,
    ignore: Vec<Pattern>,
    /// It changes too much.
    loose: bool,
    refused: Option<String>,
}

/// Records a site.
///
/// # Panics
/// When `told` does.
pub fn record(
    url: &Url,
    logs: &LogPaths,
    settings: &RecordSettings,
    told: &(dyn Fn(Recording) + Sync),
) -> Result<Recorded, NotRecorded> {
    let mut site = Site::new(url.clone());
    site.url.set_fragment(None);
    site.hosts.clone_from(&settings.hosts);
    site.tls.clone_from(&settings.tls);
    site.time_limit = settings.time_limit;
    let minute = clock::minute();
    let began = Instant::now();
    let crawled = crawl::crawl(&site, logs, settings, told)?;
    let mut pages = crawled.pages;
    let mut last = began;
    for round in 2..=ROUNDS {
        pause((last + PAUSE).saturating_duration_since(Instant::now()), &settings.run.stop);
        last = Instant::now();
        fetch_again(&mut pages.iter_mut().collect::<Vec<_>>(), &site, settings, round, told);
        go_on(settings, pages.len())?;
    }
    let shows_clock = |page: &&mut Learning| settings.pause.is_some() || page.shows_clock(minute);
    let mut slow: Vec<&mut Learning> = pages.iter_mut().filter(shows_clock).collect();
    if !slow.is_empty() {
        let known = slow.len();
        let long = settings.pause.map_or(clock::PAUSE, |pause| pause.0);
        told(Recording { round: SLOW, rounds: ALL, done: 0, known, waits: Some(long) });
        pause(long, &settings.run.stop);
        fetch_again(&mut slow, &site, settings, SLOW, told);
        go_on(settings, pages.len())?;
    }
    let (bad, good): (Vec<Learning>, Vec<Learning>) = pages.into_iter().partition(|p| p.refused.is_some());
    let mut refused = crawled.refused;
    refused.extend(bad.into_iter().map(|p| Refused { url: p.url, why: p.refused.unwrap_or_default() }));
    site.http = good.iter().map(Learning::check).collect();
    let proved = prove(&mut site, settings, told);
    go_on(settings, good.len())?;
    let refused_at = |(name, why): (String, String)| {
        let page = good.iter().find(|p| p.name() == name)?;
        Some(Refused { url: page.url.clone(), why })
    };
    refused.extend(proved.into_iter().filter_map(refused_at));
    let is_loose =
        |p: &&Learning| site.http.iter().any(|c| c.name == p.name() && c.request[0].expect.sha256.is_none());
    let loose = good.iter().filter(is_loose).map(|p| p.url.clone()).collect();
    if site.is_empty() {
        return Err(NotRecorded::Nothing("no page passed each time".to_owned()));
    }
    Ok(Recorded { site, refused, loose, left_alone: crawled.left_alone, more: crawled.more })
}

/// Fetches each page once more, and learns.
fn fetch_again(
    pages: &mut [&mut Learning],
    site: &Site,
    settings: &RecordSettings,
    round: usize,
    told: &(dyn Fn(Recording) + Sync),
) {
    let (done, known) = (AtomicUsize::new(0), pages.len());
    each(pages, &settings.run, |page| {
        if page.refused.is_none() {
            page.again(site, settings);
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        told(Recording { round, rounds: ALL, done, known, waits: None });
    });
}

/// An error once somebody stopped it.
fn go_on(settings: &RecordSettings, pages: usize) -> Result<(), NotRecorded> {
    let is_stopped = settings.run.stop.load(Ordering::Relaxed);
    if is_stopped { Err(NotRecorded::Stopped { pages }) } else { Ok(()) }
}

/// Runs the checks. One whose sum alone fails is checked without it; one that fails otherwise goes.
fn prove(
    site: &mut Site,
    settings: &RecordSettings,
    told: &(dyn Fn(Recording) + Sync),
) -> Vec<(String, String)> {
    let mut gone = Vec::new();
    for round in 1..=PROOFS {
        let (done, known) = (AtomicUsize::new(0), site.http.len());
        let outcomes = run(site, &settings.run, &|_| {
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            told(Recording { round: SLOW + round, rounds: ALL, done, known, waits: None });
        });
        for outcome in outcomes.failed() {
            let is_sum = |m: &Mismatch| m.what == "sha256";
            if outcome.mismatches.iter().all(is_sum) {
                let same = site.http.iter_mut().filter(|check| check.name == outcome.test.0);
                same.flat_map(|check| &mut check.request).for_each(|r| loosen(&mut r.expect));
            } else {
                site.http.retain(|check| check.name != outcome.test.0);
                let why = outcome.mismatches.first().map(ToString::to_string).unwrap_or_default();
                gone.push((outcome.test.0.clone(), why));
            }
        }
    }
    gone
}

fn loosen(expect: &mut Expect) {
    expect.sha256 = None;
    expect.ignore.clear();
}

/// Fetches a page as a visitor without cookies.
fn fetch(site: &Site, settings: &RecordSettings, method: &str, url: &Url) -> Result<Answer, Unanswered> {
    let network = network_in(site, &settings.run, settings.time_limit.unwrap_or(TIME_LIMIT).0);
    let tls = settings.tls.clone().unwrap_or_default();
    let client = Client::new(site, network, Arc::clone(&settings.run.trusted), tls, SIZE_LIMIT.0);
    let mut question = Question::get(url.clone());
    question.method =
        method.parse().map_err(|_| Unanswered::Unsendable(format!("{method:?} is no method")))?;
    client.ask(question, true)
}

impl Learning {
    /// From the first answer.
    fn of(method: &str, url: &Url, answer: &Answer) -> Self {
        let kind =
            answer.header("content-type").map(|k| k.split(';').next().unwrap_or_default().trim().to_owned());
        let text = str::from_utf8(&answer.body).ok().filter(|t| t.len() <= LONGEST_TEXT).map(str::to_owned);
        let is_html = kind.as_deref().is_some_and(|k| k.contains("html"));
        let title = text.as_deref().filter(|_| is_html).and_then(|t| page::Page::read(t).title);
        Self {
            method: method.to_owned(),
            url: url.clone(),
            status: answer.status,
            ends_at: (answer.url != *url).then(|| answer.url.to_string()),
            kind,
            title,
            text,
            sum: Sha256::of(&answer.body),
            ignore: Vec::new(),
            loose: false,
            refused: wrong(answer),
        }
    }

    /// Fetches it again, and learns from the difference.
    fn again(&mut self, site: &Site, settings: &RecordSettings) {
        let answer = match fetch(site, settings, &self.method, &self.url) {
            Ok(answer) => answer,
            Err(why) => return self.refused = Some(why.to_string()),
        };
        if let Some(why) = wrong(&answer) {
            return self.refused = Some(why);
        }
        if answer.status != self.status {
            return self.refused =
                Some(format!("status {} the first time, {} later", self.status, answer.status));
        }
        if self.ends_at.as_ref().is_some_and(|end| *end != answer.url.as_str()) {
            return self.refused = Some("it redirects to another place each time".to_owned());
        }
        let other = str::from_utf8(&answer.body).ok().filter(|t| t.len() <= LONGEST_TEXT);
        if self.title.as_ref().is_some_and(|title| !other.is_some_and(|t| t.contains(title.as_str()))) {
            self.title = None;
        }
        if self.loose || (self.ignore.is_empty() && Sha256::of(&answer.body) == self.sum) {
            return;
        }
        let learned = match (&self.text, other) {
            (Some(first), Some(other)) => learn::learn(&mut self.ignore, first, other),
            _ => false,
        };
        self.loose |= !learned;
    }

    /// Whether it has a time of about this minute that is compared.
    fn shows_clock(&self, minute: u64) -> bool {
        let text = self.text.as_ref().filter(|_| !self.loose && self.refused.is_none());
        text.is_some_and(|text| {
            clock::shows(&String::from_utf8_lossy(&without(text.as_bytes(), &self.ignore)), minute)
        })
    }

    fn name(&self) -> String {
        let shown = match self.url.query() {
            Some(query) => format!("{} {}?{query}", self.method, self.url.path()),
            None => format!("{} {}", self.method, self.url.path()),
        };
        // Names are short; what is longer is told apart by its sum.
        match shown.char_indices().nth(150) {
            Some((end, _)) => format!("{}… {:.12}", &shown[..end], Sha256::of(shown.as_bytes()).to_string()),
            None => shown,
        }
    }

    fn check(&self) -> HttpCheck {
        let mut expect =
            Expect { status: Some(self.status), ends_at: self.ends_at.clone(), ..Expect::default() };
        if let Some(kind) = self.kind.as_deref().filter(|k| !k.is_empty()) {
            let pattern = format!("^{}", regex::escape(kind)).parse().ok();
            expect.header.extend(pattern.map(|p| ("content-type".to_owned(), p)));
        }
        expect.contains.extend(self.title.clone().filter(|title| !title.contains("${")));
        if !self.loose {
            expect.sha256 = Some(match &self.text {
                Some(text) => Sha256::of(&without(text.as_bytes(), &self.ignore)),
                None => self.sum,
            });
            expect.ignore.clone_from(&self.ignore);
        }
        let url = self.url.as_str().replace("${", "%24%7B");
        let method = (self.method != "GET").then(|| self.method.clone());
        let request = Request { method, expect, ..Request::get(&url) };
        HttpCheck { name: self.name(), tls: None, time_limit: None, request: vec![request] }
    }
}

/// Why an answer is not what a check can rest on.
fn wrong(answer: &Answer) -> Option<String> {
    if answer.status >= 400 {
        return Some(format!("status {}", answer.status));
    }
    answer.cut.then(|| format!("larger than {SIZE_LIMIT}"))
}

/// Does the same to each, so many at a time, unless it is stopped.
fn each<T: Send>(all: &mut [T], settings: &Settings, work: impl Fn(&mut T) + Sync) {
    let queue = Mutex::new(all.iter_mut());
    let next = || queue.lock().expect("nothing panics while it is held").next();
    thread::scope(|scope| {
        for _ in 0..settings.lanes.get() {
            scope.spawn(|| {
                while let (false, Some(one)) = (settings.stop.load(Ordering::Relaxed), next()) {
                    work(one);
                }
            });
        }
    });
}
