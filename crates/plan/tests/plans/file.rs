//! The file: what is kept of a plan, and what is refused.

use doorward_filter::{Access, Allow, Door, DoorName, Host, Policy, Published, Rate, SetName, Transport};
use doorward_model::{Exposure, Protocol, Start};
use doorward_plan::{
    Action, ClosedDoor, ContainerName, Entry, Filter, KeepReason, MOST_STEPS, PLAN_VERSION, PackageVersion,
    Parts, Plan, PlanHost, Prefer, Rebind, Recorded, RecordedPackage, RecordedService, Saves, Script,
    ScriptManager, Step, StepId, SuperServer, Units, Unreadable, print, read,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;

use crate::made::Made;
use crate::random::hostile;

fn package() -> impl Strategy<Value = PackageVersion> {
    (hostile(), hostile()).prop_map(|(name, version)| PackageVersion { name, version })
}

fn units() -> impl Strategy<Value = Units> {
    let script = hostile().prop_map(|name| Script { name, manager: ScriptManager::Openrc });
    let entry =
        (hostile(), hostile()).prop_map(|(name, file)| Entry { name, manager: SuperServer::Xinetd, file });
    let container = (hostile(), hostile()).prop_map(|(name, engine)| ContainerName { name, engine });
    let rest = (vec(hostile(), 0..3), vec(script, 0..3), vec(entry, 0..3), vec(container, 0..3));
    (vec(hostile(), 1..4), rest).prop_map(|(systemd, (bus_names, scripts, entries, containers))| {
        Units::new(Parts { systemd, bus_names, scripts, entries, containers }).unwrap()
    })
}

fn action() -> impl Strategy<Value = Action> {
    let rebind = (hostile(), hostile(), hostile(), hostile(), hostile(), of(hostile()));
    prop_oneof![
        (package(), vec(package(), 0..3), units()).prop_map(|(package, along, units)| Action::Uninstall {
            package,
            along,
            units
        }),
        units().prop_map(|units| Action::Disable { units }),
        units().prop_map(|units| Action::Stop { units }),
        rebind.prop_map(|(service, file, setting, from, to, check)| {
            Action::Rebind(Rebind { service, file, setting, from, to, check })
        }),
        filter().prop_map(Action::Filter),
        hostile().prop_map(|service| Action::Keep { service, reason: KeepReason::ByHand }),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let networks = vec((any::<u32>(), 0..=32u32), 1..20).prop_map(|all| {
        let network = |(address, length): (u32, u32)| {
            let bits = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            format!("{}/{length}", std::net::Ipv4Addr::from(address & bits))
        };
        all.into_iter().map(network).chain(["2001:db8::/32".to_owned()]).collect::<Vec<_>>()
    });
    let doors = btree_map(1024..u16::MAX, (hostile(), any::<bool>()), 0..4);
    (networks, doors, 1..100u32, any::<[bool; 3]>()).prop_map(
        |(networks, named, burst, [counters, log, published])| {
            let name = |text: &str| SetName::try_from(text.to_owned()).unwrap();
            let door = |port: u16| Door { transport: Transport::Udp, port };
            let allow = |admin| Allow { to: vec![name("a-1"), name("b")], admin };
            let access = Access {
                clients: [(name("a-1"), networks), (name("b"), vec!["192.0.2.1".to_owned()])].into(),
                doors: named
                    .iter()
                    .map(|(p, (_, admin))| (DoorName::Port(door(*p)), allow(*admin)))
                    .collect(),
                rate: Rate { per_minute: 7, burst },
                counters,
                log,
                published: Published(published),
                guests: if log { vec!["br-*".to_owned()] } else { Vec::new() },
            };
            let site = [80, 443].map(|port| Door { transport: Transport::Tcp, port }).into();
            let policy = Policy::new(&access, &Host { site, ..Host::default() }).unwrap();
            let services = named.into_iter().map(|(p, (service, _))| (door(p), service)).collect();
            Filter { policy, services }
        },
    )
}

fn door() -> impl Strategy<Value = ClosedDoor> {
    (hostile(), any::<Option<u16>>(), of(hostile()), of(hostile())).prop_map(
        |(address, port, interface, namespace)| ClosedDoor {
            protocol: Protocol::Udp,
            address,
            port,
            interface,
            namespace,
            exposure: Exposure::Limited,
        },
    )
}

fn saves() -> impl Strategy<Value = Saves> {
    let number = || of(0..=i64::MAX as u64);
    (number(), number(), any::<u32>(), vec(hostile(), 0..3)).prop_map(
        |(memory_bytes, cpu_usec, pending_updates, known_exploited)| Saves {
            memory_bytes,
            cpu_usec,
            pending_updates,
            known_exploited,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let words =
        (hostile(), of(hostile()), hostile(), vec(hostile(), 0..3), vec(hostile(), 0..3), of(hostile()));
    let gains = (saves(), of(hostile()));
    (hostile(), any::<bool>(), action(), words, vec(door(), 0..3), gains).prop_map(
        |(id, on, action, (why, danger, undo, needed_by, takes_along, cycle), closes, (saves, trial))| Step {
            id: StepId(id),
            on,
            action,
            why,
            danger,
            undo,
            closes,
            needed_by,
            takes_along,
            cycle: cycle.map(StepId),
            saves,
            trial,
        },
    )
}

fn recorded() -> impl Strategy<Value = Recorded> {
    let package = (hostile(), hostile()).prop_map(|(version, takes)| RecordedPackage { version, takes });
    let service = (of(hostile()), hostile()).prop_map(|(package, definition)| RecordedService {
        start: Start::Generated,
        package,
        definition,
    });
    let lists = (btree_set(hostile(), 0..3), btree_set(hostile(), 0..3));
    (lists, btree_map(hostile(), package, 0..3), btree_map(hostile(), service, 0..3)).prop_map(
        |((listeners, applications), packages, services)| Recorded {
            listeners,
            applications,
            packages,
            services,
        },
    )
}

pub(crate) fn any_plan() -> impl Strategy<Value = Plan> {
    (hostile(), hostile(), hostile(), hostile(), vec(step(), 0..4), recorded()).prop_map(
        |(doorward, name, os, snapshot, steps, recorded)| Plan {
            schema_version: PLAN_VERSION,
            doorward,
            host: PlanHost { name, os },
            snapshot,
            prefer: Prefer::Stop,
            steps,
            recorded,
        },
    )
}

proptest! {
    #[test]
    fn whatever_a_plan_holds_survives_its_file(plan in any_plan()) {
        prop_assert_eq!(read(&print(&plan)), Ok(plan));
    }

    #[test]
    fn no_text_is_too_odd_to_refuse(text in any::<String>()) {
        prop_assert!(read(&text).is_err());
    }

    #[test]
    fn no_edit_is_too_odd(at in any::<prop::sample::Index>(), edit in hostile()) {
        let mut text = print(&sample());
        let at = text.floor_char_boundary(at.index(text.len()));
        text.insert_str(at, &edit);
        if let Err(refused) = read(&text) {
            prop_assert!(refused.to_string().contains('('), "{refused}");
        }
    }
}

fn sample() -> Plan {
    Made::host().runs("cups.service", "/usr/sbin/cupsd").tcp("0.0.0.0", 631).of("cups", "2.4").plan()
}

fn refused(from: &str, to: &str) -> String {
    let text = print(&sample());
    assert!(text.contains(from), "{text}");
    read(&text.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_a_way_out() {
    assert_eq!(
        refused("undo = ", "onn = true\nundo = "),
        "line 34, column 1, step 1 \"uninstall:cups\": unknown field `onn`, expected one of `id`, `on`, `action`, \
         `package`, `along`, `units`, `bus_names`, `scripts`, `entries`, `containers`, `service`, `file`, `setting`, \
         `from`, `to`, `check`, `reason`, `site`, `clients`, `doors`, `rate`, `counters`, `log`, `published`, \
         `guests`, `why`, `danger`, `undo`, `closes`, `needed_by`, `takes_along`, `cycle`, `saves`, `trial` (correct the name, or take the line out)"
    );
    assert!(
        refused("action = \"uninstall\"", "action = \"erase\"")
            .contains("step 1 \"uninstall:cups\": unknown variant")
    );
    assert!(refused("action = \"uninstall\"", "action = \"disable\"").contains(
        "`package` does not belong to the action disable (take `package` out, or name another action)"
    ));
    assert!(refused("units = [\"cups.service\"]\n", "").contains("the action uninstall needs `units`"));
    assert!(refused("on = true", "on = maybe").starts_with("line 28, column 6, step 1 \"uninstall:cups\": "));
    assert!(refused("[host]\n", "[hst]\n").contains("line"));
}

#[test]
fn other_forms_and_sizes_are_refused() {
    let newer = refused("schema_version = 1", "schema_version = 7\nfuture = 1");
    assert!(newer.starts_with("the plan has format 7, and this doorward reads up to 1"), "{newer}");
    let many = "[[step]]\n".repeat(MOST_STEPS + 1);
    assert_eq!(read(&many), Err(Unreadable::TooManySteps));
    let long = " ".repeat(doorward_plan::LONGEST + 1);
    assert!(matches!(read(&long), Err(Unreadable::TooLong(_))));
    assert!(read("").unwrap_err().to_string().contains("schema_version"));
}
