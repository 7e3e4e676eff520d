//! What the page's status screen and event screen ask beyond what the command line does.

use std::net::SocketAddr;

use hookswitch::tasks::Tasks;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::admin::{Checked, World};
use crate::support::PATIENCE;
use crate::support::receiver::{Receiver, Reply};

const RULES: &str = "version: 1\nsources:\n  retell: { path: /webhook, verify: none }\n  second: { path: /second, verify: { retell: a-key } }\nfallback: []\n";

async fn ok(world: &World, path: &str) -> Value {
    world.get(path).await.json_of(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_the_time_the_warnings_and_what_the_page_shows() {
    let world = World::new(RULES).await;
    world.later(Duration::from_secs(61));
    let status = ok(&world, "/api/v1/status").await;
    assert_eq!(status["started_at"], "2026-01-01T00:00:00.000Z");
    assert_eq!(status["now"], "2026-01-01T00:01:01.000Z");
    assert_eq!(
        (&status["ui"], &status["token_needed"]),
        (&json!({"show_payloads": "all"}), &json!(false))
    );
    assert!(status["store"]["warnings"][0].as_str().unwrap().contains("in memory"));

    let masked = format!("{RULES}ui: {{ show_payloads: masked }}\n");
    std::fs::write(&world.path, masked).unwrap();
    assert_eq!(world.post("/-/reload", "").await.status, 200);
    assert_eq!(ok(&world, "/api/v1/status").await["ui"], json!({"show_payloads": "masked"}));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_tells_what_is_known_of_its_signature() {
    let world = World::new(RULES).await;
    let id = world.arrive(r#"{"event": "call_started"}"#).await;
    let event = ok(&world, &format!("/api/v1/events/{id}")).await;
    let signature = &event["request"]["signature"];
    assert_eq!(signature["verdict"], "not_checked");
    assert!(
        signature["reason"].as_str().unwrap().contains("retell said `verify: none`"),
        "{signature}"
    );
    assert_eq!(signature.get("signed_at"), None);
    world.end().await;
}

const EVENT: &str = r#"{"event":"call_ended","call":{"call_id":"call_1","from_number":"+15550100188","metadata":{"name":"Dana"}}}"#;

const MASKING: &str = r#"
version: 1
sources: { retell: { path: /webhook, verify: none } }
targets:
  crm:
    kind: http
    url: http://127.0.0.1:9/
    body: { event: "{{ event }}", who: "{{ call.metadata.name }}" }
    order_by: $.call.from_number
rules:
  - name: dana
    when: { event: call_ended, metadata: { name: { prefix: D } }, fields: { $.call.from_number: { exists: true } } }
    to: [crm]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn payloads_are_masked_if_one_asks() {
    let world = World::new(MASKING).await;
    let id = world.arrive(EVENT).await;
    let body = format!("/api/v1/events/{id}/body");
    assert_eq!(world.get(&body).await.text(), EVENT);
    assert_eq!(world.get(&format!("{body}?masked=false")).await.text(), EVENT);
    let masked = world.get(&format!("{body}?masked=true")).await;
    assert_eq!(masked.head("content-type"), "application/json");
    assert_eq!(
        masked.head("content-disposition"),
        format!("attachment; filename=\"{id}.masked.json\"")
    );
    let call = json!({"call_id": "call_1", "from_number": "***", "metadata": {"name": "***"}});
    assert_eq!(masked.json(), json!({"event": "call_ended", "call": call}));

    let explanation = format!("/api/v1/events/{id}/explanation");
    assert!(world.get(&explanation).await.text().contains("Dana"));
    let stored = ok(&world, &format!("{explanation}?masked=true")).await;
    let pasted = world.post("/api/v1/explain?masked=true", EVENT).await;
    let named =
        world.post("/api/v1/explain?masked=true", &format!(r#"{{"event_id": "{id}"}}"#)).await;
    for told in [stored, pasted.json_of(200), named.json_of(200)] {
        let text = told.to_string();
        assert!(!text.contains("Dana") && !text.contains("0100188"), "{text}");
        let found: Vec<_> = told["rules"][0]["predicates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["found"])
            .collect();
        assert_eq!(found, ["\"call_ended\"", "***", "***"], "{told}");
        assert_eq!(told["requests"][0]["body"], json!({"event": "call_ended", "who": "***"}));
        assert_eq!(told["requests"][0]["order_key"], "***");
    }
    let accept = "accept: text/plain\r\n";
    let asked =
        format!("GET {explanation}?masked=true HTTP/1.1\r\nhost: localhost\r\n{accept}\r\n");
    let text = world.raw(&asked).await.text();
    assert!(text.contains("dana") && !text.contains("Dana") && !text.contains("0100188"), "{text}");

    let event = ok(&world, &format!("/api/v1/events/{id}?masked=true")).await;
    assert_eq!(event["deliveries"][0]["order_key"], "***");
    assert_eq!((&event["call"], &event["agent"]), (&json!("call_1"), &Value::Null));
    assert!(ok(&world, &format!("/api/v1/events/{id}")).await.to_string().contains("0100188"));

    let unreadable = world.arrive("Dana, not JSON").await;
    let masked = world.get(&format!("/api/v1/events/{unreadable}/body?masked=true")).await;
    assert_eq!((masked.json(), masked.head("content-type")), (json!("***"), "application/json"));
    assert!(world.get(&format!("{body}?maskd=true")).await.problem(400).contains("masked"));
    world.end().await;
}

fn agent(body: &str) -> Reply {
    Reply::Raw(
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{body}").into_bytes(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_address_is_the_tunnels_if_there_is_one() {
    let tasks = Tasks::new();
    let tunnels = json!({"tunnels": [
        {"name": "a", "public_url": "https://a.ngrok.app", "proto": "https", "config": {"addr": "http://localhost:8080", "inspect": true}},
        {"name": "b", "public_url": "https://b.ngrok.app", "proto": "https", "config": {"addr": "http://localhost:3000", "inspect": true}},
    ], "uri": "/api/tunnels"});
    let elsewhere = json!({"tunnels": [{"public_url": "https://b.ngrok.app", "config": {"addr": "http://localhost:3000"}}]});
    let redirect = Reply::Raw(b"HTTP/1.1 302 Found\r\nlocation: /other\r\n\r\n".to_vec());
    let long = Reply::Raw([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; 100 << 10]].concat());
    let script =
        [agent(&tunnels.to_string()), agent(&elsewhere.to_string()), redirect, long, Reply::Hang];
    let receiver = Receiver::start(&tasks, script).await;
    let address: SocketAddr = receiver.url("").trim_start_matches("http://").parse().unwrap();
    let world = World::beside(RULES, Some(address)).await;

    let webhook = ok(&world, "/api/v1/webhook").await;
    assert_eq!(webhook["listen"], "127.0.0.1:8080");
    assert_eq!(
        webhook["sources"],
        json!([{"name": "retell", "path": "/webhook", "signed": false}, {"name": "second", "path": "/second", "signed": true}])
    );
    assert_eq!(
        webhook["public"],
        json!([
            {"url": "https://a.ngrok.app/webhook", "source": "retell"},
            {"url": "https://a.ngrok.app/second", "source": "second"},
        ])
    );
    assert_eq!((&webhook["ngrok"], webhook.get("detail")), (&json!("running"), None));
    let got = receiver.got().swap_remove(0);
    assert_eq!((got.method.as_str(), got.path.as_str()), ("GET", "/api/tunnels"));

    let webhook = ok(&world, "/api/v1/webhook").await;
    assert_eq!((&webhook["ngrok"], &webhook["public"]), (&json!("running"), &json!([])));
    assert!(webhook["detail"].as_str().unwrap().contains("ngrok http 8080"));
    for why in ["302", "65536"] {
        let webhook = ok(&world, "/api/v1/webhook").await;
        assert_eq!((&webhook["ngrok"], &webhook["public"]), (&json!("failed"), &json!([])));
        assert!(webhook["detail"].as_str().unwrap().contains(why), "{webhook}");
    }
    // A redirect was not followed.
    assert_eq!(receiver.got().len(), 4);
    let began = Instant::now();
    let webhook = ok(&world, "/api/v1/webhook").await;
    assert!(webhook["detail"].as_str().unwrap().contains("within a second"), "{webhook}");
    assert!(began.elapsed() >= Duration::from_secs(1));
    world.end().await;
    assert!(!tasks.stop(Duration::ZERO).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_agent_there_is_only_where_we_listen() {
    let world = World::new(RULES).await;
    let webhook = ok(&world, "/api/v1/webhook").await;
    assert_eq!((&webhook["ngrok"], &webhook["public"]), (&json!("not_found"), &json!([])));
    assert_eq!(webhook.get("detail"), None);
    assert!(world.tasks.stop(PATIENCE).await);
}
