//! A delegate that lies about revisions harms the session that it lies about at most, and nobody else.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use sessile::{
    BoxFuture, Capabilities, Committed, Revision, SessionInfo, SessionReader, SessionStorageMemory,
    SessionWriter,
};

use super::*;

#[derive(Debug, Clone, Copy)]
enum Lie {
    /// Every content has the same revision.
    Same,
    /// Every answer has another, whatever the content is.
    Changing,
}

/// It lies about the session "one".
#[derive(Clone)]
struct Liar {
    memory: Arc<SessionStorageMemory>,
    answers: Arc<AtomicU64>,
    lie: Lie,
}

impl Liar {
    fn told(&self, id: &SessionId, mut info: SessionInfo) -> SessionInfo {
        if id.as_str() == "one" {
            let answer = self.answers.fetch_add(1, Ordering::SeqCst);
            info.revision = match self.lie {
                Lie::Same => Revision::new("same"),
                Lie::Changing => Revision::new(answer.to_string()),
            };
        }
        info
    }
}

impl fmt::Debug for Liar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Liar").finish_non_exhaustive()
    }
}

impl SessionStorage for Liar {
    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(async move {
            let reader = self.memory.open(id).await?;
            Ok(reader.map(|reader| SessionReader::new(self.told(id, reader.info().clone()), reader)))
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        self.memory.begin(id, options)
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        Box::pin(async move {
            let info = self.memory.set(id, content, options).await?.info.unwrap();
            Ok(self.told(id, info).into())
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.memory.touch(id)
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.memory.invalidate(id)
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.memory.close()
    }
}

fn lying(lie: Lie) -> (CacheStorage<Liar>, Liar) {
    let liar = Liar { memory: Arc::default(), answers: Arc::default(), lie };
    (CacheStorage::new(liar.clone(), CacheOptions::new().skip_equal_writes()).unwrap(), liar)
}

/// What the cache shows of both sessions is what is there.
#[track_caller]
fn is_there(cache: &CacheStorage<Liar>, liar: &Liar) {
    for id in [id(), other()] {
        let there = get(&*liar.memory, &id);
        for _ in 0..2 {
            assert_eq!(get(cache, &id), there);
            assert_eq!(start(read_stream(cache, &id)).end().unwrap(), there);
        }
    }
}

#[test]
fn c9_what_is_written_is_read_whatever_its_revision_is_said_to_be() {
    for lie in [Lie::Same, Lie::Changing] {
        let (cache, liar) = lying(lie);
        for content in ["a", "b", "b", "a", "c"] {
            write(&cache, &id(), content);
            write(&cache, &other(), content);
            is_there(&cache, &liar);
            block_on(stream(&cache, &id(), "streamed")).unwrap();
            is_there(&cache, &liar);
            assert!(block_on(cache.touch(&id())).unwrap());
            is_there(&cache, &liar);
        }
    }
}

#[test]
fn c4_what_has_ended_does_not_come_back_with_a_revision_that_is_said_again() {
    for lie in [Lie::Same, Lie::Changing] {
        let (cache, liar) = lying(lie);
        for _ in 0..3 {
            write(&cache, &id(), "content");
            write(&cache, &other(), "content");
            is_there(&cache, &liar);
            assert!(block_on(cache.invalidate(&id())).unwrap());
            assert_eq!(get(&cache, &id()), None);
            is_there(&cache, &liar);
        }
    }
}

#[test]
fn what_others_have_changed_is_seen_once_it_is_told_though_the_revision_is_the_same() {
    for lie in [Lie::Same, Lie::Changing] {
        let (cache, liar) = lying(lie);
        for content in ["a", "b", "c"] {
            write(&*liar.memory, &id(), content);
            write(&*liar.memory, &other(), content);
            for id in [id(), other()] {
                cache.forget(&id).unwrap();
            }
            is_there(&cache, &liar);
        }
    }
}

#[test]
fn c5_the_truth_about_one_session_is_no_worse_for_a_lie_about_another() {
    for lie in [Lie::Same, Lie::Changing] {
        let (cache, liar) = lying(lie);
        write(&cache, &id(), "content");
        let first = block_on(cache.set(&other(), "first".into(), WriteOptions::new())).unwrap().revision;
        write(&cache, &id(), "changed");
        let on_first = || WriteOptions::new().if_revision(first.clone());
        block_on(cache.set(&other(), "second".into(), on_first())).unwrap();
        let refused = block_on(cache.set(&other(), "third".into(), on_first())).unwrap_err();
        assert_eq!(refused.kind(), sessile::ErrorKind::Conflict);
        is_there(&cache, &liar);
    }
}
