use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;

use crate::{one, why};

/// Says something to whoever connects, and then waits.
fn says(words: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                stream.write_all(words.as_bytes()).unwrap();
                let mut heard = [0; 100];
                while let Ok(read @ 1..) = stream.read(&mut heard) {
                    if stream.write_all(&heard[..read]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

fn check(kind: &str, server: SocketAddr, rest: &str) -> String {
    format!(
        "version = 1\nurl = \"http://127.0.0.1/\"\ntime_limit = \"700ms\"\n[[{kind}]]\nname = \"a\"\nport = {}\n{rest}\n",
        server.port()
    )
}

#[test]
fn servers_that_greet() {
    for (protocol, words, seen) in [
        ("smtp", "220-mail.example\r\n220 ESMTP\r\n", ""),
        ("smtp", "554 no\r\n", "greeting: expected 220, seen 554 no"),
        ("smtp", "SSH-2.0-x\r\n", "greeting: expected 220, seen SSH-2.0-x"),
        ("smtp", "220 half", ""),
        ("smtp", "", "the time limit was reached"),
        ("ftp", "220 ready\r\n", ""),
        ("imap", "* OK ready\r\n", ""),
        ("imap", "* BYE\r\n", "greeting: expected * OK or * PREAUTH, seen * BYE"),
        ("pop3", "+OK\r\n", ""),
        ("pop3", "\u{1}\u{2}\r\n", "greeting: expected +OK"),
    ] {
        let outcome = one(&check("greeting", says(words), &format!("protocol = \"{protocol}\"")));
        let why = why(&outcome);
        assert!(
            if seen.is_empty() { why.is_empty() } else { why.contains(seen) },
            "{protocol} {words:?}: {why}"
        );
    }
    let matched = check("greeting", says("220 mail.example\r\n"), "protocol = \"smtp\"\nmatches = \"other\"");
    assert!(why(&one(&matched)).contains("answer: expected matches other, seen 220 mail.example"));
}

#[test]
fn ports_that_answer() {
    assert_eq!(why(&one(&check("tcp", says(""), ""))), "");
    assert_eq!(why(&one(&check("tcp", says("hello"), "matches = \"^hel\""))), "");
    assert_eq!(why(&one(&check("tcp", says(""), "send = \"PING\\n\"\nmatches = \"PING\""))), "");
    assert!(
        why(&one(&check("tcp", says("hello"), "matches = \"x\""))).contains("expected matches x, seen hello")
    );
    let closed = SocketAddr::from(([127, 0, 0, 1], 1));
    assert!(why(&one(&check("tcp", closed, ""))).contains("Connection refused"));
    let long = "a".repeat(100_000).leak();
    let outcome = one(&check("tcp", says(long), "matches = \"b\""));
    assert_eq!(outcome.exchanges[0].size, 4096);
    let nowhere = check("tcp", closed, "host = \"no.such.name.invalid\"");
    assert!(!why(&one(&nowhere)).is_empty());
}

/// A name server that turns the question into an answer, over UDP and TCP.
fn names(answer: impl Fn(&[u8], bool) -> Vec<u8> + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).unwrap();
    let by_tcp = answer.clone();
    thread::spawn(move || {
        let mut asked = [0; 512];
        while let Ok((read, from)) = socket.recv_from(&mut asked) {
            socket.send_to(&answer(&asked[..read], false), from).unwrap();
        }
    });
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut asked = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut asked).unwrap();
            let answer = by_tcp(&asked, true);
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length, answer.as_slice()].concat()).unwrap();
        }
    });
    address
}

/// RFC 1035, 4.1: the question with flags and the records behind it, each pointing to the question's name.
fn with(asked: &[u8], flags: [u8; 2], records: &[(u16, &[u8])]) -> Vec<u8> {
    let mut answer = asked.to_vec();
    answer[2..4].copy_from_slice(&flags);
    answer[6..8].copy_from_slice(&u16::try_from(records.len()).unwrap().to_be_bytes());
    for (kind, data) in records {
        answer.extend_from_slice(&[0xc0, 12]);
        answer.extend_from_slice(&kind.to_be_bytes());
        answer.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
        answer.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        answer.extend_from_slice(data);
    }
    answer
}

#[test]
fn name_servers_that_answer() {
    let good = names(|asked, _| with(asked, [0x81, 0x80], &[(1, &[192, 0, 2, 7]), (1, &[192, 0, 2, 8])]));
    let ask =
        |server, rest: &str| why(&one(&check("dns", server, &format!("query = \"shop.example\"\n{rest}"))));
    assert_eq!(ask(good, "answers = [\"192.0.2.8\"]"), "");
    assert_eq!(ask(good, "tcp = true"), "");
    assert!(ask(good, "answers = [\"192.0.2.9\"]").contains("expected 192.0.2.9, seen 192.0.2.7\n192.0.2.8"));
    let mail = names(|asked, _| with(asked, [0x81, 0x80], &[(15, b"\x00\x0a\x04mail\xc0\x0c")]));
    assert_eq!(ask(mail, "type = \"MX\"\nanswers = [\"10 mail.shop.example\"]"), "");
    let cut = names(|asked, tcp| {
        if tcp { with(asked, [0x81, 0x80], &[(16, b"\x03yes")]) } else { with(asked, [0x83, 0x80], &[]) }
    });
    assert_eq!(ask(cut, "type = \"TXT\"\nanswers = [\"yes\"]"), "");
    assert!(ask(names(|asked, _| with(asked, [0x81, 0x83], &[])), "").contains("NameError"));
    assert!(
        ask(names(|asked, _| with(asked, [0x81, 0x80], &[])), "").contains("a record of the type, seen none")
    );
    assert!(ask(names(|_, _| vec![1, 2, 3]), "").contains("no answer of a name server"));
    // To another question: waited for the right one, up to the time limit.
    let other = names(|asked, _| {
        let mut answer = with(asked, [0x81, 0x80], &[]);
        answer[0] ^= 1;
        answer
    });
    assert!(ask(other, "").contains("the time limit was reached"));
}
