//! What `nft -j list ruleset` might print: parsed, then asked about doors.
#![no_main]

use doorward_netfilter::{Family, Interface, Query, Ruleset, Target, Transport};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(json) = serde_json::from_slice(input) else { return Corpus::Reject };
    let Ok(rules) = Ruleset::parse(&json) else { return Corpus::Keep };
    let interfaces = vec![Interface::inbound("eth0", &["192.0.2.7/24".parse().unwrap(), "2001:db8::7/64".parse().unwrap()])];
    for (family, protocol) in [(Family::V4, Transport::Tcp), (Family::V6, Transport::Udp)] {
        let interfaces = interfaces.clone();
        let query = Query { protocol, family, address: None, port: 22, bound_to: None, interfaces, target: Target::Anything };
        drop(rules.reach(&query));
    }
    drop(rules.published_ports());
    Corpus::Keep
});
