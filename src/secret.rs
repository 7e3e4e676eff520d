//! A text that must not be seen: keys, tokens, passwords in addresses.
//!
//! It has no `Display`, no serde and a `Debug` that shows nothing, so printing one takes the word [`Secret::expose`],
//! which is easy to search for.

use std::fmt;
use std::sync::Arc;

/// A secret text. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes `text` into hiding.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself: for computing with it or sending it to where it belongs, never for printing.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is the empty text, which is never a usable key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What the name of something that is a credential ends with, its letters in lower case and nothing between them.
const NAMES: [&str; 16] = [
    "token",
    "secret",
    "password",
    "passphrase",
    "passwd",
    "pwd",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "authorization",
    "bearer",
    "credential",
    "cookie",
    "jwt",
    "signature",
];
/// What is such a name by itself, but too short to be looked for at the end of others.
const WHOLE_NAME: &str = "auth";

/// Whether a name says that it stands for a secret, or for several: `access_token`, `X-Api-Key`, `secrets`.
pub fn names_a_secret(name: &str) -> bool {
    let plain = plain(name);
    let one = plain.strip_suffix('s').unwrap_or(&plain);
    one == WHOLE_NAME || NAMES.iter().any(|ending| one.ends_with(ending))
}

/// Whether a number under this name counts something, and is no secret whatever [`names_a_secret`] says: `max_tokens`.
pub fn names_a_count(name: &str) -> bool {
    plain(name).ends_with("tokens")
}

/// Whether a parameter of an address stands for a secret: there, `key` is one, too.
pub fn is_a_secret_parameter(name: &str, value: &str) -> bool {
    let counts = || names_a_count(name) && value.bytes().all(|byte| byte.is_ascii_digit());
    name.eq_ignore_ascii_case("key") || (names_a_secret(name) && !counts())
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_stand_for() {
        for name in [
            "access_token",
            "X-Api-Key",
            "Authorization",
            "apiKey",
            "db.password",
            "credentials",
            "tokens",
            "db_pwd",
            "Set-Cookie",
            "cookies",
            "auth",
            "Auth",
            "jwt",
            "bearer",
            "AWS_SECRET_ACCESS_KEY",
            "passphrase",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["tokens_used", "key", "x-region", "", "s", "secretary", "author", "oauth_app"]
        {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn numbers_of_tokens_are_no_secret() {
        assert!(names_a_count("max_tokens") && names_a_count("totalTokens"));
        assert!(!names_a_count("token") && !names_a_count("passwords"));
        assert!(is_a_secret_parameter("tokens", "a1") && is_a_secret_parameter("Key", "1"));
        assert!(is_a_secret_parameter("token", "1") && !is_a_secret_parameter("max_tokens", "100"));
        assert!(!is_a_secret_parameter("tag", "vip"));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("key_canary")), "***");
        assert_eq!(format!("{:#?}", Some(Secret::new("key_canary"))), "Some(\n    ***,\n)");
    }
}
