//! `${name}` in texts of requests: what an earlier request captured.

use std::collections::BTreeMap;

/// Puts values in. A dollar sign that no brace follows is itself. Refuses with the name that is not known.
pub(crate) fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        filled.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let Some(end) = inside.find('}') else { return Err(inside.to_owned()) };
        let name = &inside[..end];
        filled.push_str(values.get(name).ok_or_else(|| name.to_owned())?);
        rest = &inside[end + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_once() {
        let values = BTreeMap::from([("a".to_owned(), "${b}".to_owned()), ("é".to_owned(), "2".to_owned())]);
        assert_eq!(fill("x${a}y${é}$5 $", &values), Ok("x${b}y2$5 $".to_owned()));
        assert_eq!(fill("${c}", &values), Err("c".to_owned()));
        assert_eq!(fill("${a", &values), Err("a".to_owned()));
    }
}
