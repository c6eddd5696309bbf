//! What lies on the server and is not what was written (C12), beside what the kit damages.

use futures::AsyncReadExt;
use redis::Commands;
use sessile::{ErrorKind, RedisStorage, SessionReader, SessionStorage, WriteOptions, conformance::Damage};
use sha1::{Digest, Sha1};

use super::{CONTENT, SERVER, get, id, key_of, large, name_of, open, read, refused, run, set};

/// The keys of a session's pieces.
fn pieces(prefix: &str) -> Vec<String> {
    SERVER.ask(&["KEYS", &format!("{prefix}{}:*", name_of(&id()))])
}

async fn begun(storage: &RedisStorage) -> SessionReader {
    let mut reader = storage.open(&id()).await.unwrap().unwrap();
    reader.read_exact(&mut [0; 100]).await.unwrap();
    reader
}

async fn rest(mut reader: SessionReader) -> Result<usize, sessile::Error> {
    Ok(reader.read_to_end(&mut Vec::new()).await?)
}

#[test]
fn c12_a_damaged_piece_is_reported_by_who_meets_it() {
    run(async {
        let storage = open("piece:").await;
        let damages: [(&str, Damage); 5] = [
            ("emptied", Vec::clear),
            ("flipped in its checksum", |piece| piece[0] ^= 1),
            ("flipped in its content", |piece| piece[4_000] ^= 1),
            ("cut", |piece| piece.truncate(1_000)),
            ("grown", |piece| piece.push(0)),
        ];
        for (how, damage) in damages {
            set(&storage, large()).await.unwrap();
            let mut connection = SERVER.connection();
            let key = &pieces("piece:")[0];
            let mut piece: Vec<u8> = connection.hget(key, 1).unwrap();
            damage(&mut piece);
            connection.hset::<_, _, _, ()>(key, 1, piece).unwrap();
            println!("a piece that is {how}");
            refused(get(&storage).await, ErrorKind::Corrupt);
            refused(read(&storage).await, ErrorKind::Corrupt);
            // Whoever goes on after a failure is told again.
            let mut reader = begun(&storage).await;
            assert!(reader.read_to_end(&mut Vec::new()).await.is_err());
            assert!(reader.read_to_end(&mut Vec::new()).await.is_err());
            // The other pieces are whole, and the session can be replaced and ended.
            assert_eq!(storage.info(&id()).await.unwrap().unwrap().byte_length, Some(600_000));
            set(&storage, CONTENT).await.unwrap();
            assert_eq!(get(&storage).await.unwrap().unwrap(), CONTENT);
            assert!(storage.invalidate(&id()).await.unwrap());
            for key in pieces("piece:") {
                SERVER.ask::<()>(&["DEL", &key]);
            }
        }
    });
}

#[test]
fn c12_a_missing_piece_is_told_from_a_reader_that_was_too_slow() {
    run(async {
        let storage = open("missing:").await;
        set(&storage, large()).await.unwrap();
        let (slow, unlucky) = (begun(&storage).await, begun(&storage).await);
        let old = pieces("missing:");
        SERVER.ask::<()>(&["DEL", &old[0]]);
        refused(rest(unlucky).await, ErrorKind::Corrupt);
        set(&storage, large()).await.unwrap();
        let error = refused(rest(slow).await, ErrorKind::Storage);
        assert!(error.to_string().contains("paused"), "{error}");
        assert_eq!(read(&storage).await.unwrap(), large());
    });
}

/// A record of a version that this release does not know stays as it is.
#[test]
fn c12_a_record_of_a_later_release_is_refused_and_stays() {
    run(async {
        let storage = open("later:").await;
        let key = key_of("later:", &id());
        let tags = sessile::Tags::new(["ada"]).unwrap();
        storage.set(&id(), CONTENT.into(), WriteOptions::new().tags(tags)).await.unwrap();
        let mut connection = SERVER.connection();
        let mut record: Vec<u8> = connection.get(&key).unwrap();
        record[4] = 2;
        let check = base16ct::lower::encode_string(&Sha1::digest(&record[..116])[..4]);
        record[116..124].copy_from_slice(check.as_bytes());
        connection.set::<_, _, ()>(&key, &record).unwrap();
        refused(get(&storage).await, ErrorKind::Unsupported);
        refused(read(&storage).await, ErrorKind::Unsupported);
        refused(storage.info(&id()).await, ErrorKind::Unsupported);
        refused(set(&storage, "changed").await, ErrorKind::Unsupported);
        refused(set(&storage, large()).await, ErrorKind::Unsupported);
        refused(storage.touch(&id()).await, ErrorKind::Unsupported);
        refused(storage.invalidate(&id()).await, ErrorKind::Unsupported);
        refused(storage.list_tagged("ada").await, ErrorKind::Unsupported);
        refused(storage.invalidate_tagged("ada").await, ErrorKind::Unsupported);
        assert_eq!(connection.get::<_, Vec<u8>>(&key).unwrap(), record);
    });
}
