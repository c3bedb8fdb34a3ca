//! What a machine's policies say: `IPsec` filters, rights to log on, what is logged, and what single accounts may do.

use doorward_hive::Kind;
use doorward_hive::testing::HiveBuilder;

use super::sid;

const STORE: &str = r"Policies\Microsoft\Windows\IPSec\Policy\Local";

/// The numbers that a machine's own SIDs have in common.
pub(super) const MACHINE: [u32; 4] = [21, 1, 2, 3];

/// GUIDs, as they are stored, that begin `ipsecData` of a list of filters and of a rule (MS-GPIPSEC 2.2.1.5.1, 2.2.1.3.1).
const FILTERS: [u8; 16] =
    [0xb5, 0x20, 0xdc, 0x80, 0xc8, 0x2e, 0xd1, 0x11, 0xa8, 0x9e, 0, 0xa0, 0x24, 0x8d, 0x30, 0x21];
const RULE: [u8; 16] =
    [0, 0xac, 0xbb, 0x11, 0x8d, 0x49, 0xd1, 0x11, 0x86, 0x39, 0, 0xa0, 0x24, 0x8d, 0x30, 0x21];

/// Adds an IP security policy, in force, to a SOFTWARE.
pub(super) fn ipsec(hive: &mut HiveBuilder) {
    let path = |name: &str| format!(r"SOFTWARE\{STORE}\{name}");
    let mut key = |name: &str, values: &[(&str, &str)]| {
        let key = hive.key(&format!(r"{STORE}\{name}"));
        for (name, text) in values {
            key.string(name, text);
        }
    };
    key("", &[("ActivePolicy", &path("ipsecPolicy{1}"))]);
    key("ipsecPolicy{1}", &[("ipsecName", "Web server"), ("ipsecNFAReference", &path("ipsecNFA{1}"))]);
    key(
        "ipsecNegotiationPolicy{1}",
        &[("ipsecNegotiationPolicyAction", "{3f91a819-7647-11d1-864d-d46a00000000}")],
    );
    let references = [
        ("ipsecFilterReference", path("ipsecFilter{1}")),
        ("ipsecNegotiationPolicyReference", path("ipsecNegotiationPolicy{1}")),
    ];
    key("ipsecNFA{1}", &references.each_ref().map(|(name, path)| (*name, path.as_str())));
    key("ipsecFilter{1}", &[("ipsecName", "SMB")]);
    let rule = [&RULE[..], &words(&[42, 0, 0xffff_fffd, 0, 0, 0, 1, 0])].concat();
    hive.key(&format!(r"{STORE}\ipsecNFA{{1}}")).value("ipsecData", Kind::Binary, &rule);
    // From any address, which has a name, to one: TCP, port 445.
    let filter = [
        &[4, 0, 0, 0, b'x', 0, 0, 0][..],
        &[2, 0, 0, 0, 0, 0].repeat(2),
        &[7; 16],
        &words(&[1, 0, 0]),
        &[192, 0, 2, 1, 255, 255, 255, 255],
        &words(&[0, 6, 445 << 16, 0x8100]),
    ]
    .concat();
    let filters =
        [&FILTERS[..], &words(&[4 + u32::try_from(filter.len()).expect("short"), 1]), &filter].concat();
    hive.key(&format!(r"{STORE}\ipsecFilter{{1}}")).value("ipsecData", Kind::Binary, &filters);
}

/// A SECURITY with rights to log on.
pub(super) fn security() -> HiveBuilder {
    let mut hive = HiveBuilder::new(3).named("SECURITY");
    let own: Vec<u32> = MACHINE.into_iter().chain([1001]).collect();
    for (name, sid, logons) in [("S-1-1-0", sid(1, &[0]), 2u32), ("S-1-5-21-1-2-3-1001", sid(5, &own), 0x4c0)]
    {
        let key = format!(r"Policy\Accounts\{name}");
        hive.key(&format!(r"{key}\Sid")).value("", Kind::None, &sid);
        hive.key(&format!(r"{key}\ActSysAc")).value("", Kind::None, &logons.to_le_bytes());
        hive.key(&format!(r"{key}\Privilgs")).value("", Kind::None, &words(&[1, 0, 24, 0, 0]));
    }
    hive.key(r"Policy\PolAdtEv").value("", Kind::None, &words(&[1, 0, 3, 1, 0, 0, 2, 0, 0, 0, 9]));
    hive
}

/// The value `V` of an account with settings for terminal services (MS-TSTS 2.3).
pub(super) fn account() -> Vec<u8> {
    let properties: [(&str, &[u8]); 5] = [
        ("CtxCfgPresent", &0xb00b_1e55u32.to_le_bytes()),
        ("CtxCfgFlags1", &0x0109_0100u32.to_le_bytes()),
        ("CtxShadow", &2u32.to_le_bytes()),
        ("CtxInitialProgram", b"calc.exe\0"),
        ("CtxWorkDirectory", b"C:\\\0"),
    ];
    let mut parameters = b" \0".repeat(48);
    parameters.extend([b'P', 0, 5, 0]);
    for (name, value) in properties {
        let half = |length: usize| u16::try_from(2 * length).expect("a short property").to_le_bytes();
        parameters.extend([half(name.len()), half(value.len()), [1, 0]].concat());
        parameters.extend(name.bytes().flat_map(|byte| [byte, 0]));
        parameters.extend(value.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
    }
    let mut raw = vec![0; 17 * 12];
    let length = u32::try_from(parameters.len()).expect("few properties");
    raw[5 * 12 + 4..5 * 12 + 8].copy_from_slice(&length.to_le_bytes());
    raw.extend(parameters);
    raw
}

pub(super) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
