//! Names of UNIX sockets (`unix(7)`): paths, abstract names, and what a relative path meant to who bound it.

use std::path::Path;

use rustix::fs::FileType;

use crate::process::Process;

/// The name in a `sun_path`: up to the first zero, or `@` and the rest of one that begins with zero, with further
/// zeros as `@` as the kernel itself writes them in `/proc/net/unix`.
pub(super) fn of_bytes(bytes: &[u8]) -> Option<String> {
    let (first, rest) = bytes.split_first()?;
    if *first != 0 {
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        return Some(String::from_utf8_lossy(bytes.get(..end)?).into_owned());
    }
    // Programs that bind the whole array fill it up with zeros.
    let end = rest.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    let text: Vec<u8> = rest.get(..end)?.iter().map(|b| if *b == 0 { b'@' } else { *b }).collect();
    (!text.is_empty()).then(|| format!("@{}", String::from_utf8_lossy(&text)))
}

/// Whether the kernel gave the name to a socket that asked for any: five hexadecimal digits.
pub(super) fn is_made_up(name: &str) -> bool {
    name.strip_prefix('@').is_some_and(|n| n.len() == 5 && n.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The absolute path of a name that was bound as a relative one, as Postfix does: there is a socket of that name in
/// the folder that its holder works in. Other names stay as they are, and so do those of which it cannot be told.
///
/// Only for holders that are root: others could work in a file system of their own that never answers.
pub(crate) fn absolute(name: &str, holder: Option<&Process>) -> String {
    let found = || {
        let pid = holder.filter(|h| h.uid == 0)?.pid;
        let folder = rustix::fs::readlink(format!("/proc/{pid}/cwd"), Vec::new()).ok()?;
        let path = Path::new(folder.to_str().ok()?).join(name);
        let kind = FileType::from_raw_mode(rustix::fs::lstat(&path).ok()?.st_mode);
        (kind == FileType::Socket).then(|| path.to_str().map(str::to_owned))?
    };
    if name.starts_with(['/', '@']) {
        return name.to_owned();
    }
    found().unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_abstract_names() {
        let name = |bytes: &[u8]| of_bytes(bytes);
        assert_eq!(name(b"/run/a.sock\0").as_deref(), Some("/run/a.sock"));
        assert_eq!(name(b"private/smtp").as_deref(), Some("private/smtp"));
        assert_eq!(name(b"\0/tmp/.X11-unix/X0").as_deref(), Some("@/tmp/.X11-unix/X0"));
        assert_eq!(name(b"\0a\0b\0\0\0").as_deref(), Some("@a@b"));
        assert_eq!((name(b""), name(b"\0\0")), (None, None));
        assert!(is_made_up("@0002a") && !is_made_up("@dbus1") && !is_made_up("0002a"));
    }

    #[test]
    fn a_relative_path_is_looked_for_where_its_holder_works() {
        let me = Process { pid: std::process::id(), ..Process::default() };
        let me = Some(&me);
        assert_eq!(absolute("/run/a", me), "/run/a");
        assert_eq!(absolute("@a", me), "@a");
        assert_eq!(absolute("no/such/socket", me), "no/such/socket");
        assert_eq!(absolute("src", me), "src", "no socket");
        assert_eq!(absolute("a", None), "a");
    }
}
