//! Bodies of requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;

use url::form_urlencoded;

use crate::file::{Part, Request, fill};

/// A file that is sent is no longer, in bytes.
const LARGEST_FILE: u64 = 64 << 20;

/// The body, and its media type where the form of the body says it.
pub(super) fn body(
    request: &Request,
    values: &BTreeMap<String, String>,
) -> Result<(Vec<u8>, Option<String>), String> {
    let filled = |text: &str| fill(text, values).map_err(|name| format!("nothing captured ${{{name}}}"));
    if let Some(text) = &request.body {
        return Ok((filled(text)?.into_bytes(), None));
    }
    if let Some(form) = &request.form {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form {
            pairs.append_pair(name, &filled(value)?);
        }
        return Ok((pairs.finish().into_bytes(), Some("application/x-www-form-urlencoded".to_owned())));
    }
    if let Some(json) = &request.json {
        let mut json = json.clone();
        fill_json(&mut json, &filled)?;
        return Ok((json.to_string().into_bytes(), Some("application/json".to_owned())));
    }
    match &request.multipart {
        Some(parts) => multipart(parts, &filled).map(|(body, kind)| (body, Some(kind))),
        None => Ok((Vec::new(), None)),
    }
}

type Filled<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

fn fill_json(json: &mut serde_json::Value, filled: &Filled<'_>) -> Result<(), String> {
    match json {
        serde_json::Value::String(text) => *text = filled(text)?,
        serde_json::Value::Array(list) => list.iter_mut().try_for_each(|v| fill_json(v, filled))?,
        serde_json::Value::Object(map) => map.values_mut().try_for_each(|v| fill_json(v, filled))?,
        _ => {}
    }
    Ok(())
}

/// RFC 7578. The boundary is one that no part has.
fn multipart(parts: &[Part], filled: &Filled<'_>) -> Result<(Vec<u8>, String), String> {
    let mut contents = Vec::new();
    for part in parts {
        contents.push(match (&part.text, &part.file) {
            (Some(text), _) => filled(text)?.into_bytes(),
            (None, Some(path)) => {
                let failed = |e: std::io::Error| format!("{}: {e}", path.display());
                let mut content = Vec::new();
                let file = File::open(path).map_err(failed)?;
                file.take(LARGEST_FILE + 1).read_to_end(&mut content).map_err(failed)?;
                if content.len() as u64 > LARGEST_FILE {
                    return Err(format!("{}: longer than 64 MiB", path.display()));
                }
                content
            }
            (None, None) => Vec::new(),
        });
    }
    let has =
        |boundary: &str| contents.iter().any(|c| c.windows(boundary.len()).any(|w| w == boundary.as_bytes()));
    let boundary = (0..=u32::MAX).map(|n| format!("doorward-{n:08x}")).find(|b| !has(b)).unwrap_or_default();
    let mut body = Vec::new();
    for (part, content) in parts.iter().zip(&contents) {
        let mut head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name));
        let own_name = || part.file.as_ref()?.file_name()?.to_str().map(str::to_owned);
        if let Some(name) = part.filename.clone().or_else(own_name) {
            let _ = write!(head, "; filename=\"{}\"", quoted(&name));
        }
        if let Some(kind) = &part.content_type {
            let _ = write!(head, "\r\nContent-Type: {}", kind.replace(['\r', '\n'], " "));
        }
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((body, format!("multipart/form-data; boundary={boundary}")))
}

/// As browsers write names (the HTML standard, "multipart form data").
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
