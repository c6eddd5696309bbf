//! A content comes back whole, in whatever pieces it passes.

use std::sync::Arc;

use futures::{AsyncReadExt, AsyncWriteExt, executor::block_on};
use proptest::prelude::*;
use sessile::{SealedStorage, SessionStorage, SessionStorageMemory, WriteOptions};

use super::{CHUNK, get, id, pattern, sealed, stored};
use crate::dribble::Dribble;
use crate::subjects::sealing::{NEW, secrets};

/// Around the places where a chunk ends.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![0..3_000_usize, CHUNK - 20..CHUNK + 20, 2 * CHUNK - 20..2 * CHUNK + 20, 0..3 * CHUNK,]
}

#[derive(Debug, Clone, Copy)]
enum End {
    Commit,
    Flush,
    Close,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_content_comes_back_in_pieces_of_any_size(
        length in length(),
        piece in prop_oneof![1..40_usize, 1_000..200_000_usize],
        step in prop_oneof![100..3_000_usize, 60_000..70_000_usize],
        end in prop_oneof![Just(End::Commit), Just(End::Flush), Just(End::Close)],
    ) {
        let piece = piece.max(length / 1_000);
        let memory = SessionStorageMemory::new();
        let storage = SealedStorage::new(Dribble { storage: memory.clone(), step }, &secrets()).unwrap();
        let whole = sealed(&memory, &[NEW]);
        let id = id("an id");
        let content = pattern(length);
        block_on(async {
            let mut writer = storage.begin(&id, WriteOptions::new()).await.unwrap();
            for bytes in content.chunks(piece) {
                writer.write_all(bytes).await.unwrap();
                if let End::Flush = end {
                    writer.flush().await.unwrap();
                }
            }
            if let End::Close = end {
                writer.close().await.unwrap();
                assert!(writer.write_all(b"more").await.is_err());
            }
            writer.commit().await.unwrap();

            let mut reader = storage.open(&id).await.unwrap().unwrap();
            let mut read = Vec::new();
            let mut buffer = vec![0; piece];
            loop {
                let count = reader.read(&mut buffer).await.unwrap();
                if count == 0 {
                    break;
                }
                read.extend_from_slice(&buffer[..count]);
            }
            assert!(read == content, "another content came back");
            assert_eq!(reader.read(&mut buffer).await.unwrap(), 0, "it went on behind its end");
        });
        // The same as by whole values, which never wait.
        prop_assert!(get(&whole, &id).unwrap().unwrap() == content);
        let expected = SealedStorage::<SessionStorageMemory>::sealed_length(length as u64);
        prop_assert_eq!(stored(&memory, &id).len() as u64, expected);
        block_on(whole.set(&id, content.clone().into(), WriteOptions::new())).unwrap();
        prop_assert_eq!(stored(&memory, &id).len() as u64, expected);
        prop_assert!(get(&storage, &id).unwrap().unwrap() == content);
    }
}

/// What is written behind the last chunk would be lost.
#[test]
fn a_close_that_was_given_up_takes_no_more() {
    let storage =
        SealedStorage::new(Dribble { storage: SessionStorageMemory::new(), step: 10_000 }, &secrets())
            .unwrap();
    let id = id("an id");
    block_on(async {
        let mut refused = 0;
        for polls in 0..10 {
            let mut writer = storage.begin(&id, WriteOptions::new()).await.unwrap();
            writer.write_all(b"content").await.unwrap();
            for _ in 0..polls {
                let _ = futures::poll!(writer.close());
            }
            let more = writer.write_all(b" and more").await;
            refused += u8::from(more.is_err());
            let expected = if more.is_ok() { "content and more" } else { "content" };
            if writer.commit().await.is_ok() {
                assert_eq!(storage.get(&id).await.unwrap().unwrap().0, expected, "closed {polls} times");
            } else {
                assert!(more.is_err(), "closed {polls} times");
            }
        }
        assert!((1..10).contains(&refused), "{refused}");
    });
}

#[test]
fn a_reader_of_nothing_waits_for_nothing() {
    let storage =
        SealedStorage::new(Arc::new(Dribble { storage: SessionStorageMemory::new(), step: 10 }), &secrets())
            .unwrap();
    let id = id("an id");
    block_on(async {
        storage.set(&id, pattern(CHUNK + 1).into(), WriteOptions::new()).await.unwrap();
        let mut reader = storage.open(&id).await.unwrap().unwrap();
        assert_eq!(reader.read(&mut []).await.unwrap(), 0);
        let mut content = Vec::new();
        reader.read_to_end(&mut content).await.unwrap();
        assert!(content == pattern(CHUNK + 1));
    });
}
