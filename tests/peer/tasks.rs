//! What the programs of the crate do, for the tests in which they and the npm package share a place.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;

use futures::{AsyncReadExt, AsyncWriteExt};
use sessile::{Error, ErrorKind, Revision, SessionId, SessionStorage, SessionStorageExt, Tags, WriteOptions};

const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Does a task, and prints one line about what it found or did.
pub(crate) async fn perform(
    storage: &dyn SessionStorage,
    task: &str,
    id: &str,
    argument: &str,
) -> Result<(), Error> {
    let id = &SessionId::new(id)?;
    let said = match task {
        "set" => set(storage, id, argument).await,
        "write" => write(storage, id, argument).await,
        "replace" => replace(storage, id, argument).await,
        "read" => read(storage, id).await,
        "touch" => storage.touch(id).await.map(|there| there.to_string()),
        "invalidate" => storage.invalidate(id).await.map(|there| there.to_string()),
        "tagged" => storage.list_tagged(argument).await.map(|infos| infos.len().to_string()),
        "invalidate-tagged" => storage.invalidate_tagged(argument).await.map(|ended| ended.to_string()),
        "count" => count(storage, id, argument).await,
        "late" => late(storage, id, argument).await,
        "stream" => stream(storage, id, argument).await,
        _ => Err(Error::new(ErrorKind::InvalidOption, "there is no such task")),
    };
    say(&said.unwrap_or_else(|error| format!("{:?}", error.kind())));
    Ok(())
}

fn say(line: &str) {
    // A pipe that is closed early has nobody to be told.
    let _ = writeln!(std::io::stdout(), "{line}");
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

async fn set(storage: &dyn SessionStorage, id: &SessionId, length: &str) -> Result<String, Error> {
    let committed = storage.set(id, pattern(number(length)).into(), options()?).await?;
    Ok(committed.revision.as_str().to_owned())
}

async fn write(storage: &dyn SessionStorage, id: &SessionId, length: &str) -> Result<String, Error> {
    let content = pattern(number(length));
    let write = storage.write(id, options()?, async |channel| {
        for piece in content.chunks(10_000) {
            channel.write_all(piece).await?;
        }
        Ok::<_, Error>(())
    });
    Ok(write.await?.revision.as_str().to_owned())
}

async fn replace(storage: &dyn SessionStorage, id: &SessionId, revision: &str) -> Result<String, Error> {
    let options = WriteOptions::new().if_revision(Revision::new(revision));
    storage.set(id, "replaced".into(), options).await.map(|committed| committed.revision.as_str().to_owned())
}

async fn read(storage: &dyn SessionStorage, id: &SessionId) -> Result<String, Error> {
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
async fn count(storage: &dyn SessionStorage, id: &SessionId, times: &str) -> Result<String, Error> {
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

/// Writes a content, and commits it when a line comes in.
async fn late(storage: &dyn SessionStorage, id: &SessionId, length: &str) -> Result<String, Error> {
    let mut writer = storage.begin(id, options()?).await?;
    writer.write_all(&pattern(number(length))).await?;
    say("begun");
    std::io::stdin().read_line(&mut String::new())?;
    Ok(writer.commit().await?.revision.as_str().to_owned())
}

/// Writes and reads so many megabytes in pieces, and says how many kilobytes of memory this process took at most.
async fn stream(storage: &dyn SessionStorage, id: &SessionId, megabytes: &str) -> Result<String, Error> {
    let piece = vec![7; 1_000_000];
    let mut writer = storage.begin(id, options()?).await?;
    for _ in 0..number(megabytes) {
        writer.write_all(&piece).await?;
    }
    writer.commit().await?;
    let mut reader = storage.open(id).await?.unwrap();
    let (mut part, mut length) = (vec![0; 100_000], 0);
    loop {
        match reader.read(&mut part).await? {
            0 => break,
            count => {
                assert!(part[..count].iter().all(|byte| *byte == 7));
                length += count;
            }
        }
    }
    assert_eq!(length, number(megabytes) * 1_000_000);
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    Ok(peak.split_whitespace().next().unwrap().to_owned())
}
