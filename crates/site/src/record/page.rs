//! What a page, or a sitemap, leads to.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Links of one page, or sitemap, that are followed.
const MOST_LINKS: usize = 10_000;
/// The longest link, in bytes.
const LONGEST_LINK: usize = 2000;
/// The longest title, in bytes.
const LONGEST_TITLE: usize = 300;

/// What a page says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The text of its title, as it stands in the page.
    pub(super) title: Option<String>,
    /// What its links are relative to.
    pub(super) base: Option<String>,
    /// Other pages.
    pub(super) links: Vec<String>,
    /// What it is shown with: styles, scripts, pictures.
    pub(super) parts: Vec<String>,
}

impl Page {
    pub(super) fn read(html: &str) -> Self {
        let mut page = Self::default();
        let mut in_title = false;
        let mut emitter = DefaultEmitter::default();
        // What is in a script or a style is no markup.
        emitter.naively_switch_states(true);
        for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
            match token {
                Token::StartTag(tag) => {
                    let attribute = |name: &[u8]| {
                        let value = tag.attributes.get(name)?;
                        let text = String::from_utf8_lossy(value).trim().to_owned();
                        (!text.is_empty() && text.len() <= LONGEST_LINK).then_some(text)
                    };
                    let room = page.links.len() + page.parts.len() < MOST_LINKS;
                    match tag.name.as_slice() {
                        b"title" => in_title = page.title.is_none(),
                        b"base" if page.base.is_none() => page.base = attribute(b"href"),
                        b"a" | b"area" if room => page.links.extend(attribute(b"href")),
                        b"iframe" | b"frame" if room => page.links.extend(attribute(b"src")),
                        b"link" if room => page.parts.extend(attribute(b"href")),
                        b"img" | b"script" | b"source" | b"video" | b"audio" if room => {
                            page.parts.extend(attribute(b"src"));
                        }
                        _ => {}
                    }
                }
                Token::EndTag(tag) if tag.name.as_slice() == b"title" => in_title = false,
                Token::String(text) if in_title && page.title.is_none() => {
                    let text = String::from_utf8_lossy(&text);
                    let text = text.trim();
                    // With a character that the page writes as an entity it does not stand there so.
                    if !text.is_empty() && text.len() <= LONGEST_TITLE && html.contains(text) {
                        page.title = Some(text.to_owned());
                    }
                }
                _ => {}
            }
        }
        page
    }
}

/// The addresses of a sitemap, or of an index of sitemaps: what stands in `loc`. What is damaged ends it.
pub(super) fn sitemap(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&text);
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    while found.len() < MOST_LINKS {
        match reader.read_event() {
            Ok(Event::Start(start)) if start.local_name().as_ref() == "loc" => open = Some(String::new()),
            Ok(Event::Text(text)) => {
                if let Some(open) = open.as_mut().filter(|o| o.len() <= LONGEST_LINK) {
                    open.push_str(text.as_ref());
                }
            }
            Ok(Event::GeneralRef(name)) => {
                if let Some(open) = &mut open {
                    open.push_str(&crate::results::resolved(&name));
                }
            }
            Ok(Event::End(_)) => {
                if let Some(link) =
                    open.take().map(|o| o.trim().to_owned()).filter(|o| o.len() <= LONGEST_LINK)
                {
                    found.push(link);
                }
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_of_a_page() {
        let page = Page::read(
            "<!doctype html><title>Shop</title><base href=/x/><a href='a?b=1&amp;c=2'>x</a><A HREF=\"\">\
             <img src=i.png><script>var a = \"<a href='no'>\"</script><!-- <a href=no> --><link href=s.css><iframe src=f>",
        );
        assert_eq!(page.title.as_deref(), Some("Shop"));
        assert_eq!(page.base.as_deref(), Some("/x/"));
        assert_eq!(page.links, ["a?b=1&c=2", "f"]);
        assert_eq!(page.parts, ["i.png", "s.css"]);
    }

    #[test]
    fn addresses_of_a_sitemap() {
        let map =
            "<urlset><url><loc> http://a/?b&amp;c </loc><x>y</x></url><url><loc>http://a/2</loc></url><";
        assert_eq!(sitemap(map.as_bytes()), ["http://a/?b&c", "http://a/2"]);
    }

    proptest! {
        #[test]
        fn nothing_is_too_damaged(bytes: Vec<u8>, tags in "[<>/a-z=\"' !&;-]{0,200}") {
            let _ = (Page::read(&String::from_utf8_lossy(&bytes)), sitemap(&bytes));
            let _ = (Page::read(&tags), sitemap(tags.as_bytes()));
        }
    }
}
