//! A preset file of systemd: what is not to be enabled. It stops nothing, and holds for packages installed later too.

use std::fmt::Write as _;

use super::Direction;
use super::changes::{Change, Changes};
use crate::file::in_comment;

const HEADER: &str = "\
# Presets of a plan of Doorward. For /etc/systemd/system-preset/10-doorward.preset.
# They hold for what is installed from now on; `systemctl preset UNIT` makes one hold now, and nothing is stopped.
";

pub(super) fn text(steps: &[Changes<'_>], direction: Direction) -> String {
    let mut out = HEADER.to_owned();
    for Changes { step, list } in steps {
        let _ = writeln!(out, "\n# {}: {}", in_comment(&step.id.0), in_comment(&step.why));
        for change in list {
            match change {
                Change::Disable(units) | Change::Mask(units) => lines(&mut out, "disable", units),
                Change::Enable(units) => lines(&mut out, "enable", units),
                Change::ByHand(text) => drop(writeln!(out, "# By hand: {}", in_comment(text))),
                Change::Remove(_) | Change::Install(_) => {
                    let verb = if direction == Direction::Apply { "removes" } else { "installs" };
                    let _ = writeln!(out, "# A preset {verb} no package.");
                }
                Change::Stop(_) | Change::Unmask(_) | Change::Start(_) => {}
                Change::StopContainer(_) | Change::StartContainer(_) => {
                    out.push_str("# A preset knows nothing of containers.\n");
                }
                Change::StopScript(..) | Change::StartScript(..) => {
                    out.push_str("# A preset knows nothing of init scripts.\n");
                }
            }
        }
    }
    out
}

/// Names are patterns to systemd: one that could be read as such is left out.
fn lines(out: &mut String, verb: &str, units: &[&str]) {
    for unit in units {
        let _ = if unit.contains('\\') {
            writeln!(out, "# By hand: {verb} {}", in_comment(unit))
        } else {
            writeln!(out, "{verb} {unit}")
        };
    }
}
