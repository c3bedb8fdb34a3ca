//! XML as elements with attributes, within bounds: depth, number, size. Document types are refused, so there is no entity
//! to expand; text between elements is left out, since IIS keeps all in attributes.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

/// How deep elements may be nested.
const DEPTH_LIMIT: usize = 64;

/// Most attributes of an element.
const ATTRIBUTE_LIMIT: usize = 1000;

/// Most elements of a file.
const ELEMENT_LIMIT: usize = 500_000;

/// Why a file is no XML that is read. Its text says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (offset {offset})")]
pub struct XmlError {
    /// Offset in the text.
    pub offset: u64,
    /// Why.
    pub reason: String,
}

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Its attributes, in their order.
    pub attributes: Vec<(String, String)>,
    /// The elements in it.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a file, and returns its root element. UTF-16 is recognised by its mark.
    pub fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        let text = decoded(bytes);
        let mut reader = Reader::from_str(&text);
        let mut open = vec![Self::default()];
        let mut count = 0;
        loop {
            let fail = |reader: &Reader<&[u8]>, reason: String| XmlError {
                offset: reader.buffer_position(),
                reason,
            };
            let event = reader.read_event().map_err(|why| fail(&reader, why.to_string()))?;
            match event {
                Event::Start(ref start) | Event::Empty(ref start) => {
                    count += 1;
                    if count > ELEMENT_LIMIT {
                        return Err(fail(&reader, format!("more than {ELEMENT_LIMIT} elements")));
                    }
                    let element = Self::of(start).map_err(|why| fail(&reader, why))?;
                    if matches!(event, Event::Empty(_)) {
                        push(&mut open, element);
                    } else if open.len() > DEPTH_LIMIT {
                        return Err(fail(&reader, format!("elements are nested deeper than {DEPTH_LIMIT}")));
                    } else {
                        open.push(element);
                    }
                }
                Event::End(_) => {
                    if let Some(element) = open.pop() {
                        push(&mut open, element);
                    }
                }
                Event::DocType(_) => return Err(fail(&reader, "a document type, which is refused".into())),
                Event::Eof => break,
                _ => {}
            }
        }
        let end = XmlError { offset: text.len() as u64, reason: "the file ends within an element".into() };
        let [root] = open.as_mut_slice() else { return Err(end) };
        let nothing = XmlError { reason: "there is no element".into(), ..end };
        if root.children.is_empty() { Err(nothing) } else { Ok(root.children.remove(0)) }
    }

    /// The attribute of this name, case aside, as IIS has it.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes.find(|(there, _)| there.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The attribute of this name as a truth value.
    pub fn is_set(&self, name: &str) -> Option<bool> {
        let value = self.attribute(name)?;
        Some(value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// The elements of this name in it.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name.eq_ignore_ascii_case(name))
    }

    /// The first element at this path: `security/authentication`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |element, name| {
            element.children.iter().find(|c| c.name.eq_ignore_ascii_case(name))
        })
    }

    fn of(start: &BytesStart<'_>) -> Result<Self, String> {
        let mut element = Self { name: start.local_name().as_ref().to_owned(), ..Self::default() };
        // Not checked for repetitions: that takes the square of their number. The first one counts.
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|why| why.to_string())?;
            if element.attributes.len() == ATTRIBUTE_LIMIT {
                return Err(format!("more than {ATTRIBUTE_LIMIT} attributes of one element"));
            }
            let raw = attribute.value;
            // What is no predefined entity stays as it is written.
            let value =
                unescape(&raw).map_or_else(|_| raw.clone().into_owned(), std::borrow::Cow::into_owned);
            element.attributes.push((attribute.key.as_ref().to_owned(), value));
        }
        Ok(element)
    }
}

fn push(open: &mut [Element], element: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(element);
    }
}

/// A text; UTF-16 is recognised by its mark.
pub(crate) fn decoded(bytes: &[u8]) -> String {
    let wide = |order: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| order([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_and_attributes() {
        let text =
            "<?xml version='1.0'?><!-- a --><a x=\"1 &amp; &#x41; &other;\"><b/><c><D y='TRUE'/></c>text</a>";
        for bytes in [
            text.as_bytes().to_vec(),
            [vec![0xff, 0xfe], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat(),
        ] {
            let root = Element::parse(&bytes).unwrap();
            assert_eq!((root.name.as_str(), root.children.len()), ("a", 2));
            assert_eq!(root.at("C/d").and_then(|d| d.is_set("Y")), Some(true));
        }
    }

    #[test]
    fn traps_are_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxx\">]><a y=\"&x;\"/>";
        assert!(Element::parse(bomb.as_bytes()).unwrap_err().reason.contains("document type"));
        let deep = "<a>".repeat(100_000);
        assert!(Element::parse(deep.as_bytes()).unwrap_err().reason.contains("deeper"));
        for broken in ["", "<a>", "<a></b>", "<a", "text", "<a x=1/>"] {
            assert!(Element::parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[<>/a-c =\"'&;!\\[\\]?-]{0,80}") {
            let _ = (Element::parse(&bytes), Element::parse(text.as_bytes()));
        }

        #[test]
        fn values_are_kept(value in "[ -~]{0,30}") {
            let text = format!("<a x=\"{}\"/>", quick_xml::escape::escape(value.as_str()));
            let root = Element::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(root.attribute("x"), Some(value.as_str()));
        }
    }
}
