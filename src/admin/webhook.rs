//! Where events arrive, and what to give to Retell.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use crate::config::Source;
use crate::signature::Check;

use super::failure::{Failure, json};
use super::ngrok::{self, Agent};
use super::query::Query;
use super::{Admin, wire};

/// `GET /api/v1/webhook`.
pub(super) async fn show(State(parts): Admin, uri: Uri) -> Result<Response, Failure> {
    Query::parse(&uri, &[])?;
    let snapshot = parts.published.load();
    let (state, origins, detail) = match ngrok::ask(parts.ngrok, parts.listen).await {
        Agent::Running(origins) => {
            let port = parts.listen.port();
            let nothing = format!(
                "ngrok runs, but none of its tunnels leads here: `ngrok http {port}` opens one"
            );
            let detail = origins.is_empty().then_some(nothing);
            ("running", origins, detail)
        }
        Agent::NotFound => ("not_found", Vec::new(), None),
        Agent::Failed(why) => ("failed", Vec::new(), Some(why)),
    };
    let sources = snapshot.sources.iter().map(source).collect();
    let public = origins.iter().flat_map(|origin| {
        snapshot.sources.iter().map(move |source| wire::PublicAddress {
            url: format!("{origin}{}", source.path),
            source: source.name.to_string(),
        })
    });
    let answer = wire::Webhook {
        listen: parts.listen.to_string(),
        sources,
        public: public.collect(),
        ngrok: state.to_owned(),
        detail,
    };
    Ok(json(StatusCode::OK, &answer))
}

fn source(source: &Source) -> wire::WebhookSource {
    wire::WebhookSource {
        name: source.name.to_string(),
        path: source.path.clone(),
        signed: !matches!(source.check, Check::Unsigned),
    }
}
