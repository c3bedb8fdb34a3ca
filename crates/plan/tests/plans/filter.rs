//! Access by client addresses: what is planned for it, and what is refused.

use std::collections::BTreeMap;

use doorward_model::{PacketFilter, Snapshot};
use doorward_plan::{
    Action, Filter, Options, Plan, Rule, Step, Unplannable, WantedAccess, plan, print, read,
};

use crate::made::{INDEX, Made};

const OFFICE: &str = "[clients]\noffice = [\"192.0.2.0/24\", \"/etc/office.list\"]\n";
const SSH: &str = "[doors]\nssh = { to = [\"office\"], admin = true }\n";

fn host() -> Made {
    Made::host().runs("db.service", "/usr/sbin/db").tcp("0.0.0.0", 5432).with(|s| {
        if let Some(path) = &mut s.admin_path {
            "192.0.2.9".clone_into(&mut path.remote);
            path.port = 22;
        }
    })
}

fn wanted(text: &str) -> WantedAccess {
    let files = BTreeMap::from([("/etc/office.list".to_owned(), "2001:db8::/32\n".to_owned())]);
    WantedAccess { access: toml::from_str(text).unwrap(), files }
}

fn planned(host: &Made, text: &str) -> Result<Plan, Unplannable> {
    let wanted = wanted(text);
    let options = Options { access: Some(&wanted), ..Options::default() };
    plan(&host.assess(), &host.0, &INDEX, options)
}

fn filter_of(plan: &Plan) -> &Step {
    plan.step(&"filter".into()).unwrap()
}

fn policy(plan: &Plan) -> &Filter {
    let Action::Filter(filter) = &filter_of(plan).action else { panic!() };
    filter
}

fn refused(host: &Made, text: &str) -> Vec<(Rule, String)> {
    let plan = planned(host, text).unwrap();
    host.check(&plan, &[]).into_iter().map(|v| (v.rule, v.to_string())).collect()
}

#[test]
fn doors_are_resolved_by_service_and_the_site_stays_open() {
    let host = host();
    let plan = planned(&host, &format!("{OFFICE}{SSH}\"tcp/9100\" = {{ to = [\"office\"] }}\n")).unwrap();
    let step = filter_of(&plan);
    let last_change = plan.changes().last().unwrap();
    assert_eq!(last_change.id, step.id, "after what shuts");
    let site: Vec<String> = policy(&plan).policy.site().iter().map(ToString::to_string).collect();
    assert_eq!(site, ["tcp/80"]);
    let doors: Vec<String> = policy(&plan).policy.named().keys().map(ToString::to_string).collect();
    assert_eq!(doors, ["tcp/22", "tcp/9100"]);
    assert_eq!(policy(&plan).services.values().collect::<Vec<_>>(), ["ssh.service"]);
    assert!(
        step.why.contains("tcp/22 (ssh.service) for office (2 networks), limited in rate"),
        "{}",
        step.why
    );
    assert_eq!(host.check(&plan, &[]), []);
    assert_eq!(read(&print(&plan)), Ok(plan.clone()));
    assert!(print(&plan).contains("let named clients alone reach tcp/22, tcp/9100"));
    assert!(host.plan().step(&"filter".into()).is_none(), "without [access] no step");
}

#[test]
fn what_cannot_be_had_is_no_plan() {
    let told = |text: &str| planned(&host(), text).unwrap_err().to_string();
    assert!(told("[clients]\noffice = []\n").contains("clients office: it is empty"));
    assert!(
        told(&format!("{OFFICE}[doors]\nnone = {{ to = [\"office\"] }}\n"))
            .contains("no service of that name")
    );
    let shut = told(&format!("{OFFICE}[doors]\ndb = {{ to = [\"office\"] }}\n"));
    assert!(shut.contains("the plan shuts db.service"), "{shut}");
}

#[test]
fn what_cuts_off_the_admin_or_the_site_is_refused() {
    let elsewhere = "[clients]\noffice = [\"198.51.100.0/24\"]\n";
    let found = refused(&host(), &format!("{elsewhere}{SSH}"));
    assert_eq!(found.iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), [Rule::Admin]);
    assert!(found[0].1.contains("you came in from 192.0.2.9 by tcp/22, which it closes to you"), "{found:?}");
    // Nobody could come in: no override helps.
    let found = refused(&host(), OFFICE);
    assert!(found.iter().any(|(rule, _)| *rule == Rule::LastWayIn), "{found:?}");
    let plan = planned(&host(), OFFICE).unwrap();
    let left = host().check(&plan, &["filter"]);
    assert_eq!(left.iter().map(|v| v.rule).collect::<Vec<_>>(), [Rule::LastWayIn]);

    let good = planned(&host(), &format!("{OFFICE}{SSH}")).unwrap();
    let edited = |from: &str, to: &str| {
        let text = print(&good);
        assert!(text.contains(from), "{text}");
        let plan = read(&text.replace(from, to)).unwrap();
        host().check(&plan, &[]).into_iter().map(|v| v.rule).collect::<Vec<_>>()
    };
    assert_eq!(edited("site = [\"tcp/80\"]", "site = []"), [Rule::Role]);
    assert_eq!(edited("site = [\"tcp/80\"]", "site = [\"tcp/80\", \"tcp/5432\"]"), [Rule::NoSuch]);
    assert_eq!(edited("service = \"ssh.service\", to", "service = \"nginx.service\", to"), [Rule::NoSuch]);
    let twice = Plan { steps: [good.steps.clone(), vec![filter_of(&good).clone()]].concat(), ..good.clone() };
    assert!(host().check(&twice, &[]).iter().any(|v| v.rule == Rule::Twice));
}

#[test]
fn what_makes_no_policy_is_no_step_of_a_file() {
    let good = print(&planned(&host(), &format!("{OFFICE}{SSH}")).unwrap());
    for (from, to, said) in [
        ("\"192.0.2.0/24\"", "\"192.0.2.1/24\"", "bits below its length"),
        ("networks = [\"192.0.2.0/24\", \"2001:db8::/32\"]", "networks = []", "it is empty"),
        ("to = [\"office\"]", "to = []", "for no clients"),
        ("to = [\"office\"]", "to = [\"others\"]", "no clients are named others"),
        ("door = \"tcp/22\"", "door = \"tcp/80\"", "is a door of the site"),
        ("door = \"tcp/22\"", "door = \"ssh\"", "give the port"),
        ("site = [\"tcp/80\"]\n", "", "needs `site`"),
        ("\"192.0.2.0/24\"", "\"/etc/passwd\"", "was not read"),
    ] {
        assert!(good.contains(from), "{from}: {good}");
        let told = read(&good.replace(from, to)).unwrap_err().to_string();
        assert!(told.contains(said), "{to}: {told}");
    }
}

#[test]
fn a_loaded_table_of_the_same_policy_is_not_planned_again() {
    let text = format!("{OFFICE}{SSH}");
    let mark = policy(&planned(&host(), &text).unwrap()).policy.mark();
    let rule = |mark: &str| {
        serde_json::json!({"nftables": [
            {"table": {"family": "inet", "name": "doorward"}},
            {"chain": {"family": "inet", "table": "doorward", "name": "input"}},
            {"rule": {"family": "inet", "table": "doorward", "chain": "input", "handle": 1, "comment": mark,
                "expr": [{"accept": null}]}},
        ]})
    };
    let with = |mark: &str| {
        let ruleset = rule(mark);
        host().with(move |s: &mut Snapshot| s.filter = PacketFilter::Nftables { ruleset })
    };
    assert!(planned(&with(&mark), &text).unwrap().step(&"filter".into()).is_none());
    assert!(planned(&with("doorward policy 00"), &text).unwrap().step(&"filter".into()).is_some());
}
