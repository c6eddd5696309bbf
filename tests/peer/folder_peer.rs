//! The crate's side of the tests in which it and the npm package share a folder.
//!
//! `folder_peer TASK ROOT ID [ARGUMENT]` prints one line about what it found or did.
#![allow(clippy::unwrap_used)]

use std::{env, io::Write as _};

use futures::{AsyncWriteExt, executor::block_on};
use sessile::{
    DirectoryOptions, DirectoryStorage, Error, ErrorKind, Revision, SessionId, SessionStorage,
    SessionStorageExt, Tags, WriteOptions,
};

const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);

fn main() -> Result<(), Error> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (&task, root, id, argument) = match &words[..] {
        [task, root, id] => (task, *root, *id, ""),
        [task, root, id, argument] => (task, *root, *id, *argument),
        _ => return Err(Error::new(ErrorKind::InvalidOption, "give TASK ROOT ID [ARGUMENT]")),
    };
    let storage = DirectoryStorage::new(root, DirectoryOptions::new())?;
    let id = SessionId::new(id)?;
    let said = block_on(async {
        match task {
            "set" => set(&storage, &id, argument).await,
            "write" => write(&storage, &id, argument).await,
            "replace" => replace(&storage, &id, argument).await,
            "read" => read(&storage, &id).await,
            "touch" => storage.touch(&id).await.map(|there| there.to_string()),
            "invalidate" => storage.invalidate(&id).await.map(|there| there.to_string()),
            "tagged" => storage.list_tagged(argument).await.map(|infos| infos.len().to_string()),
            "count" => count(&storage, &id, argument).await,
            _ => Err(Error::new(ErrorKind::InvalidOption, "there is no such task")),
        }
    });
    let said = said.unwrap_or_else(|error| format!("{:?}", error.kind()));
    // A pipe that is closed early has nobody to be told.
    let _ = writeln!(std::io::stdout(), "{said}");
    Ok(())
}

/// What stands at a place in the contents of these tests, on both sides.
fn pattern(length: usize) -> Vec<u8> {
    let byte = |at: usize| u8::try_from((at * 7 + at / 251 + length) % 256).unwrap_or_default();
    (0..length).map(byte).collect()
}

fn options() -> Result<WriteOptions, Error> {
    Ok(WriteOptions::new().idle_timeout(Some(HOUR)).tags(Tags::new(["peer", "größer"])?))
}

fn number(text: &str) -> usize {
    text.parse().unwrap()
}

async fn set(storage: &DirectoryStorage, id: &SessionId, length: &str) -> Result<String, Error> {
    let committed = storage.set(id, pattern(number(length)).into(), options()?).await?;
    Ok(committed.revision.as_str().to_owned())
}

async fn write(storage: &DirectoryStorage, id: &SessionId, length: &str) -> Result<String, Error> {
    let content = pattern(number(length));
    let write = storage.write(id, options()?, async |channel| {
        for piece in content.chunks(10_000) {
            channel.write_all(piece).await?;
        }
        Ok::<_, Error>(())
    });
    Ok(write.await?.revision.as_str().to_owned())
}

async fn replace(storage: &DirectoryStorage, id: &SessionId, revision: &str) -> Result<String, Error> {
    let options = WriteOptions::new().if_revision(Revision::new(revision));
    storage.set(id, "replaced".into(), options).await.map(|committed| committed.revision.as_str().to_owned())
}

async fn read(storage: &DirectoryStorage, id: &SessionId) -> Result<String, Error> {
    let Some((content, info)) = storage.get(id).await? else { return Ok("missing".to_owned()) };
    Ok(format!(
        "{} {} {} {} {} {}",
        info.revision.as_str(),
        content.len(),
        content == pattern(content.len()),
        info.created_at.as_millis(),
        info.expires_at.map_or("-".to_owned(), |at| at.as_millis().to_string()),
        info.tags.iter().collect::<Vec<_>>().join(","),
    ))
}

/// Adds one to the number in the session, by conditional writes.
async fn count(storage: &DirectoryStorage, id: &SessionId, times: &str) -> Result<String, Error> {
    let mut conflicts = 0;
    for _ in 0..number(times) {
        loop {
            let (content, info) = storage.get(id).await?.unwrap();
            let next = number(std::str::from_utf8(&content).unwrap()) + 1;
            let options = WriteOptions::new().if_revision(info.revision);
            match storage.set(id, next.to_string().into(), options).await {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Conflict => conflicts += 1,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(conflicts.to_string())
}
