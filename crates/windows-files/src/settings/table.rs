//! Single values that open or shut ways in, and what they mean.
//!
//! Looked up in Microsoft's knowledge base and hardening lists; of those that these do not explain: `ForceGuest` in the
//! policy "Sharing and security model for local accounts", `LMCompatibilityLevel` in Microsoft's cc960646,
//! `RestrictRemoteClients` in Microsoft's aa995844 and `RPC.admx`, `LocalAccountTokenFilterPolicy` in `pth.admx`.

/// Which hive a value is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// The current control set.
    System,
    /// SOFTWARE.
    Software,
}

/// A value that is looked for.
pub(super) struct Wanted {
    pub(super) topic: &'static str,
    pub(super) root: Root,
    pub(super) key: &'static str,
    pub(super) value: &'static str,
    /// What the value is about.
    pub(super) meaning: &'static str,
    /// What single values mean.
    pub(super) values: &'static [(&'static str, &'static str)],
}

type Meanings = &'static [(&'static str, &'static str)];

const fn system(
    topic: &'static str,
    key: &'static str,
    value: &'static str,
    meaning: &'static str,
    values: Meanings,
) -> Wanted {
    Wanted { topic, root: Root::System, key, value, meaning, values }
}

const fn software(
    topic: &'static str,
    key: &'static str,
    value: &'static str,
    meaning: &'static str,
    values: Meanings,
) -> Wanted {
    Wanted { topic, root: Root::Software, key, value, meaning, values }
}

const TS: &str = "Terminal Services";
const TS_KEY: &str = r"Control\Terminal Server";
const RDP: &str = r"Control\Terminal Server\WinStations\RDP-Tcp";
const TS_POLICY: &str = r"Policies\Microsoft\Windows NT\Terminal Services";
const SERVER: &str = "LanmanServer";
const SERVER_KEY: &str = r"Services\LanmanServer\Parameters";
const LSA: &str = "Anonymous access";
const LSA_KEY: &str = r"Control\Lsa";
const TCP: &str = "TCP/IP";
const TCP_KEY: &str = r"Services\Tcpip\Parameters";
const TELNET: &str = "Telnet";
const TELNET_KEY: &str = r"Microsoft\TelnetServer\1.0";
const WINRM: &str = "WinRM";
const WINRM_POLICY: &str = r"Policies\Microsoft\Windows\WinRM\Service";
const ENCRYPTION: Meanings = &[
    ("1", "low: only what the client sends is encrypted"),
    ("2", "as strong as the client can"),
    ("3", "high"),
    ("4", "FIPS"),
];
const LAYER: Meanings = &[("0", "RDP's own security"), ("1", "negotiated"), ("2", "TLS")];
const NLA: Meanings = &[
    ("0", "whoever connects sees a logon screen"),
    ("1", "only who has proved who they are gets a session"),
];
const OFF_ON: Meanings = &[("0", "off"), ("1", "on")];

/// All of them.
pub(super) const TABLE: &[Wanted] = &[
    system(
        TS,
        TS_KEY,
        "fDenyTSConnections",
        "whether remote desktops are refused",
        &[("0", "remote desktop connections are let in"), ("1", "remote desktop connections are refused")],
    ),
    system(TS, TS_KEY, "TSEnabled", "whether it is a terminal server", OFF_ON),
    system(TS, TS_KEY, "TSAppCompat", "whether it serves applications (or administration alone)", OFF_ON),
    system(TS, TS_KEY, "fAllowToGetHelp", "remote assistance that somebody at the host asks for", OFF_ON),
    system(TS, RDP, "PortNumber", "TCP port of remote desktops; 3389 by default", &[]),
    system(TS, RDP, "MinEncryptionLevel", "least encryption", ENCRYPTION),
    system(TS, RDP, "SecurityLayer", "what secures a connection", LAYER),
    system(TS, RDP, "UserAuthentication", "network level authentication", NLA),
    system(TS, RDP, "fEnableWinStation", "whether the connection accepts", OFF_ON),
    software(
        TS,
        TS_POLICY,
        "fDenyTSConnections",
        "a policy: whether remote desktops are refused",
        &[
            ("0", "a policy lets remote desktop connections in"),
            ("1", "a policy refuses remote desktop connections"),
        ],
    ),
    software(TS, TS_POLICY, "MinEncryptionLevel", "a policy: least encryption", ENCRYPTION),
    software(TS, TS_POLICY, "SecurityLayer", "a policy: what secures a connection", LAYER),
    software(TS, TS_POLICY, "UserAuthentication", "a policy: network level authentication", NLA),
    software(TS, TS_POLICY, "fPromptForPassword", "a policy: always ask for a password", OFF_ON),
    software(TS, TS_POLICY, "fEncryptRPCTraffic", "a policy: demand secure RPC", OFF_ON),
    software(TS, TS_POLICY, "fDisableCdm", "a policy: 1 keeps the client's drives out", &[]),
    software(TS, TS_POLICY, "fAllowUnsolicited", "a policy: remote assistance that nobody asked for", OFF_ON),
    software(
        TS,
        TS_POLICY,
        "fAllowToGetHelp",
        "a policy: remote assistance that somebody at the host asks for",
        OFF_ON,
    ),
    system(
        SERVER,
        SERVER_KEY,
        "AutoShareServer",
        "hidden administrative shares (C$, ADMIN$) of a server",
        &[("0", "administrative shares are not made"), ("1", "administrative shares are made")],
    ),
    system(
        SERVER,
        SERVER_KEY,
        "AutoShareWks",
        "hidden administrative shares (C$, ADMIN$) of a workstation",
        &[("0", "administrative shares are not made"), ("1", "administrative shares are made")],
    ),
    system(
        SERVER,
        SERVER_KEY,
        "NullSessionPipes",
        "named pipes that are open to clients without a name",
        &[],
    ),
    system(SERVER, SERVER_KEY, "NullSessionShares", "shares that are open to clients without a name", &[]),
    system(
        SERVER,
        SERVER_KEY,
        "RestrictNullSessAccess",
        "whether clients without a name get the listed pipes and shares only",
        OFF_ON,
    ),
    system(SERVER, SERVER_KEY, "SMB1", "version 1 of SMB", &[("0", "SMB 1 is off"), ("1", "SMB 1 is on")]),
    system(SERVER, SERVER_KEY, "SMB2", "versions 2 and 3 of SMB", OFF_ON),
    system(SERVER, SERVER_KEY, "RequireSecuritySignature", "whether clients have to sign", OFF_ON),
    system(
        SERVER,
        SERVER_KEY,
        "EnableSecuritySignature",
        "whether the server signs where the client does",
        OFF_ON,
    ),
    system(
        SERVER,
        r"Services\NetBT\Parameters",
        "SMBDeviceEnabled",
        "SMB without NetBIOS, on port 445",
        OFF_ON,
    ),
    system(
        LSA,
        LSA_KEY,
        "RestrictAnonymous",
        "what clients without a name may list",
        &[
            ("0", "accounts and shares can be listed without a name"),
            ("1", "accounts and shares cannot be listed without a name"),
            ("2", "without a name nothing is given that is not explicitly allowed"),
        ],
    ),
    system(
        LSA,
        LSA_KEY,
        "RestrictAnonymousSAM",
        "whether accounts are kept from clients without a name",
        OFF_ON,
    ),
    system(
        LSA,
        LSA_KEY,
        "EveryoneIncludesAnonymous",
        "whether clients without a name count as Everyone",
        OFF_ON,
    ),
    system(LSA, LSA_KEY, "ForceGuest", "whether all who come over the network count as Guest", OFF_ON),
    system(
        LSA,
        LSA_KEY,
        "LimitBlankPasswordUse",
        "whether accounts without a password are for the console only",
        OFF_ON,
    ),
    system(
        LSA,
        LSA_KEY,
        "LMCompatibilityLevel",
        "which LAN Manager authentication is accepted; 5 refuses LM and NTLM",
        &[],
    ),
    system(TCP, TCP_KEY, "IPEnableRouter", "forwarding between interfaces", OFF_ON),
    system(
        TCP,
        TCP_KEY,
        "DisableIPSourceRouting",
        "whether routes that a packet brings along are refused",
        &[],
    ),
    system(TCP, TCP_KEY, "EnableICMPRedirect", "whether routes are taken from ICMP redirects", OFF_ON),
    system(TCP, TCP_KEY, "SynAttackProtect", "protection against floods of SYN packets", &[]),
    system(TCP, TCP_KEY, "EnableSecurityFilters", "filter of TCP/IP by ports", OFF_ON),
    system(
        "IPsec",
        r"Services\IPSEC",
        "NoDefaultExempt",
        "what IPsec filters never see",
        &[
            ("0", "broadcast, multicast, RSVP, IKE and Kerberos are exempt"),
            ("1", "multicast, broadcast and IKE are exempt"),
            ("3", "only IKE is exempt"),
        ],
    ),
    software(
        "IPsec",
        r"Policies\Microsoft\Windows\IPSec\Policy\Local",
        "ActivePolicy",
        "the IPsec policy in force",
        &[],
    ),
    software(
        "IPsec",
        r"Policies\Microsoft\Windows\IPSec\GPTIPSECPolicy",
        "DSIPSECPolicyName",
        "the domain's IPsec policy in force",
        &[],
    ),
    system(
        "Internet Connection Sharing",
        r"Services\SharedAccess\Parameters",
        "ScopeAddress",
        "address that is used by sharing",
        &[],
    ),
    software(
        "Internet Connection Sharing",
        r"Microsoft\Windows\CurrentVersion\SharedAccess",
        "EnableRebootPersistConnection",
        "whether sharing goes on after a restart",
        OFF_ON,
    ),
    software(
        "Internet Connection Sharing",
        r"Policies\Microsoft\Windows\Network Connections",
        "NC_ShowSharedAccessUI",
        "a policy on connection sharing",
        &[("0", "a policy forbids it")],
    ),
    software(
        "DCOM",
        r"Microsoft\OLE",
        "EnableDCOM",
        "objects that are started and used from other machines",
        &[("N", "DCOM is off"), ("n", "DCOM is off"), ("Y", "DCOM is on"), ("y", "DCOM is on")],
    ),
    software(
        "DCOM",
        r"Microsoft\OLE",
        "EnableRemoteConnect",
        "whether running objects take connections",
        &[],
    ),
    software(
        "DCOM",
        r"Microsoft\Rpc",
        "DCOM Protocols",
        "protocols that DCOM uses; ncacn_http is DCOM over HTTP",
        &[],
    ),
    software(
        "RPC",
        r"Policies\Microsoft\Windows NT\Rpc",
        "RestrictRemoteClients",
        "RPC clients that do not say who they are",
        &[
            ("0", "they are let in"),
            ("1", "they are refused, but for interfaces that ask for them"),
            ("2", "they are refused"),
        ],
    ),
    software("RPC", r"Microsoft\Rpc\Internet", "Ports", "ports that RPC servers use instead of any", &[]),
    software(
        "RPC",
        r"Microsoft\Rpc\Internet",
        "PortsInternetAvailable",
        "whether those ports are for the network outside",
        &[],
    ),
    software(TELNET, TELNET_KEY, "TelnetPort", "TCP port of telnet; 23 by default", &[]),
    software(TELNET, TELNET_KEY, "NTLM", "which logons are taken", &[("2", "NTLM only")]),
    software(TELNET, TELNET_KEY, "SecurityMechanism", "which logons are taken", &[("2", "NTLM only")]),
    software(
        TELNET,
        TELNET_KEY,
        "AllowTrustedDomain",
        "whether accounts of trusted domains may log on",
        OFF_ON,
    ),
    software(TELNET, TELNET_KEY, "DefaultShell", "what whoever logs on gets", &[]),
    software(TELNET, TELNET_KEY, "LoginScript", "what runs when somebody logs on", &[]),
    software(TELNET, TELNET_KEY, "MaxConnections", "sessions at a time", &[]),
    software(TELNET, TELNET_KEY, "MaxFailedLogins", "attempts to log on", &[]),
    software(
        WINRM,
        WINRM_POLICY,
        "AllowAutoConfig",
        "a policy: remote management",
        &[("0", "a policy keeps WinRM from listening"), ("1", "a policy makes WinRM listen")],
    ),
    software(WINRM, WINRM_POLICY, "AllowBasic", "a policy: passwords in clear text", OFF_ON),
    software(WINRM, WINRM_POLICY, "AllowUnencryptedTraffic", "a policy: traffic without encryption", OFF_ON),
    software(WINRM, WINRM_POLICY, "DisableRunAs", "a policy: 1 forbids stored accounts", &[]),
    software(WINRM, WINRM_POLICY, "IPv4Filter", "a policy: addresses that WinRM listens on", &[]),
    software(WINRM, WINRM_POLICY, "IPv6Filter", "a policy: addresses that WinRM listens on", &[]),
    software(
        WINRM,
        r"Policies\Microsoft\Windows\WinRM\Service\WinRS",
        "AllowRemoteShellAccess",
        "a policy: remote shells",
        OFF_ON,
    ),
    software(
        WINRM,
        r"Microsoft\Windows\CurrentVersion\WSMAN\Service",
        "auth_basic",
        "passwords in clear text",
        OFF_ON,
    ),
    software(
        WINRM,
        r"Microsoft\Windows\CurrentVersion\WSMAN\Service",
        "allow_unencrypted",
        "traffic without encryption",
        OFF_ON,
    ),
    software(
        "Windows",
        r"Microsoft\Windows\CurrentVersion\Policies\System",
        "LocalAccountTokenFilterPolicy",
        "whether local administrators keep their rights over the network",
        &[
            ("0", "local administrators have lesser rights over the network"),
            ("1", "local administrators have all their rights over the network"),
        ],
    ),
    software(
        "NetMeeting",
        r"Microsoft\Conferencing",
        "RDS Enabled",
        "remote desktop sharing of NetMeeting",
        OFF_ON,
    ),
    software(
        "NetMeeting",
        r"Policies\Microsoft\Conferencing",
        "NoRDS",
        "a policy: 1 forbids remote desktop sharing",
        &[],
    ),
    system(
        "SNMP",
        r"Services\SNMP\Parameters",
        "EnableAuthenticationTraps",
        "whether a wrong community is reported",
        OFF_ON,
    ),
    system(
        "Remote Registry",
        r"Control\SecurePipeServers\winreg",
        "RemoteRegAccess",
        "access to the registry from other machines",
        &[],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_looked_for_twice() {
        let mut all: Vec<_> =
            TABLE.iter().map(|w| (w.root == Root::System, w.key.to_lowercase(), w.value)).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
