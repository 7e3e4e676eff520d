//! The limit without a disk: all of hookswitch over its store in memory, which promises nothing.

use std::path::PathBuf;
use std::sync::Arc;

use hookswitch::app::{App, Options};
use hookswitch::clock::System;
use hookswitch::config::{Overrides, ProcessEnvironment};
use hookswitch::store::memory::Memory;

pub async fn run(config: PathBuf) -> anyhow::Result<()> {
    let app = App::start(Options {
        config,
        overrides: Overrides::default(),
        environment: Arc::new(ProcessEnvironment),
        clock: Arc::new(System),
        store: Some(Arc::new(Memory::new())),
    })
    .await?;
    println!("listening on {}", app.listen());
    Err(app.failed().await.into())
}
