//! What is to break a cache: calls that are held where it hurts, callers that go away, random histories, threads.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ages;
mod bounds;
mod calls;
mod changes;
mod counts;
mod equal;
mod failures;
mod fence;
mod fills;
mod gated;
mod histories;
mod lies;
mod log;
mod threads;

use std::sync::Arc;

use futures::{AsyncReadExt, AsyncWriteExt, executor::block_on};
use sessile::{
    CacheOptions, CacheStorage, Error, MemoryOptions, SessionId, SessionStorage, SessionStorageExt,
    WriteOptions,
};

use crate::{
    calls::start,
    gated::{Gated, Traits},
};

type Cache = CacheStorage<Gated>;

fn id() -> SessionId {
    SessionId::new("one").unwrap()
}

fn other() -> SessionId {
    SessionId::new("other").unwrap()
}

fn options(delegate: &Gated) -> CacheOptions {
    CacheOptions::new().clock(Arc::clone(delegate.clock()))
}

fn over(delegate: &Gated) -> Cache {
    CacheStorage::new(delegate.clone(), options(delegate)).unwrap()
}

/// A cache over a storage that has the session "old" already.
fn with_old() -> (Cache, Gated) {
    with_old_and(Traits::default())
}

fn with_old_and(traits: Traits) -> (Cache, Gated) {
    let delegate = Gated::with(MemoryOptions::new(), traits);
    write(delegate.memory(), &id(), "old");
    (over(&delegate), delegate)
}

fn write(storage: &impl SessionStorage, id: &SessionId, content: &str) {
    start(storage.set(id, content.to_owned().into(), WriteOptions::new())).end().unwrap();
}

/// A write in a stream.
async fn stream(storage: &impl SessionStorage, id: &SessionId, content: &str) -> Result<(), Error> {
    let whole = async |channel: &mut sessile::SessionWriter| channel.write_all(content.as_bytes()).await;
    Ok(storage.write(id, WriteOptions::new(), whole).await.map(drop)?)
}

/// Now: a read that waits for a call that a test holds would wait for ever.
#[track_caller]
fn get(storage: &impl SessionStorage, id: &SessionId) -> Option<String> {
    start(read(storage, id)).end().unwrap()
}

async fn read(storage: &impl SessionStorage, id: &SessionId) -> Result<Option<String>, Error> {
    Ok(storage.get(id).await?.map(|(content, _)| String::from_utf8(content.into()).unwrap()))
}

async fn read_stream(storage: &impl SessionStorage, id: &SessionId) -> Result<Option<String>, Error> {
    let Some(mut reader) = storage.open(id).await? else { return Ok(None) };
    let mut content = String::new();
    reader.read_to_string(&mut content).await?;
    Ok(Some(content))
}

/// The cache tells what the delegate has: when it asks it, and from memory.
#[track_caller]
fn tells_the_truth(cache: &Cache, delegate: &Gated) {
    for id in [id(), other()] {
        let there = block_on(delegate.memory().get(&id)).unwrap();
        for _ in 0..2 {
            assert_eq!(start(cache.get(&id)).end().unwrap(), there);
            assert_eq!(block_on(cache.info(&id)).unwrap(), there.as_ref().map(|(_, info)| info.clone()));
        }
    }
}

/// The next read is answered from memory.
#[track_caller]
fn is_kept(cache: &Cache, delegate: &Gated, id: &SessionId) {
    let before = delegate.reads();
    let found = get(cache, id);
    assert_eq!(delegate.reads(), before, "the delegate was asked");
    assert_eq!(found, get(delegate.memory(), id));
}

/// The next read asks the delegate.
#[track_caller]
fn is_not_kept(cache: &Cache, delegate: &Gated, id: &SessionId) {
    let before = delegate.reads();
    let found = get(cache, id);
    assert_eq!(delegate.reads(), before + 1, "the delegate was not asked");
    assert_eq!(found, get(delegate.memory(), id));
}
