//! Finds a site's pages: from the first one, the sitemap and the logs on, breadth first, on the same origin.

use std::collections::{HashMap, HashSet, VecDeque};

use url::Url;

use super::page::{Page, sitemap};
use super::robots::Robots;
use super::{ALL, Learning, NotRecorded, RecordSettings, Recording, Refused, each, fetch, go_on};
use crate::file::Site;
use crate::logs::LogPaths;
use crate::run::client::{Answer, Unanswered};

/// Addresses that differ in their query alone: calendars and filters have no end.
const MOST_QUERIES: usize = 5;
/// Sitemaps that are read: one may be an index of others.
const MOST_SITEMAPS: usize = 10;
/// Addresses that wait are not more than this for each page that is wanted.
const WAITING: usize = 20;
/// What is in the path of a link that does something rather than show it.
const DEEDS: [&str; 6] = ["logout", "log-out", "signout", "delete", "remove", "unsubscribe"];

/// What was found.
#[derive(Default)]
pub(super) struct Crawled {
    pub(super) pages: Vec<Learning>,
    pub(super) refused: Vec<Refused>,
    pub(super) left_alone: usize,
    pub(super) more: bool,
}

/// A page that is to be fetched.
struct Wanted {
    method: String,
    url: Url,
    answer: Option<Result<Answer, Unanswered>>,
}

struct Frontier<'a> {
    site: &'a Site,
    robots: Option<Robots>,
    known: HashSet<(String, Url)>,
    queries: HashMap<String, usize>,
    /// Pages come before what they are shown with.
    pages: VecDeque<Wanted>,
    parts: VecDeque<Wanted>,
    most: usize,
    left_alone: usize,
    more: bool,
}

pub(super) fn crawl(
    site: &Site,
    logs: &LogPaths,
    settings: &RecordSettings,
    told: &(dyn Fn(Recording) + Sync),
) -> Result<Crawled, NotRecorded> {
    let most = settings.max_pages.get();
    let mut frontier = Frontier {
        site,
        robots: None,
        known: HashSet::new(),
        queries: HashMap::new(),
        pages: VecDeque::new(),
        parts: VecDeque::new(),
        most,
        left_alone: 0,
        more: false,
    };
    let mut maps: VecDeque<Url> = site.url.join("/sitemap.xml").into_iter().collect();
    let robots = site.url.join("/robots.txt").ok().and_then(|url| fetch(site, settings, "GET", &url).ok());
    if let Some(robots) = robots.filter(|answer| answer.status == 200).map(|a| Robots::read(&a.body)) {
        maps.extend(robots.sitemaps.iter().filter_map(|map| site.url.join(map).ok()));
        frontier.robots = (!settings.ignore_robots).then_some(robots);
    }
    frontier.add("GET", &site.url, true);
    if frontier.pages.is_empty() {
        let why = "robots.txt asks crawlers to leave the site alone (--ignore-robots for a site of your own)";
        return Err(NotRecorded::Nothing(why.to_owned()));
    }
    for (path, _) in logs.top() {
        if !settings.allow_post && !matches!(path.method.as_str(), "GET" | "HEAD") {
            continue;
        }
        let mut url = site.url.clone();
        if let Some(host) = path.host.as_deref().filter(|host| site.owns(host)) {
            // A name that is no host is another's.
            if url.set_host(Some(host)).is_err() {
                continue;
            }
        } else if path.host.is_some() {
            continue;
        }
        if let Ok(url) = url.join(&path.path) {
            frontier.add(&path.method, &url, true);
        }
    }
    read_sitemaps(&mut frontier, maps, settings);

    let mut crawled = Crawled::default();
    while crawled.pages.len() < most {
        let mut batch = frontier.next(settings.run.lanes.get().min(most - crawled.pages.len()));
        if batch.is_empty() {
            break;
        }
        each(&mut batch, &settings.run, |wanted| {
            wanted.answer = Some(fetch(site, settings, &wanted.method, &wanted.url));
        });
        go_on(settings, crawled.pages.len())?;
        for wanted in batch {
            let is_first = wanted.url == site.url && crawled.pages.is_empty();
            match wanted.answer {
                Some(Ok(answer)) => {
                    frontier.follow(&answer);
                    let page = Learning::of(&wanted.method, &wanted.url, &answer);
                    if let (true, Some(why)) = (is_first, &page.refused) {
                        return Err(NotRecorded::Failing { url: Box::new(wanted.url), why: why.clone() });
                    }
                    crawled.pages.push(page);
                }
                Some(Err(Unanswered::Refused(refused))) if is_first => {
                    let why = refused.to_string();
                    return Err(NotRecorded::Untrusted { url: Box::new(wanted.url), why });
                }
                Some(Err(why)) if is_first => {
                    return Err(NotRecorded::Failing { url: Box::new(wanted.url), why: why.to_string() });
                }
                Some(Err(why)) => crawled.refused.push(Refused { url: wanted.url, why: why.to_string() }),
                None => {}
            }
        }
        let known = (crawled.pages.len() + frontier.pages.len() + frontier.parts.len()).min(most);
        told(Recording { round: 1, rounds: ALL, done: crawled.pages.len(), known, waits: None });
    }
    crawled.left_alone = frontier.left_alone;
    crawled.more = frontier.more || !(frontier.pages.is_empty() && frontier.parts.is_empty());
    Ok(crawled)
}

fn read_sitemaps(frontier: &mut Frontier<'_>, mut maps: VecDeque<Url>, settings: &RecordSettings) {
    let mut read = HashSet::new();
    while let Some(map) = maps.pop_front() {
        if read.len() == MOST_SITEMAPS || !frontier.is_own(&map) || !read.insert(map.clone()) {
            continue;
        }
        let answer = fetch(frontier.site, settings, "GET", &map).ok().filter(|answer| answer.status == 200);
        for link in answer.iter().flat_map(|answer| sitemap(&answer.body)) {
            match map.join(&link) {
                Ok(url) if url.path().to_ascii_lowercase().ends_with(".xml") => maps.push_back(url),
                Ok(url) => frontier.add("GET", &url, true),
                Err(_) => {}
            }
        }
        maps.truncate(MOST_SITEMAPS * 2);
    }
}

impl Frontier<'_> {
    fn is_own(&self, url: &Url) -> bool {
        url.scheme() == self.site.url.scheme()
            && url.port_or_known_default() == self.site.url.port_or_known_default()
            && self.site.owns(url.host_str().unwrap_or_default())
    }

    fn add(&mut self, method: &str, url: &Url, is_page: bool) {
        let mut url = url.clone();
        url.set_fragment(None);
        let lower = url.as_str().to_ascii_lowercase();
        if !self.is_own(&url) || url != self.site.url && DEEDS.iter().any(|deed| lower.contains(deed)) {
            return;
        }
        if self.pages.len() + self.parts.len() >= self.most.saturating_mul(WAITING) {
            self.more = true;
            return;
        }
        if !self.known.insert((method.to_owned(), url.clone())) {
            return;
        }
        if url.query().is_some() {
            let same = self.queries.entry(url.path().to_owned()).or_default();
            *same += 1;
            if *same > MOST_QUERIES {
                self.more = true;
                return;
            }
        }
        let path =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        if self.robots.as_ref().is_some_and(|robots| !robots.allows(&path)) {
            self.left_alone += 1;
            return;
        }
        let wanted = Wanted { method: method.to_owned(), url, answer: None };
        if is_page { self.pages.push_back(wanted) } else { self.parts.push_back(wanted) }
    }

    fn next(&mut self, most: usize) -> Vec<Wanted> {
        let mut batch: Vec<Wanted> = self.pages.drain(..most.min(self.pages.len())).collect();
        // Parts wait until no page does.
        if batch.is_empty() {
            batch.extend(self.parts.drain(..most.min(self.parts.len())));
        }
        batch
    }

    fn follow(&mut self, answer: &Answer) {
        if !answer.header("content-type").is_some_and(|kind| kind.contains("html")) {
            return;
        }
        let page = Page::read(&String::from_utf8_lossy(&answer.body));
        let base = page.base.as_deref().and_then(|base| answer.url.join(base).ok());
        let base = base.unwrap_or_else(|| answer.url.clone());
        for (links, is_page) in [(&page.links, true), (&page.parts, false)] {
            for url in links.iter().filter_map(|link| base.join(link).ok()) {
                self.add("GET", &url, is_page);
            }
        }
    }
}
