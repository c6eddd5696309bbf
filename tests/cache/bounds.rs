//! How much a cache keeps, and what passes by it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::AsyncWrite;
use sessile::{
    BoxFuture, Capabilities, Committed, ErrorKind, SessionInfo, SessionReader, SessionWriter, StagedWrite,
};

use super::*;
use crate::{
    calls::start,
    gated::{At, Call},
};

const LARGE: usize = 1_000;

fn numbered(number: usize) -> SessionId {
    SessionId::new(format!("session {number:05}")).unwrap()
}

#[test]
fn c10_the_bounds_hold_after_ten_thousand_writes() {
    for (sessions, bytes) in
        [(1, 1 << 20), (2, 1 << 20), (100, 1 << 20), (100_000, 50_000), (7, 1_000), (u64::MAX, 30_000)]
    {
        let delegate = Gated::new();
        let told = options(&delegate).max_sessions(sessions).max_bytes(bytes);
        let cache = CacheStorage::new(delegate.clone(), told).unwrap();
        for number in 0..10_000 {
            let content = "x".repeat(number % 50);
            write(&cache, &numbered(number), &content);
            if number % 100 == 0 {
                // So that some are kept for longer than others.
                get(&cache, &numbered(number / 2));
                let stats = cache.cache_stats().unwrap();
                assert!(stats.sessions <= sessions, "{} of {sessions}", stats.sessions);
                assert!(stats.bytes <= bytes, "{} of {bytes}", stats.bytes);
            }
        }
        let stats = cache.cache_stats().unwrap();
        assert!(stats.sessions <= sessions && stats.bytes <= bytes, "{stats:?}");
        assert!(stats.evicted >= 10_000 - sessions.min(9_999), "{stats:?}");
        // And room that there is, is used.
        let most = sessions.min(bytes / 64);
        assert!(stats.sessions >= most / 2 + most % 2, "{stats:?} of {sessions} sessions, {bytes} bytes");
    }
}

#[test]
fn c10_no_bound_is_too_large_to_be_kept() {
    for (sessions, bytes) in [(3, u64::MAX), (u64::MAX, u64::MAX), (1, u64::MAX), (u64::MAX, 1)] {
        let delegate = Gated::new();
        let told = options(&delegate).max_sessions(sessions).max_bytes(bytes).max_entry_bytes(u64::MAX);
        let cache = CacheStorage::new(delegate.clone(), told).unwrap();
        for number in 0..20 {
            write(&cache, &numbered(number), "content");
            tells_the_truth(&cache, &delegate);
            let stats = cache.cache_stats().unwrap();
            assert!(stats.sessions <= sessions && stats.bytes <= bytes, "{stats:?}");
        }
        if bytes == u64::MAX {
            write(&cache, &numbered(19), "content");
            is_kept(&cache, &delegate, &numbered(19));
        }
    }
}

#[test]
fn c10_bounds_of_nothing_are_refused() {
    let bad = [
        CacheOptions::new().max_bytes(0),
        CacheOptions::new().max_sessions(0),
        CacheOptions::new().max_entry_bytes(0),
        CacheOptions::new().idle_timeout(std::time::Duration::ZERO),
        CacheOptions::new().absolute_timeout(std::time::Duration::ZERO),
        CacheOptions::new().miss_timeout(std::time::Duration::MAX),
    ];
    for told in bad {
        let error = CacheStorage::new(Gated::new(), told).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
    }
}

#[test]
fn c10_a_flood_of_misses_is_bounded_and_leaves_what_is_in_use() {
    let delegate = Gated::new();
    let told = options(&delegate).max_sessions(100);
    let cache = CacheStorage::new(delegate.clone(), told).unwrap();
    write(&cache, &id(), "in use");
    for number in 0..10_000 {
        assert_eq!(get(&cache, &numbered(number)), None);
        if number % 20 == 0 {
            is_kept(&cache, &delegate, &id());
        }
    }
    let stats = cache.cache_stats().unwrap();
    assert!(stats.sessions <= 100, "{stats:?}");
    is_kept(&cache, &delegate, &id());
}

/// As above, with a session that each request touches too.
#[test]
fn a_session_that_is_touched_is_in_use_as_well() {
    let delegate = Gated::new();
    let told = options(&delegate).max_sessions(100);
    let cache = CacheStorage::new(delegate.clone(), told).unwrap();
    for number in 0..200 {
        write(&cache, &numbered(number), "others");
    }
    write(&cache, &id(), "in use");
    for number in 0..10_000 {
        get(&cache, &numbered(number));
        if number % 20 == 0 {
            is_kept(&cache, &delegate, &id());
            is_kept(&cache, &delegate, &id());
            block_on(cache.touch(&id())).unwrap();
        }
    }
    is_kept(&cache, &delegate, &id());
}

fn small(traits: Traits, content: usize) -> (Cache, Gated, String) {
    let delegate = Gated::with(MemoryOptions::new(), traits);
    let told = options(&delegate).max_entry_bytes(LARGE as u64 - 1);
    let cache = CacheStorage::new(delegate.clone(), told).unwrap();
    let content: String = (0..content).map(|at| char::from(b'a' + u8::try_from(at % 26).unwrap())).collect();
    (cache, delegate, content)
}

/// Readers that tell how long a content is, and those that do not.
fn lengths() -> [Traits; 2] {
    [false, true].map(|no_length| Traits { no_length, ..Traits::default() })
}

#[test]
fn c10_a_large_content_passes_by() {
    for traits in lengths() {
        for excess in [0, 1, 7, LARGE * 50] {
            let (cache, delegate, content) = small(traits, LARGE + excess);
            let id = id();
            write(delegate.memory(), &id, &content);
            for _ in 0..2 {
                assert_eq!(get(&cache, &id).as_ref(), Some(&content));
                assert_eq!(block_on(read_stream(&cache, &id)).unwrap().as_ref(), Some(&content));
            }
            assert_eq!((delegate.count(Call::Get), delegate.count(Call::Open)), (2, 2));
            let content = content.to_uppercase();
            write(&cache, &id, &content);
            is_not_kept(&cache, &delegate, &id);
            let content = content.to_lowercase();
            block_on(stream(&cache, &id, &content)).unwrap();
            is_not_kept(&cache, &delegate, &id);
            assert_eq!(block_on(read_stream(&cache, &id)).unwrap(), Some(content));
            assert_eq!(cache.cache_stats().unwrap().sessions, 0);
        }
    }
}

#[test]
fn c10_a_content_of_the_very_limit_is_kept() {
    for traits in lengths() {
        let (cache, delegate, content) = small(traits, LARGE - 1);
        let id = id();
        write(delegate.memory(), &id, &content);
        assert_eq!(block_on(read_stream(&cache, &id)).unwrap().as_ref(), Some(&content));
        is_kept(&cache, &delegate, &id);
        assert_eq!(block_on(read_stream(&cache, &id)).unwrap().as_ref(), Some(&content));
        block_on(stream(&cache, &id, &content.to_uppercase())).unwrap();
        is_kept(&cache, &delegate, &id);
        write(&cache, &id, &content);
        is_kept(&cache, &delegate, &id);
    }
}

#[test]
fn a_small_session_that_becomes_large_is_kept_no_longer() {
    for streamed in [false, true] {
        let (cache, delegate, content) = small(Traits::default(), LARGE);
        let id = id();
        write(&cache, &id, "small");
        is_kept(&cache, &delegate, &id);
        if streamed {
            block_on(stream(&cache, &id, &content)).unwrap();
        } else {
            write(&cache, &id, &content);
        }
        assert_eq!(get(&cache, &id), Some(content));
        is_not_kept(&cache, &delegate, &id);
    }
}

#[test]
fn c10_many_who_want_a_large_session_at_once_get_it_each() {
    for traits in lengths() {
        for whole in [false, true] {
            let (cache, delegate, content) = small(traits, LARGE * 3);
            let id = id();
            write(delegate.memory(), &id, &content);
            let gate = delegate.hold(if whole { Call::Get } else { Call::Open }, At::End);
            let mut calls = Vec::new();
            for number in 0..20 {
                let whole = whole == (number % 2 == 0);
                let (cache, id) = (&cache, &id);
                calls.push(start(async move {
                    if whole { read(cache, id).await } else { read_stream(cache, id).await }
                }));
            }
            gate.let_go();
            // The one who finds it out goes away before it has its reader.
            drop(calls.remove(0));
            for call in calls {
                assert_eq!(call.end().unwrap().as_ref(), Some(&content));
            }
            assert_eq!(cache.cache_stats().unwrap().sessions, 0);
        }
    }
}

/// C2: a reader of a large content has one revision, also when the rest is read after a write.
#[test]
fn c2_a_large_session_is_read_in_one_revision() {
    for traits in lengths() {
        let (cache, delegate, content) = small(traits, LARGE * 3);
        let id = id();
        write(delegate.memory(), &id, &content);
        let mut reader = block_on(cache.open(&id)).unwrap().unwrap();
        let mut begin = [0; 10];
        block_on(reader.read_exact(&mut begin)).unwrap();
        write(&cache, &id, "new");
        let mut rest = String::new();
        block_on(reader.read_to_string(&mut rest)).unwrap();
        assert_eq!(String::from_utf8(begin.to_vec()).unwrap() + &rest, content);
        assert_eq!(get(&cache, &id).as_deref(), Some("new"));
    }
}

/// No room is made for what a storage only says is there.
#[test]
fn c11_a_storage_that_lies_about_a_length_is_survived() {
    for claims in [0, 1, 1 << 40, u64::MAX] {
        let traits = Traits { claims: Some(claims), ..Traits::default() };
        let delegate = Gated::with(MemoryOptions::new(), traits);
        write(delegate.memory(), &id(), "old");
        let told = options(&delegate).max_entry_bytes(u64::MAX).max_bytes(u64::MAX);
        let cache = CacheStorage::new(delegate.clone(), told).unwrap();
        assert_eq!(block_on(read_stream(&cache, &id())).unwrap().as_deref(), Some("old"));
    }
}

/// A storage whose channel says that it took more than it was given, and which gives small parts of large things.
#[derive(Debug)]
struct Boaster(Gated, Arc<()>);

struct Large {
    content: Vec<u8>,
    /// Counts those that are alive.
    _alive: Arc<()>,
}

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

impl Large {
    fn part(alive: &Arc<()>, content: &[u8]) -> Bytes {
        let length = content.len();
        let mut content = content.to_vec();
        content.resize(1 << 20, 0);
        Bytes::from_owner(Self { content, _alive: Arc::clone(alive) }).slice(..length)
    }
}

impl SessionStorage for Boaster {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        self.0.open(id)
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(async move { Ok(SessionWriter::new(Boast(self.0.begin(id, options).await?))) })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.0.touch(id)
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.0.invalidate(id)
    }

    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        self.0.info(id)
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        self.0.set(id, content, options)
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        Box::pin(async move {
            let found = self.0.get(id).await?;
            Ok(found.map(|(content, info)| (Large::part(&self.1, &content), info)))
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.0.close()
    }
}

struct Boast(SessionWriter);

impl AsyncWrite for Boast {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = Pin::new(&mut self.0).poll_write(task, bytes);
        count.map_ok(|count| count + 1)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(task)
    }

    fn poll_close(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(task)
    }
}

impl StagedWrite for Boast {
    fn commit(self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        Box::pin(Pin::into_inner(self).0.commit())
    }
}

#[test]
fn c11_a_channel_that_boasts_is_survived_and_not_kept() {
    let delegate = Gated::new();
    let cache = CacheStorage::new(Boaster(delegate.clone(), Arc::default()), options(&delegate)).unwrap();
    let mut writer = block_on(cache.begin(&id(), WriteOptions::new())).unwrap();
    let count = block_on(futures::future::poll_fn(|task| Pin::new(&mut writer).poll_write(task, b"abc")));
    assert_eq!(count.unwrap(), 4);
    block_on(writer.commit()).unwrap();
    assert_eq!(get(&cache, &id()).as_deref(), Some("abc"));
    assert_eq!(delegate.count(Call::Get), 1);
}

/// What comes from a storage, or from a caller, may be a small part of something large.
#[test]
fn c10_nothing_larger_is_held_than_what_is_counted() {
    let alive = Arc::new(());
    let delegate = Gated::new();
    write(delegate.memory(), &id(), "there");
    let cache = CacheStorage::new(Boaster(delegate.clone(), Arc::clone(&alive)), options(&delegate)).unwrap();
    let before = Arc::strong_count(&alive);
    assert_eq!(get(&cache, &id()).as_deref(), Some("there"));
    block_on(cache.set(&other(), Large::part(&alive, b"mine"), WriteOptions::new())).unwrap();
    assert_eq!(cache.cache_stats().unwrap().sessions, 2);
    assert_eq!(Arc::strong_count(&alive), before, "the large one is held on to");
}
