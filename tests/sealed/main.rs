//! Sessions that lie sealed on a medium, and what somebody who can write there may try.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod dribble;
mod medium;
mod pieces;
mod rotation;
#[path = "../subjects/mod.rs"]
mod subjects;
mod tampering;

use bytes::Bytes;
use futures::{AsyncReadExt, executor::block_on};
use sessile::{
    Error, ErrorKind, SealedStorage, Secrets, SessionId, SessionStorage, SessionStorageMemory, WriteOptions,
};

/// What is sealed as one.
const CHUNK: usize = 64 * 1024;
const HEADER: usize = 32;
const SEALED_CHUNK: usize = CHUNK + 16;

/// A storage that is sealed, over one whose contents a test can see and change.
fn sealed(delegate: &SessionStorageMemory, secrets: &[&str]) -> SealedStorage<SessionStorageMemory> {
    SealedStorage::new(delegate.clone(), &Secrets::new(secrets.iter().copied()).unwrap()).unwrap()
}

fn id(id: &str) -> SessionId {
    SessionId::new(id).unwrap()
}

fn set(storage: &impl SessionStorage, id: &SessionId, content: impl Into<Bytes>) {
    block_on(storage.set(id, content.into(), WriteOptions::new())).unwrap();
}

fn get(storage: &impl SessionStorage, id: &SessionId) -> Result<Option<Bytes>, Error> {
    Ok(block_on(storage.get(id))?.map(|(content, _)| content))
}

/// What lies on the medium.
fn stored(delegate: &SessionStorageMemory, id: &SessionId) -> Vec<u8> {
    get(delegate, id).unwrap().unwrap().into()
}

/// All that a reader hands out until it ends or fails, a little at a time.
fn streamed(storage: &impl SessionStorage, id: &SessionId) -> (Vec<u8>, Result<(), Error>) {
    block_on(async {
        let mut content = Vec::new();
        let mut reader = match storage.open(id).await {
            Ok(reader) => reader.unwrap(),
            Err(error) => return (content, Err(error)),
        };
        let mut piece = [0; 7_000];
        loop {
            match reader.read(&mut piece).await {
                Ok(0) => return (content, Ok(())),
                Ok(count) => content.extend_from_slice(&piece[..count]),
                Err(error) => {
                    let error = Error::from(error);
                    let again = reader.read(&mut piece).await.map_err(Error::from);
                    assert_eq!(again.err().map(|again| again.kind()), Some(error.kind()), "it went on");
                    return (content, Err(error));
                }
            }
        }
    })
}

/// Bytes of which no two places look alike.
fn pattern(length: usize) -> Vec<u8> {
    (0_u32..).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).take(length).collect()
}

/// The session is refused as damaged in every way, and nothing is handed out that was not written.
#[track_caller]
fn corrupt(storage: &impl SessionStorage, id: &SessionId, written: &[u8], how: &str) {
    let error = get(storage, id).err().unwrap_or_else(|| panic!("{how}: get gave it out"));
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{how}: get");
    let said = format!("{error} {error:?}");
    assert!(!said.contains(id.as_str()) && !said.contains("newest secret"), "{said}");
    let (content, end) = streamed(storage, id);
    assert_eq!(end.err().map(|error| error.kind()), Some(ErrorKind::Corrupt), "{how}: a reader");
    assert!(written.starts_with(&content), "{how}: a reader gave out what nobody wrote");
}
