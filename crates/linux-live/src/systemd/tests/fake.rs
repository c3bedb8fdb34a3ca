//! A bus that answers what a test tells it to.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use zbus::wire::LE;
use zbus::wire::serialized::{Context, Data};
use zbus::{Message, OwnedObjectPath, Variant};

use crate::systemd::unit::Listed;

/// A question as it arrived: method, path, and the last of its arguments.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) about: String,
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Answer {
    Names(Vec<&'static str>),
    Units(Vec<Listed>),
    Pid(u32),
    Property(Variant<'static>),
    Error(&'static str),
    Bytes(Vec<u8>),
    Nothing,
    HangUp,
}

/// A socket in a directory of its own, which goes when this is dropped.
pub(super) struct Fake {
    _dir: tempfile::TempDir,
    pub(super) socket: PathBuf,
}

impl Fake {
    /// One that hands its first connection to `serve`.
    pub(super) fn serving(serve: impl FnOnce(UnixStream) + Send + 'static) -> Self {
        let fake = Self::idle();
        std::fs::remove_file(&fake.socket).unwrap();
        let listener = UnixListener::bind(&fake.socket).unwrap();
        std::thread::spawn(move || serve(listener.accept().unwrap().0));
        fake
    }

    /// A bus that answers by `answer`.
    pub(super) fn bus(answer: impl Fn(&Question) -> Answer + Send + 'static) -> Self {
        Self::serving(move |stream| {
            converse(stream, &answer);
        })
    }

    /// One whose connections wait to be accepted for ever.
    pub(super) fn idle() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("bus");
        let listener = UnixListener::bind(&socket).unwrap();
        // Kept open until the test program ends.
        std::mem::forget(listener);
        Self { _dir: dir, socket }
    }
}

/// Serves until the other side, or an answer, ends it.
fn converse(mut stream: UnixStream, answer: &dyn Fn(&Question) -> Answer) -> Option<()> {
    let mut input = Vec::new();
    take(&mut stream, &mut input, |i| i.ends_with(b"\r\n").then_some(i.len()))?;
    stream.write_all(b"OK 0123456789abcdef0123456789abcdef\r\n").ok()?;
    take(&mut stream, &mut input, |i| i.starts_with(b"BEGIN\r\n").then_some(7))?;
    loop {
        let bytes = take(&mut stream, &mut input, length)?;
        let (serial, question) = understand(&bytes)?;
        let call = Message::method_call("/", "Asked").serial(serial.try_into().ok()?).build(&()).ok()?;
        let reply = Message::method_return(&call.header());
        let reply = match if question.method == "Hello" { Answer::Names(vec![]) } else { answer(&question) } {
            Answer::Names(names) => reply.build(&names),
            Answer::Units(units) => reply.build(&units),
            Answer::Pid(pid) => reply.build(&pid),
            Answer::Property(value) => reply.build(&value),
            Answer::Error(name) => Message::error(&call.header(), name).build(&("no",)),
            Answer::Bytes(bytes) => {
                stream.write_all(&bytes).ok()?;
                continue;
            }
            Answer::Nothing => continue,
            Answer::HangUp => return None,
        };
        stream.write_all(reply.unwrap().data().bytes()).ok()?;
    }
}

/// Reads until `end` finds one, and takes what is before it.
fn take(
    stream: &mut UnixStream,
    input: &mut Vec<u8>,
    end: impl Fn(&[u8]) -> Option<usize>,
) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = end(input) {
            return Some(input.drain(..end).collect());
        }
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).ok().filter(|n| *n > 0)?;
        input.extend_from_slice(&chunk[..n]);
    }
}

fn length(input: &[u8]) -> Option<usize> {
    let number = |at: usize| Some(u32::from_le_bytes(*input.get(at..)?.first_chunk()?) as usize);
    let whole = (16 + number(12)?).next_multiple_of(8) + number(4)?;
    (input.len() >= whole).then_some(whole)
}

fn understand(bytes: &[u8]) -> Option<(u32, Question)> {
    type Header<'a> = (u8, u8, u8, u8, u32, u32, Vec<(u8, Variant<'a>)>);
    let data = Data::new(bytes, Context::new(LE, 0));
    let ((.., body, serial, fields), _): (Header<'_>, usize) = data.deserialize().ok()?;
    let field = |code| fields.iter().find(|(c, _)| *c == code).map(|(_, value)| value);
    let text = |code| match field(code) {
        Some(Variant::Str(text)) => text.as_str().to_owned(),
        Some(Variant::ObjectPath(path)) => path.as_str().to_owned(),
        _ => String::new(),
    };
    let arguments = data.slice(bytes.len() - body as usize..);
    let about = match field(8) {
        Some(Variant::Signature(s)) if *s == "s" => arguments.deserialize::<String>().ok()?.0,
        Some(Variant::Signature(_)) => arguments.deserialize::<(String, String)>().ok()?.0.1,
        _ => String::new(),
    };
    Some((serial, Question { method: text(3), path: text(1), about }))
}

/// A unit as `ListUnits` tells it.
pub(super) fn listed(name: &str, load: &str, active: &str, sub: &str) -> Listed {
    let path = |text: &str| OwnedObjectPath::try_from(text.to_owned()).unwrap();
    let escaped = name.replace('.', "_2e").replace('@', "_40").replace('-', "_2d");
    (
        name.to_owned(),
        format!("The {name}"),
        load.to_owned(),
        active.to_owned(),
        sub.to_owned(),
        String::new(),
        path(&format!("/org/freedesktop/systemd1/unit/{escaped}")),
        0,
        String::new(),
        path("/"),
    )
}
