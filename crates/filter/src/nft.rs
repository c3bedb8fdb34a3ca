//! Parts of a table in the form that `nft -f` takes: for this crate's own, and for others of this program.

use std::fmt::{Display, Write as _};

use crate::SetName;

/// Elements of a set on one line.
const ON_A_LINE: usize = 8;

/// What makes a chain one that packets come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base<'a> {
    /// The hook: `input`.
    pub hook: &'a str,
    /// Chains of a lower priority come first.
    pub priority: i32,
    /// What becomes of a packet that no rule decides about.
    pub policy: &'a str,
}

/// A set of networks; none where there are none of the family. The dot keeps names apart from nft's own words.
pub fn set(text: &mut String, name: &SetName, family: &str, kind: &str, networks: &[impl Display]) {
    if networks.is_empty() {
        return;
    }
    let _ = write!(text, "\tset {name}.{family} {{\n\t\ttype {kind}\n\t\tflags interval\n\t\telements = {{");
    for (at, network) in networks.iter().enumerate() {
        let before = if at % ON_A_LINE == 0 { "\n\t\t\t" } else { " " };
        let _ = write!(text, "{before}{network},");
    }
    text.push_str("\n\t\t}\n\t}\n");
}

/// A chain, with its rules.
pub fn chain(text: &mut String, name: &str, base: Option<Base<'_>>, rules: &[String]) {
    let _ = writeln!(text, "\tchain {name} {{");
    if let Some(Base { hook, priority, policy }) = base {
        let _ = writeln!(text, "\t\ttype filter hook {hook} priority {priority}; policy {policy};");
    }
    for rule in rules {
        let _ = writeln!(text, "\t\t{rule}");
    }
    text.push_str("\t}\n");
}
