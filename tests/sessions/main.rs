//! What sessions promise, S1 to S7, by requests without a server and by those of `tower`, `axum` and `tower-sessions`. The
//! package's tests of the same are `tests/package/sessions*`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod app;
#[allow(dead_code)] // what only the cache's tests ask
#[path = "../cache/calls.rs"]
mod calls;
mod cookies;
mod counters;
mod failing;
mod flash;
#[allow(dead_code)]
#[path = "../cache/gated.rs"]
mod gated;
mod histories;
mod ids;
mod life;
mod logout;
mod moved;
mod parallel;
mod plain;
mod revoked;
mod sealed;
mod sealed_ids;
mod service;
mod stepwise;
mod store;
#[path = "../subjects/mod.rs"]
mod subjects;
mod values;
