//! The program put together: what its end leaves, what a failed store does, what a reload tells the store.

use std::sync::Arc;
use std::time::Duration;

use hookswitch::app::{App, AppError, Options};
use hookswitch::clock::System;
use hookswitch::config::{Advice, MapEnvironment, Overrides};
use hookswitch::event::EventId;
use hookswitch::store::memory::Memory;
use hookswitch::store::{DeliveryState, Store, StoreError};
use hookswitch::tasks::Tasks;
use tempfile::TempDir;

use super::support::receiver::{Receiver, Reply};
use super::support::{Answer, Wire, eventually, fixture, post};

/// The program with a store in memory.
struct Program {
    app: App,
    memory: Memory,
    folder: TempDir,
}

fn yaml(url: &str, more: &str) -> String {
    format!(
        "version: 1\n\
         sources: {{ retell: {{ path: /webhook, verify: none, dedupe: {{ by: \"off\" }} }} }}\n\
         targets: {{ crm: {{ kind: http, url: \"{url}\", timeout: 5m }} }}\n\
         rules: [{{ name: everything, to: [crm] }}]\n{more}"
    )
}

impl Program {
    async fn start(url: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("rules.yaml");
        std::fs::write(&config, yaml(url, more)).expect("a file can be written");
        let memory = Memory::new();
        let any = Some("127.0.0.1:0".parse().expect("an address"));
        let app = App::start(Options {
            config,
            overrides: Overrides {
                listen: any,
                admin: any,
                data_dir: None,
                advice: Advice::Warnings,
            },
            environment: Arc::new(MapEnvironment::default()),
            clock: Arc::new(System),
            store: Some(Arc::new(memory.clone())),
            deliveries: None,
        });
        Self { app: app.await.expect("it starts"), memory, folder }
    }

    async fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut wire = Wire::connect(self.app.listen()).await;
        wire.send(request).await;
        wire.expect().await
    }

    async fn post(&self) -> Answer {
        self.ask(call()).await
    }
}

fn call() -> Vec<u8> {
    post("/webhook", "content-type: application/json\r\n", &fixture("call_started.json"))
}

fn id(answer: &Answer) -> EventId {
    assert_eq!(answer.status, 204);
    answer.header("x-hookswitch-event-id").expect("it has an id").parse().expect("it is one")
}

/// How the only delivery of an event is, in the store as the next start finds it.
async fn state(memory: &Memory, event: EventId) -> DeliveryState {
    let (_, tried) = memory.reopened().event(event).await.expect("it is stored");
    assert_eq!(tried.len(), 1);
    tried[0].0.state
}

#[tokio::test]
async fn a_poisoned_store_is_a_reason_to_end() {
    let program = Program::start("http://127.0.0.1:9/", "").await;
    program.memory.poison("a test says so");
    let error = program.app.failed().await;
    assert!(matches!(&error, AppError::Store(StoreError::Poisoned(_))), "{error}");
    assert_eq!(program.post().await.status, 503, "nothing is acknowledged any more");
}

#[tokio::test]
async fn it_accepts_through_the_drain_delay_though_it_is_not_ready() {
    let program = Program::start("http://127.0.0.1:9/", "drain_delay: 5m\nshutdown_timeout: 10m\n");
    let Program { app, memory, folder: _folder } = program.await;
    let listen = app.listen();
    let asking = async {
        let ask = |request: Vec<u8>| async move {
            let mut wire = Wire::connect(listen).await;
            wire.send(request).await;
            wire.expect().await
        };
        eventually("not ready", || async {
            let ready = ask(b"GET /readyz HTTP/1.1\r\nhost: t\r\n\r\n".to_vec()).await;
            (ready.status == 503).then_some(())
        })
        .await;
        id(&ask(call()).await)
    };
    let stored = tokio::select! {
        stored = asking => stored,
        stopped = app.stop() => panic!("it did not wait: {stopped:?}"),
    };
    assert!(matches!(state(&memory, stored).await, DeliveryState::Pending { .. }));
}

#[tokio::test]
async fn what_is_under_way_is_finished_and_what_is_not_is_kept() {
    let tasks = Tasks::new();
    let slow = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    let receiver = Receiver::start(&tasks, [Reply::Drip(slow, Duration::from_millis(5))]).await;
    let Program { app, memory, folder: _folder } = Program::start(&receiver.url("/"), "").await;
    let mut wire = Wire::connect(app.listen()).await;
    wire.send(call()).await;
    let first = id(&wire.expect().await);
    eventually("an attempt", || async { (receiver.got().len() == 1).then_some(()) }).await;
    app.stop().await.expect("it stops well");
    assert!(matches!(state(&memory, first).await, DeliveryState::Delivered { .. }));
    assert_eq!(memory.stats().await, Err(StoreError::Closed));

    receiver.then(Reply::Hang);
    let program = Program::start(&receiver.url("/"), "shutdown_timeout: 400ms\n").await;
    let second = id(&program.post().await);
    eventually("an attempt", || async { (receiver.got().len() == 2).then_some(()) }).await;
    program.app.stop().await.expect("it stops well although a target does not answer");
    assert!(matches!(state(&program.memory, second).await, DeliveryState::Pending { .. }));
}

#[tokio::test]
async fn a_reload_tells_the_store_its_bounds() {
    let program = Program::start("http://127.0.0.1:9/", "").await;
    id(&program.post().await);
    let config = program.folder.path().join("rules.yaml");
    let small = yaml("http://127.0.0.1:9/", "store: { max_size: 64 MiB }\n");
    std::fs::write(config, small).expect("a file can be written");
    program.app.reload_soon();
    let body = vec![b' '; 9 << 20];
    let fill = post("/webhook", "", &[b"{\"event\":\"x\"}", body.as_slice()].concat());
    eventually("the store is full", || async {
        (program.ask(&fill).await.status == 503).then_some(())
    })
    .await;
}
