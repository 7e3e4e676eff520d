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
    }
    // A dot or a slash too many leads to no other handler than the guard thought.
    for path in ["/ui/../api/v1/status", "/events/../api/v1/status", "//api/v1/status"] {
        assert!(matches!(world.get(path).await.status, 401 | 404), "{path}");
    }
    world.end().await;
}
