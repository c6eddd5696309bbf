//! Session storage that stays put: written whole or not at all, never lost to a parallel request, gone for
//! good once it is invalidated.
//!
//! A [`SessionStorage`] keeps the content of sessions, which are bytes, under their [`SessionId`]. It is
//! written and read in streams ([`SessionStorageExt::write`], [`read`](SessionStorageExt::read)) or as a
//! whole ([`get`](SessionStorage::get), [`set`](SessionStorage::set)). The contract of every storage, C1 to
//! C13, stands at [`SessionStorage`]; the feature `testing` brings a kit that checks any storage against it.
//!
//! - [`SessionStorageMemory`] keeps sessions in the process's memory.
//! - [`DirectoryStorage`] keeps them in a folder, for several processes at the same time.
//! - [`CacheStorage`] keeps what was read lately in memory, in front of any of them.
//! - [`SimplifiedSessionStorage`] makes a whole storage of a `load` and a `store`.
//! - [`DirectoryStorage::in_records`] makes one that many machines share, of a `load` and a `replace`.
//! - [`SealedStorage`] keeps the sessions of another storage encrypted.
//! - `RedisStorage`, with the feature `redis`, keeps them in Redis or Valkey, for many machines.
//!
//! With the feature `sessions`, `Sessions` loads and stores what web code holds, with the same cookies and records as the npm
//! package `sessile`; the features `tower`, `axum` and `tower-sessions` bring them to servers.
//!
//! [`Signer`] and [`Sealer`] make what a client holds: a signed id, or a sealed content.
//!
//! The crate runs on any executor: it has no threads, timers or runtime of its own, but for the one timers' thread of the
//! feature `redis`. Compiled to WebAssembly, it is the npm package `sessile`.

#![cfg_attr(not(target_arch = "wasm32"), warn(clippy::future_not_send))]
// In a browser there is one thread, and the same types share by `Arc` all the same.
#![cfg_attr(target_arch = "wasm32", allow(clippy::arc_with_non_send_sync))]

mod cache;
mod channel;
mod clock;
mod defaults;
mod directory;
mod error;
mod expiry;
mod fence;
mod id;
mod key;
mod maybe_send;
mod memory;
mod record;
mod sealed;
mod seed;
mod session;
mod simplified;
mod storage;
mod ticket;
mod turns;

#[cfg(feature = "sessions")]
mod sessions;

#[cfg(all(feature = "redis", not(target_arch = "wasm32")))]
mod redis;

#[cfg(feature = "tower-sessions")]
mod tower_sessions;

#[cfg(feature = "testing")]
pub mod conformance;

#[cfg(all(feature = "js", target_arch = "wasm32", target_os = "unknown"))]
mod js;

pub use crate::{
    cache::{CacheOptions, CacheStats, CacheStorage},
    channel::{ReadSource, SessionReader, SessionWriter, StagedWrite},
    clock::{Clock, ManualClock, SystemClock, Timestamp},
    directory::{DirectoryOptions, DirectoryStorage, NewRecord, Records, VersionedRecord},
    error::{Error, ErrorKind, Failure},
    expiry::{MAX_TIMEOUT, Timeout},
    id::SessionId,
    maybe_send::{BoxFuture, MaybeSend, MaybeSync},
    memory::{MemoryOptions, SessionStorageMemory, WhenFull},
    sealed::SealedStorage,
    session::{
        Capabilities, Committed, Durability, IfRevision, Revision, SessionInfo, StorageStats, Tags,
        WriteOptions,
    },
    simplified::{LoadStore, SimplifiedOptions, SimplifiedSessionStorage},
    storage::{SessionStorage, SessionStorageExt},
    ticket::{Opened, Sealer, Secrets, Signer, Verified},
};

#[cfg(feature = "sessions")]
pub use crate::sessions::{
    CommitOutcome, InvalidReason, InvalidSession, OnConflict, RequestHeaders, SameSite, SentHeader, Session,
    SessionCookie, SessionCounters, SessionEvent, Sessions, SessionsOptions,
};

#[cfg(all(feature = "redis", not(target_arch = "wasm32")))]
pub use crate::redis::{RedisOptions, RedisStorage};
#[cfg(feature = "axum")]
pub use crate::sessions::MissingSessionLayer;
#[cfg(feature = "tower")]
pub use crate::sessions::{SessionLayer, SessionService};
#[cfg(feature = "tower-sessions")]
pub use crate::tower_sessions::TowerSessionsStore;

/// The README's example in Rust, run with the other documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
