//! What makes two requests the same event (design section 4, *Repeats*).

use sha2::{Digest, Sha256};

use crate::config::Dedupe;
use crate::event::{Envelope, LIFE_CYCLE};
use crate::store::{Identity, IdentityKey};

/// The identity of an event at a source that tells repeats so; none if it does not tell them.
pub(super) fn identity(dedupe: Dedupe, envelope: &Envelope, body: &[u8]) -> Option<Identity> {
    let (window, key) = match dedupe {
        Dedupe::Off => return None,
        Dedupe::ByBody(window) => (window, None),
        Dedupe::ById(window) => (window, by_id(envelope)),
    };
    let key = key.unwrap_or_else(|| by_body(envelope, body));
    Some(Identity { key, window })
}

/// Only life-cycle events happen once for an id. The text joins its parts unambiguously: neither a source nor a name of
/// that list has a slash, the subject's length stands before it, and an agent that is missing is not an empty one.
fn by_id(envelope: &Envelope) -> Option<IdentityKey> {
    let name = envelope.name.as_deref().filter(|name| LIFE_CYCLE.contains(name))?;
    let subject = envelope.subject.as_deref()?;
    let (mark, agent) = envelope.agent_id.as_deref().map_or(("", ""), |agent| ("=", agent));
    let length = subject.len();
    Some(IdentityKey::Id(format!("{}/{name}/{length}:{subject}{mark}{agent}", envelope.source)))
}

fn by_body(envelope: &Envelope, body: &[u8]) -> IdentityKey {
    let digest =
        Sha256::new().chain_update(envelope.source.as_str()).chain_update([0]).chain_update(body);
    IdentityKey::Body { digest: digest.finalize().into() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Timestamp;
    use crate::event::{EventId, RequestParts};
    use crate::name::SourceName;

    const WINDOW: Duration = Duration::from_mins(10);

    fn envelope(name: &str, subject: Option<&str>, agent: Option<&str>) -> Envelope {
        Envelope {
            id: EventId::new(Timestamp::from_millis(1), [0; 10]),
            source: SourceName::new("retell").unwrap(),
            received_at: Timestamp::from_millis(1),
            signed: true,
            name: Some(name.to_owned()),
            agent_id: agent.map(str::to_owned),
            subject: subject.map(str::to_owned),
            request: RequestParts::default(),
        }
    }

    fn key(dedupe: Dedupe, envelope: &Envelope, body: &str) -> Option<IdentityKey> {
        identity(dedupe, envelope, body.as_bytes()).map(|identity| identity.key)
    }

    #[test]
    fn life_cycle_events_are_told_by_their_ids() {
        let by_id = Dedupe::ById(WINDOW);
        let one = key(by_id, &envelope("call_ended", Some("c1"), Some("a1")), "{}");
        assert_eq!(one, Some(IdentityKey::Id("retell/call_ended/2:c1=a1".to_owned())));
        for other in [
            envelope("call_analyzed", Some("c1"), Some("a1")),
            envelope("call_ended", Some("c2"), Some("a1")),
            envelope("call_ended", Some("c1"), Some("a2")),
            envelope("call_ended", Some("c1"), None),
            envelope("call_ended", Some("c1="), Some("1")),
        ] {
            assert_ne!(key(by_id, &other, "{}"), one, "{other:?}");
        }
        assert_ne!(
            key(by_id, &envelope("call_ended", Some("c"), None), "{}"),
            key(by_id, &envelope("call_ended", Some("c"), Some("")), "{}"),
        );
    }

    #[test]
    fn everything_else_is_told_by_its_body() {
        for (dedupe, other) in [
            (Dedupe::ById(WINDOW), envelope("transcript_updated", Some("c1"), Some("a1"))),
            (Dedupe::ById(WINDOW), envelope("call_ended", None, Some("a1"))),
            (Dedupe::ByBody(WINDOW), envelope("call_ended", Some("c1"), Some("a1"))),
        ] {
            let one = key(dedupe, &other, "{}");
            assert!(matches!(one, Some(IdentityKey::Body { .. })));
            assert_eq!(key(dedupe, &other, "{}"), one);
            assert_ne!(key(dedupe, &other, "{ }"), one);
        }
        assert_eq!(key(Dedupe::Off, &envelope("call_ended", Some("c1"), None), "{}"), None);
    }
}
