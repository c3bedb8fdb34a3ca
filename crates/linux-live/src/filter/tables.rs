//! Whether `nf_tables` holds anything, asked of the kernel itself (`linux/netfilter/nf_tables.h`).

use rustix::io::Errno;
use rustix::net::netlink::NETFILTER;

use super::module;
use crate::netlink::{Netlink, NetlinkError};

/// `NFNL_SUBSYS_NFTABLES << 8`, the kind of all messages of `nf_tables`.
const SUBSYSTEM: u16 = 10 << 8;
/// `NFT_MSG_NEWTABLE` and `NFT_MSG_GETTABLE`.
const NEW_TABLE: u16 = SUBSYSTEM;
const GET_TABLE: u16 = SUBSYSTEM | 1;
/// `struct nfgenmsg`: any family, version 0, no resource.
const ANY_FAMILY: [u8; 4] = [0; 4];

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tables {
    None,
    Some,
}

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum TablesError {
    #[error("the kernel tells its rules to root alone")]
    Denied,
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

/// Whether the network namespace that this thread is in has a table.
pub(super) fn list() -> Result<Tables, TablesError> {
    // The question alone would make the kernel load the module, and an audit adds nothing to a host.
    if module::is_surely_absent("nf_tables") {
        return Ok(Tables::None);
    }
    let answer = Netlink::open(Some(NETFILTER)).map_err(NetlinkError::Io).and_then(|mut netlink| {
        netlink.dump(GET_TABLE, &ANY_FAMILY, |kind, _| Ok((kind == NEW_TABLE).then_some(())))
    });
    judge(answer)
}

fn judge(answer: Result<Vec<()>, NetlinkError>) -> Result<Tables, TablesError> {
    match answer {
        Ok(found) if found.is_empty() => Ok(Tables::None),
        Ok(_) => Ok(Tables::Some),
        Err(NetlinkError::Refused(Errno::PERM | Errno::ACCESS)) => Err(TablesError::Denied),
        // A kernel built without it does not know the question.
        Err(NetlinkError::Refused(Errno::INVAL | Errno::OPNOTSUPP)) => Ok(Tables::None),
        Err(NetlinkError::Io(e)) if e.raw_os_error() == Some(Errno::PROTONOSUPPORT.raw_os_error()) => {
            Ok(Tables::None)
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(judge(Ok(vec![])).unwrap(), Tables::None);
        assert_eq!(judge(Ok(vec![(), ()])).unwrap(), Tables::Some);
        assert!(matches!(judge(Err(NetlinkError::Refused(Errno::PERM))), Err(TablesError::Denied)));
        assert_eq!(judge(Err(NetlinkError::Refused(Errno::INVAL))).unwrap(), Tables::None);
        let no_netfilter = NetlinkError::from(Errno::PROTONOSUPPORT);
        assert_eq!(judge(Err(no_netfilter)).unwrap(), Tables::None);
        assert!(judge(Err(NetlinkError::Unsteady)).is_err());
    }

    #[test]
    fn the_running_kernel_answers_or_refuses() {
        let found = list();
        assert!(matches!(found, Ok(_) | Err(TablesError::Denied)), "{found:?}");
    }
}
