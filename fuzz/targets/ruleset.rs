//! What `nft -j list ruleset` might print: parsed, then asked about doors and about clients.
#![no_main]

use doorward_netfilter::{Family, Interface, Probe, Query, Ruleset, Target, Transport};
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
    for (client, established) in [("0.0.0.0/0", false), ("192.0.2.0/24", true), ("::/0", true), ("2001:db8::1/128", false)] {
        let client = client.parse().unwrap();
        let (protocol, interface) = (Transport::Tcp, "eth0".to_owned());
        let probe =
            Probe { protocol, client, source_port: None, destination: None, port: 22, interface, established };
        let parts = rules.trace(&probe, &interfaces);
        assert!(parts.iter().all(|part| part.clients.iter().all(|net| client.contains(net))));
        assert!(parts.iter().any(|part| !part.clients.is_empty()));
    }
    drop(rules.published_ports());
    Corpus::Keep
});
