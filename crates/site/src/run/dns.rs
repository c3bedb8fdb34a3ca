//! Questions to a name server.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, TYPE};

use super::{Settings, network};
use crate::file::{DnsCheck, DnsType, Site};
use crate::net::Network;
use crate::outcome::{Exchange, Mismatch, Outcome};

/// A datagram may be lost; it is sent again after this time, then twice that, and so on.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn run(check: &DnsCheck, site: &Site, settings: &Settings) -> Outcome {
    let began = Instant::now();
    let server = check.server.as_deref().unwrap_or(site.host());
    let port = check.port.unwrap_or(53);
    let asked = format!("dns {server}:{port} {} {:?}", check.query, check.kind);
    let found = ask(check, server, port, &network(site, settings, check.time_limit));
    let mut wrong = Vec::new();
    let mut text = String::new();
    match found {
        Ok(records) => {
            text = records.join("\n");
            if records.is_empty() {
                wrong.push(Mismatch::new("answer", "a record of the type", "none"));
            }
            let missing =
                |answer: &&String| !records.iter().any(|record| record.eq_ignore_ascii_case(answer));
            wrong.extend(check.answers.iter().filter(missing).map(|a| Mismatch::new("answer", a, &text)));
        }
        Err(error) => wrong.push(Mismatch::new("answer", "one", error.to_string())),
    }
    let wrong = wrong.into_iter().map(|mismatch| mismatch.at(&asked)).collect();
    let exchange = Exchange::of(&asked, None, text.len() as u64, text.as_bytes());
    Outcome::of(&check.name, began.elapsed(), wrong, vec![exchange])
}

fn ask(check: &DnsCheck, server: &str, port: u16, network: &Network) -> io::Result<Vec<String>> {
    let addresses = network.resolve(server, port)?;
    let id = u16::try_from(RandomState::new().hash_one(Instant::now()) & 0xffff).unwrap_or_default();
    let question = question(check, id)?;
    if !check.tcp
        && let Some(answer) = over_udp(&question, id, addresses[0], network)?
    {
        return Ok(answer);
    }
    let mut stream = network.connect(&addresses)?;
    // RFC 1035, 4.2.2: over TCP a message has its length before it.
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), question.as_slice()].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer)?;
    match read(&answer, id)? {
        Reply::Records(records) => Ok(records),
        Reply::Cut | Reply::OfAnother => {
            Err(io::Error::other("the answer is to another question, or cut short"))
        }
    }
}

/// Nothing where the answer does not fit a datagram.
fn over_udp(question: &[u8], id: u16, to: SocketAddr, network: &Network) -> io::Result<Option<Vec<String>>> {
    let from: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((from, 0))?;
    socket.connect(to)?;
    let mut patience = PATIENCE;
    loop {
        socket.send(question)?;
        let until = Instant::now() + patience;
        loop {
            let left = network.until.slice()?.min(until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left))?;
            let mut answer = [0; 4096];
            let read_bytes = match socket.recv(&mut answer) {
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
                received => received?,
            };
            match read(&answer[..read_bytes], id)? {
                Reply::Records(records) => return Ok(Some(records)),
                Reply::Cut => return Ok(None),
                Reply::OfAnother => {}
            }
        }
        patience *= 2;
    }
}

fn question(check: &DnsCheck, id: u16) -> io::Result<Vec<u8>> {
    let kind = match check.kind {
        DnsType::A => TYPE::A,
        DnsType::Aaaa => TYPE::AAAA,
        DnsType::Cname => TYPE::CNAME,
        DnsType::Mx => TYPE::MX,
        DnsType::Ns => TYPE::NS,
        DnsType::Ptr => TYPE::PTR,
        DnsType::Txt => TYPE::TXT,
    };
    let name = Name::new(check.query.trim_end_matches('.')).map_err(|e| io::Error::other(e.to_string()))?;
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().map_err(|e| io::Error::other(e.to_string()))
}

enum Reply {
    Records(Vec<String>),
    Cut,
    OfAnother,
}

fn read(answer: &[u8], id: u16) -> io::Result<Reply> {
    let packet =
        Packet::parse(answer).map_err(|e| io::Error::other(format!("no answer of a name server: {e}")))?;
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) {
        return Ok(Reply::OfAnother);
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Ok(Reply::Cut);
    }
    if packet.rcode() != simple_dns::RCODE::NoError {
        return Err(io::Error::other(format!("{:?}", packet.rcode())));
    }
    Ok(Reply::Records(packet.answers.iter().filter_map(|record| text(&record.rdata)).collect()))
}

/// A record as a zone's file has it, without the dot at a name's end.
fn text(record: &RData<'_>) -> Option<String> {
    Some(match record {
        RData::A(a) => Ipv4Addr::from(a.address).to_string(),
        RData::AAAA(aaaa) => Ipv6Addr::from(aaaa.address).to_string(),
        RData::CNAME(name) => name.0.to_string(),
        RData::NS(name) => name.0.to_string(),
        RData::PTR(name) => name.0.to_string(),
        RData::MX(mx) => format!("{} {}", mx.preference, mx.exchange),
        RData::TXT(txt) => String::try_from(txt.clone()).ok()?,
        _ => return None,
    })
}
