//! A program for the kernel that lets through only sockets with a peer on this host (`linux/inet_diag.h`).
//!
//! A busy server has many thousands of connections with the world, of which none is of interest here; without this
//! all of them would be copied at every look.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// With more addresses there is no filter; offsets in the program have 16 bits.
const LIMIT: usize = 256;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// `INET_DIAG_BC_JMP` and `INET_DIAG_BC_D_COND`.
const JUMP: u8 = 1;
const PEER_IS: u8 = 8;
/// `struct inet_diag_bc_op`.
const OPERATION: usize = 4;

/// The program, or none when there are too many addresses. Loopback is always among them.
pub(super) fn program(peers: &[IpAddr]) -> Option<Vec<u8>> {
    let mut hosts =
        vec![host(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8), host(IpAddr::V6(Ipv6Addr::LOCALHOST), 128)];
    if peers.len() > LIMIT {
        return None;
    }
    hosts.extend(peers.iter().map(|ip| host(*ip, if ip.is_ipv4() { 32 } else { 128 })));
    let conditions: Vec<usize> = hosts.iter().map(|h| OPERATION + h.len()).collect();
    // Each but the last is followed by a jump to the end, which is where a socket is let through.
    let whole = conditions.iter().sum::<usize>() + OPERATION * (hosts.len() - 1);
    let mut out = Vec::with_capacity(whole);
    for (host, length) in hosts.iter().zip(&conditions) {
        out.extend(operation(PEER_IS, *length, length + OPERATION)?);
        out.extend(host);
        if out.len() < whole {
            out.extend(operation(JUMP, OPERATION, whole - out.len())?);
        }
    }
    Some(out)
}

/// Goes on `yes` bytes further when it holds, and `no` bytes otherwise. A jump never holds.
fn operation(code: u8, yes: usize, no: usize) -> Option<[u8; OPERATION]> {
    let [low, high] = u16::try_from(no).ok()?.to_ne_bytes();
    Some([code, u8::try_from(yes).ok()?, low, high])
}

/// `struct inet_diag_hostcond`, for any port.
fn host(address: IpAddr, prefix: u8) -> Vec<u8> {
    let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
    let mut out = vec![family, prefix, 0, 0];
    out.extend((-1i32).to_ne_bytes());
    match address {
        IpAddr::V4(ip) => out.extend(ip.octets()),
        IpAddr::V6(ip) => out.extend(ip.octets()),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel does (`inet_diag_bc_run`).
    fn lets_through(program: &[u8], peer: IpAddr) -> bool {
        let mut at = 0;
        while at < program.len() {
            let (code, yes) = (program[at], usize::from(program[at + 1]));
            let no = usize::from(u16::from_ne_bytes([program[at + 2], program[at + 3]]));
            let holds = code == PEER_IS && {
                let (family, prefix) = (program[at + 4], usize::from(program[at + 5]));
                let bytes = match peer {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                (family == AF_INET) == peer.is_ipv4()
                    && bytes[..prefix / 8] == program[at + 12..at + 12 + prefix / 8]
            };
            at += if holds { yes } else { no };
        }
        at == program.len()
    }

    #[test]
    fn own_addresses_pass() {
        let own: Vec<IpAddr> = ["192.0.2.1", "2001:db8::1"].iter().map(|a| a.parse().unwrap()).collect();
        let program = program(&own).unwrap();
        let passes = |address: &str| lets_through(&program, address.parse().unwrap());
        assert!(["127.0.0.1", "127.9.9.9", "::1", "192.0.2.1", "2001:db8::1"].into_iter().all(passes));
        assert!(!["128.0.0.1", "::2", "192.0.2.2", "2001:db8::2"].into_iter().any(passes));
    }

    #[test]
    fn the_longest_program_has_offsets_that_fit() {
        let many: Vec<IpAddr> =
            (0..LIMIT).map(|i| Ipv6Addr::from(u128::try_from(i).unwrap() + 7).into()).collect();
        let program = super::program(&many).unwrap();
        assert!(lets_through(&program, many[LIMIT - 1]));
        assert!(!lets_through(&program, "192.0.2.1".parse().unwrap()));
        let more = vec![many[0]; LIMIT + 1];
        assert_eq!(super::program(&more), None);
    }
}
