//! Access logs: what visitors ask for, and how often. nginx's and Apache's common and combined forms, with the virtual
//! host before it or not, and the W3C form of IIS.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde::Serialize;

mod line;

use line::Form;
pub use line::LogLine;

/// The longest line that is read, in bytes.
const LONGEST_LINE: u64 = 64 << 10;
/// So much of a log is read, in bytes (unpacked).
const MOST_BYTES: u64 = 8 << 30;
/// So many different paths are kept; those that come later are only counted.
const MOST_PATHS: usize = 200_000;

/// What logs tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPaths {
    hits: HashMap<LogPath, u64>,
    /// Lines that told a request that was answered well.
    pub requests: u64,
    /// Lines that are no request: of another form, or damaged.
    pub unreadable: u64,
    /// Requests for paths that came after the first 200,000 different ones.
    pub beyond: u64,
}

/// What was asked for. Hostile text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LogPath {
    /// The virtual host, where the log tells it.
    pub host: Option<String>,
    /// The method.
    pub method: String,
    /// Path, and query if there is one.
    pub path: String,
}

impl LogPaths {
    /// Adds a log's lines. A file that ends with `.gz` is unpacked.
    pub fn add_file(&mut self, path: &Path) -> io::Result<()> {
        let file = BufReader::new(File::open(path)?);
        if path.extension().is_some_and(|end| end == "gz") {
            self.add(BufReader::new(MultiGzDecoder::new(file)))
        } else {
            self.add(file)
        }
    }

    /// Adds the last lines of a log, of so many bytes at most, and returns how many bytes that were.
    pub fn add_end(&mut self, mut file: File, most: u64) -> io::Result<u64> {
        let length = file.metadata()?.len();
        let start = length.saturating_sub(most);
        let mut log = BufReader::new(&mut file);
        if start > 0 {
            // From the first whole line on.
            log.seek(SeekFrom::Start(start - 1))?;
            log.skip_until(b'\n')?;
        }
        // What is written meanwhile is another time's.
        let read = length - start;
        self.add(log.take(read))?;
        Ok(read)
    }

    /// Adds lines.
    pub fn add(&mut self, log: impl BufRead) -> io::Result<()> {
        let mut log = log.take(MOST_BYTES);
        let mut form = Form::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = log.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(());
            }
            let cut = !line.ends_with(b"\n") && read as u64 == LONGEST_LINE;
            if cut {
                log.skip_until(b'\n')?;
                self.unreadable += 1;
                continue;
            }
            match form.read(&String::from_utf8_lossy(&line)) {
                Some(Ok((path, status))) if status < 400 => self.count(path),
                Some(Ok(_)) | None => {}
                Some(Err(())) => self.unreadable += 1,
            }
        }
    }

    fn count(&mut self, path: LogPath) {
        self.requests += 1;
        if let Some(hits) = self.hits.get_mut(&path) {
            *hits += 1;
        } else if self.hits.len() < MOST_PATHS {
            self.hits.insert(path, 1);
        } else {
            self.beyond += 1;
        }
    }

    /// Paths with their hits, most first.
    pub fn top(&self) -> Vec<(&LogPath, u64)> {
        let mut all: Vec<(&LogPath, u64)> = self.hits.iter().map(|(path, hits)| (path, *hits)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(log: &str) -> (Vec<String>, u64) {
        let mut paths = LogPaths::default();
        paths.add(log.as_bytes()).unwrap();
        let shown = |(path, hits): (&LogPath, u64)| {
            format!("{hits} {} {} {}", path.host.as_deref().unwrap_or("-"), path.method, path.path)
        };
        (paths.top().into_iter().map(shown).collect(), paths.unreadable)
    }

    const COMBINED: &str = "192.0.2.1 - - [29/Nov/2026:18:00:00 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"Mozilla \\\"x\\\"\"\n\
        2001:db8::1 - bob [29/Nov/2026:18:00:01 +0000] \"GET /a HTTP/2.0\" 304 0 \"-\" \"x\"\n\
        192.0.2.1 - - [29/Nov/2026:18:00:02 +0000] \"POST /b?c=\\\"d HTTP/1.1\" 302 5\n\
        192.0.2.1 - - [29/Nov/2026:18:00:02 +0000] \"GET /gone HTTP/1.1\" 404 5 \"-\" \"x\"\n\
        192.0.2.1 - - [29/Nov/2026:18:00:02 +0000] \"\\x16\\x03\" 400 5 \"-\" \"x\"\n\
        shop.example:443 192.0.2.1 - - [29/Nov/2026:18:00:02 +0000] \"HEAD / HTTP/1.1\" 200 5 \"-\" \"x\"\n\
        nonsense\n\n";

    const W3C: &str = "#Software: Microsoft Internet Information Services 10.0\r\n\
        #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-host sc-status\r\n\
        2026-11-29 18:00:00 192.0.2.9 GET /Default.aspx - 80 shop.example 200\r\n\
        2026-11-29 18:00:00 192.0.2.9 GET /find q=5 80 - 200\r\n\
        2026-11-29 18:00:00 192.0.2.9 GET /short\r\n\
        #Fields: cs-method cs-uri-stem sc-status\r\n\
        GET /find 500\r\nGET /x 200\r\n";

    #[test]
    fn logs_of_both_forms() {
        let expected = ["2 - GET /a", "1 - POST /b?c=\"d", "1 shop.example HEAD /"];
        assert_eq!(told(COMBINED), (expected.map(str::to_owned).to_vec(), 2));
        let expected = ["1 - GET /find?q=5", "1 - GET /x", "1 shop.example GET /Default.aspx"];
        assert_eq!(told(W3C), (expected.map(str::to_owned).to_vec(), 1));
    }

    #[test]
    fn the_end_of_a_log_begins_with_a_whole_line() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let line = |n| format!("a - - [x] \"GET /{n} HTTP/1.1\" 200 5\n");
        std::io::Write::write_all(&mut path.as_file(), (0..100).map(line).collect::<String>().as_bytes())
            .unwrap();
        let last = line(98).len() as u64 + line(99).len() as u64;
        for (most, requests) in [(u64::MAX, 100), (last, 2), (last - 1, 1), (5, 0), (0, 0)] {
            let mut paths = LogPaths::default();
            paths.add_end(File::open(path.path()).unwrap(), most).unwrap();
            assert_eq!((paths.requests, paths.unreadable), (requests, 0), "{most}");
        }
    }

    #[test]
    fn what_has_no_lines_is_bounded() {
        let long = format!("{}\n{COMBINED}", "a".repeat(1 << 20));
        assert_eq!(told(&long).1, 3);
        let line = |n| format!("a - - [x] \"GET /{n} HTTP/1.1\" 200 5\n");
        let many = (0..MOST_PATHS + 5).map(line).collect::<Vec<_>>().concat();
        let mut paths = LogPaths::default();
        paths.add(many.as_bytes()).unwrap();
        assert_eq!((paths.top().len(), paths.beyond), (MOST_PATHS, 5));
    }

    proptest! {
        #[test]
        fn every_line_is_counted_once_or_left_out(start in 0..COMBINED.len(), by in proptest::collection::vec(any::<u8>(), 0..20)) {
            for whole in [COMBINED, W3C] {
                let start = start.min(whole.len());
                let bytes = [&whole.as_bytes()[..start], &by, &whole.as_bytes()[start..]].concat();
                let mut paths = LogPaths::default();
                paths.add(bytes.as_slice()).unwrap();
                let lines = bytes.split(|&b| b == b'\n').count() as u64;
                prop_assert!(paths.requests + paths.unreadable <= lines);
                prop_assert_eq!(paths.top().iter().map(|(_, hits)| hits).sum::<u64>(), paths.requests);
            }
        }
    }
}
