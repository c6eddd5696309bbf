//! A folder of sessions where things go wrong, natively. The package's tests of the same are `tests/package/folder-*`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod damage;
mod drops;
mod limits;
mod lost;
mod reading;
#[path = "../subjects/mod.rs"]
mod subjects;

use std::{
    error::Error as _,
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures::executor::block_on;
use sessile::{
    DirectoryOptions, DirectoryStorage, Error, ErrorKind, SessionId, SessionStorage, WriteOptions,
};

use crate::subjects::{folders::TempFolder, key_of};

const CONTENT: &str = "content-that-is-secret";
/// More than is handled as one value.
const LARGE: usize = 300_000;

fn storage(root: &Path) -> DirectoryStorage {
    DirectoryStorage::new(root, DirectoryOptions::new()).unwrap()
}

fn id() -> SessionId {
    SessionId::new("id-that-is-secret").unwrap()
}

fn other() -> SessionId {
    SessionId::new("another-id").unwrap()
}

fn large() -> Bytes {
    vec![7; LARGE].into()
}

fn set(storage: &DirectoryStorage, id: &SessionId, content: impl Into<Bytes>) -> Result<(), Error> {
    block_on(storage.set(id, content.into(), WriteOptions::new())).map(drop)
}

fn get(storage: &DirectoryStorage, id: &SessionId) -> Result<Option<Bytes>, Error> {
    Ok(block_on(storage.get(id))?.map(|(content, _)| content))
}

/// The call fails in this way, and its error gives nothing away.
#[track_caller]
fn refused<T>(result: Result<T, Error>, kind: ErrorKind) {
    let error = result.err().unwrap();
    assert_eq!(error.kind(), kind, "{error}");
    let mut said = vec![format!("{error} {error:?}")];
    let mut source = error.source();
    while let Some(cause) = source {
        said.push(format!("{cause} {cause:?}"));
        source = cause.source();
    }
    let key = key_of(&id());
    for secret in [id().as_str(), &key, &key[2..], CONTENT] {
        assert!(!said.join(" ").contains(secret), "the error gives away what it is about");
    }
}

/// Every path under a folder, from there.
fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What lies in a folder beside records, put-away records, tags' entries, and one empty token for each part.
fn leftovers(root: &Path) -> Vec<String> {
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let mut parts = Vec::new();
    let mut left = tree(root);
    left.retain(|path| match path.split('/').collect::<Vec<_>>()[..] {
        ["staged" | "made" | "damaged" | "tags" | "turns"] => false,
        ["turns", part, _] => {
            let is_second = parts.contains(&part.to_owned());
            parts.push(part.to_owned());
            is_second
        }
        ["turns", part] | [part] => !is_hex(part, 2),
        ["tags", folder] => !is_hex(folder, 3),
        ["tags", _, entry] => entry.len() != 97,
        ["damaged", name, ..] => !is_hex(name.get(..64).unwrap_or_default(), 64),
        [part, record] => !(is_hex(part, 2) && is_hex(record, 62)),
        _ => true,
    });
    left
}

/// The names of what was put away.
fn put_away(root: &Path) -> Vec<String> {
    tree(&root.join("damaged")).into_iter().filter(|path| !path.contains('/')).collect()
}

fn turns(root: &Path, id: &SessionId) -> PathBuf {
    root.join("turns").join(&key_of(id)[..2])
}

/// The token of a session's part, whoever has it.
fn token(root: &Path, id: &SessionId) -> PathBuf {
    let names: Vec<_> = fs::read_dir(turns(root, id)).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    names.into_iter().next().unwrap()
}

/// A folder with a session and another.
fn prepared() -> (TempFolder, DirectoryStorage) {
    let folder = TempFolder::new();
    let own = storage(folder.path());
    set(&own, &id(), CONTENT).unwrap();
    set(&own, &other(), "other").unwrap();
    (folder, own)
}
