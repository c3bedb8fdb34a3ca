//! A small web server on loopback that can misbehave.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// How many came before it.
    pub(crate) number: usize,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

/// What is sent, piece by piece.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// These bytes again and again, as long as somebody reads.
    Forever(Vec<u8>, Duration),
    Wait(Duration),
}

pub(crate) type Reply = Vec<Piece>;

/// A whole answer.
pub(crate) fn page(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
    for header in headers {
        head += header;
        head += "\r\n";
    }
    vec![Piece::Bytes([head.as_bytes(), b"\r\n", body].concat())]
}

pub(crate) fn html(body: &str) -> Reply {
    page(200, &["Content-Type: text/html; charset=utf-8"], body)
}

/// Answers until the test ends.
pub(crate) fn serve(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> SocketAddr {
    listen(move |stream, number, answer| talk(stream, number, answer), answer)
}

/// The same by TLS, with this certificate.
pub(crate) fn serve_tls(
    certified: &rcgen::CertifiedKey<rcgen::KeyPair>,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> SocketAddr {
    let chain = vec![CertificateDer::from(certified.cert.der().to_vec())];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    listen(
        move |stream, number, answer| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            talk(StreamOwned::new(connection, stream), number, answer);
        },
        answer,
    )
}

type Answer = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

fn listen(
    talk: impl Fn(TcpStream, &AtomicUsize, &Answer) + Send + Sync + 'static,
    answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (talk, answer, number): (_, Answer, _) =
        (Arc::new(talk), Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (talk, answer, number) = (Arc::clone(&talk), Arc::clone(&answer), Arc::clone(&number));
            thread::spawn(move || talk(stream, &number, &answer));
        }
    });
    address
}

fn talk(stream: impl Read + Write, number: &AtomicUsize, answer: &Answer) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = ask(&mut stream, number) {
        for piece in answer(&asked) {
            let sent = match piece {
                Piece::Bytes(bytes) => stream.get_mut().write_all(&bytes),
                Piece::Wait(time) => {
                    thread::sleep(time);
                    Ok(())
                }
                Piece::Forever(bytes, pause) => loop {
                    if let Err(error) = stream.get_mut().write_all(&bytes) {
                        break Err(error);
                    }
                    thread::sleep(pause);
                },
            };
            if sent.and_then(|()| stream.get_mut().flush()).is_err() {
                return;
            }
        }
    }
}

fn ask(stream: &mut BufReader<impl Read>, number: &AtomicUsize) -> Option<Asked> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|&read| read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let mut asked = Asked {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        number: number.fetch_add(1, Ordering::Relaxed),
        ..Asked::default()
    };
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(':') else { break };
        asked.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut body = vec![0; asked.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Some(asked)
}
