//! Which Windows it is: from SOFTWARE, or from the marks that it leaves in SYSTEM.

use doorward_model::Subject;

use crate::HiveKind;
use crate::registry::{Node, Registry};

/// The first build that is called Windows 11, where the registry still says 10.
const WINDOWS_11: u32 = 22_000;

/// Which Windows it is. What is not known is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Version {
    /// `Windows Server 2022 Standard`.
    pub(crate) product: Option<String>,
    /// `5.0`, `6.1`, `10.0.20348`.
    pub(crate) number: Option<String>,
    pub(crate) build: Option<u32>,
    pub(crate) revision: Option<u32>,
    pub(crate) service_pack: Option<String>,
    pub(crate) edition: Option<String>,
    /// `WinNT`, `ServerNT`, `LanmanNT`.
    pub(crate) product_type: Option<String>,
}

impl Version {
    /// Major and minor number: `5.0`, `10.0`.
    pub(crate) fn nt(&self) -> Option<String> {
        let mut parts = self.number.as_deref()?.split('.');
        Some(format!("{}.{}", parts.next()?, parts.next()?))
    }
}

/// Which Windows it is.
pub(crate) fn collect(registry: Registry<'_>, set: Option<&Node<'_>>) -> Version {
    let set = set.cloned().map(|set| set.about(Subject::Host));
    let options = set.as_ref().and_then(|set| set.child(r"Control\ProductOptions"));
    let product_type = options.as_ref().and_then(|key| key.text("ProductType"));
    let suites = options.and_then(|key| key.texts("ProductSuite")).unwrap_or_default();
    let mut version = registry
        .software(r"Microsoft\Windows NT\CurrentVersion", Subject::Host)
        .map(|key| of_software(&key))
        .unwrap_or_default();
    version.product_type = product_type;
    if version.service_pack.is_none() {
        let pack = set.as_ref().and_then(|set| set.child(r"Control\Windows")?.number("CSDVersion"));
        version.service_pack =
            pack.filter(|&pack| pack >> 8 != 0).map(|pack| format!("Service Pack {}", pack >> 8));
    }
    if let (None, Some(set)) = (&version.number, &set) {
        of_marks(registry, set, &mut version, &suites);
    }
    version
}

fn of_software(key: &Node<'_>) -> Version {
    let number = |name: &str| key.text(name).and_then(|text| text.parse::<u32>().ok());
    // CurrentBuild means something else up to Windows XP.
    let build = number("CurrentBuildNumber").or_else(|| number("CurrentBuild"));
    let major = key.number("CurrentMajorVersionNumber");
    let nt = match major {
        Some(major) => {
            let minor = key.number("CurrentMinorVersionNumber").unwrap_or_default();
            Some(build.map_or_else(|| format!("{major}.{minor}"), |build| format!("{major}.{minor}.{build}")))
        }
        None => key.text("CurrentVersion"),
    };
    let client = key.text("InstallationType").is_some_and(|kind| kind.eq_ignore_ascii_case("Client"));
    let mut product = key.text("ProductName").map(|name| trademark_less(&name));
    if client && build.is_some_and(|build| build >= WINDOWS_11) {
        product = product.map(|name| name.replacen("Windows 10", "Windows 11", 1));
    }
    Version {
        product: product.or_else(|| nt.as_ref().map(|nt| format!("Windows NT {nt}"))),
        number: nt,
        build,
        revision: key.number("UBR"),
        service_pack: key.text("CSDVersion"),
        edition: key.text("EditionID"),
        product_type: None,
    }
}

fn trademark_less(name: &str) -> String {
    let bare = name.replace(['\u{ae}', '\u{2122}'], "").replace("(R)", "").replace("(TM)", "");
    let bare = bare.split_whitespace().collect::<Vec<_>>().join(" ");
    if bare.contains("Windows") { bare.trim_start_matches("Microsoft ").to_owned() } else { bare }
}

/// Services and keys that tell the version apart, where SOFTWARE is missing. A version is named only if no other fits;
/// that it was concluded is said among the unseen facts.
fn of_marks(registry: Registry<'_>, set: &Node<'_>, version: &mut Version, suites: &[String]) {
    let has = |service: &str| {
        set.child(&format!(r"Services\{service}"))
            .is_some_and(|key| key.key.value("Start").is_ok_and(|v| v.is_some()))
    };
    let minor = registry.minor_version(HiveKind::System);
    let server = match version.product_type.as_deref() {
        Some(kind) if kind.eq_ignore_ascii_case("WinNT") => Some(false),
        Some(_) => Some(true),
        None => None,
    };
    let environment = set.child(r"Control\Session Manager\Environment");
    let wide = environment.and_then(|key| key.text("PROCESSOR_ARCHITECTURE")).is_some_and(|cpu| cpu != "x86");
    // The base filtering engine came with 6.0, the biometric service with 6.1, the broker with 6.2, the core messaging
    // registrar with 10.0; the DNS cache and the IPsec agent with 5.0, hives of version 1.5 with 5.1.
    let (nt, marks): (Option<&str>, &str) = if has("CoreMessagingRegistrar") {
        (Some("10.0"), "service CoreMessagingRegistrar")
    } else if has("BrokerInfrastructure") {
        (None, "service BrokerInfrastructure: 6.2 or later")
    } else if has("BFE") && has("WbioSrvc") && has("AppIDSvc") {
        (Some("6.1"), "services BFE, AppIDSvc and WbioSrvc, no BrokerInfrastructure")
    } else if has("BFE") {
        (Some("6.0"), "service BFE, no AppIDSvc or WbioSrvc")
    } else if minor >= 5 && server == Some(true) {
        (Some("5.2"), "a server, hive version 1.5, no service BFE")
    } else if minor >= 5 && server == Some(false) {
        (Some(if wide { "5.2" } else { "5.1" }), "a workstation, hive version 1.5, no service BFE")
    } else if minor == 3 && (has("Dnscache") || has("PolicyAgent")) {
        (Some("5.0"), "hive version 1.3, services Dnscache or PolicyAgent")
    } else if minor == 3 && has("RPCSS") {
        (Some("4.0"), "hive version 1.3, no services Dnscache and PolicyAgent")
    } else {
        (None, "too few services")
    };
    version.number = nt.map(str::to_owned);
    version.product = nt.and_then(|nt| name_of(nt, server, suites)).map(str::to_owned);
    let said = nt.map_or_else(|| "it is not known".to_owned(), |nt| format!("{nt} was concluded"));
    set.note(
        "the exact version of Windows",
        format!("there is no SOFTWARE hive; from SYSTEM {said} ({marks})"),
    );
}

fn name_of(nt: &str, server: Option<bool>, suites: &[String]) -> Option<&'static str> {
    let suite = |wanted: &str| suites.iter().any(|suite| suite.eq_ignore_ascii_case(wanted));
    Some(match (nt, server?) {
        ("4.0", true) if suite("Enterprise") => "Windows NT Server 4.0 Enterprise Edition",
        ("4.0", true) => "Windows NT Server 4.0",
        ("4.0", false) => "Windows NT Workstation 4.0",
        ("5.0", true) if suite("DataCenter") => "Windows 2000 Datacenter Server",
        ("5.0", true) if suite("Enterprise") => "Windows 2000 Advanced Server",
        ("5.0", true) => "Windows 2000 Server",
        ("5.0", false) => "Windows 2000 Professional",
        ("5.1", _) => "Windows XP",
        ("5.2", true) => "Windows Server 2003",
        ("5.2", false) => "Windows XP x64",
        ("6.0", true) => "Windows Server 2008",
        ("6.0", false) => "Windows Vista",
        ("6.1", true) => "Windows Server 2008 R2",
        ("6.1", false) => "Windows 7",
        ("10.0", true) => "Windows Server 2016 or later",
        ("10.0", false) => "Windows 10 or 11",
        _ => return None,
    })
}
