//! The options of `doorward reach`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use doorward_model::Protocol;
use ipnet::IpNet;

use super::{FormArgs, JudgeArgs, SourceArgs};

pub(crate) const AFTER_HELP: &str = "\
Examples:
  doorward reach 203.0.113.9 22                 may this address open ssh, and which rule says so
  doorward reach 10.0.0.0/8 3306                which part of a network gets to the database
  doorward reach 2001:db8::7 53/udp             over IPv6, to a name server
  doorward reach 0.0.0.0/0 25 --expect closed   for scripts: succeeds when nobody gets in by IPv4
  doorward reach 203.0.113.9 8080 --interface eth1 --to 192.0.2.7
  nft -j list ruleset > rules.json; doorward reach 203.0.113.9 22 --ruleset rules.json

Exit codes:
  0  all of the client gets through, by every way; with --expect closed: none of it, by none
  1  otherwise, and decided
  2  the command line is wrong
  3  input could not be read, is malformed, or the question has no meaning on this host
  4  undecided: the rules do not say, or could not be read
  5  the result could not be written";

/// Options of `reach`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ReachArgs {
    /// An address, or a network: then it is said which part of it gets through
    #[arg(value_name = "CLIENT", value_parser = client)]
    pub(crate) client: IpNet,
    /// The port that the client sends to: 22 or 22/tcp, 53/udp, 3868/sctp
    #[arg(value_name = "PORT[/PROTOCOL]", value_parser = port)]
    pub(crate) port: Port,
    /// The interface that the client comes in by [default: that of its network, else each]
    #[arg(long, value_name = "NAME")]
    pub(crate) interface: Option<String>,
    /// The host's address that the client sends to [default: each of the interface's]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Option<IpAddr>,
    /// Whose packets to follow
    #[arg(long, value_enum, default_value_t = StateWord::New, value_name = "STATE")]
    pub(crate) state: StateWord,
    /// What the exit code calls a success
    #[arg(long, value_enum, default_value_t = Expect::Open, value_name = "VERDICT")]
    pub(crate) expect: Expect,
    /// Evaluate this listing (`nft -j list ruleset`) instead of the host's own rules
    #[arg(long, value_name = "FILE")]
    pub(crate) ruleset: Option<PathBuf>,
    /// What to look at.
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// How to judge.
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Form of the result.
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// A port with its transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) number: u16,
    pub(crate) protocol: Protocol,
}

/// Whose packets are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateWord {
    /// The first packet of a connection
    New,
    /// A later packet of one that is established: what a change of rules does to those who are in
    Established,
}

/// What counts as a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Expect {
    /// All of the client gets through
    Open,
    /// None of it does
    Closed,
}

/// An address, or a network without bits below its length.
fn client(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let net: IpNet =
        text.parse().map_err(|_| "expected an address or a network (192.0.2.7, 2001:db8::/32)".to_owned())?;
    if net.addr() != net.network() {
        return Err(format!("it has bits below its length; the network is {}", net.trunc()));
    }
    Ok(net)
}

fn port(text: &str) -> Result<Port, String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "udplite" => Protocol::Udplite,
        "sctp" => Protocol::Sctp,
        _ => return Err("the protocol is tcp, udp, udplite or sctp".to_owned()),
    };
    match number.parse::<u16>() {
        Ok(number @ 1..) => Ok(Port { number, protocol }),
        _ => Err("expected a port from 1 to 65535, and its protocol: 22, 53/udp".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_ports() {
        assert_eq!(client("192.0.2.7").unwrap().to_string(), "192.0.2.7/32");
        assert_eq!(client("2001:db8::/32").unwrap().to_string(), "2001:db8::/32");
        assert!(client("10.0.0.1/8").unwrap_err().contains("10.0.0.0/8"));
        assert!(client("fe80::1%eth0").is_err() && client("example.org").is_err() && client("").is_err());
        assert_eq!(port("53/udp"), Ok(Port { number: 53, protocol: Protocol::Udp }));
        assert_eq!(port("22"), port("22/tcp"));
        for bad in ["0", "65536", "22/icmp", "/tcp", "-1", "ssh"] {
            assert!(port(bad).is_err(), "{bad}");
        }
    }
}
