//! Hookswitch: a rules-based webhook router for Retell AI voice agents.
//!
//! The modules stand in one order and each may use only those that stand before it (and its own children);
//! `tests/architecture.rs` holds that. Those before the double bar are pure: no async, no clock, no chance, no files,
//! no sockets. `fault` is for the fault suite alone and nothing in a release. `docs/architecture.md` tells the same as a picture.
//!
//! `fault` · `name` · `clock` · `secret` · `path` · `signature` · `event` · `rule` · `delivery` · `template` ‖ `telemetry` ·
//! `tasks` · `store` · `target` · `config` · `explain` · `dispatch` · `reload` · `ingress` · `admin` · `app` · `cli`

mod fault;

pub mod name;

pub mod clock;

pub mod secret;

pub mod path;

pub mod signature;

pub mod event;

pub mod rule;

pub mod delivery;

pub mod template;

pub mod telemetry;

pub mod tasks;

pub mod store;

pub mod target;

pub mod config;

pub mod explain;

pub mod trial;

pub mod preview;

pub mod dispatch;

pub mod reload;

pub mod ingress;

pub mod admin;

pub mod app;

pub mod cli;
