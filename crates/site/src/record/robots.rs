//! `robots.txt` (RFC 9309): what a crawler is asked to leave alone.

/// A file is no longer; the RFC asks for at least so much, in bytes.
const LONGEST: usize = 500 << 10;
/// The name that files may know us by.
const OWN_NAME: &str = "doorward";

/// Rules for us, and the sitemaps that are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Robots {
    rules: Vec<(bool, String)>,
    pub(super) sitemaps: Vec<String>,
}

impl Robots {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]);
        let (mut own, mut all, mut sitemaps) = (None::<Vec<_>>, Vec::new(), Vec::new());
        // Whom the rules that follow are for: us, or anybody.
        let (mut is_own, mut is_all, mut names) = (false, false, false);
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "user-agent" => {
                    if !names {
                        (is_own, is_all) = (false, false);
                    }
                    names = true;
                    is_own |= value.eq_ignore_ascii_case(OWN_NAME);
                    is_all |= value == "*";
                    if is_own {
                        own.get_or_insert_default();
                    }
                }
                key @ ("allow" | "disallow") => {
                    names = false;
                    let rule = (key == "allow", value.to_owned());
                    if value.is_empty() {
                        continue;
                    }
                    if is_own {
                        own.get_or_insert_default().push(rule);
                    } else if is_all {
                        all.push(rule);
                    }
                }
                "sitemap" if sitemaps.len() < 10 => sitemaps.push(value.to_owned()),
                _ => {}
            }
        }
        Self { rules: own.unwrap_or(all), sitemaps }
    }

    /// Whether a path with its query may be asked for. The longest rule that fits counts; of two, the one that allows.
    pub(super) fn allows(&self, path: &str) -> bool {
        let fits = self.rules.iter().filter(|(_, pattern)| fits(pattern, path));
        fits.max_by_key(|(allow, pattern)| (pattern.len(), *allow)).is_none_or(|(allow, _)| *allow)
    }
}

/// `*` stands for any text, `$` for the end.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, whole) = pattern.strip_suffix('$').map_or((pattern, false), |p| (p, true));
    let mut parts = pattern.split('*');
    let Some(mut rest) = path.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    // The last part may stand at the end as well.
    !whole || rest.is_empty() || last.is_some_and(|part| rest.ends_with(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_rule_counts() {
        let robots = Robots::read(
            b"User-agent: other\nDisallow: /\n\nuser-agent: *\nuser-agent: x\nDisallow: /private # no\nAllow: /private/open\n\
              Disallow: /*.pdf$\nDisallow:\nSitemap: http://a/s.xml\n",
        );
        for (path, allowed) in [
            ("/", true),
            ("/private/a", false),
            ("/private/open/b", true),
            ("/a.pdf", false),
            ("/a.pdf.pdf", false),
            ("/a.pdf?b", true),
        ] {
            assert_eq!(robots.allows(path), allowed, "{path}");
        }
        assert_eq!(robots.sitemaps, ["http://a/s.xml"]);
        let own = Robots::read(b"User-agent: *\nDisallow: /\nUser-agent: Doorward\nDisallow: /x\n");
        assert!(own.allows("/y") && !own.allows("/x"));
        assert!(Robots::read(b"").allows("/"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_rules(bytes: Vec<u8>, pattern in "[/a*$]{0,12}", path in "[/a$]{0,12}") {
            let _ = Robots::read(&bytes).allows(&path);
            // A rule without a sign for others is a prefix.
            if !pattern.contains(['*', '$']) {
                prop_assert_eq!(fits(&pattern, &path), path.starts_with(&pattern));
            }
        }
    }
}
