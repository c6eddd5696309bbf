//! Secrets are replaced while sessions go on.

use futures::executor::block_on;
use sessile::{
    BoxFuture, Capabilities, Error, ErrorKind, SealedStorage, SessionId, SessionInfo, SessionReader,
    SessionStorage, SessionStorageMemory, SessionWriter, Tags, WriteOptions,
};

use super::{corrupt, get, id, sealed, set};
use crate::subjects::sealing::{NEW, OLD, secrets};

fn tagged(tags: &[&str]) -> WriteOptions {
    WriteOptions::new().tags(Tags::new(tags.iter().copied()).unwrap())
}

#[test]
fn the_first_secret_seals_and_all_open() {
    let delegate = SessionStorageMemory::new();
    let (old, both, new) =
        (sealed(&delegate, &[OLD]), sealed(&delegate, &[NEW, OLD]), sealed(&delegate, &[NEW]));
    // A server that does not seal by the new secret yet, but has it already.
    let ahead = sealed(&delegate, &[OLD, NEW]);
    let (id, other) = (id("an id"), id("another id"));
    for content in [b"content".to_vec(), vec![7; 200_000]] {
        set(&old, &id, content.clone());
        assert_eq!(get(&both, &id).unwrap().unwrap(), content);
        corrupt(&new, &id, b"", "sealed by a secret that is not given");
        set(&both, &id, content.clone());
        assert_eq!(get(&new, &id).unwrap().unwrap(), content);
        assert_eq!(get(&ahead, &id).unwrap().unwrap(), content);
        corrupt(&old, &id, b"", "sealed by a secret that is not given");
        set(&ahead, &other, content.clone());
        assert_eq!(get(&old, &other).unwrap().unwrap(), content);
    }
}

#[test]
fn sessions_of_all_secrets_are_found_by_their_tags() {
    let delegate = SessionStorageMemory::new();
    let (old, both) = (sealed(&delegate, &[OLD]), sealed(&delegate, &[NEW, OLD]));
    let long = "t".repeat(1_024);
    block_on(async {
        for tag in ["ada", &long] {
            old.set(&id("one"), "1".into(), tagged(&[tag, "bob"])).await.unwrap();
            both.set(&id("two"), "2".into(), tagged(&[tag])).await.unwrap();
            both.set(&id("three"), "3".into(), tagged(&["eve"])).await.unwrap();
            let listed = both.list_tagged(tag).await.unwrap();
            let tags: Vec<_> = listed.iter().map(|info| info.tags.iter().collect::<Vec<_>>()).collect();
            assert_eq!(tags, [vec![tag, "bob"], vec![tag]]);
            assert_eq!(listed[0].byte_length, Some(1));
            assert_eq!(both.invalidate_tagged(tag).await.unwrap(), 2);
            assert_eq!(both.list_tagged(tag).await.unwrap(), []);
            assert!(both.get(&id("three")).await.unwrap().is_some());
        }
    });
}

/// With the tags' secret gone a session could not be revoked by its tag any more: it must not go on.
#[test]
fn a_session_whose_tags_cannot_be_opened_is_damaged() {
    let delegate = SessionStorageMemory::new();
    let (old, both, new) =
        (sealed(&delegate, &[OLD]), sealed(&delegate, &[NEW, OLD]), sealed(&delegate, &[NEW]));
    let id = id("an id");
    block_on(async {
        old.set(&id, "old".into(), tagged(&["ada"])).await.unwrap();
        // Says nothing of its tags: they keep their seal.
        both.set(&id, "new".into(), WriteOptions::new()).await.unwrap();
        assert_eq!(both.list_tagged("ada").await.unwrap().len(), 1);
    });
    corrupt(&new, &id, b"", "tags by a secret that is not given");
    block_on(async {
        let info = new.info(&id).await.err().map(|error| error.kind());
        assert_eq!(info, Some(ErrorKind::Corrupt));
        assert_eq!(new.list_tagged("ada").await.unwrap(), []);
    });
}

#[test]
fn a_write_of_a_revision_or_of_tags_seals_the_tags_anew() {
    let delegate = SessionStorageMemory::new();
    let (old, both, new) =
        (sealed(&delegate, &[OLD]), sealed(&delegate, &[NEW, OLD]), sealed(&delegate, &[NEW]));
    let id = id("an id");
    block_on(async {
        for streamed in [false, true] {
            let revision = old.set(&id, "old".into(), tagged(&["bob", "ada"])).await.unwrap().revision;
            let options = WriteOptions::new().if_revision(revision);
            if streamed {
                both.begin(&id, options).await.unwrap().commit().await.unwrap();
            } else {
                both.set(&id, "new".into(), options).await.unwrap();
            }
            let listed = new.list_tagged("ada").await.unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].tags, Tags::new(["bob", "ada"]).unwrap());
            assert!(new.get(&id).await.unwrap().is_some());
        }
        old.set(&id, "old".into(), tagged(&["ada"])).await.unwrap();
        both.set(&id, "new".into(), tagged(&["eve"])).await.unwrap();
        assert_eq!(new.list_tagged("eve").await.unwrap().len(), 1);
    });
}

#[test]
fn a_late_write_of_a_revision_changes_no_tags() {
    let delegate = SessionStorageMemory::new();
    let (old, both) = (sealed(&delegate, &[OLD]), sealed(&delegate, &[NEW, OLD]));
    let id = id("an id");
    block_on(async {
        let first = old.set(&id, "1".into(), tagged(&["ada"])).await.unwrap().revision;
        let writer = both.begin(&id, WriteOptions::new().if_revision(first.clone())).await.unwrap();
        old.set(&id, "2".into(), tagged(&["eve"])).await.unwrap();
        assert_eq!(writer.commit().await.err().map(|error| error.kind()), Some(ErrorKind::Conflict));
        let late = both.set(&id, "late".into(), WriteOptions::new().if_revision(first)).await;
        assert_eq!(late.err().map(|error| error.kind()), Some(ErrorKind::Conflict));
        let (content, info) = both.get(&id).await.unwrap().unwrap();
        assert_eq!((content, info.tags), ("2".into(), Tags::new(["eve"]).unwrap()));
    });
}

/// As a cache that has not heard of the last write: it tells what was known before.
#[derive(Debug)]
struct Late {
    storage: SessionStorageMemory,
    info: SessionInfo,
}

impl SessionStorage for Late {
    fn capabilities(&self) -> Capabilities {
        self.storage.capabilities()
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        self.storage.open(id)
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        self.storage.begin(id, options)
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.storage.touch(id)
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.storage.invalidate(id)
    }

    fn info<'a>(&'a self, _: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        Box::pin(async move { Ok(Some(self.info.clone())) })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.storage.close()
    }
}

#[test]
fn tags_of_another_revision_are_not_brought_back() {
    let delegate = SessionStorageMemory::new();
    let old = sealed(&delegate, &[OLD]);
    let id = id("an id");
    block_on(async {
        old.set(&id, "1".into(), tagged(&["ada"])).await.unwrap();
        let info = delegate.info(&id).await.unwrap().unwrap();
        let revision = old.set(&id, "2".into(), tagged(&["eve"])).await.unwrap().revision;
        let late = SealedStorage::new(Late { storage: delegate.clone(), info }, &secrets()).unwrap();
        late.set(&id, "3".into(), WriteOptions::new().if_revision(revision)).await.unwrap();
        let info = sealed(&delegate, &[NEW, OLD]).info(&id).await.unwrap().unwrap();
        assert_eq!(info.tags, Tags::new(["eve"]).unwrap());
    });
}
