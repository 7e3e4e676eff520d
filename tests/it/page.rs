//! The page as it is served: what it may do, what may be kept of it, and that it is nothing but itself.

use crate::admin::{Checked, World};
use crate::support::Answer;

const RULES: &str =
    "version: 1\nsources: { retell: { path: /webhook, verify: none } }\nfallback: []\n";

/// The screens, each with an address of its own.
const SCREENS: [&str; 6] = ["/", "/events/x", "/calls/call_1", "/rules", "/targets", "/status"];

async fn ask(world: &World, method: &str, path: &str, headers: &str) -> Answer {
    world.raw(&format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_is_the_page_and_the_page_may_do_little() {
    let world = World::new(RULES).await;
    for path in SCREENS {
        let page = world.get(path).await;
        assert_eq!((page.status, page.head("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.text().starts_with("<!doctype html>"), "{path}");
        let policy = page.head("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        for demanded in ["frame-ancestors 'none'", "require-trusted-types-for 'script'"] {
            assert!(policy.contains(demanded), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(page.head("x-content-type-options"), "nosniff");
        assert_eq!(page.head("referrer-policy"), "no-referrer");
        assert_eq!(page.head("cross-origin-resource-policy"), "same-origin");
    }
    // What the API says is never a page.
    let answer = world.get("/api/v1/status").await;
    let policy = "default-src 'none'; frame-ancestors 'none'";
    assert_eq!(answer.head("content-security-policy"), policy);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_keeps_files_and_asks_whether_they_are_the_same() {
    let world = World::new(RULES).await;
    let page = world.get("/ui/index.html").await;
    assert_eq!((page.status, page.head("cache-control")), (200, "no-cache"));
    let tag = page.head("etag");
    assert!(tag.len() > 10 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    assert_eq!(world.get("/").await.head("etag"), tag);
    let same = ask(&world, "GET", "/", &format!("if-none-match: {tag}\r\n")).await;
    assert_eq!((same.status, same.body.len(), same.head("etag")), (304, 0, tag));
    assert_eq!(ask(&world, "GET", "/", "if-none-match: \"other\"\r\n").await.status, 200);
    let mut wire = crate::support::Wire::connect(world.address).await;
    wire.send("HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    let head = String::from_utf8(wire.read_to_end().await).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains(&format!("content-length: {}\r\n", page.body.len())), "{head}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_but_the_files_of_the_page() {
    let world = World::new(RULES).await;
    let rules = world.path.to_str().unwrap();
    for path in [
        "/ui/nothing.js",
        "/ui/",
        "/ui",
        "/ui/../mod.rs",
        "/ui/%2e%2e/mod.rs",
        "/ui/..%2fmod.rs",
        "/ui/..%5cmod.rs",
        "/ui//etc/passwd",
        "/ui/index.html%00",
        "/ui/./index.html",
        "/ui/INDEX.HTML",
        "/index.html",
        "/events",
        "/events/a/b",
        &format!("/ui/{rules}"),
        &format!("/ui{rules}"),
    ] {
        let answer = world.get(path).await;
        answer.problem(404);
        assert_eq!(answer.head("cache-control"), "no-store", "{path}");
    }
    // Not UTF-8: no name at all.
    world.get("/ui/%ff").await.problem(400);
    assert!(world.post("/", "").await.problem(405).contains("GET"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_at_a_wrong_address_is_shown_the_page_and_nobody_else_is() {
    let world = World::new(RULES).await;
    let browser = "accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    let index = world.get("/").await;
    for path in ["/nowhere", "/events", "/events/a/b", "/apiary", "//api/v1/status"] {
        let page = ask(&world, "GET", path, browser).await;
        assert_eq!((page.status, page.head("content-type")), (404, "text/html; charset=utf-8"));
        assert_eq!(page.body, index.body, "{path}");
        for name in ["content-security-policy", "cross-origin-opener-policy"] {
            assert_eq!(page.head(name), index.head(name), "{path}");
        }
        assert_eq!(page.head("x-content-type-options"), "nosniff");
        assert_eq!(page.head("cache-control"), "no-store", "{path}");
        let kept = format!("{browser}if-none-match: {}\r\n", index.head("etag"));
        assert_eq!(ask(&world, "GET", path, &kept).await.status, 404, "{path}");
        assert!(world.get(path).await.problem(404).contains("docs/api.md"), "{path}");
        ask(&world, "DELETE", path, browser).await.problem(404);
    }
    for path in ["/api", "/api/v1/nothing", "/-/nothing", "/ui", "/ui/nothing.js"] {
        ask(&world, "GET", path, browser).await.problem(404);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_no_token_and_a_host_of_ours() {
    let world = World::new(&format!("admin_token: a-token-of-ours-1\n{RULES}")).await;
    for path in SCREENS.iter().chain(&["/ui/index.html"]) {
        assert_eq!(world.get(path).await.status, 200, "{path}");
        let rebound = format!("GET {path} HTTP/1.1\r\nhost: evil.example\r\n\r\n");
        assert!(world.raw(&rebound).await.problem(403).contains("admin_hosts"), "{path}");
    }
    // What is beside the page needs one, whether it exists or not.
    for path in ["/api/v1/status", "/api/v1/events", "/metrics", "/nowhere", "/ui"] {
        world.get(path).await.problem(401);
        ask(&world, "GET", path, "accept: text/html\r\n").await.problem(401);
    }
    // A dot or a slash too many leads to no other handler than the guard thought.
    for path in ["/ui/../api/v1/status", "/events/../api/v1/status", "//api/v1/status"] {
        assert!(matches!(world.get(path).await.status, 401 | 404), "{path}");
    }
    world.end().await;
}

const TOKEN: &str = "a-token-of-ours-1";

async fn guarded() -> World {
    World::new(&format!("admin_token: {TOKEN}\n{RULES}")).await
}

async fn post(world: &World, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let head = "host: localhost\r\ncontent-type: application/json\r\n";
    world
        .raw(&format!(
            "POST {path} HTTP/1.1\r\n{head}{headers}content-length: {length}\r\n\r\n{body}"
        ))
        .await
}

/// Logs in, and gives the cookie as a browser sends it back.
async fn logged_in(world: &World) -> String {
    let answer = post(world, "/api/v1/login", "", &format!(r#"{{"token": "{TOKEN}"}}"#)).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let cookie = answer.head("set-cookie");
    let attributes = "; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict";
    assert!(cookie.ends_with(attributes), "{cookie}");
    assert!(!cookie.contains(TOKEN), "{cookie}");
    format!("cookie: {}\r\n", cookie.split(';').next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_logs_in_once_and_out_again() {
    let world = guarded().await;
    let status = "/api/v1/status";
    ask(&world, "GET", status, "").await.problem(401);
    let wrong = post(&world, "/api/v1/login", "", r#"{"token": "a-token-of-ours-2"}"#).await;
    assert!(wrong.problem(401).contains("wrong"));
    assert_eq!(wrong.header("set-cookie"), None);
    post(&world, "/api/v1/login", "", "{}").await.problem(400);
    post(&world, "/api/v1/login", "", r#"{"token": 7}"#).await.problem(400);

    let cookie = logged_in(&world).await;
    assert_eq!(ask(&world, "GET", status, &cookie).await.status, 200);
    assert_eq!(post(&world, "/-/reload", &cookie, "{}").await.status, 200);
    // Whoever sends a token, too, is held to the token.
    let both = format!("{cookie}authorization: Bearer wrong\r\n");
    ask(&world, "GET", status, &both).await.problem(401);
    let changed = cookie.replace('.', ".0");
    ask(&world, "GET", status, &changed).await.problem(401);

    let out = post(&world, "/api/v1/logout", &cookie, "{}").await;
    assert_eq!(out.status, 204);
    assert!(out.head("set-cookie").starts_with("hookswitch=; Path=/; Max-Age=0; "), "{out:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_of_our_own_page_even_for_reading() {
    let world = guarded().await;
    let cookie = logged_in(&world).await;
    let get = async |headers: &str| ask(&world, "GET", "/api/v1/events", headers).await.status;
    for ours in [
        "",
        "sec-fetch-site: same-origin\r\n",
        "sec-fetch-site: none\r\n",
        "origin: http://localhost\r\n",
    ] {
        assert_eq!(get(&format!("{cookie}{ours}")).await, 200, "{ours}");
    }
    for theirs in [
        "sec-fetch-site: same-site\r\n",
        "sec-fetch-site: cross-site\r\n",
        "origin: http://localhost:3000\r\n",
        "origin: null\r\n",
    ] {
        assert_eq!(get(&format!("{cookie}{theirs}")).await, 403, "{theirs}");
        assert_eq!(post(&world, "/-/reload", &format!("{cookie}{theirs}"), "{}").await.status, 403);
        let login = post(&world, "/api/v1/login", theirs, "{}").await;
        assert_eq!(login.status, 403, "{theirs}");
    }
    let rebound = format!("GET /api/v1/events HTTP/1.1\r\nhost: evil.example\r\n{cookie}\r\n");
    world.raw(&rebound).await.problem(403);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_token_ends_every_session_and_so_does_time() {
    let world = guarded().await;
    let cookie = logged_in(&world).await;
    let status = async || ask(&world, "GET", "/api/v1/status", &cookie).await.status;
    world.later(std::time::Duration::from_hours(7 * 24 - 1));
    assert_eq!(status().await, 200);
    world.later(std::time::Duration::from_hours(1));
    assert_eq!(status().await, 401);

    let cookie = logged_in(&world).await;
    let rules = std::fs::read_to_string(&world.path).unwrap().replace(TOKEN, "a-token-of-ours-2");
    std::fs::write(&world.path, rules).unwrap();
    assert_eq!(post(&world, "/-/reload", &cookie, "{}").await.status, 200);
    ask(&world, "GET", "/api/v1/status", &cookie).await.problem(401);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_followed_with_a_session() {
    let world = guarded().await;
    let cookie = logged_in(&world).await;
    let stream =
        "GET /api/v1/events/stream HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n";
    let mut wire = crate::support::Wire::connect(world.address).await;
    wire.send(format!("{stream}sec-fetch-site: same-origin\r\n{cookie}\r\n")).await;
    let head = wire.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let id = world.arrive(r#"{"event": "call_started"}"#).await;
    wire.until(&id.to_string()).await;
    drop(wire);
    assert_eq!(world.raw(&format!("{stream}\r\n")).await.status, 401);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_tell_of_a_token_take_their_time() {
    let world = guarded().await;
    let took = async |request: &str| {
        let began = tokio::time::Instant::now();
        world.raw(request).await;
        began.elapsed()
    };
    let hold = std::time::Duration::from_millis(500);
    let body = format!(r#"{{"token": "{TOKEN}"}}"#);
    let length = body.len();
    let login = format!(
        "POST /api/v1/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    assert!(took(&format!("{login}{body}")).await >= hold);
    assert!(took(&format!("{login}{}", body.replace("ours-1", "ours-2"))).await >= hold);
    let bearer = "GET /api/v1/status HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ";
    assert!(took(&format!("{bearer}wrong\r\n\r\n")).await >= hold);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_by_https_is_secure_and_each_port_has_its_own() {
    let world =
        World::new(&format!("admin_token: {TOKEN}\nadmin_hosts: [admin.example]\n{RULES}")).await;
    let body = format!(r#"{{"token": "{TOKEN}"}}"#);
    let login = async |host: &str, origin: &str| {
        let length = body.len();
        let answer = world.raw(&format!("POST /api/v1/login HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")).await;
        answer.head("set-cookie").to_owned()
    };
    let secure = login("admin.example", "https://admin.example").await;
    assert!(secure.starts_with("hookswitch=") && secure.ends_with("; Secure"), "{secure}");
    let plain = login("admin.example:8081", "http://admin.example:8081").await;
    assert!(plain.starts_with("hookswitch_8081=") && !plain.contains("Secure"), "{plain}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_token_is_needed_there_is_nothing_to_log_in_to() {
    let world = World::new(RULES).await;
    let answer = post(&world, "/api/v1/login", "", r#"{"token": "any"}"#).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (204, None));
    world.end().await;
}
