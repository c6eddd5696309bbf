//! Records that an earlier release has written are read by this one.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

#[allow(dead_code)] // the kit has its own use for what is not used here
#[path = "subjects/folders.rs"]
mod folders;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::executor::block_on;
use sessile::{
    BoxFuture, Clock, DirectoryOptions, DirectoryStorage, Error, ErrorKind, LoadStore, ManualClock,
    SessionId, SessionStorage, SimplifiedOptions, SimplifiedSessionStorage, Tags, Timestamp, WriteOptions,
};
use sha2::{Digest, Sha256};

use crate::folders::TempFolder;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/format-1");
/// The first moment of 2026.
const WRITTEN_AT: u64 = 1_767_225_600_000;

/// As documented.
fn key_of(id: &SessionId) -> String {
    base16ct::lower::encode_string(&Sha256::digest(id.as_str()))
}

fn storage(folder: &Path, at: u64) -> DirectoryStorage {
    let clock = Arc::new(ManualClock::default());
    clock.set(Timestamp::from_millis(at));
    assert_eq!(clock.now().unwrap().as_millis(), at);
    DirectoryStorage::new(folder, DirectoryOptions::new().clock(clock)).unwrap()
}

fn id(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

fn large() -> Vec<u8> {
    (0..70_000_u32).flat_map(|number| (number / 1_000).to_le_bytes()).take(70_000).collect()
}

/// Reading must not change the fixture: tests work on a copy.
fn copied() -> TempFolder {
    let folder = TempFolder::new();
    copy(Path::new(FIXTURE), folder.path());
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn format_1_is_read_as_it_was_written() {
    reads_alike(copied().path());
}

/// With a path in `SESSILE_FIXTURE`, where the fixture of a new version of the format comes from.
#[test]
fn what_this_release_writes_is_read_alike() {
    let folder = TempFolder::new();
    let given = std::env::var_os("SESSILE_FIXTURE").map(PathBuf::from);
    let path = given.as_deref().unwrap_or(folder.path());
    write(path);
    reads_alike(path);
}

fn reads_alike(folder: &Path) {
    let storage = storage(folder, WRITTEN_AT + 10_000);
    block_on(async {
        let (content, info) = storage.get(&id("plain")).await.unwrap().unwrap();
        assert_eq!(content, "{\"user\":17}");
        assert_eq!(info.created_at.as_millis(), WRITTEN_AT);
        assert_eq!((info.expires_at, info.tags.is_empty()), (None, true));

        let (content, info) = storage.get(&id("timed and tagged")).await.unwrap().unwrap();
        assert_eq!(content, "é");
        assert_eq!(info.tags.iter().collect::<Vec<_>>(), ["user:17", "ünï"]);
        // Touched five seconds after it was written, with an idle timeout of a minute.
        assert_eq!(info.expires_at.unwrap().as_millis(), WRITTEN_AT + 65_000);
        assert_eq!(storage.list_tagged("ünï").await.unwrap().len(), 1);

        let (content, info) = storage.get(&id("large")).await.unwrap().unwrap();
        assert_eq!(content, large());
        assert_eq!(info.byte_length, Some(70_000));

        let (content, _) = storage.get(&id("empty")).await.unwrap().unwrap();
        assert!(content.is_empty());
        assert!(storage.get(&id("invalidated")).await.unwrap().is_none());
    });
}

#[test]
fn format_1_expires_when_it_said() {
    let folder = copied();
    let storage = storage(folder.path(), WRITTEN_AT + 65_000);
    block_on(async {
        assert!(storage.get(&id("timed and tagged")).await.unwrap().is_none());
        assert!(storage.get(&id("plain")).await.unwrap().is_some());
    });
}

/// A server that is rolled back must not put away what the newer one has written.
#[test]
fn a_version_of_tomorrow_is_refused_and_stays_where_it_is() {
    let folder = copied();
    let key = key_of(&id("plain"));
    let path = folder.path().join(&key[..2]).join(&key[2..]);
    let mut record = fs::read(&path).unwrap();
    record[4] = 2;
    record[76..80].copy_from_slice(&[1, 2, 3, 4]);
    fs::write(&path, &record).unwrap();
    let storage = storage(folder.path(), WRITTEN_AT);
    block_on(async {
        let id = id("plain");
        let kinds = [
            storage.get(&id).await.unwrap_err().kind(),
            storage.set(&id, "new".into(), WriteOptions::new()).await.unwrap_err().kind(),
            storage.touch(&id).await.unwrap_err().kind(),
            storage.invalidate(&id).await.unwrap_err().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::Unsupported; 4]);
        storage.sweep().await.unwrap();
    });
    assert_eq!(fs::read(&path).unwrap(), record);
}

/// A folder's records, each found under its key.
struct Fixture;

impl LoadStore for Fixture {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
        let path = Path::new(FIXTURE).join(&key[..2]).join(&key[2..]);
        Box::pin(async move { Ok(fs::read(path).ok()) })
    }

    fn store<'a>(
        &'a self,
        _: &'a str,
        _: Option<Vec<u8>>,
        _: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}

#[test]
fn records_of_a_folder_are_the_same_sessions_for_two_functions() {
    let clock = Arc::new(ManualClock::default());
    clock.set(Timestamp::from_millis(WRITTEN_AT + 10_000));
    let storage =
        SimplifiedSessionStorage::new(Fixture, SimplifiedOptions::new().exclusive().clock(clock)).unwrap();
    block_on(async {
        let (content, _) = storage.get(&id("timed and tagged")).await.unwrap().unwrap();
        assert_eq!(content, "é", "the tags are no content");
        let (content, _) = storage.get(&id("large")).await.unwrap().unwrap();
        assert_eq!(content, large());
        let ended = id("invalidated");
        assert!(Fixture.load(&key_of(&ended)).await.unwrap().is_some(), "its tombstone is there");
        assert!(storage.get(&ended).await.unwrap().is_none());
        assert!(!storage.touch(&ended).await.unwrap());
        assert!(!storage.invalidate(&ended).await.unwrap());
        storage.set(&ended, "anew".into(), WriteOptions::new().if_absent()).await.unwrap();
    });
}

/// What is in the fixture.
fn write(folder: &Path) {
    let storage_at = |at| storage(folder, at);
    block_on(async {
        let storage = storage_at(WRITTEN_AT);
        let plain = WriteOptions::new();
        storage.set(&id("plain"), "{\"user\":17}".into(), plain.clone()).await.unwrap();
        storage.set(&id("empty"), "".into(), plain.clone()).await.unwrap();
        storage.set(&id("large"), large().into(), plain.clone()).await.unwrap();
        storage.set(&id("invalidated"), "gone".into(), plain).await.unwrap();
        storage.invalidate(&id("invalidated")).await.unwrap();
        let timed = WriteOptions::new()
            .idle_timeout(Duration::from_secs(60))
            .absolute_timeout(Duration::from_secs(3_600))
            .tags(Tags::new(["user:17", "ünï"]).unwrap());
        storage.set(&id("timed and tagged"), "é".into(), timed).await.unwrap();
        assert!(storage_at(WRITTEN_AT + 5_000).touch(&id("timed and tagged")).await.unwrap());
        storage.close().await.unwrap();
    });
    for leftover in ["turns", "staged", "made"] {
        let _ = fs::remove_dir_all(folder.join(leftover));
    }
}
