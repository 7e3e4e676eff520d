//! What the API is, for programs: `docs/openapi.yaml`, built in.
//!
//! It is written by hand, and tests hold it to what is served: the one below the paths, those of `tests/it/openapi` the methods,
//! the parameters and the members.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// The document.
const DOCUMENT: &str = include_str!("../../docs/openapi.yaml");
/// Its media type (RFC 9512).
const YAML: &str = "application/yaml";

/// `GET /api/v1/openapi.yaml`.
pub(super) async fn document() -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, YAML)], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::paths;
    use super::*;

    #[test]
    fn every_path_is_described_and_every_described_one_is_there() {
        // Nothing else in the document begins with a slash, two blanks in.
        let described: BTreeSet<&str> = DOCUMENT
            .lines()
            .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
            .filter(|path| path.starts_with('/'))
            .collect();
        let routed: BTreeSet<&str> = paths().iter().map(|(path, _)| *path).collect();
        assert_eq!(described, routed);
    }
}
