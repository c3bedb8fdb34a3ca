//! What of a setting may be kept: never a password, a token or a key.
//!
//! [`cleaned`] cuts the secret out of an address, as Linux applications write them; [`whole`] leaves a value out
//! altogether, as the connection strings of Windows have their parts in any order, users among them.

/// Longer values are no names, addresses or paths.
const LENGTH_LIMIT: usize = 256;

/// Letters and digits in one piece that no name has: keys and tokens do.
const TOKEN_LENGTH: usize = 20;

/// Words that name a secret, or begin or end the name of one (`machineKey`).
const SECRETS: &[&str] =
    &["credential", "key", "passphrase", "passwd", "password", "pwd", "salt", "secret", "token"];

/// The same, that are too short to be looked for within others.
const SHORT: &[&str] = &["pass", "pw"];

/// Words that name whoever the secret belongs to, or sign for it.
const OWNERS: &[&str] = &["sig", "uid", "user"];

/// A setting's value without what is secret in it; `None` when the whole value may be.
pub fn cleaned(name: &str, value: &str) -> Option<String> {
    let value = plain(name, value)?;
    let value = without_user(value)?;
    let value = without_secret_parts(&value)?;
    (!looks_like_token(&value)).then_some(value)
}

/// A setting's value, unless it may hold a secret or name its owner.
pub fn whole<'v>(name: &str, value: &'v str) -> Option<&'v str> {
    let value = plain(name, value)?;
    let is_kept = !has_secret_part(value) && !has_user(value) && !looks_like_token(value);
    is_kept.then_some(value)
}

/// A short value of a name that promises no secret.
fn plain<'v>(name: &str, value: &'v str) -> Option<&'v str> {
    let value = value.trim();
    let is_plain = value.len() <= LENGTH_LIMIT && !value.contains(char::is_control) && !names_secret(name);
    is_plain.then_some(value)
}

fn names_secret(name: &str) -> bool {
    words(name).any(|word| {
        let is_within = |secret: &&str| word.starts_with(secret) || word.ends_with(secret);
        SHORT.contains(&word.as_str()) || SECRETS.iter().any(is_within)
    })
}

fn names_owner(name: &str) -> bool {
    words(name).any(|word| OWNERS.contains(&word.as_str()))
}

fn words(name: &str) -> impl Iterator<Item = String> {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase)
}

/// `scheme://user:password@host/path` without the user and the password.
fn without_user(value: &str) -> Option<String> {
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), value),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // A password may hold a slash: what seems to be host and port is then a user and the begin of a password.
    if authority.contains(':') && path.contains('@') {
        return None;
    }
    if let Some((user, host)) = authority.rsplit_once('@') {
        // `admin@example.org` is no secret, and no address of a service; `a=b@c` is no address at all.
        let is_other = scheme.is_empty() && (!user.contains(':') || user.contains('='));
        return Some(if is_other { value.to_owned() } else { format!("{scheme}{host}{path}") });
    }
    Some(value.to_owned())
}

/// `host=localhost;password=x` up to the first part that names a secret; `None` when the host may come later.
fn without_secret_parts(value: &str) -> Option<String> {
    let is_end = |c: char| matches!(c, ';' | '&' | ',' | '?' | ' ' | '\t');
    let mut kept = 0;
    for part in value.split_inclusive(is_end) {
        if part.split_once('=').is_some_and(|(name, _)| names_secret(name)) {
            let before = value[..kept].trim_end_matches(is_end);
            return (before.contains("host=") || before.contains("://")).then(|| before.to_owned());
        }
        kept += part.len();
    }
    Some(value.to_owned())
}

/// `Server=db;User Id=x;Password=y`.
fn has_secret_part(value: &str) -> bool {
    let tells = |part: &str| part.split_once('=').is_some_and(|(n, _)| names_secret(n) || names_owner(n));
    value.split([';', '&', ',', '?']).any(tells) || value.split_whitespace().any(tells)
}

/// `scheme://user:password@host`, `user:password@host`. `admin@example.org` has no password.
fn has_user(value: &str) -> bool {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

fn looks_like_token(value: &str) -> bool {
    let is_token = |piece: &str| {
        piece.len() >= TOKEN_LENGTH
            && piece.bytes().any(|b| b.is_ascii_digit())
            && piece.bytes().any(|b| b.is_ascii_alphabetic())
    };
    value.contains("-----BEGIN")
        || value.split(|c: char| !c.is_ascii_alphanumeric() && c != '+').any(is_token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_kept_without_its_user() {
        for value in [
            "localhost:3306",
            "/var/run/mysqld/mysqld.sock",
            "db-production-primary-01.example.internal",
            "",
            "redis",
            "[::1]:6379",
            "unix:///run/redis.sock",
            "admin@example.org",
            "http://host/@x",
            "tcp://127.0.0.1:6379?database=0",
            "3fe3a1b2-1111-2222-3333-444455556666",
        ] {
            assert_eq!(cleaned("database-host", value).as_deref(), Some(value));
        }
        assert_eq!(cleaned("h", "redis://user:hidden@host:1/2").as_deref(), Some("redis://host:1/2"));
        assert_eq!(cleaned("h", "user:hidden@host").as_deref(), Some("host"));
        assert_eq!(cleaned("h", "mysql:host=db;password=hidden;dbname=x").as_deref(), Some("mysql:host=db"));
        assert_eq!(cleaned("h", "host=db pass=hidden").as_deref(), Some("host=db"));
        assert_eq!(cleaned("h", "redis://h/0?auth_token=hidden").as_deref(), Some("redis://h/0"));
    }

    #[test]
    fn what_is_secret_as_a_whole_is_not_kept() {
        for (name, value) in [
            ("database-password", "x"),
            ("secret", "x"),
            ("api_key", "x"),
            ("host", "9f86d081884c7d659a2feaa0c55ad015"),
            ("host", "redis://:hid/den@host"),
            ("host", "-----BEGIN PRIVATE KEY-----"),
            ("host", "a\nb"),
            ("host", "password=hidden;host=db"),
        ] {
            assert_eq!(cleaned(name, value), None, "{name} {value}");
        }
        assert_eq!(cleaned("host", &"a".repeat(300)), None);
    }

    #[test]
    fn names_addresses_and_paths_are_whole() {
        for value in [
            "StateServer",
            "mail.example.org",
            "tcpip=127.0.0.1:42424",
            r".\SQLEXPRESS",
            r"C:\inetpub\mailroot\Pickup",
            "admin@example.org",
            "[::1]:25",
            "3fe3a1b2-1111-2222-3333-444455556666",
            "",
        ] {
            assert_eq!(whole("smtp-host", value), Some(value));
        }
    }

    #[test]
    fn a_value_with_a_secret_is_left_out() {
        for (name, value) in [
            ("database-password", "x"),
            ("machineKey", "x"),
            ("secret", "x"),
            ("host", "Server=db;User Id=sa;Password=hidden"),
            ("host", "Server=db; pwd=hidden"),
            ("host", "data source=db;user id=sa"),
            ("host", "amqp://user:hidden@host/"),
            ("host", "user:hid/den@host"),
            ("host", "9f86d081884c7d659a2feaa0c55ad015"),
            ("host", "-----BEGIN PRIVATE KEY-----"),
            ("host", "a\nb"),
        ] {
            assert_eq!(whole(name, value), None, "{name} {value}");
        }
        assert_eq!(whole("host", &"a".repeat(300)), None);
    }

    proptest! {
        #[test]
        fn no_password_survives(user in "[a-z]{0,5}", password in "[a-z0-9/@:%]{0,8}S3cret[a-z0-9/@:%]{0,8}", host in "[a-z]{1,8}") {
            for value in [
                format!("redis://{user}:{password}@{host}:6379/0"),
                format!("host={host};password={password}"),
                format!("Server={host};User Id={user};PWD={password};"),
            ] {
                let kept = cleaned("url", &value).unwrap_or_default();
                prop_assert!(!kept.contains("S3cret"), "{} -> {}", value, kept);
                prop_assert_eq!(whole("url", &value), None, "{}", value);
            }
        }

        #[test]
        fn any_text(name in ".{0,10}", value in "([@:/=;&?]|.){0,40}") {
            cleaned(&name, &value);
            whole(&name, &value);
        }
    }
}
