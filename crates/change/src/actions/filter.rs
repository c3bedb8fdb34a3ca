//! The packet filter's table: loaded now, and at each boot before the network is up.

use doorward_plan::Filter;

use super::view::View;
use crate::system::{Activity, Node};
use crate::{Change, LONGEST_CONTENT};

/// What the boot loads.
const FILE: &str = "/etc/doorward/filter.nft";
/// Who may use what is nobody else's business.
const FILE_MODE: u32 = 0o600;
/// What loads it.
pub(crate) const UNIT: &str = "doorward-filter.service";
const UNIT_FILE: &str = "/etc/systemd/system/doorward-filter.service";
const LINK: &str = "/etc/systemd/system/sysinit.target.wants/doorward-filter.service";
const UNIT_MODE: u32 = 0o644;
/// Before any network, and after what may flush all tables (Debian's `nftables.service`), with which it is loaded anew. A
/// change that nobody confirmed is undone first.
const UNIT_TEXT: &str = "\
[Unit]
Description=Access to doors by client addresses
DefaultDependencies=no
RequiresMountsFor=/etc/doorward /usr
After=local-fs.target doorward-boot-revert.service nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
Before=network-pre.target sysinit.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f /etc/doorward/filter.nft
ExecReload=/usr/sbin/nft -f /etc/doorward/filter.nft

[Install]
WantedBy=sysinit.target
";

/// The table first, so that no boot loads one of which nothing is written down.
pub(super) fn changes(view: &mut View<'_>, filter: &Filter) -> Result<Vec<Change>, String> {
    let text = filter.policy.table();
    if text.len() > LONGEST_CONTENT {
        return Err(format!("its table is {} bytes long, too long to be kept for the undoing", text.len()));
    }
    let after = Some(view.table_once_loaded(&text)?);
    let before = view.table()?;
    let mut changes = Vec::new();
    if before != after {
        changes.push(Change::Load { before, after });
    }
    let file = |text: String, mode| Node::File { content: text.into_bytes(), mode, uid: 0, gid: 0 };
    changes.extend(view.put(FILE.into(), file(text, FILE_MODE))?);
    let of_unit = [
        view.put(UNIT_FILE.into(), file(UNIT_TEXT.to_owned(), UNIT_MODE))?,
        view.put(LINK.into(), Node::Link { target: UNIT_FILE.into() })?,
    ];
    let of_unit: Vec<Change> = of_unit.into_iter().flatten().collect();
    if !of_unit.is_empty() {
        changes.extend(of_unit);
        changes.push(Change::Reload);
    }
    if view.activity(UNIT)? != Activity::Active {
        changes.push(Change::Start { unit: UNIT.to_owned() });
    }
    Ok(changes)
}
