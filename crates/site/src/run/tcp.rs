//! Ports that take a connection, and servers that greet.

use std::io::{self, Read, Write};
use std::time::Instant;

use super::{Settings, network};
use crate::file::{Greeting, GreetingCheck, Site, TcpCheck, Tls};
use crate::net::{CertificateRefused, Wire};
use crate::outcome::{Exchange, Mismatch, Outcome};
use crate::values::Pattern;

/// Of what a server says, so much is read, in bytes.
const MOST: usize = 4096;

pub(super) fn run(check: &TcpCheck, site: &Site, settings: &Settings) -> Outcome {
    let began = Instant::now();
    let host = check.host.as_deref().unwrap_or(site.host());
    let asked = format!("tcp {host}:{}", check.port);
    let talk = || {
        let mut wire = Wire::Plain(network(site, settings, check.time_limit).dial(host, check.port)?);
        if let Some(send) = &check.send {
            wire.write_all(send.as_bytes())?;
        }
        let said = match &check.matches {
            Some(pattern) => listen(&mut wire, |said| pattern.regex().is_match(&lossy(said)))?,
            None => Vec::new(),
        };
        wire.close();
        Ok(said)
    };
    let (said, mut wrong) = heard(talk(), "a connection");
    if wrong.is_empty() {
        wrong.extend(unmatched(check.matches.as_ref(), &said));
    }
    outcome(&check.name, began, &asked, &said, wrong)
}

pub(super) fn greeting(check: &GreetingCheck, site: &Site, settings: &Settings) -> Outcome {
    let began = Instant::now();
    let host = check.host.as_deref().unwrap_or(site.host());
    let port = check.port.unwrap_or(port(check.protocol, check.tls.is_some()));
    let asked = format!("{} {host}:{port}", word(check.protocol));
    let talk = || {
        let stream = network(site, settings, check.time_limit).dial(host, port)?;
        let mut wire = match &check.tls {
            Some(tls) => stream
                .secure(host, settings.trusted.config(&own_or_site(tls, site)).map_err(io::Error::other)?)?,
            None => Wire::Plain(stream),
        };
        let said = listen(&mut wire, |said| is_whole(check.protocol, &lossy(said)))?;
        // Leaving without a word fills the logs of some; what it answers no longer matters.
        let _ = wire.write_all(goodbye(check.protocol)).and_then(|()| wire.flush());
        wire.close();
        Ok(said)
    };
    let (said, mut wrong) = heard(talk(), "a greeting");
    let text = lossy(&said);
    if wrong.is_empty() && !greets(check.protocol, &text) {
        wrong.push(Mismatch::new("greeting", expected(check.protocol), text));
    }
    if wrong.is_empty() {
        wrong.extend(unmatched(check.matches.as_ref(), &said));
    }
    outcome(&check.name, began, &asked, &said, wrong)
}

/// `tls = {}` asks for TLS with the site's trust.
fn own_or_site(own: &Tls, site: &Site) -> Tls {
    if *own == Tls::default() { site.tls.clone().unwrap_or_default() } else { own.clone() }
}

/// Reads until it is enough, until the server ends, or up to the limit.
fn listen(wire: &mut Wire, enough: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    let mut piece = [0; 1024];
    while said.len() < MOST && !enough(&said) {
        match wire.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => said.extend_from_slice(&piece[..read.min(MOST - said.len())]),
            // What was said until now is told.
            Err(e) if e.kind() == io::ErrorKind::TimedOut && !said.is_empty() => break,
            Err(e) => return Err(e),
        }
    }
    Ok(said)
}

fn heard(talk: io::Result<Vec<u8>>, expected: &str) -> (Vec<u8>, Vec<Mismatch>) {
    match talk {
        Ok(said) => (said, Vec::new()),
        Err(error) => {
            let why = CertificateRefused::take(&error).map_or_else(|| error.to_string(), |r| r.to_string());
            (Vec::new(), vec![Mismatch::new("answer", expected, why)])
        }
    }
}

fn unmatched(pattern: Option<&Pattern>, said: &[u8]) -> Option<Mismatch> {
    let pattern = pattern?;
    let text = lossy(said);
    (!pattern.regex().is_match(&text)).then(|| Mismatch::new("answer", format!("matches {pattern}"), text))
}

fn outcome(name: &str, began: Instant, asked: &str, said: &[u8], wrong: Vec<Mismatch>) -> Outcome {
    let wrong = wrong.into_iter().map(|mismatch| mismatch.at(asked)).collect();
    let exchange = Exchange::of(asked, None, said.len() as u64, said);
    Outcome::of(name, began.elapsed(), wrong, vec![exchange])
}

fn lossy(said: &[u8]) -> String {
    String::from_utf8_lossy(said).into_owned()
}

fn word(protocol: Greeting) -> &'static str {
    match protocol {
        Greeting::Smtp => "smtp",
        Greeting::Imap => "imap",
        Greeting::Pop3 => "pop3",
        Greeting::Ftp => "ftp",
    }
}

/// IANA's registry of service names and ports.
fn port(protocol: Greeting, tls: bool) -> u16 {
    match (protocol, tls) {
        (Greeting::Smtp, false) => 25,
        (Greeting::Smtp, true) => 465,
        (Greeting::Imap, false) => 143,
        (Greeting::Imap, true) => 993,
        (Greeting::Pop3, false) => 110,
        (Greeting::Pop3, true) => 995,
        (Greeting::Ftp, false) => 21,
        (Greeting::Ftp, true) => 990,
    }
}

fn expected(protocol: Greeting) -> &'static str {
    match protocol {
        Greeting::Smtp | Greeting::Ftp => "220",
        Greeting::Imap => "* OK or * PREAUTH",
        Greeting::Pop3 => "+OK",
    }
}

/// Whether the last line of the greeting is there: `220 ` after any number of `220-`.
fn is_whole(protocol: Greeting, said: &str) -> bool {
    let Some((lines, _)) = said.rsplit_once('\n') else { return false };
    match protocol {
        Greeting::Smtp | Greeting::Ftp => {
            lines.lines().any(|line| line.as_bytes().get(3) != Some(&b'-') && line.is_ascii())
                || lines.lines().any(|line| !line.starts_with("220"))
        }
        Greeting::Imap | Greeting::Pop3 => true,
    }
}

fn greets(protocol: Greeting, said: &str) -> bool {
    match protocol {
        Greeting::Smtp | Greeting::Ftp => said.starts_with("220"),
        Greeting::Imap => said.starts_with("* OK") || said.starts_with("* PREAUTH"),
        Greeting::Pop3 => said.starts_with("+OK"),
    }
}

fn goodbye(protocol: Greeting) -> &'static [u8] {
    match protocol {
        Greeting::Smtp | Greeting::Ftp | Greeting::Pop3 => b"QUIT\r\n",
        Greeting::Imap => b"a LOGOUT\r\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_may_have_many_lines() {
        assert!(!is_whole(Greeting::Smtp, "220-mail.example\r\n220-no spam\r\n220 "));
        assert!(is_whole(Greeting::Smtp, "220-mail.example\r\n220 ready\r\n"));
        assert!(is_whole(Greeting::Ftp, "421 too many\r\n"));
        assert!(!is_whole(Greeting::Imap, "* OK"));
        assert!(greets(Greeting::Imap, "* OK ready\r\n") && !greets(Greeting::Imap, "* BYE\r\n"));
    }
}
