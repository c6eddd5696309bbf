//! What a medium tells whoever takes it away.

use std::{fs, path::Path};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use futures::executor::block_on;
use sessile::{
    DirectoryOptions, DirectoryStorage, ErrorKind, MemoryOptions, SealedStorage, SessionStorage,
    SessionStorageMemory, Tags, WriteOptions,
};
use sha2::{Digest, Sha256};

use super::{CHUNK, id, pattern, sealed, set, stored};
use crate::subjects::{
    folders::TempFolder,
    sealing::{NEW, OLD, secrets},
};

/// The paths and bytes of all files.
fn everything(folder: &Path, found: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.extend_from_slice(path.to_str().unwrap().as_bytes());
        if path.is_dir() {
            everything(&path, found);
        } else {
            found.extend_from_slice(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn a_folder_that_is_taken_away_tells_no_content_no_tag_and_no_id() {
    const ID: &str = "id-of-a-session";
    const TAG: &str = "user:ada@example.org";
    const CONTENT: &str = "content-that-is-secret";
    let folder = TempFolder::new();
    let found = |secret: &[u8]| {
        let mut all = Vec::new();
        everything(folder.path(), &mut all);
        all.windows(secret.len()).any(|window| window == secret)
    };
    let hash = base16ct::lower::encode_string(&Sha256::digest(TAG));
    let texts = [ID.to_owned(), TAG.into(), CONTENT.into(), NEW.into(), OLD.into(), hash[3..35].into()];
    let encoded = texts.iter().flat_map(|text| {
        [Base64::encode_string(text.as_bytes()), Base64UrlUnpadded::encode_string(text.as_bytes())]
    });
    let secrets_there = texts.iter().cloned().chain(encoded).collect::<Vec<_>>();

    let plain = DirectoryStorage::new(folder.path(), DirectoryOptions::new()).unwrap();
    let storage = SealedStorage::new(plain.clone(), &secrets()).unwrap();
    let options = || WriteOptions::new().tags(Tags::new([TAG]).unwrap());
    block_on(async {
        // In one piece, and in several.
        for content in [CONTENT.to_owned(), CONTENT.repeat(20_000)] {
            storage.set(&id(ID), content.clone().into(), options()).await.unwrap();
            for secret in &secrets_there {
                assert!(!found(secret.as_bytes()), "{secret} lies on the disk");
            }
            assert_eq!(storage.get(&id(ID)).await.unwrap().unwrap().0, content);
            assert_eq!(storage.list_tagged(TAG).await.unwrap().len(), 1);
        }
        // The search is one that finds.
        plain.set(&id(ID), CONTENT.into(), options()).await.unwrap();
        assert!(found(CONTENT.as_bytes()) && found(TAG.as_bytes()) && found(&hash.as_bytes()[3..35]));
    });
}

#[test]
fn the_same_content_is_never_stored_the_same() {
    let delegate = SessionStorageMemory::new();
    let storage = sealed(&delegate, &[NEW]);
    let id = id("an id");
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1_000 {
        set(&storage, &id, "content");
        let nonce = stored(&delegate, &id)[13..32].to_vec();
        assert!(seen.insert(nonce), "a nonce came twice");
    }
}

#[test]
fn the_delegates_limit_counts_sealed_bytes() {
    let most = 2 * CHUNK as u64 + 5;
    let limit = SealedStorage::<SessionStorageMemory>::sealed_length(most);
    assert_eq!(limit, most + 32 + 3 * 16);
    let options = MemoryOptions::new().max_session_bytes(limit);
    let delegate = SessionStorageMemory::with_options(options).unwrap();
    let storage = sealed(&delegate, &[NEW]);
    let id = id("an id");
    let content = pattern(usize::try_from(most).unwrap());
    block_on(async {
        storage.set(&id, content.clone().into(), WriteOptions::new()).await.unwrap();
        assert_eq!(storage.info(&id).await.unwrap().unwrap().byte_length, Some(most));
        assert_eq!(delegate.info(&id).await.unwrap().unwrap().byte_length, Some(limit));
        let more = [&content[..], b"!"].concat();
        let refused = storage.set(&id, more.into(), WriteOptions::new()).await;
        assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::TooLarge));
    });
}

#[test]
fn secrets_that_are_too_short_are_refused() {
    let short = sessile::Secrets::new(["too short"]).unwrap();
    let refused = SealedStorage::new(SessionStorageMemory::new(), &short).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::InvalidOption);
    assert!(!format!("{refused} {refused:?}").contains("too short"));
    assert!(!format!("{:?}", sealed(&SessionStorageMemory::new(), &[NEW])).contains("newest"));
}
