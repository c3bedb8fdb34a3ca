//! Programs and hotfixes that are installed, as SOFTWARE has them.

use doorward_model::{Hotfix, PackageFamily, Packages, Service, Subject, WindowsProduct};

use crate::registry::{Node, Registry};

/// Most programs, or hotfixes, that are kept.
const LIMIT: usize = 20_000;

const UNINSTALL: &str = r"Microsoft\Windows\CurrentVersion\Uninstall";

/// What is installed.
#[derive(Debug, Default)]
pub(crate) struct Installed {
    /// Sorted by name.
    pub(crate) products: Vec<WindowsProduct>,
    /// Sorted.
    pub(crate) hotfixes: Vec<Hotfix>,
}

/// Reads what is installed.
pub(crate) fn collect(registry: Registry<'_>) -> Installed {
    let mut installed = Installed::default();
    for key in registry.software_both(UNINSTALL, Subject::Packages) {
        for entry in key.children().take(LIMIT) {
            if is_update(&entry.name()) {
                installed.hotfixes.push(hotfix(entry.name(), &entry));
            } else {
                installed.products.extend(product(&entry));
            }
        }
    }
    if let Some(key) = registry.software(r"Microsoft\Updates", Subject::Packages) {
        named_updates(&key, 3, &mut installed.hotfixes);
    }
    if let Some(key) = registry.software(r"Microsoft\Windows NT\CurrentVersion\HotFix", Subject::Packages) {
        let is_installed = |key: &Node<'_>| key.number("Installed") != Some(0);
        let fixes = key.children().take(LIMIT).filter(|key| is_update(&key.name()) && is_installed(key));
        installed.hotfixes.extend(fixes.map(|key| hotfix(key.name(), &key)));
    }
    let packages = r"Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages";
    if let Some(key) = registry.software(packages, Subject::Packages) {
        installed.hotfixes.extend(key.children().filter_map(|key| component(&key)).take(LIMIT));
    }
    installed.products.sort();
    installed.hotfixes.sort();
    installed.hotfixes.dedup_by(|a, b| a.id == b.id);
    installed
}

/// The same as packages: names with versions.
pub(crate) fn packages(installed: &Installed) -> Packages {
    let version = |p: &WindowsProduct| (p.name.clone(), p.version.clone().unwrap_or_default());
    Packages {
        family: Some(PackageFamily::Windows),
        installed: installed.products.len(),
        versions: installed.products.iter().map(version).collect(),
        ..Packages::default()
    }
}

/// Notes at each service the program in whose directory it lies.
pub(crate) fn attach(services: &mut [Service], products: &[WindowsProduct]) {
    let mut places: Vec<(String, &str)> = products
        .iter()
        .filter_map(|product| {
            let place = product.location.as_deref()?.trim_matches('"').trim_end_matches('\\').to_lowercase();
            // Not a drive, nor a directory that many share.
            let shared = ["program files", "program files (x86)", "windows", "winnt", "system32"];
            let last = place.rsplit('\\').next().unwrap_or_default();
            let is_own = place.contains('\\') && !shared.contains(&last);
            is_own.then(|| (format!(r"{place}\"), product.name.as_str()))
        })
        .collect();
    places.sort();
    if places.is_empty() {
        return;
    }
    for service in services {
        let Some(path) = service.executable.as_deref().map(str::to_lowercase) else { continue };
        // Of directories that the path lies in, the longest one sorts last.
        let below = places.partition_point(|(place, _)| *place <= path);
        let owner = places[..below].iter().rev().take(64).find(|(place, _)| path.starts_with(place));
        service.package = owner.map(|(_, name)| (*name).to_owned());
    }
}

fn product(key: &Node<'_>) -> Option<WindowsProduct> {
    let name = key.text("DisplayName")?;
    let key_name = key.name();
    Some(WindowsProduct {
        version: key.text("DisplayVersion"),
        publisher: key.text("Publisher"),
        msi: key.number("WindowsInstaller") == Some(1),
        location: key.text("InstallLocation"),
        place: key.place.clone(),
        key: key_name,
        name,
    })
}

/// Whether a name begins like an update's: KB or Q and at least five digits.
fn is_update(name: &str) -> bool {
    let digits = name.strip_prefix("KB").or_else(|| name.strip_prefix('Q'));
    digits.is_some_and(|rest| rest.len() >= 5 && rest.bytes().take(5).all(|byte| byte.is_ascii_digit()))
}

fn hotfix(id: String, key: &Node<'_>) -> Hotfix {
    Hotfix { id, place: key.place.clone() }
}

/// `Updates\Windows XP\SP4\KB958644`, some levels deep.
fn named_updates(key: &Node<'_>, depth: usize, found: &mut Vec<Hotfix>) {
    for key in key.children().take(LIMIT) {
        if is_update(&key.name()) {
            found.push(hotfix(key.name(), &key));
        } else if depth > 0 && found.len() < LIMIT {
            named_updates(&key, depth - 1, found);
        }
    }
}

/// A package of Windows Vista and later: `Package_for_KB4012212~31bf3856ad364e35~amd64~~6.1.1.0`. State 112 is installed.
fn component(key: &Node<'_>) -> Option<Hotfix> {
    const INSTALLED: u32 = 112;
    let name = key.name();
    let rest = name.strip_prefix("Package_for_")?;
    let id = match rest.split(['~', '_']).next()? {
        kb if is_update(kb) => kb.to_owned(),
        other => format!("{other} {}", rest.rsplit('~').next().unwrap_or_default()),
    };
    (key.number("CurrentState") == Some(INSTALLED)).then(|| hotfix(id, key))
}
