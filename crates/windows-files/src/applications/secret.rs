//! What of a setting may be kept: never a password, a token or a key. A value that holds one is left out whole.

/// Longer values are no names, addresses or paths.
const LENGTH_LIMIT: usize = 256;

/// Letters and digits in one piece that no name has: keys and tokens do.
const TOKEN_LENGTH: usize = 20;

/// Words that name a secret, or begin or end the name of one.
const SECRETS: &[&str] =
    &["credential", "key", "passphrase", "passwd", "password", "pwd", "salt", "secret", "token"];

/// The same, that are too short to be looked for within others.
const SHORT: &[&str] = &["pass", "pw", "sig", "uid", "user"];

/// A setting's value, unless it may hold a secret.
pub(super) fn kept<'v>(name: &str, value: &'v str) -> Option<&'v str> {
    let value = value.trim();
    let is_plain = value.len() <= LENGTH_LIMIT && !value.contains(char::is_control);
    let is_kept = is_plain
        && !names_secret(name)
        && !has_secret_part(value)
        && !has_user(value)
        && !looks_like_token(value);
    is_kept.then_some(value)
}

fn names_secret(name: &str) -> bool {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).any(|word| {
        let is_within = |secret: &&str| word.starts_with(secret) || word.ends_with(secret);
        SHORT.contains(&word.as_str()) || SECRETS.iter().any(is_within)
    })
}

/// `Server=db;User Id=x;Password=y`.
fn has_secret_part(value: &str) -> bool {
    value
        .split([';', '&', ',', '?'])
        .any(|part| part.split_once('=').is_some_and(|(name, _)| names_secret(name)))
        || value
            .split_whitespace()
            .any(|part| part.split_once('=').is_some_and(|(name, _)| names_secret(name)))
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
    fn names_addresses_and_paths_are_kept() {
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
            assert_eq!(kept("smtp-host", value), Some(value));
        }
    }

    #[test]
    fn secrets_are_not_kept() {
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
            assert_eq!(kept(name, value), None, "{name} {value}");
        }
        assert_eq!(kept("host", &"a".repeat(300)), None);
    }

    proptest! {
        #[test]
        fn no_password_survives(user in "[a-z]{0,5}", password in "[a-z0-9/@:%]{0,8}S3cret[a-z0-9/@:%]{0,8}", host in "[a-z]{1,8}") {
            for value in [
                format!("amqp://{user}:{password}@{host}/"),
                format!("Server={host};Password={password}"),
                format!("Server={host};User Id={user};PWD={password};"),
            ] {
                prop_assert_eq!(kept("url", &value), None, "{}", value);
            }
        }

        #[test]
        fn any_text(name in ".{0,10}", value in "([@:/=;&?]|.){0,40}") {
            kept(&name, &value);
        }
    }
}
