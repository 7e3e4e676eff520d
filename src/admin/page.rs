//! The page: the files of `src/admin/ui/`, held by the program and served as they are.
//!
//! Promises: what is served was there when the program was built, and nothing is ever read from a disk, so no path leads
//! anywhere else; the page asks nobody but us and runs nothing but its own files; a browser keeps the files and asks each time
//! whether they are still the same, so an update of the program is one of the page. `build.rs` lists the files.
//!
//! It needs no token, because it holds nothing: what it shows it must ask of the API. The guard looks at the host as ever.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use sha2::{Digest as _, Sha256};

use crate::name::ContentHash;

use super::failure::Failure;

/// Names and contents.
const FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What every screen begins with; the page itself looks at the address and shows the right one.
const INDEX: &str = "index.html";

/// The media type of the page.
pub(super) const HTML: &str = "text/html; charset=utf-8";

/// What the page may do: show and run its own files and ask us. It has no right to turn text into markup or code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// One file, with what is said about it.
#[derive(Debug)]
struct File {
    content: &'static [u8],
    kind: HeaderValue,
    /// Its hash, in quotes.
    tag: HeaderValue,
}

static BY_NAME: LazyLock<HashMap<&'static str, File>> = LazyLock::new(|| {
    let file = |&(name, content): &(&'static str, &'static [u8])| {
        let hash = ContentHash(Sha256::digest(content).into());
        let tag = HeaderValue::try_from(format!("\"{hash}\"")).expect("hex in quotes is a header");
        let kind = HeaderValue::from_static(kind(name).unwrap_or("application/octet-stream"));
        (name, File { content, kind, tag })
    };
    FILES.iter().map(file).collect()
});

/// Where the page is, for the router.
pub(super) fn paths<S: Clone + Send + Sync + 'static>() -> [(&'static str, MethodRouter<S>); 7] {
    [
        ("/", get(index)),
        ("/events/{id}", get(index)),
        ("/calls/{id}", get(index)),
        ("/rules", get(index)),
        ("/targets", get(index)),
        ("/status", get(index)),
        ("/ui/{*name}", get(file)),
    ]
}

/// Whether a path is one of the page, or would be if there were such a file.
pub(super) fn has(path: &str) -> bool {
    matches!(path, "/" | "/rules" | "/targets" | "/status")
        || ["/events/", "/calls/", "/ui/"].iter().any(|folder| path.starts_with(folder))
}

/// What is said at an address that has nothing: to a browser that was sent there the page, which says so and leads on; to
/// everybody else, and wherever the API is or a file of the page would be, words.
pub(super) async fn missing(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let within = |folder: &str| {
        let rest = uri.path().strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let wants_page = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    match BY_NAME.get(INDEX) {
        // It has no tag and is not kept: what is not here may be here tomorrow.
        Some(file)
            if method == Method::GET
                && wants_page
                && !["/api", "/-", "/ui"].into_iter().any(within) =>
        {
            let kind = [(header::CONTENT_TYPE, file.kind.clone())];
            (StatusCode::NOT_FOUND, bounds(), kind, file.content).into_response()
        }
        _ => Failure::missing("there is nothing at this path; docs/api.md lists what there is")
            .into_response(),
    }
}

async fn index(headers: HeaderMap) -> Result<Response, Failure> {
    serve(INDEX, &headers)
}

/// `GET /ui/{name}`. The name is looked up as it is: one with `..` in it is only a name that no file has.
async fn file(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    serve(&name, &headers)
}

fn serve(name: &str, headers: &HeaderMap) -> Result<Response, Failure> {
    let Some(file) = BY_NAME.get(name) else {
        return Err(Failure::missing("the page has no such file"));
    };
    let about = [
        (header::ETAG, file.tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    if has_same(headers, &file.tag) {
        return Ok((StatusCode::NOT_MODIFIED, bounds(), about).into_response());
    }
    let kind = [(header::CONTENT_TYPE, file.kind.clone())];
    Ok((StatusCode::OK, bounds(), about, kind, file.content).into_response())
}

/// What holds a browser to what the page may do.
fn bounds() -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ]
}

/// Whether the browser says that it has what `tag` stands for. A proxy that packs answers marks tags as weak.
fn has_same(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let given = headers.get_all(header::IF_NONE_MATCH).iter();
    given.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.trim_start_matches("W/").as_bytes() == tag.as_bytes()
    })
}

/// The media type of a file by its ending.
fn kind(name: &str) -> Option<&'static str> {
    let file = name.rsplit('/').next().unwrap_or(name);
    Some(match file.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => HTML,
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt" | "md" | "LICENSE") | None => "text/plain; charset=utf-8",
        Some(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path;

    use super::*;

    fn in_folder(folder: &path::Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                in_folder(&path, &format!("{name}/"), found);
            } else if !path.file_name().unwrap().to_str().unwrap().starts_with('.') {
                found.insert(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_held_and_has_a_type() {
        let root = path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/ui");
        let mut found = BTreeSet::new();
        in_folder(&root, "", &mut found);
        assert!(found.contains(INDEX), "{found:?}");
        let held: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(held, found);
        assert_eq!(BY_NAME.len(), found.len());
        for (name, content) in FILES {
            assert!(kind(name).is_some(), "{name} has an ending that `kind` does not know");
            assert_eq!(std::fs::read(root.join(name)).unwrap(), *content, "{name}");
        }
    }

    #[test]
    fn the_guard_knows_every_path() {
        for (path, _) in paths::<()>() {
            assert!(has(&path.replace(['{', '}', '*'], "")), "{path}");
        }
        for path in ["/api/v1/events", "/api/v1/events/x", "/metrics", "/-/reload", "/ui", ""] {
            assert!(!has(path), "{path}");
        }
    }

    #[test]
    fn a_browser_is_told_if_it_has_a_file_already() {
        let tag = &BY_NAME[INDEX].tag;
        let text = tag.to_str().unwrap();
        let asked = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_str(value).unwrap());
            has_same(&headers, tag)
        };
        assert!(asked(text) && asked("*"));
        assert!(asked(&format!("W/{text}")) && asked(&format!("\"other\", {text}")));
        assert!(!asked("\"other\"") && !asked(text.trim_matches('"')) && !asked(""));
        assert!(!has_same(&HeaderMap::new(), tag));
    }
}
