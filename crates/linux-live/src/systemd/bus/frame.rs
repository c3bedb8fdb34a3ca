//! One message as it lies in the stream: where it ends, what it answers, where its body begins.

use zbus::Variant;
use zbus::wire::Endian;
use zbus::wire::serialized::{Context, Data};

/// The largest message that is taken.
const LIMIT: usize = 32 << 20;

/// Bytes before the header's fields.
const FIXED: usize = 16;

/// Codes of header fields (D-Bus specification, "Header Fields").
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const SIGNATURE: u8 = 8;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Return,
    Error,
    /// A question or a signal.
    Other,
}

/// A message.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    /// The question that it answers; 0 for none.
    pub(super) reply_to: u32,
    /// Types of what its body holds.
    pub(super) signature: String,
    /// Name of the error that it is.
    pub(super) error: String,
    body: Data<'a, 'a>,
}

/// What every message begins with: byte order, kind, flags, version, length of the body, number; then the fields.
type Header<'a> = (u8, u8, u8, u8, u32, u32, Vec<(u8, Variant<'a>)>);

impl<'a> Frame<'a> {
    /// The first message of `input`, and its length; `None` when it is not all there yet.
    pub(super) fn parse(input: &'a [u8]) -> Result<Option<(Self, usize)>, &'static str> {
        let Some(fixed) = input.first_chunk::<FIXED>() else { return Ok(None) };
        let [order, _, _, version, b0, b1, b2, b3, _, _, _, _, f0, f1, f2, f3] = *fixed;
        let (endian, number): (_, fn([u8; 4]) -> u32) = match order {
            b'l' => (Endian::Little, u32::from_le_bytes),
            b'B' => (Endian::Big, u32::from_be_bytes),
            _ => return Err("a message without byte order"),
        };
        if version != 1 {
            return Err("a message of another version of the protocol");
        }
        let size = |bytes| usize::try_from(number(bytes)).ok().filter(|n| *n <= LIMIT);
        let (Some(body), Some(fields)) = (size([b0, b1, b2, b3]), size([f0, f1, f2, f3])) else {
            return Err("a message too large");
        };
        let body_at = (FIXED + fields).next_multiple_of(8);
        let length = body_at + body;
        let Some(bytes) = input.get(..length) else { return Ok(None) };
        let data = Data::new(bytes, Context::new(endian, 0));
        let frame = Self::of(&data, data.slice(body_at..)).ok_or("a message with a broken header")?;
        Ok(Some((frame, length)))
    }

    fn of(data: &Data<'a, 'a>, body: Data<'a, 'a>) -> Option<Self> {
        let (header, _): (Header<'_>, usize) = data.deserialize().ok()?;
        let (_, kind, _, _, _, _, fields) = header;
        let mut frame = Self {
            kind: match kind {
                2 => Kind::Return,
                3 => Kind::Error,
                _ => Kind::Other,
            },
            reply_to: 0,
            signature: String::new(),
            error: String::new(),
            body,
        };
        for (code, value) in fields {
            match (code, value) {
                (REPLY_SERIAL, Variant::U32(serial)) => frame.reply_to = serial,
                (SIGNATURE, Variant::Signature(signature)) => {
                    frame.signature = signature.to_string_no_parens();
                }
                (ERROR_NAME, Variant::Str(name)) => name.as_str().clone_into(&mut frame.error),
                _ => {}
            }
        }
        Some(frame)
    }

    /// What it says.
    pub(super) fn body(&self) -> &Data<'a, 'a> {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zbus::{Message, as_variant};

    use super::*;

    fn sample() -> Vec<u8> {
        let call = Message::method_call("/a", "Get").build(&("b", "c")).unwrap();
        let reply =
            Message::method_return(&call.header()).build(&Variant::from(vec!["x.service", "y.socket"]));
        reply.unwrap().data().bytes().to_vec()
    }

    #[test]
    fn a_message_is_taken_when_all_of_it_is_there() {
        let bytes = sample();
        for end in 0..bytes.len() {
            assert!(Frame::parse(&bytes[..end]).unwrap().is_none(), "{end}");
        }
        let twice = [bytes.clone(), bytes.clone()].concat();
        let (frame, length) = Frame::parse(&twice).unwrap().unwrap();
        assert_eq!((frame.kind, length, frame.signature.as_str()), (Kind::Return, bytes.len(), "v"));
        let (value, _): (as_variant::Deserialize<'_, Vec<String>>, _) = frame.body().deserialize().unwrap();
        assert_eq!(value.0, ["x.service", "y.socket"]);
    }

    #[test]
    fn other_protocols_and_giants_are_refused() {
        assert!(Frame::parse(b"HTTP/1.1 400 Bad Request\r\n").is_err());
        let mut bytes = sample();
        bytes[3] = 2;
        assert!(Frame::parse(&bytes).is_err());
        let mut bytes = sample();
        bytes[7] = 0x7f;
        assert!(Frame::parse(&bytes).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn broken_bytes_do_no_harm(at in 0usize..120, with in proptest::collection::vec(any::<u8>(), 1..8)) {
            let mut bytes = sample();
            for (i, byte) in with.into_iter().enumerate() {
                if let Some(place) = bytes.get_mut(at + i) {
                    *place = byte;
                }
            }
            if let Ok(Some((frame, length))) = Frame::parse(&bytes) {
                prop_assert!(length <= bytes.len());
                let _ = frame.body().deserialize::<as_variant::Deserialize<'_, Vec<String>>>();
                let _ = frame.body().deserialize::<Variant<'_>>();
            }
        }
    }
}
