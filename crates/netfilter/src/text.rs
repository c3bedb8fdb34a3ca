//! Rules in nft's own language, for people.

use std::fmt::Write as _;

use serde_json::Value;

/// Elements of a set in a rule that are written out before it is cut short.
const SHOWN_ELEMENTS: usize = 8;
/// Deepest nesting that is written out.
const DEPTH: usize = 16;

/// A rule from its list of statements.
pub(crate) fn rule(statements: &Value) -> String {
    let texts = statements.as_array().into_iter().flatten().map(statement);
    let texts: Vec<String> = texts.filter(|t| !t.is_empty()).collect();
    texts.join(" ")
}

/// One statement; counters are left out.
pub(crate) fn statement(value: &Value) -> String {
    let Some((name, inner)) = value.as_object().and_then(|map| map.iter().next()) else {
        return expression(value);
    };
    let part = |key: &str| inner.get(key).map(expression);
    let or_empty = |text: Option<String>| text.unwrap_or_default();
    match name.as_str() {
        "counter" => String::new(),
        "match" => matching(inner),
        "accept" | "drop" | "return" | "continue" | "notrack" => name.clone(),
        "jump" | "goto" => format!("{name} {}", or_empty(part("target"))),
        "reject" => match part("type") {
            Some(kind) => format!("reject with {kind} {}", or_empty(part("expr"))).trim_end().to_owned(),
            None => name.clone(),
        },
        "vmap" => format!("{} vmap {}", or_empty(part("key")), or_empty(part("data"))),
        "dnat" | "snat" | "redirect" | "masquerade" | "tproxy" => {
            let mut text = name.clone();
            if let Some(family) = part("family") {
                let _ = write!(text, " {family}");
            }
            let (address, port) = (part("addr"), part("port"));
            if address.is_some() || port.is_some() {
                let address =
                    address.map(|a| if port.is_some() && a.contains(':') { format!("[{a}]") } else { a });
                let _ = write!(text, " to {}", or_empty(address));
            }
            if let Some(port) = port {
                let _ = write!(text, ":{port}");
            }
            text
        }
        "limit" => {
            let over = if inner.get("inv") == Some(&Value::Bool(true)) { "over " } else { "" };
            match (part("rate"), part("per")) {
                (Some(rate), Some(per)) => format!("limit rate {over}{rate}/{per}"),
                _ => format!("limit name {}", expression(inner)),
            }
        }
        "ct count" => {
            let over = if inner.get("inv") == Some(&Value::Bool(true)) { "over " } else { "" };
            format!("ct count {over}{}", or_empty(part("val")))
        }
        "log" => match part("prefix") {
            Some(prefix) => format!("log prefix \"{prefix}\""),
            None => name.clone(),
        },
        "mangle" => format!("{} set {}", or_empty(part("key")), or_empty(part("value"))),
        "set" | "map" if inner.get("op").is_some() => {
            format!("{} {} {{ {} }}", or_empty(part("op")), or_empty(part("set")), or_empty(part("elem")))
        }
        "meter" => format!("meter {} {{ {} }}", or_empty(part("name")), or_empty(part("key"))),
        "xt" => format!("xt {} {}", or_empty(part("type")), or_empty(part("name"))),
        "queue" => format!("queue {}", or_empty(part("num"))).trim_end().to_owned(),
        "quota" => match part("val") {
            Some(val) => format!("quota {val} {}", or_empty(part("val_unit"))),
            None => format!("quota name {}", expression(inner)),
        },
        _ => format!("{} {}", clean(name), expression(inner)).trim_end().to_owned(),
    }
}

/// One expression.
pub(crate) fn expression(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value, DEPTH);
    text
}

/// Text from the host without control characters: it is shown on terminals.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn matching(inner: &Value) -> String {
    let left = inner.get("left").map(expression).unwrap_or_default();
    let right = inner.get("right").map(expression).unwrap_or_default();
    match inner.get("op").and_then(Value::as_str) {
        None | Some("==" | "in") => format!("{left} {right}"),
        Some(op) => format!("{left} {} {right}", clean(op)),
    }
}

fn write(out: &mut String, value: &Value, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        out.push_str("...");
        return;
    };
    match value {
        Value::Null => {}
        Value::Bool(true) => out.push_str("exists"),
        Value::Bool(false) => out.push_str("missing"),
        Value::Number(n) => {
            let _ = write!(out, "{n}");
        }
        Value::String(text) => out.push_str(&clean(text)),
        Value::Array(list) => join(out, list, ",", depth),
        Value::Object(map) => {
            if let Some((name, inner)) = map.iter().next() {
                object(out, name, inner, depth);
            }
        }
    }
}

fn object(out: &mut String, name: &str, inner: &Value, depth: usize) {
    let text = |key: &str| inner.get(key).and_then(Value::as_str).map(clean);
    match name {
        "payload" => match (text("protocol"), text("field")) {
            (Some(protocol), Some(field)) => {
                let _ = write!(out, "{protocol} {field}");
            }
            _ => {
                let part = |key: &str| inner.get(key).map(expression).unwrap_or_default();
                let _ = write!(out, "@{},{},{}", part("base"), part("offset"), part("len"));
            }
        },
        "meta" | "ct" | "socket" | "rt" | "osf" | "ipsec" => {
            let key = text("key").unwrap_or_default();
            match (name, key.as_str(), text("dir")) {
                ("meta", "iif" | "iifname" | "oif" | "oifname", _) => out.push_str(&key),
                (_, _, Some(direction)) => {
                    let _ = write!(out, "{name} {direction} {key}");
                }
                _ => {
                    let _ = write!(out, "{name} {key}");
                }
            }
        }
        "fib" => {
            let flags: Vec<String> = match inner.get("flags") {
                Some(Value::Array(list)) => list.iter().map(expression).collect(),
                Some(one) => vec![expression(one)],
                None => Vec::new(),
            };
            let _ = write!(out, "fib {} {}", flags.join(" . "), text("result").unwrap_or_default());
        }
        "prefix" => {
            if let Some(address) = inner.get("addr") {
                write(out, address, depth);
            }
            let _ = write!(out, "/{}", inner.get("len").map(expression).unwrap_or_default());
        }
        "range" => join(out, inner.as_array().map(Vec::as_slice).unwrap_or_default(), "-", depth),
        "concat" => join(out, inner.as_array().map(Vec::as_slice).unwrap_or_default(), " . ", depth),
        "set" => {
            let single = std::slice::from_ref(inner);
            let list = inner.as_array().map_or(single, Vec::as_slice);
            out.push_str("{ ");
            let shown = list.get(..SHOWN_ELEMENTS).unwrap_or(list);
            for (index, element) in shown.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                match element.as_array().map(Vec::as_slice) {
                    Some([key, data]) => {
                        write(out, key, depth);
                        out.push_str(" : ");
                        write(out, data, depth);
                    }
                    _ => write(out, element, depth),
                }
            }
            if list.len() > shown.len() {
                let _ = write!(out, ", ... {} more", list.len() - shown.len());
            }
            out.push_str(" }");
        }
        "map" => {
            if let Some(key) = inner.get("key") {
                write(out, key, depth);
            }
            out.push_str(" map ");
            if let Some(data) = inner.get("data") {
                write(out, data, depth);
            }
        }
        "elem" => {
            if let Some(element) = inner.get("val") {
                write(out, element, depth);
            }
        }
        "&" | "|" | "^" | "<<" | ">>" => {
            let list = inner.as_array().map(Vec::as_slice).unwrap_or_default();
            join(out, list, &format!(" {name} "), depth);
        }
        "accept" | "drop" | "return" | "continue" => out.push_str(name),
        "jump" | "goto" => {
            let _ = write!(out, "{name} {}", text("target").unwrap_or_default());
        }
        "numgen" | "jhash" | "symhash" => out.push_str(name),
        "exthdr" | "tcp option" | "ip option" | "sctp chunk" => {
            let (header, field) = (text("name").unwrap_or_default(), text("field").unwrap_or_default());
            let _ = write!(out, "{}", format!("{name} {header} {field}").trim_end());
        }
        _ => {
            out.push_str(&clean(name));
            if !inner.is_null() {
                out.push(' ');
                write(out, inner, depth);
            }
        }
    }
}

fn join(out: &mut String, list: &[Value], separator: &str, depth: usize) {
    for (index, value) in list.iter().enumerate() {
        out.push_str(if index > 0 { separator } else { "" });
        write(out, value, depth);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_read_as_nft_writes_them() {
        let source = json!([
            {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}},
                       "right": {"set": [{"prefix": {"addr": "10.0.0.0", "len": 8}}, "192.0.2.1"]}}},
            {"match": {"op": "!=", "left": {"meta": {"key": "iifname"}}, "right": "eth*"}},
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": {"range": [22, 25]}}},
            {"counter": {"packets": 1, "bytes": 2}},
            {"log": {"prefix": "a\u{1b}[31m"}},
            {"dnat": {"family": "ip6", "addr": "2001:db8::1", "port": 80}},
        ]);
        assert_eq!(
            rule(&source),
            "ip saddr { 10.0.0.0/8, 192.0.2.1 } iifname != eth* tcp dport 22-25 log prefix \"a\u{fffd}[31m\" \
             dnat ip6 to [2001:db8::1]:80"
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let mut value = json!(1);
        for _ in 0..100 {
            value = json!({ "&": [value, 1] });
        }
        assert!(expression(&value).contains("..."));
    }
}
