//! Logging in: a browser keeps a cookie that no script can read, instead of the token.
//!
//! A session is the moment at which it ends, sealed with an HMAC under the token. So nothing is stored: a restart ends no
//! session, another token ends every one, and the cookie does not tell the token. It cannot be taken back alone; logging out
//! makes the browser forget it.
//!
//! The cookie is `HttpOnly` and `SameSite=Strict`, and `Secure` where the browser says that it came by https. Without a proxy
//! there is only http, where browsers refuse `Secure`, and with it the prefix `__Host-`. Cookies know no ports, so the name has
//! the port in it: two instances on one machine do not log each other out. Whoever else serves pages under the same host name
//! gets the cookie all the same, as with every cookie, and to a browser those pages are of the same site; so the guard looks
//! where a request that comes with a cookie is from, even if it only reads.

use std::fmt::Write as _;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tracing::info;

use crate::clock::Timestamp;
use crate::secret::Secret;

use super::failure::Failure;
use super::{Admin, body, guard};

/// Where one logs in; who does has no token to send yet.
pub(super) const LOGIN: &str = "/api/v1/login";
/// Where one logs out.
pub(super) const LOGOUT: &str = "/api/v1/logout";

/// How long a session lasts.
const LIFE: Duration = Duration::from_hours(7 * 24);
/// Digits of the moment at which it ends, in milliseconds: until the year 2286.
const DIGITS: usize = 13;
/// What is sealed, beside the moment: a seal of ours for another purpose is none here.
const PURPOSE: &[u8] = b"hookswitch session 1\n";

/// The body of a login. It has no `Debug`, since it has the token.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: Option<String>,
}

/// `POST /api/v1/login`: the token for a cookie. Where no token is needed there is nothing to keep.
pub(super) async fn login(State(parts): Admin, request: Request) -> Result<Response, Failure> {
    let headers = request.headers().clone();
    let Login { token } = body::command(request).await?;
    let snapshot = parts.published.load();
    let Some(expected) = &snapshot.settings.admin_token else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let Some(token) = token else {
        return Err(Failure::bad("send the admin token: {\"token\": \"…\"}"));
    };
    if !guard::is_same(expected, token.as_bytes()) {
        return Err(Failure::new(StatusCode::UNAUTHORIZED, "the token is wrong"));
    }
    info!("a browser was given a session");
    let value = session(expected, parts.clock.now().plus(LIFE));
    Ok(with_cookie(&headers, &value, LIFE))
}

/// `POST /api/v1/logout`: the browser forgets its cookie.
pub(super) async fn logout(headers: HeaderMap) -> Response {
    with_cookie(&headers, "", Duration::ZERO)
}

fn with_cookie(headers: &HeaderMap, value: &str, life: Duration) -> Response {
    let origin = headers.get(header::ORIGIN).map_or(&b""[..], |origin| origin.as_bytes());
    let https = origin.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"https://"));
    let secure = if https { "; Secure" } else { "" };
    let (name, life) = (name(headers), life.as_secs());
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{secure}");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}

/// The cookie's name: with the port that was asked at, if one was given.
fn name(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(port) => format!("hookswitch_{port}"),
        None => "hookswitch".to_owned(),
    }
}

/// A session that ends at that moment.
fn session(token: &Secret, ends: Timestamp) -> String {
    let digits = format!("{:0DIGITS$}", ends.millis());
    let seal = seal(token, &digits);
    format!("{digits}.{seal}")
}

/// Whether a request brings a session that was made with this token and has not ended. Of several cookies with our name one is
/// enough: anybody under the same host name can add some.
pub(super) fn is_open(headers: &HeaderMap, token: &Secret, now: Timestamp) -> bool {
    let name = name(headers);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .any(|(given, value)| given == name && is_genuine(value, token, now))
}

fn is_genuine(value: &str, token: &Secret, now: Timestamp) -> bool {
    let Some((digits, given)) = value.split_once('.') else { return false };
    if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let right = bool::from(seal(token, digits).as_bytes().ct_eq(given.as_bytes()));
    right && digits.parse().is_ok_and(|ends: i64| ends > now.millis())
}

fn seal(token: &Secret, digits: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(PURPOSE);
    mac.update(digits.as_bytes());
    let mut hex = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
    }
    hex
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

    fn token() -> Secret {
        Secret::new("a-token-of-ours-1")
    }

    fn headers(host: &str, cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        for cookie in cookies {
            headers.append(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        headers
    }

    #[test]
    fn a_session_is_good_until_it_ends_and_with_its_own_token() {
        let value = session(&token(), NOW.plus(LIFE));
        let millisecond = Duration::from_millis(1);
        assert!(is_genuine(&value, &token(), NOW));
        assert!(is_genuine(&value, &token(), NOW.plus(LIFE).minus(millisecond)));
        assert!(!is_genuine(&value, &token(), NOW.plus(LIFE)));
        assert!(!is_genuine(&value, &Secret::new("a-token-of-ours-2"), NOW));
        assert!(!value.contains("a-token"), "{value}");
    }

    #[test]
    fn a_session_that_was_changed_is_none() {
        let value = session(&token(), NOW.plus(LIFE));
        let (digits, seal) = value.split_once('.').unwrap();
        let later = format!("{}.{seal}", digits.parse::<i64>().unwrap() + 1);
        let mut wrong = vec![
            String::new(),
            ".".to_owned(),
            digits.to_owned(),
            format!("{digits}."),
            format!(".{seal}"),
            format!("0{value}"),
            format!("{value}0"),
            format!("{digits}.{}", seal.to_uppercase()),
            later,
        ];
        for at in 0..value.len() {
            let mut bytes = value.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            wrong.push(String::from_utf8(bytes).unwrap());
            wrong.push(value.chars().take(at).collect());
        }
        assert!(wrong.len() > 100);
        for value in wrong {
            assert!(!is_genuine(&value, &token(), NOW), "{value:?}");
        }
    }

    #[test]
    fn each_instance_looks_at_its_own_cookie() {
        let value = session(&token(), NOW.plus(LIFE));
        let ours = format!("hookswitch_8081={value}");
        let is_open =
            |host: &str, cookies: &[&str]| is_open(&headers(host, cookies), &token(), NOW);
        assert!(is_open("localhost:8081", &[&ours]));
        assert!(is_open("[::1]:8081", &[&format!("a=b; {ours}; c")]));
        assert!(is_open("localhost:8081", &["hookswitch_8081=planted", &ours]));
        assert!(is_open("hookswitch.example", &[&format!("hookswitch={value}")]));
        assert!(is_open("[::1]", &[&format!("hookswitch={value}")]));
        assert!(!is_open("localhost:8082", &[&ours]));
        assert!(!is_open("localhost", &[&ours]));
        assert!(!is_open("localhost:8081", &[]));
        assert!(!is_open("localhost:8081", &[&format!("hookswitch={value}"), &value]));
    }
}
