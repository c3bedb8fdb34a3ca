//! The conversation with process 1 about its units, and with the bus about the names on it.
//!
//! Each property of each unit is a question of its own, and only those are asked that files cannot answer: `GetAll`
//! would be one question, but makes the manager look up the state of each unit's file, milliseconds each.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::bus::{Arguments, Bus, BusError, Call, DBUS, Refusal, Reply};
use super::unit::{Listed, Property, Unit};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Units that are asked about at once, so that questions take little room where there are thousands.
const BATCH: usize = 128;

/// A conversation, and what it has brought until now.
#[derive(Debug, Default)]
pub(super) struct Manager {
    bus: Option<Bus>,
    /// Loaded units; `None` when it did not say.
    pub(super) units: Option<Vec<Unit>>,
    /// Names on the bus, each with its owner's process; `None` when the bus did not say.
    pub(super) owners: Option<Vec<(String, u32)>>,
    /// When the manager last read all units, in microseconds since the epoch.
    pub(super) loaded_at: Option<u64>,
    /// Where it looks for them.
    pub(super) search_path: Vec<String>,
    /// Why the conversation ended early.
    pub(super) failure: Option<BusError>,
    /// A question that was not answered for lack of permission.
    pub(super) denied: Option<Refusal>,
}

impl Manager {
    /// Asks for units, their vital signs, and the names on the bus. `pids` are the processes of each unit.
    pub(super) fn ask(socket: &Path, limit: Duration, pids: &HashMap<&str, Vec<u32>>) -> Self {
        let mut manager = Self::default();
        match Bus::open(socket, Instant::now() + limit) {
            Ok(bus) => manager.bus = Some(bus),
            Err(e) => manager.failure = Some(e),
        }
        // The bus first: it may answer where the manager does not.
        manager.owners = manager.names().map(|names| manager.owners_of(names));
        manager.list();
        manager.properties(|unit| unit.vital_signs(pids.get(unit.name.as_str()).map_or(0, Vec::len)));
        manager
    }

    /// Asks how units are defined. `known` tells of each whether files say so too, `None` not to ask for it. A
    /// conversation that ends before the last answer leaves all undefined.
    pub(super) fn define(&mut self, known: impl Fn(&Unit) -> Option<bool>) {
        self.properties(|unit| known(unit).map(|known| unit.defining(known)).into_iter().flatten());
        if self.failure.is_some() {
            self.units.iter_mut().flatten().for_each(|unit| unit.definition = None);
        }
    }

    /// Names on the bus.
    fn names(&mut self) -> Option<Vec<String>> {
        let mut names = None;
        self.talk(&[of_bus("ListNames", Arguments::None)], |_, reply| names = reply.read());
        names
    }

    /// Units, and when and from where they were read.
    fn list(&mut self) {
        let list = Call {
            to: SYSTEMD,
            path: MANAGER_PATH,
            interface: MANAGER,
            method: "ListUnits",
            arguments: Arguments::None,
        };
        let calls = [
            list,
            get(MANAGER_PATH, MANAGER, "UnitPath"),
            // When it read units at boot, and when again; 0 for never.
            get(MANAGER_PATH, MANAGER, "UnitsLoadStartTimestamp"),
            get(MANAGER_PATH, MANAGER, "UnitsLoadTimestamp"),
        ];
        let (mut units, mut loaded_at, mut search_path) = (None, None, None);
        self.talk(&calls, |n, reply| match n {
            0 => units = reply.read::<Vec<Listed>>(),
            1 => search_path = reply.property(),
            _ => loaded_at = loaded_at.max(reply.property()),
        });
        self.loaded_at = loaded_at;
        self.search_path = search_path.unwrap_or_default();
        self.units = units.map(|units| units.into_iter().filter_map(Unit::listed).collect());
    }

    /// The processes that own names, sorted by name; the unique name that each connection has is left out.
    fn owners_of(&mut self, mut names: Vec<String>) -> Vec<(String, u32)> {
        names.retain(|name| !name.starts_with(':'));
        names.sort_unstable();
        let owner = |name| of_bus("GetConnectionUnixProcessID", Arguments::One(name));
        let calls: Vec<_> = names.iter().map(|name| owner(name.as_str())).collect();
        let mut pids = vec![None; names.len()];
        self.talk(&calls, |n, reply| {
            if let Some(pid) = pids.get_mut(n) {
                *pid = reply.read::<u32>();
            }
        });
        names.into_iter().zip(pids).filter_map(|(name, pid)| Some((name, pid?))).collect()
    }

    /// Asks for properties of units and notes the answers. A unit that is gone by now, or a property that this
    /// version does not have, stays as it was.
    fn properties<P: IntoIterator<Item = Property>>(&mut self, wanted: impl Fn(&Unit) -> P) {
        let mut units = self.units.take();
        for some in units.iter_mut().flat_map(|units| units.chunks_mut(BATCH)) {
            let asked: Vec<(usize, Rc<str>, Property, _)> = some
                .iter()
                .enumerate()
                .flat_map(|(i, unit)| {
                    let place = move |p: Property| (i, Rc::clone(&unit.path), p, p.place(&unit.name));
                    wanted(unit).into_iter().map(place)
                })
                .collect();
            let calls: Vec<_> =
                asked.iter().map(|(_, path, _, (interface, name))| get(path, interface, name)).collect();
            self.talk(&calls, |n, reply| {
                if let Some((i, _, property, _)) = asked.get(n)
                    && let Some(unit) = some.get_mut(*i)
                {
                    unit.note(*property, reply);
                }
            });
        }
        self.units = units;
    }

    /// Asks, for as long as the conversation goes on.
    fn talk(&mut self, calls: &[Call<'_>], mut answer: impl FnMut(usize, &Reply<'_>)) {
        let Some(bus) = &mut self.bus else { return };
        let denied = &mut self.denied;
        let talked = bus.ask(calls, |n, reply| match reply {
            Ok(reply) => answer(n, reply),
            Err(refusal) if refusal.0.ends_with(".AccessDenied") => *denied = Some(refusal),
            Err(_) => {}
        });
        if let Err(e) = talked {
            self.bus = None;
            self.failure = Some(e);
        }
    }
}

fn of_bus<'a>(method: &'static str, arguments: Arguments<'a>) -> Call<'a> {
    Call { to: DBUS, path: "/org/freedesktop/DBus", interface: DBUS, method, arguments }
}

fn get<'a>(path: &'a str, interface: &'a str, property: &'a str) -> Call<'a> {
    let arguments = Arguments::Two(interface, property);
    Call { to: SYSTEMD, path, interface: PROPERTIES, method: "Get", arguments }
}
