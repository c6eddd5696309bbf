//! The storage in Redis, with servers of the tests' own (`REDIS_SERVER`, or what is on the `PATH`).
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod clocks;
mod commits;
mod damage;
mod failing;
mod kit;
mod life;
mod proxy;
mod servers;
mod strange;
#[path = "../subjects/mod.rs"]
mod subjects;

use std::{
    error::Error as _,
    sync::LazyLock,
    time::{Duration, Instant},
};

use base64ct::{Base64UrlUnpadded, Encoding};
use bytes::Bytes;
use redis::{
    AsyncConnectionConfig, Client,
    aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection},
};
use sessile::{
    Error, ErrorKind, RedisOptions, RedisStorage, SessionId, SessionStorage, SessionStorageExt, WriteOptions,
};
use sha2::{Digest, Sha256};
use tokio::runtime::{Builder, Runtime};

use crate::servers::Server;

const CONTENT: &str = "content-that-is-secret";
/// More than a record takes, and than a piece does.
const LARGE: usize = 600_000;
/// What tests of failures give a command.
const TIMEOUT: Duration = Duration::from_millis(400);
/// Generous, since the machine may be busy. What hangs takes for ever.
const SOON: Duration = Duration::from_millis(2_500);

/// One for all tests that leave it as it is; each has a prefix of its own.
static SERVER: LazyLock<Server> = LazyLock::new(Server::start_for_all);

/// Connections outlive a call of `run`. Asking a server beside the storage blocks a thread.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(8).enable_all().build().unwrap());

/// On worker threads, so that futures have to be `Send`.
fn run<F: Future<Output: Send> + Send + 'static>(test: F) -> F::Output {
    RUNTIME.block_on(RUNTIME.spawn(test)).unwrap()
}

fn id() -> SessionId {
    SessionId::new("id-that-is-secret").unwrap()
}

fn large() -> Bytes {
    vec![7; LARGE].into()
}

/// The name of a session in keys, as documented.
fn name_of(id: &SessionId) -> String {
    format!("{{{}}}", Base64UrlUnpadded::encode_string(&Sha256::digest(id.as_str())))
}

fn key_of(prefix: &str, id: &SessionId) -> String {
    format!("{prefix}{}", name_of(id))
}

fn index_of(prefix: &str, tag: &str) -> String {
    format!("{prefix}tag:{{{}}}", Base64UrlUnpadded::encode_string(&Sha256::digest(tag)))
}

/// One that does not come back when it breaks. It waits as long as the storage does.
async fn connect(client: &Client) -> MultiplexedConnection {
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await.unwrap()
}

/// One that comes back. There may be no server yet.
fn keep_connected(client: Client) -> ConnectionManager {
    let config = ConnectionManagerConfig::new()
        .set_min_delay(Duration::from_millis(10))
        .set_max_delay(Duration::from_millis(20))
        .set_response_timeout(None);
    let _context = RUNTIME.enter();
    ConnectionManager::new_lazy_with_config(client, config).unwrap()
}

/// A storage on the shared server.
async fn open(prefix: &'static str) -> RedisStorage {
    let options = RedisOptions::new().prefix(prefix).timeout(Duration::from_secs(60));
    RedisStorage::new(connect(&SERVER.client()).await, options).unwrap()
}

/// A storage whose connection comes back, with little patience.
fn impatient(client: Client) -> RedisStorage {
    RedisStorage::new(keep_connected(client), RedisOptions::new().timeout(TIMEOUT)).unwrap()
}

async fn set(storage: &RedisStorage, content: impl Into<Bytes>) -> Result<(), Error> {
    storage.set(&id(), content.into(), WriteOptions::new()).await.map(drop)
}

async fn get(storage: &RedisStorage) -> Result<Option<Bytes>, Error> {
    Ok(storage.get(&id()).await?.map(|(content, _)| content))
}

/// Reads in a stream, to the end.
async fn read(storage: &RedisStorage) -> Result<Vec<u8>, Error> {
    use futures::AsyncReadExt;
    let id = id();
    let read = storage.read(&id, async |channel| {
        let mut content = Vec::new();
        channel.read_to_end(&mut content).await?;
        Ok::<_, Error>(content)
    });
    read.await.map_err(Error::from)
}

/// The error is of this kind, and gives nothing away.
#[track_caller]
fn refused<T>(result: Result<T, Error>, kind: ErrorKind) -> Error {
    let error = result.err().unwrap();
    let mut said = vec![format!("{error} {error:?}")];
    let mut source = error.source();
    while let Some(cause) = source {
        said.push(format!("{cause} {cause:?}"));
        source = cause.source();
    }
    let said = said.join(" ");
    assert_eq!(error.kind(), kind, "{said}");
    for secret in [id().as_str(), &name_of(&id()), CONTENT] {
        assert!(!said.contains(secret), "the error gives away what it is about: {said}");
    }
    error
}

/// The same, and not much later than the timeout.
async fn fails<T>(call: impl Future<Output = Result<T, Error>>, kind: ErrorKind) -> Error {
    let began = Instant::now();
    let result = call.await;
    assert!(began.elapsed() < TIMEOUT + SOON, "it took {:?}", began.elapsed());
    refused(result, kind)
}

/// Tries until the connection has found the server again.
async fn works(storage: &RedisStorage) {
    let id = SessionId::new("works").unwrap();
    let began = Instant::now();
    loop {
        match storage.set(&id, "works".into(), WriteOptions::new()).await {
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Storage && began.elapsed() < 8 * SOON => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(storage.get(&id).await.unwrap().unwrap().0, "works");
}
