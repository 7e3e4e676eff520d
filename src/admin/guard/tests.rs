use axum::http::Request;
use axum::http::request::Builder;

use super::*;

const LOCAL: &str = "10.1.2.3:8081";

fn settings(token: Option<&str>) -> Settings {
    Settings {
        admin: "0.0.0.0:8081".parse().unwrap(),
        admin_token: token.map(Secret::new),
        admin_hosts: vec!["Admin.Example".to_owned()],
        ..Settings::for_tests()
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn status(request: Builder, token: Option<&str>) -> u16 {
    let (parts, ()) = request.body(()).unwrap().into_parts();
    match admit(&parts, &settings(token), LOCAL.parse().unwrap(), NOW) {
        Ok(()) => 200,
        Err(failure) => {
            use axum::response::IntoResponse as _;
            failure.into_response().status().as_u16()
        }
    }
}

fn get(host: &str) -> Builder {
    Request::get("/api/v1/status").header("host", host)
}

fn post() -> Builder {
    Request::post("/-/reload").header("host", "localhost:8081")
}

#[test]
fn our_own_names_and_addresses_are_answered_for() {
    for host in [
        "localhost",
        "LOCALHOST:8081",
        "127.0.0.1:8081",
        "127.9.9.9",
        "[::1]:8081",
        "[::ffff:127.0.0.1]:8081",
        "admin.example",
        "admin.example:443",
        "10.1.2.3:8081",
        "0.0.0.0:8081",
    ] {
        assert_eq!(status(get(host), None), 200, "{host}");
    }
}

#[test]
fn other_names_are_not() {
    for host in [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8081",
        "127.0.0.1.evil.example",
        "admin.example.evil",
        "10.9.9.9:8081",
        "[::2]",
        "localhost:8081@evil.example",
        "2130706433",
        "0x7f000001",
        "",
    ] {
        assert_eq!(status(get(host), None), 403, "{host}");
    }
    assert_eq!(status(Request::get("/metrics"), None), 400, "no host");
    assert_eq!(status(get("localhost").header("host", "localhost"), None), 400, "two hosts");
    let elsewhere = Request::get("http://evil.example/metrics").header("host", "localhost");
    assert_eq!(status(elsewhere, None), 400);
}

#[test]
fn health_is_for_everyone_and_nothing_else_is() {
    for path in OPEN {
        assert_eq!(status(Request::get(path).header("host", "evil.example"), Some("t")), 200);
        assert_eq!(status(Request::get(path), Some("t")), 200);
    }
    assert_eq!(status(Request::post("/healthz").header("host", "localhost"), Some("t")), 401);
    assert_eq!(status(Request::get("/healthz/x").header("host", "localhost"), Some("t")), 401);
    assert_eq!(status(Request::get("/metrics").header("host", "localhost"), Some("t")), 401);
}

#[test]
fn the_token_must_be_right_to_the_last_byte() {
    let with =
        |value: &str| status(get("localhost").header("authorization", value), Some("s3cret"));
    assert_eq!(with("Bearer s3cret"), 200);
    assert_eq!(with("bearer s3cret"), 200);
    for wrong in [
        "Bearer s3cre",
        "Bearer s3cret ",
        "Bearer  s3cret",
        "Bearer",
        "Bearer ",
        "Basic s3cret",
        "s3cret",
        "",
    ] {
        assert_eq!(with(wrong), 401, "{wrong:?}");
    }
    assert_eq!(status(get("localhost"), Some("s3cret")), 401);
    let twice = get("localhost").header("authorization", "Bearer s3cret");
    assert_eq!(status(twice.header("authorization", "Bearer s3cret"), Some("s3cret")), 401);
    assert_eq!(status(get("localhost").header("authorization", "Bearer x"), None), 200);
}

#[test]
fn pages_of_other_origins_change_nothing() {
    assert_eq!(status(post(), None), 200);
    assert_eq!(status(post().header("origin", "http://localhost:8081"), None), 200);
    assert_eq!(status(post().header("origin", "https://localhost:8081"), None), 200);
    for origin in [
        "null",
        "http://evil.example",
        "http://localhost",
        "http://localhost:9",
        "file://localhost:8081",
        "",
    ] {
        assert_eq!(status(post().header("origin", origin), None), 403, "{origin:?}");
    }
    let two = post().header("origin", "http://localhost:8081").header("origin", "null");
    assert_eq!(status(two, None), 403);
    for (site, expected) in
        [("same-origin", 200), ("none", 200), ("cross-site", 403), ("same-site", 403), ("x", 403)]
    {
        assert_eq!(status(post().header("sec-fetch-site", site), None), expected, "{site}");
    }
    assert_eq!(status(get("localhost").header("sec-fetch-site", "cross-site"), None), 200);
}

#[test]
fn forms_cannot_send_what_we_take() {
    let typed = |kind: &str| {
        status(post().header("content-type", kind).header("content-length", "2"), None)
    };
    assert_eq!(typed("application/json"), 200);
    assert_eq!(typed("Application/JSON; charset=utf-8"), 200);
    for form in [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain",
        "application/jsonp",
        "",
    ] {
        assert_eq!(typed(form), 415, "{form:?}");
        let empty = post().header("content-type", form).header("content-length", "0");
        assert_eq!(status(empty, None), 415, "{form:?} without a body");
    }
    assert_eq!(status(post().header("content-length", "2"), None), 415);
    assert_eq!(status(post().header("transfer-encoding", "chunked"), None), 415);
    assert_eq!(status(post().header("content-length", "0"), None), 200);
}

#[test]
fn the_length_of_a_request_must_be_clear() {
    let json = || post().header("content-type", "application/json");
    assert_eq!(status(json().header("transfer-encoding", "Chunked"), None), 200);
    for request in [
        json().header("content-length", "2").header("content-length", "2"),
        json().header("content-length", "2").header("transfer-encoding", "chunked"),
        json().header("transfer-encoding", "gzip, chunked"),
        json().header("transfer-encoding", "chunked").header("transfer-encoding", "chunked"),
    ] {
        assert_eq!(status(request, None), 400);
    }
    assert_eq!(status(json().header("content-encoding", "gzip"), None), 415);
}

#[test]
fn everyone_may_log_in_but_no_other_page() {
    for path in [session::LOGIN, session::LOGOUT] {
        let asked = || {
            Request::post(path)
                .header("host", "localhost")
                .header("content-type", "application/json")
        };
        assert_eq!(status(asked(), Some("t")), 200);
        assert_eq!(status(asked().header("origin", "http://evil.example"), Some("t")), 403);
        assert_eq!(status(asked().header("sec-fetch-site", "same-site"), Some("t")), 403);
        assert_eq!(status(Request::get(path).header("host", "localhost"), Some("t")), 401);
        let typed =
            Request::post(path).header("host", "localhost").header("content-type", "text/plain");
        assert_eq!(status(typed, Some("t")), 415);
    }
}

#[test]
fn an_answer_that_tells_of_a_token_is_told_from_others() {
    let tells = |request: Builder, status| {
        tells(&request.body(()).unwrap().into_parts().0, StatusCode::from_u16(status).unwrap())
    };
    assert!(tells(Request::post(session::LOGIN), 204) && tells(Request::post(session::LOGIN), 401));
    assert!(tells(get("localhost").header("authorization", "Bearer x"), 401));
    assert!(!tells(get("localhost").header("authorization", "Bearer x"), 200));
    assert!(!tells(get("localhost"), 401));
}
