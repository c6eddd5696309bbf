//! Asks the storage and the model the same, and compares.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{AsyncReadExt, AsyncWriteExt};
use proptest::prelude::*;
use sessile::{
    Error, ErrorKind, ManualClock, MemoryOptions, Revision, SessionId, SessionInfo, SessionStorage,
    SessionStorageMemory, SessionWriter, Tags, Timeout, Timestamp, WhenFull, WriteOptions,
};

use crate::model::{Asked, Condition, Limits, Model, NEVER, Session};

const IDS: [&str; 6] = ["a", "bb", "ccc", "dddd", "é", "../f"];
const TAGS: [&str; 3] = ["ada", "bob", "eve"];

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Set { id: &'static str, length: usize, wish: Wish },
    Begin { id: &'static str, wish: Wish },
    Push { writer: usize, length: usize },
    Commit { writer: usize },
    Drop { writer: usize },
    Get { id: &'static str },
    Open { id: &'static str },
    Info { id: &'static str },
    Touch { id: &'static str },
    Invalidate { id: &'static str },
    InvalidateTagged { tag: &'static str },
    ListTagged { tag: &'static str },
    Sweep,
    Forward { millis: u64 },
    Back { millis: u64 },
}

/// What a write asks for, before it is known which revisions there are.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    condition: WishedCondition,
    idle: Option<u64>,
    absolute: Option<u64>,
    tags: Option<Vec<&'static str>>,
}

#[derive(Debug, Clone, Copy)]
enum WishedCondition {
    Any,
    Absent,
    Current,
    Earlier(u64),
}

fn wish() -> impl Strategy<Value = Wish> {
    let condition = prop_oneof![
        6 => Just(WishedCondition::Any),
        1 => Just(WishedCondition::Absent),
        2 => Just(WishedCondition::Current),
        1 => (1_u64..5).prop_map(WishedCondition::Earlier),
    ];
    let timeout = || prop_oneof![3 => Just(None), 1 => Just(Some(NEVER)), 2 => (1_u64..3_000).prop_map(Some)];
    let tags = prop::option::of(prop::sample::subsequence(TAGS.to_vec(), 0..=3));
    (condition, timeout(), timeout(), tags).prop_map(|(condition, idle, absolute, tags)| Wish {
        condition,
        idle,
        absolute,
        tags,
    })
}

impl Arbitrary for Operation {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let id = || prop::sample::select(IDS.to_vec());
        let tag = || prop::sample::select(TAGS.to_vec());
        let length = || prop_oneof![4 => 0_usize..300, 1 => 300_usize..1_200];
        let writer = || 0_usize..4;
        prop_oneof![
            5 => (id(), length(), wish()).prop_map(|(id, length, wish)| Self::Set { id, length, wish }),
            3 => (id(), wish()).prop_map(|(id, wish)| Self::Begin { id, wish }),
            4 => (writer(), length()).prop_map(|(writer, length)| Self::Push { writer, length }),
            3 => writer().prop_map(|writer| Self::Commit { writer }),
            1 => writer().prop_map(|writer| Self::Drop { writer }),
            2 => id().prop_map(|id| Self::Get { id }),
            2 => id().prop_map(|id| Self::Open { id }),
            1 => id().prop_map(|id| Self::Info { id }),
            2 => id().prop_map(|id| Self::Touch { id }),
            2 => id().prop_map(|id| Self::Invalidate { id }),
            1 => tag().prop_map(|tag| Self::InvalidateTagged { tag }),
            1 => tag().prop_map(|tag| Self::ListTagged { tag }),
            1 => Just(Self::Sweep),
            3 => (0_u64..2_000).prop_map(|millis| Self::Forward { millis }),
            1 => (0_u64..3_000).prop_map(|millis| Self::Back { millis }),
        ]
        .boxed()
    }
}

pub(crate) fn limits() -> impl Strategy<Value = Limits> {
    let limit = |some: std::ops::Range<u64>| prop_oneof![Just(u64::MAX), some];
    let when_full = prop_oneof![Just(WhenFull::Evict), Just(WhenFull::Reject)];
    let idle = prop_oneof![Just(NEVER), 1_u64..3_000];
    (limit(1..900), limit(1..2_500), limit(1..6), when_full, idle).prop_map(
        |(session_bytes, bytes, sessions, when_full, idle)| Limits {
            session_bytes,
            bytes,
            sessions,
            when_full,
            idle,
        },
    )
}

/// A write in flight, on both sides.
struct InFlight {
    id: &'static str,
    writer: SessionWriter,
    asked: Asked,
    content: Vec<u8>,
    fenced: bool,
    failed: Option<ErrorKind>,
}

/// The storage and its model.
pub(crate) struct Pair {
    storage: SessionStorageMemory,
    clock: Arc<ManualClock>,
    model: Model,
    ids: BTreeMap<&'static str, SessionId>,
    /// What the storage calls each of the model's revisions.
    names: BTreeMap<u64, Revision>,
    writers: Vec<InFlight>,
    seed: u8,
}

fn timeout(millis: Option<u64>) -> Timeout {
    match millis {
        None => Timeout::Keep,
        Some(NEVER) => Timeout::Never,
        Some(millis) => Timeout::After(Duration::from_millis(millis)),
    }
}

fn kind<T>(result: Result<T, Error>) -> Result<T, ErrorKind> {
    result.map_err(|error| error.kind())
}

impl Pair {
    pub(crate) fn new(limits: Limits) -> Self {
        const START: u64 = 1_000_000;
        let clock = Arc::new(ManualClock::default());
        clock.set(Timestamp::from_millis(START));
        let options = MemoryOptions::new()
            .max_session_bytes(limits.session_bytes)
            .max_bytes(limits.bytes)
            .max_sessions(limits.sessions)
            .when_full(limits.when_full)
            .idle_timeout(timeout(Some(limits.idle)))
            .clock(Arc::clone(&clock));
        Self {
            storage: SessionStorageMemory::with_options(options).unwrap(),
            clock,
            model: Model::new(limits, START),
            ids: IDS.into_iter().map(|id| (id, SessionId::new(id).unwrap())).collect(),
            names: BTreeMap::new(),
            writers: Vec::new(),
            seed: 0,
        }
    }

    fn content(&mut self, length: usize) -> Vec<u8> {
        self.seed = self.seed.wrapping_add(1);
        vec![self.seed; length]
    }

    fn ask(&mut self, id: &'static str, wish: &Wish) -> (Asked, WriteOptions) {
        let condition = match wish.condition {
            WishedCondition::Any => Condition::Any,
            WishedCondition::Absent => Condition::Absent,
            WishedCondition::Current => self
                .model
                .sessions
                .get(id)
                .map_or(Condition::Absent, |session| Condition::Is(session.revision)),
            WishedCondition::Earlier(back) => Condition::Is(self.model.last_revision.saturating_sub(back)),
        };
        let mut options =
            WriteOptions::new().idle_timeout(timeout(wish.idle)).absolute_timeout(timeout(wish.absolute));
        options = match condition {
            Condition::Any => options,
            Condition::Absent => options.if_absent(),
            Condition::Is(revision) => {
                let unknown = || Revision::new("unknown");
                options.if_revision(self.names.get(&revision).cloned().unwrap_or_else(unknown))
            }
        };
        if let Some(tags) = &wish.tags {
            options = options.tags(Tags::new(tags.iter().copied()).unwrap());
        }
        let (idle, absolute, tags) = (wish.idle, wish.absolute, wish.tags.clone());
        (Asked { condition, idle, absolute, tags }, options)
    }

    fn wrote(&mut self, stored: Result<Revision, ErrorKind>, expected: Result<u64, ErrorKind>) {
        match (stored, expected) {
            (Ok(name), Ok(revision)) => {
                assert!(!self.names.values().any(|known| *known == name), "a revision came back");
                self.names.insert(revision, name);
            }
            (stored, expected) => assert_eq!(stored.map(drop), expected.map(drop), "the outcome of a write"),
        }
    }

    fn same(&self, info: &SessionInfo, expected: &Session) {
        assert_eq!(Some(&info.revision), self.names.get(&expected.revision));
        assert_eq!(info.byte_length, Some(expected.content.len() as u64));
        assert_eq!(info.created_at.as_millis(), expected.created);
        let expires_at = info.expires_at.map_or(NEVER, Timestamp::as_millis);
        assert_eq!(expires_at, expected.deadline());
        assert_eq!(info.tags.iter().collect::<Vec<_>>(), expected.tags);
    }

    fn compare(&self, found: Option<(Vec<u8>, SessionInfo)>, expected: Option<Session>) {
        match (found, expected) {
            (Some((content, info)), Some(expected)) => {
                assert_eq!(content, expected.content);
                self.same(&info, &expected);
            }
            (found, expected) => assert_eq!(found.is_some(), expected.is_some(), "whether it is there"),
        }
    }

    fn fence(&mut self, id: &str) {
        self.writers.iter_mut().filter(|writer| writer.id == id).for_each(|writer| writer.fenced = true);
    }

    pub(crate) async fn run(&mut self, operation: &Operation) {
        match operation {
            Operation::Set { id, length, wish } => {
                let (asked, options) = self.ask(id, wish);
                let content = self.content(*length);
                let stored = kind(self.storage.set(&self.ids[id], content.clone().into(), options).await);
                let stored = stored.map(|committed| committed.revision);
                let expected = self.model.put(id, content, &asked);
                self.wrote(stored, expected);
            }
            Operation::Begin { id, wish } => {
                let (asked, options) = self.ask(id, wish);
                let writer = self.storage.begin(&self.ids[id], options).await.unwrap();
                let content = Vec::new();
                self.writers.push(InFlight { id, writer, asked, content, fenced: false, failed: None });
                if self.writers.len() > 4 {
                    self.writers.remove(0);
                }
            }
            Operation::Push { writer, length } => self.push(*writer, *length).await,
            Operation::Commit { writer } => {
                if *writer < self.writers.len() {
                    let InFlight { id, writer, asked, content, fenced, failed } =
                        self.writers.remove(*writer);
                    let stored = kind(writer.commit().await).map(|committed| committed.revision);
                    let expected = match failed {
                        Some(kind) => Err(kind),
                        None if fenced => Err(ErrorKind::Conflict),
                        None => self.model.put(id, content, &asked),
                    };
                    self.wrote(stored, expected);
                }
            }
            Operation::Drop { writer } => {
                if *writer < self.writers.len() {
                    self.writers.remove(*writer);
                }
            }
            Operation::Get { id } => {
                let found = self.storage.get(&self.ids[id]).await.unwrap();
                let expected = self.model.get(id);
                self.compare(found.map(|(content, info)| (content.to_vec(), info)), expected);
            }
            Operation::Open { id } => {
                let mut found = None;
                if let Some(mut reader) = self.storage.open(&self.ids[id]).await.unwrap() {
                    let mut content = Vec::new();
                    reader.read_to_end(&mut content).await.unwrap();
                    found = Some((content, reader.into_info()));
                }
                let expected = self.model.get(id);
                self.compare(found, expected);
            }
            Operation::Info { id } => {
                let found = self.storage.info(&self.ids[id]).await.unwrap();
                let expected = self.model.find(id).cloned();
                let content = expected.as_ref().map(|session| session.content.clone()).unwrap_or_default();
                self.compare(found.map(|info| (content, info)), expected);
            }
            Operation::Touch { id } => {
                let touched = self.storage.touch(&self.ids[id]).await.unwrap();
                assert_eq!(touched, self.model.touch(id), "touch");
            }
            Operation::Invalidate { id } => {
                let there = self.storage.invalidate(&self.ids[id]).await.unwrap();
                assert_eq!(there, self.model.invalidate(id), "invalidate");
                self.fence(id);
            }
            Operation::InvalidateTagged { tag } => {
                let count = self.storage.invalidate_tagged(tag).await.unwrap();
                let ids = self.model.tagged(tag);
                assert_eq!(count, ids.len() as u64, "invalidate_tagged");
                for id in ids {
                    self.model.remove(id);
                    self.fence(id);
                }
            }
            Operation::ListTagged { tag } => self.list(tag).await,
            Operation::Sweep => {
                self.storage.sweep().await.unwrap();
                self.model.expire_all();
                let stats = self.storage.stats().await.unwrap();
                assert_eq!(stats.sessions, self.model.sessions.len() as u64, "the sessions after a sweep");
                assert_eq!(stats.bytes, self.model.bytes(), "the bytes after a sweep");
            }
            Operation::Forward { millis } => self.move_clock(self.model.now + millis).await,
            Operation::Back { millis } => self.move_clock(self.model.now - millis.min(&self.model.now)).await,
        }
        self.check_numbers().await;
    }

    async fn push(&mut self, writer: usize, length: usize) {
        if writer >= self.writers.len() {
            return;
        }
        let staged: usize = self.writers.iter().map(|writer| writer.content.len()).sum();
        let bytes = self.content(length);
        let writer = &mut self.writers[writer];
        let pushed = kind(writer.writer.write_all(&bytes).await.map_err(Error::from));
        let expected = match writer.failed {
            _ if length == 0 => Ok(()),
            Some(kind) => Err(kind),
            None => self.model.check_length((writer.content.len() + length) as u64).and_then(|()| {
                let fits = (staged + length) as u64 <= self.model.limits.bytes;
                fits.then_some(()).ok_or(ErrorKind::Quota)
            }),
        };
        assert_eq!(pushed, expected, "a write to a channel");
        match expected {
            Ok(()) => writer.content.extend(bytes),
            Err(kind) => writer.failed = Some(kind),
        }
    }

    async fn list(&mut self, tag: &'static str) {
        let mut listed = self.storage.list_tagged(tag).await.unwrap();
        let mut expected: Vec<Session> =
            self.model.tagged(tag).into_iter().map(|id| self.model.sessions[id].clone()).collect();
        expected.sort_by_key(|session| session.revision);
        let number = |revision: &Revision| {
            self.names.iter().find(|(_, name)| *name == revision).map(|(number, _)| *number)
        };
        listed.sort_by_key(|info| number(&info.revision));
        assert_eq!(listed.len(), expected.len(), "the number of sessions of a tag");
        for (info, expected) in listed.iter().zip(&expected) {
            self.same(info, expected);
        }
    }

    /// What a sweep may have taken while its time was over is asked for, if a clock that went back would
    /// give it life again.
    async fn move_clock(&mut self, now: u64) {
        self.clock.set(Timestamp::from_millis(now));
        self.model.set_clock(now);
        for id in IDS {
            let session = self.model.sessions.get(id);
            if session.is_some_and(|session| session.doubtful && !session.is_over(now)) {
                match self.storage.info(&self.ids[id]).await.unwrap() {
                    Some(_) => self.model.find(id).unwrap().doubtful = false,
                    None => self.model.remove(id),
                }
            }
        }
    }

    async fn check_numbers(&mut self) {
        let Limits { bytes, sessions, .. } = self.model.limits;
        let stats = self.storage.stats().await.unwrap();
        assert!(stats.sessions <= sessions && stats.bytes <= bytes, "over the limits: {stats:?}");
        assert_eq!(stats.evicted, self.model.evicted, "the number of sessions evicted");
        // Those whose time is over may be there or not.
        let (least, least_bytes) = self.model.live();
        let (most, most_bytes) = (self.model.sessions.len() as u64, self.model.bytes());
        assert!((least..=most).contains(&stats.sessions), "{least} to {most} sessions, not {stats:?}");
        assert!((least_bytes..=most_bytes).contains(&stats.bytes), "not that many bytes: {stats:?}");
    }

    /// Whatever happened before, everything that is left can be found and ended, and nothing remains.
    pub(crate) async fn end(&mut self) {
        self.writers.clear();
        for id in IDS {
            self.run(&Operation::Get { id }).await;
            self.run(&Operation::Invalidate { id }).await;
        }
        let stats = self.storage.stats().await.unwrap();
        assert_eq!((stats.sessions, stats.bytes), (0, 0), "what is held at the end");
    }
}
