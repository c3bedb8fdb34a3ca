//! One rule of Windows Firewall, from its text.

use doorward_model::FirewallRule;

/// Longest rule that is read. Windows' own have some 500 characters; policies name long lists of addresses.
const LENGTH_LIMIT: usize = 1 << 20;

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It does not begin with a version.
    #[error("no firewall rule: it does not begin with a version (v2.10|)")]
    Version,
    /// It is longer than any.
    #[error("longer than {LENGTH_LIMIT} characters")]
    Length,
    /// A field without `=`.
    #[error("field {0:?} has no value")]
    Field(String),
    /// A protocol that is no number up to 255.
    #[error("protocol {0:?} is no number up to 255")]
    Protocol(String),
    /// Neither inbound nor outbound.
    #[error("direction {0:?} is neither In nor Out")]
    Direction(String),
    /// It does not say what it does.
    #[error("no field {0}")]
    Missing(&'static str),
}

/// Reads a rule: `v2.10|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=80|...|`.
///
/// A field that is not known is kept as a condition, so that the rule is never taken for wider than it is.
pub fn parse_rule(id: &str, text: &str) -> Result<FirewallRule, RuleError> {
    if text.len() > LENGTH_LIMIT {
        return Err(RuleError::Length);
    }
    let mut fields = text.split('|');
    let version = fields.next().unwrap_or_default();
    if !version.strip_prefix('v').is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit())) {
        return Err(RuleError::Version);
    }
    let mut rule = FirewallRule { id: id.to_owned(), ..FirewallRule::default() };
    let mut direction = None;
    for field in fields.filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').ok_or_else(|| RuleError::Field(field.to_owned()))?;
        match name {
            "Action" => rule.action = value.to_lowercase(),
            "Active" => rule.active = value.eq_ignore_ascii_case("TRUE"),
            "Dir" if value.eq_ignore_ascii_case("In") => direction = Some(true),
            "Dir" if value.eq_ignore_ascii_case("Out") => direction = Some(false),
            "Dir" => return Err(RuleError::Direction(value.to_owned())),
            "Protocol" => rule.protocol = protocol(value)?,
            "LPort" | "LPort2_10" | "LPort2_20" | "LPort2_24" | "LPort2_29" => {
                rule.local_ports.extend(value.split(',').map(|port| port.trim().to_owned()));
            }
            "LA4" | "LA6" => rule.local_addresses.push(value.to_owned()),
            "RA4" | "RA6" | "RA42" | "RA62" => rule.remote_addresses.push(value.to_owned()),
            "Profile" => rule.profiles.push(value.to_lowercase()),
            "App" => rule.application = Some(value.to_owned()),
            "Svc" => rule.service = Some(value.to_owned()).filter(|svc| svc != "*"),
            "Name" => value.clone_into(&mut rule.name),
            "Desc" | "EmbedCtxt" | "Edge" | "Defer" => {}
            _ => rule.conditions.push(field.to_owned()),
        }
    }
    rule.inbound = direction.ok_or(RuleError::Missing("Dir"))?;
    if rule.action.is_empty() {
        return Err(RuleError::Missing("Action"));
    }
    for list in [&mut rule.local_addresses, &mut rule.remote_addresses, &mut rule.profiles] {
        list.sort();
        list.dedup();
    }
    Ok(rule)
}

/// 256 stands for any protocol.
fn protocol(value: &str) -> Result<Option<u8>, RuleError> {
    if value == "256" {
        return Ok(None);
    }
    value.parse().map(Some).map_err(|_| RuleError::Protocol(value.to_owned()))
}

/// An open port of Windows XP: `3389:TCP:*:Enabled:@xpsp2res.dll,-22009`.
pub(super) fn open_port(text: &str) -> Option<FirewallRule> {
    let mut fields = text.splitn(5, ':');
    let port: u16 = fields.next()?.trim().parse().ok()?;
    let protocol = match fields.next()? {
        tcp if tcp.eq_ignore_ascii_case("TCP") => 6,
        udp if udp.eq_ignore_ascii_case("UDP") => 17,
        _ => return None,
    };
    let (scope, mode, name) = (fields.next()?, fields.next()?, fields.next().unwrap_or_default());
    let ports = vec![port.to_string()];
    Some(FirewallRule { protocol: Some(protocol), local_ports: ports, ..exception(scope, mode, name) })
}

/// A program of Windows XP that may be reached: `C:\x\y.exe:*:Enabled:name`. The path itself has a colon.
pub(super) fn program(text: &str) -> Option<FirewallRule> {
    let drive = if text.as_bytes().get(1) == Some(&b':') { 2 } else { 0 };
    let (path, rest) = text.get(drive..)?.split_once(':')?;
    let path = format!("{}{path}", &text[..drive]);
    let mut fields = rest.splitn(3, ':');
    let (scope, mode, name) = (fields.next()?, fields.next()?, fields.next().unwrap_or_default());
    Some(FirewallRule { application: Some(path), ..exception(scope, mode, name) })
}

fn exception(scope: &str, mode: &str, name: &str) -> FirewallRule {
    let remote = if scope == "*" { Vec::new() } else { scope.split(',').map(str::to_owned).collect() };
    FirewallRule {
        name: name.to_owned(),
        active: mode.eq_ignore_ascii_case("Enabled"),
        action: "allow".into(),
        inbound: true,
        remote_addresses: remote,
        ..FirewallRule::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rule_says_who_may_reach_what() {
        let text = "v2.10|Action=Allow|Active=FALSE|Dir=In|Protocol=17|Profile=Private|Profile=Public|LPort=162|RA4=LocalSubnet\
                    |RA6=LocalSubnet|App=%SystemRoot%\\system32\\snmptrap.exe|Svc=SNMPTRAP|Name=@snmptrap.exe,-7|Security=Authenticate|";
        let rule = parse_rule("SNMPTRAP-In-UDP", text).unwrap();
        assert_eq!(
            (rule.active, rule.inbound, rule.action.as_str(), rule.protocol),
            (false, true, "allow", Some(17))
        );
        assert_eq!(rule.local_ports, ["162"]);
        assert_eq!(rule.remote_addresses, ["LocalSubnet"]);
        assert_eq!(rule.profiles, ["private", "public"]);
        assert_eq!(
            (rule.service.as_deref(), rule.conditions.as_slice()),
            (Some("SNMPTRAP"), &["Security=Authenticate".to_owned()][..])
        );
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        assert_eq!(parse_rule("x", ""), Err(RuleError::Version));
        assert_eq!(parse_rule("x", "v2.10|Action=Allow|"), Err(RuleError::Missing("Dir")));
        assert_eq!(parse_rule("x", "v2.10|Dir=In|"), Err(RuleError::Missing("Action")));
        assert_eq!(parse_rule("x", "v2.10|Dir=Sideways|"), Err(RuleError::Direction("Sideways".into())));
        assert_eq!(parse_rule("x", "v2.10|Protocol=999|"), Err(RuleError::Protocol("999".into())));
    }

    #[test]
    fn exceptions_of_xp() {
        let port = open_port("3389:TCP:LocalSubNet:Enabled:@xpsp2res.dll,-22009").unwrap();
        assert_eq!(
            (port.protocol, port.local_ports, port.remote_addresses),
            (Some(6), vec!["3389".into()], vec!["LocalSubNet".into()])
        );
        let app = program(r"C:\Program Files\x\y.exe:*:Disabled:Y").unwrap();
        assert_eq!(
            (app.application.as_deref(), app.active, app.name.as_str()),
            (Some(r"C:\Program Files\x\y.exe"), false, "Y")
        );
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in ".{0,80}", fields in "(v2|v|)[|](([A-Za-z0-9]{1,6}=?[^|]{0,6})[|]){0,8}") {
            for text in [text, fields] {
                let _ = (parse_rule("x", &text), open_port(&text), program(&text));
            }
        }

        #[test]
        fn ports_and_addresses_are_kept(ports in prop::collection::vec(any::<u16>(), 1..5), nets in prop::collection::vec("[0-9]{1,3}\\.0\\.0\\.0", 0..4)) {
            let mut text = String::from("v2.30|Action=Block|Active=TRUE|Dir=In|Protocol=6|");
            text.extend(ports.iter().map(|port| format!("LPort={port}|")));
            text.extend(nets.iter().map(|net| format!("RA4={net}|")));
            let rule = parse_rule("r", &text).unwrap();
            prop_assert_eq!(rule.local_ports, ports.iter().map(u16::to_string).collect::<Vec<_>>());
            prop_assert!(nets.iter().all(|net| rule.remote_addresses.contains(net)));
            prop_assert!(rule.active && rule.conditions.is_empty());
        }
    }
}
