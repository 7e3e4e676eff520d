//! The limit without a disk: all of hookswitch over its store in memory, which promises nothing.

use std::path::PathBuf;
use std::sync::Arc;

use hookswitch::app::{App, Options, delivery_runtime};
use hookswitch::clock::System;
use hookswitch::config::{Overrides, ProcessEnvironment};
use hookswitch::store::memory::Memory;

pub async fn run(config: PathBuf) -> anyhow::Result<()> {
    let deliveries = delivery_runtime()?;
    let app = App::start(Options {
        config,
        overrides: Overrides::default(),
        environment: Arc::new(ProcessEnvironment),
        clock: Arc::new(System),
        store: Some(Arc::new(Memory::new())),
        deliveries: Some(deliveries.handle().clone()),
    })
    .await?;
    println!("listening on {}", app.listen());
    let error = app.failed().await;
    deliveries.shutdown_background();
    Err(error.into())
}
