//! Shares of the Server service that were made by hand; administrative ones come from no list.

use doorward_model::{Subject, WindowsShare};

use crate::registry::Node;
use crate::security::{Rights, SecurityDescriptor};

/// Most shares that are kept.
const LIMIT: usize = 10_000;

/// All shares, sorted.
pub(crate) fn collect(set: &Node<'_>) -> Vec<WindowsShare> {
    let Some(key) = set.clone().about(Subject::Listeners).child(r"Services\LanmanServer\Shares") else {
        return Vec::new();
    };
    let security = key.child("Security");
    let mut shares: Vec<WindowsShare> = key
        .values()
        .take(LIMIT)
        .filter_map(|value| {
            let name = value.name().into_owned();
            let fields = key.texts_in(&name, &value)?;
            let field = |wanted: &str| {
                let mut fields = fields.iter().filter_map(|field| field.split_once('='));
                fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, text)| text.to_owned())
            };
            let raw = security.as_ref().and_then(|key| key.bytes(&name));
            let access = raw.map(|raw| match SecurityDescriptor::parse(&raw) {
                Ok(descriptor) => descriptor.access(Rights::File),
                Err(why) => {
                    key.note(&format!(r"{}\Security\{name}", key.place), why.to_string());
                    Vec::new()
                }
            });
            Some(WindowsShare {
                path: field("Path").filter(|path| !path.is_empty()),
                kind: kind(field("Type").as_deref()).to_owned(),
                access: access.unwrap_or_default(),
                place: format!(r"{}\{name}", key.place),
                name,
            })
        })
        .collect();
    shares.sort();
    shares
}

/// Kinds of shares; the higher bits mark special and temporary ones.
fn kind(number: Option<&str>) -> &'static str {
    match number.and_then(|text| text.parse::<u32>().ok()).map(|number| number & 3) {
        None | Some(0) => "disk",
        Some(1) => "printer",
        Some(2) => "device",
        Some(_) => "ipc",
    }
}
