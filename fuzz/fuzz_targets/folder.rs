//! A folder that somebody else has written to: one record, and names that mean nothing, beside a second reader of the format.
#![no_main]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use base64ct::{Base64UrlUnpadded, Encoding};
use futures::{AsyncReadExt, executor::block_on};
use libfuzzer_sys::fuzz_target;
use sessile::{
    DirectoryOptions, DirectoryStorage, ErrorKind, ManualClock, SessionId, SessionStorage, Timestamp,
};
use sessile_fuzz::{Input, Kind, Model, seal_checksums};
use sha2::{Digest, Sha256};

struct Subject {
    root: PathBuf,
    part: PathBuf,
    record: PathBuf,
    clock: Arc<ManualClock>,
    storage: DirectoryStorage,
    id: SessionId,
}

static SUBJECT: LazyLock<Subject> = LazyLock::new(|| {
    // In memory where there is such a place.
    let shared = Path::new("/dev/shm");
    let parent = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let root = parent.join(format!("sessile-fuzz-{}", std::process::id()));
    let clock = Arc::new(ManualClock::default());
    let options = DirectoryOptions::new().clock(Arc::clone(&clock));
    let storage = DirectoryStorage::new(&root, options).unwrap();
    let id = SessionId::new("id").unwrap();
    let key: String = Sha256::digest("id").iter().map(|byte| format!("{byte:02x}")).collect();
    let part = root.join(&key[..2]);
    let record = part.join(&key[2..]);
    Subject { root, part, record, clock, storage, id }
});

/// As a file's name, if it can be one.
fn name(text: &str) -> Option<&str> {
    (!matches!(text, "" | "." | "..") && text.len() < 256 && !text.contains(['/', '\0'])).then_some(text)
}

/// Puts an empty file where a name of the storage's own may lie.
fn litter(folder: &Path, text: &str) -> Option<PathBuf> {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name(text)?);
    (!path.exists()).then(|| fs::write(&path, "").unwrap())?;
    Some(path)
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mode = input.byte();
    let now = [0, 1, 1_767_225_600_000, u64::MAX][usize::from(mode >> 1 & 3)];
    let length = usize::from(input.byte());
    let foreign = input.text(length);
    let mut record = input.rest().to_vec();
    if mode & 1 == 1 {
        seal_checksums(&mut record);
    }
    // Beyond what is read at once, where a content is read piece by piece.
    if mode & 8 == 8 && record.len() >= 92 {
        record.resize(record.len() + 70_000, mode);
        if mode & 1 == 1 {
            seal_checksums(&mut record);
        }
    }

    let Subject { root, part, record: path, clock, storage, id } = &*SUBJECT;
    clock.set(Timestamp::from_millis(now));
    fs::create_dir_all(part).unwrap();
    let put = || fs::write(path, &record).unwrap();
    let littered = [part.clone(), root.join("tags/000"), root.join("damaged"), root.join("staged")]
        .map(|folder| litter(&folder, foreign));
    let model = Model::read(&record);
    let whole = model.as_ref().filter(|model| model.kind != Kind::Apart);
    let live = model.as_ref().filter(|model| model.is_live(now));
    block_on(async {
        put();
        match storage.get(id).await {
            Ok(Some((content, info))) => {
                let model = live.expect("what is no session is given out");
                assert_eq!(content, model.content);
                assert_eq!(info.revision.as_str(), Base64UrlUnpadded::encode_string(&model.revision));
                assert_eq!(info.byte_length, Some(model.content.len() as u64));
                assert_eq!(info.tags.iter().collect::<Vec<_>>(), model.tags);
            }
            Ok(None) => assert!(whole.is_some() && live.is_none(), "{model:?}"),
            Err(error) => {
                assert!(whole.is_none(), "{error:?}, {model:?}");
                assert!([ErrorKind::Corrupt, ErrorKind::Unsupported].contains(&error.kind()), "{error:?}");
            }
        }

        put();
        if let Ok(Some(mut reader)) = storage.open(id).await {
            let mut content = Vec::new();
            // Of a large content, damage is found when it is read.
            let read = reader.read_to_end(&mut content).await;
            assert_eq!(read.is_ok().then_some(&content), live.map(|model| &model.content));
        } else {
            assert!(live.is_none());
        }

        if mode & 0x10 == 0 {
            return;
        }
        put();
        if let (Ok(true), Some(model)) = (storage.touch(id).await, live) {
            let touched = Model::read(&fs::read(path).unwrap()).expect("a touch leaves damage");
            assert_eq!(touched, Model { active: model.active.max(now), ..model.clone() });
        } else {
            assert!(live.is_none());
        }

        put();
        for tag in model.iter().flat_map(|model| &model.tags).take(2) {
            storage.list_tagged(tag).await.unwrap();
        }
        // As long as all the rest, so not each time.
        if mode & 0x30 == 0x30 {
            storage.sweep().await.unwrap();
        }
        let ended = storage.invalidate(id).await;
        if let Ok(ended) = ended {
            // Where the content is large, its damage is not looked for.
            assert!(live.is_none() || ended, "a live session is not ended");
            assert!(storage.get(id).await.unwrap().is_none());
        } else {
            assert!(model.is_none());
        }
    });

    for left in littered.into_iter().flatten() {
        let _ = fs::remove_file(left);
    }
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(root.join("damaged"));
});
