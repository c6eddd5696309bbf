//! Sessions in Redis or Valkey, for many machines.

mod connection;
mod deadlines;
mod failure;
mod given_up;
mod options;
mod pieces;
mod record;
mod scripts;
mod slot;
mod tags;
mod write;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use base64ct::{Base64UrlUnpadded, Encoding};
use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt, future::join, io::Cursor};
use redis::{aio::ConnectionLike, cmd};

pub use self::options::RedisOptions;
use self::{
    connection::Connection,
    given_up::GivenUp,
    pieces::{ContentWriter, INLINE, PiecesReader},
    record::{HEADER, Head, Lineage, Record},
    scripts::TOUCH,
    write::touched,
};
use crate::{
    channel::{SessionReader, SessionWriter},
    clock::{Clock, Timestamp},
    defaults::{Defaults, check_timeouts},
    error::Error,
    id::SessionId,
    key::Key,
    maybe_send::BoxFuture,
    session::{Capabilities, Committed, SessionInfo, StorageStats, Tags, WriteOptions},
    storage::SessionStorage,
};

/// As much as most sessions' tags take.
const TAGS_READ: usize = 128;

/// Keeps sessions in Redis or Valkey, on one server or in a cluster, over a connection of your own, for all who share the place;
/// also a Node server with the npm package's `sessile/redis`, whose keys and records are the same.
///
/// A whole session is read by one command and written by one script, in which the server checks the condition, the session's time
/// and whether it was invalidated. A write that reaches the server after its caller was told that it failed is not done; one that
/// was sent twice, because the connection broke before the answer came, is done once. Sessions are removed by the server when they
/// are over, by its own time.
///
/// The connection is whatever has `redis`' `ConnectionLike` and can be cloned. Take a `ConnectionManager` or a `ClusterConnection`:
/// a `MultiplexedConnection` that broke stays broken. One that reads from replicas does not see every write at once (C9). Closing
/// the storage does not close it.
///
/// A content of up to 64 KiB lies in the session's record. A larger one is written and read in pieces of 256 KiB; a write in pieces
/// may take an hour, and a reader that pauses for more than a minute while its session is replaced fails.
///
/// ```no_run
/// use std::time::Duration;
/// use sessile::{RedisOptions, RedisStorage};
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let client = redis::Client::open("redis://localhost")?;
/// let connection = client.get_connection_manager().await?;
/// let options = RedisOptions::new().idle_timeout(Duration::from_secs(30 * 60));
/// let storage = RedisStorage::new(connection, options)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStorage {
    shared: Arc<Shared>,
}

struct Shared {
    connection: Connection,
    /// Sessions and tags may lie on different servers.
    is_cluster: bool,
    defaults: Defaults,
    clock: Option<Arc<dyn Clock>>,
    prefix: String,
    given_up: GivenUp,
    tagged_writes: AtomicU64,
    closed: AtomicBool,
}

impl RedisStorage {
    /// A storage on one server, the same for every key.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) for an option that makes no sense.
    pub fn new(
        connection: impl ConnectionLike + Clone + Send + Sync + 'static,
        options: RedisOptions,
    ) -> Result<Self, Error> {
        Self::on(connection, options, false)
    }

    /// A storage in a cluster, over a connection that sends each command where its keys are: `redis`' `ClusterConnection`. A write
    /// with tags takes a step more than on one server, since their indexes lie elsewhere.
    ///
    /// ```no_run
    /// use sessile::{RedisOptions, RedisStorage};
    ///
    /// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = redis::cluster::ClusterClient::new(["redis://one:7000", "redis://other:7000"])?;
    /// let storage = RedisStorage::in_cluster(client.get_async_connection().await?, RedisOptions::new())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) for an option that makes no sense.
    pub fn in_cluster(
        connection: impl ConnectionLike + Clone + Send + Sync + 'static,
        options: RedisOptions,
    ) -> Result<Self, Error> {
        Self::on(connection, options, true)
    }

    fn on(
        connection: impl ConnectionLike + Clone + Send + Sync + 'static,
        options: RedisOptions,
        is_cluster: bool,
    ) -> Result<Self, Error> {
        options.check()?;
        let shared = Shared {
            connection: Connection::new(connection, options.timeout, is_cluster),
            is_cluster,
            defaults: options.defaults,
            clock: options.clock,
            prefix: options.prefix.into_owned(),
            given_up: GivenUp::default(),
            tagged_writes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl fmt::Debug for RedisStorage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RedisStorage").finish_non_exhaustive()
    }
}

impl Shared {
    fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::SeqCst) { Err(Error::closed()) } else { Ok(()) }
    }

    /// The time of a clock that was given.
    fn now(&self) -> Result<Option<Timestamp>, Error> {
        self.clock.as_deref().map(Clock::now).transpose()
    }

    /// The same, as scripts take it.
    fn given(&self) -> Result<String, Error> {
        Ok(self.now()?.map_or_else(String::new, |now| now.as_millis().to_string()))
    }

    /// The key of a session: the SHA-256 of its id, in braces, so that a cluster keeps its pieces beside it.
    fn key(&self, id: &SessionId) -> String {
        let name = Base64UrlUnpadded::encode_string(&Key::of(id).into_bytes());
        format!("{}{{{name}}}", self.prefix)
    }

    fn key_of_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A session's name in the indexes of tags.
    fn name_in<'a>(&self, key: &'a str) -> &'a str {
        key.strip_prefix(self.prefix.as_str()).unwrap_or(key)
    }

    /// The live session under a key.
    async fn find(&self, key: &str) -> Result<Option<Record>, Error> {
        self.check_open()?;
        let now = self.now()?;
        let Some(bytes) = self.connection.bytes(cmd("GET").arg(key).take()).await? else { return Ok(None) };
        let Some(record) = Record::read(bytes)? else { return Ok(None) };
        let is_over = self.is_over(key, &record.head, &record.info, now).await?;
        Ok((!is_over).then_some(record))
    }

    /// What is known of the live session under a key, without its content.
    async fn info(&self, key: &str) -> Result<Option<SessionInfo>, Error> {
        let now = self.now()?;
        let Some(head) = self.head(key).await? else { return Ok(None) };
        if !head.is_session() {
            return Ok(None);
        }
        let info = head.info()?;
        let is_over = self.is_over(key, &head, &info, now).await?;
        Ok((!is_over).then_some(info))
    }

    /// What lies under a key, without its content.
    async fn head(&self, key: &str) -> Result<Option<Head>, Error> {
        let mut end = HEADER + TAGS_READ;
        loop {
            let start = self.start(key, end).await?;
            if start.is_empty() {
                return Ok(None);
            }
            let is_all = start.len() < end;
            let head = Head::read(start)?;
            if is_all || head.has_tags() {
                return Ok(Some(head));
            }
            // Many tags: what is asked for then may be another revision, with more of them.
            end = head.end();
        }
    }

    /// The first bytes of what lies under a key.
    async fn start(&self, key: &str, length: usize) -> Result<Bytes, Error> {
        let range = cmd("GETRANGE").arg(key).arg(0).arg(length - 1).take();
        Ok(self.connection.bytes(range).await?.unwrap_or_default())
    }

    /// What is over by the server's time is not there; but some records stay longer, and a clock may have been given.
    async fn is_over(
        &self,
        key: &str,
        head: &Head,
        info: &SessionInfo,
        now: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let Some(ends) = info.expires_at else { return Ok(false) };
        let Some(now) = now else {
            if !head.is_fence() {
                return Ok(false);
            }
            let time = self.connection.server_time(key, self.connection.deadline()).await?;
            return Ok(Timestamp::from_millis(record::whole(time)) >= ends);
        };
        if now < ends {
            return Ok(false);
        }
        // Found to be over, it stays so, whatever the clock says next. A server that takes no writes is read all the same.
        let _ = self.touch(key, &now.as_millis().to_string()).await;
        Ok(true)
    }

    async fn touch(&self, key: &str, now: &str) -> Result<bool, Error> {
        let until = self.connection.deadline();
        touched(&self.connection.run(&TOUCH, &[key], &[now.as_bytes()], until).await?)
    }

    /// Begins a write in pieces.
    async fn begin(self: &Arc<Self>, key: String, options: WriteOptions) -> Result<SessionWriter, Error> {
        let (writer, ()) =
            join(ContentWriter::begin(self, key, options), self.given_up.remove_some(&self.connection)).await;
        Ok(SessionWriter::new(writer?))
    }

    fn check_write(&self, options: &WriteOptions) -> Result<(), Error> {
        self.check_open()?;
        check_timeouts(options)?;
        // A clock that cannot tell fails the write before anything of it is done.
        self.now().map(drop)
    }
}

impl SessionStorage for RedisStorage {
    fn capabilities(&self) -> Capabilities {
        Capabilities { streams: true, conditional: true, tags: true, durable: true, shared: true }
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(async move {
            let key = self.shared.key(id);
            let Some(record) = self.shared.find(&key).await? else { return Ok(None) };
            let Some(content) = record.content else {
                let reader = PiecesReader::new(&self.shared, key, &record.head);
                return Ok(Some(SessionReader::new(record.info, reader)));
            };
            Ok(Some(SessionReader::new(record.info, Cursor::new(content))))
        })
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        Box::pin(async move {
            let key = self.shared.key(id);
            let Some(record) = self.shared.find(&key).await? else { return Ok(None) };
            let Some(content) = record.content else {
                let mut content = Vec::new();
                PiecesReader::new(&self.shared, key, &record.head).read_to_end(&mut content).await?;
                return Ok(Some((content.into(), record.info)));
            };
            Ok(Some((content, record.info)))
        })
    }

    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        Box::pin(async move {
            let key = self.shared.key(id);
            Ok(self.shared.find(&key).await?.map(|record| record.info))
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(async move {
            self.shared.check_write(&options)?;
            self.shared.begin(self.shared.key(id), options).await
        })
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        Box::pin(async move {
            self.shared.check_write(&options)?;
            self.shared.defaults.check_length(content.len() as u64)?;
            let key = self.shared.key(id);
            if content.len() <= INLINE {
                return self.shared.put(&key, &content, &options).await;
            }
            let mut writer = self.shared.begin(key, options).await?;
            writer.write_all(&content).await?;
            writer.commit().await
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let (key, now) = (self.shared.key(id), self.shared.given()?);
            // The server does not look at the content, so we do, in the same round trip.
            let look = self.shared.connection.bytes(cmd("GET").arg(&key).take());
            let (found, there) = join(look, self.shared.touch(&key, &now)).await;
            if let Some(bytes) = found? {
                Record::read(bytes)?;
            }
            there
        })
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            let (key, now) = (self.shared.key(id), self.shared.given()?);
            self.shared.end(&key, &now, fence_lineage()?, "").await
        })
    }

    fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        Box::pin(async move {
            Tags::check(tag)?;
            self.shared.check_open()?;
            self.shared.tagged(tag).await
        })
    }

    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            Tags::check(tag)?;
            self.shared.check_open()?;
            self.shared.end_tagged(tag).await
        })
    }

    /// The server removes sessions that are over: there is nothing to count. Pieces of writes that were given up go here, at the next
    /// write in pieces, or by themselves in an hour.
    fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            self.shared.given_up.remove_some(&self.shared.connection).await;
            Ok(0)
        })
    }

    /// Fails with [`Unsupported`](crate::ErrorKind::Unsupported): to count the sessions among a server's keys would mean to look at all of
    /// them.
    fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
        Box::pin(async move {
            self.shared.check_open()?;
            Err(Error::unsupported("a Redis server is not counted; ask it by INFO and DBSIZE"))
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.shared.closed.store(true, Ordering::SeqCst);
            Ok(())
        })
    }
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Error> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(Error::no_random)?;
    Ok(bytes)
}

/// Odd: what is made in the place of the session that ends says so.
fn fence_lineage() -> Result<Lineage, Error> {
    let mut lineage: Lineage = random()?;
    lineage[7] |= 1;
    Ok(lineage)
}
