//! Times by the server, options, names, and the end of a storage.

use std::sync::Arc;

use sessile::{
    CacheOptions, CacheStorage, ErrorKind, RedisOptions, RedisStorage, SessionStorage, Timeout, WriteOptions,
};

use super::{
    CONTENT, Duration, SERVER, Server, connect, get, id, impatient, index_of, key_of, large, open, read,
    refused, run, servers::until, set,
};

fn server_time() -> u64 {
    let [seconds, micros] = SERVER.ask::<Vec<u64>>(&["TIME"])[..] else { panic!() };
    seconds * 1_000 + micros / 1_000
}

#[test]
fn c7_times_are_the_servers() {
    run(async {
        let storage = open("time:").await;
        let key = key_of("time:", &id());
        let before = server_time();
        let options = WriteOptions::new().idle_timeout(Duration::from_secs(600));
        storage.set(&id(), large(), options).await.unwrap();
        let after = server_time();
        let info = storage.info(&id()).await.unwrap().unwrap();
        assert!((before..=after).contains(&info.created_at.as_millis()));
        let ends = info.expires_at.unwrap().as_millis();
        assert_eq!(ends, info.created_at.as_millis() + 600_000);
        // The server itself removes it then, and its pieces when nobody can be reading them any more.
        let pieces: Vec<String> = SERVER.ask(&["KEYS", &format!("{key}:*")]);
        let (left, left_of_pieces): (u64, u64) =
            (SERVER.ask(&["PEXPIRETIME", &key]), SERVER.ask(&["PEXPIRETIME", &pieces[0]]));
        assert_eq!((left, left_of_pieces), (ends, ends + 60_000));
        assert!(storage.touch(&id()).await.unwrap());
        let touched = storage.info(&id()).await.unwrap().unwrap().expires_at.unwrap().as_millis();
        assert!(touched >= ends);
        assert_eq!(SERVER.ask::<u64>(&["PEXPIRETIME", &key]), touched);
        let forever = WriteOptions::new().idle_timeout(Timeout::Never);
        storage.set(&id(), large(), forever).await.unwrap();
        assert_eq!(SERVER.ask::<i64>(&["PTTL", &key]), -1);
        assert_eq!(storage.info(&id()).await.unwrap().unwrap().expires_at, None);
        assert_eq!(read(&storage).await.unwrap(), large());
    });
}

/// Such a record stays, since writes that began before must find it, but the session does not.
#[test]
fn c7_a_session_made_where_one_was_invalidated_ends_in_its_time() {
    run(async {
        let storage = open("fence:").await;
        let early = storage.begin(&id(), WriteOptions::new()).await.unwrap();
        storage.invalidate(&id()).await.unwrap();
        let short = WriteOptions::new().idle_timeout(Duration::from_millis(1));
        storage.set(&id(), CONTENT.into(), short).await.unwrap();
        let before = server_time();
        until("a millisecond has passed on the server", || server_time() > before + 1);
        assert_eq!(get(&storage).await.unwrap(), None);
        assert!(storage.info(&id()).await.unwrap().is_none());
        assert!(!storage.touch(&id()).await.unwrap());
        assert!(SERVER.ask::<bool>(&["EXISTS", &key_of("fence:", &id())]));
        refused(early.commit().await, ErrorKind::Conflict);
        assert!(!storage.invalidate(&id()).await.unwrap());
    });
}

#[test]
fn c8_no_id_and_no_tag_stands_in_a_key() {
    let server = Server::start(&[]);
    let storage = impatient(server.client());
    run(async move {
        let tags = sessile::Tags::new(["tag-that-is-secret"]).unwrap();
        storage.set(&id(), large(), WriteOptions::new().tags(tags)).await.unwrap();
        let mut keys: Vec<String> = server.ask(&["KEYS", "*"]);
        keys.sort();
        let key = key_of("sessile:", &id());
        assert!(
            keys.contains(&key) && keys.contains(&index_of("sessile:", "tag-that-is-secret")),
            "{keys:?}"
        );
        assert_eq!(keys.iter().filter(|own| own.starts_with(&key)).count(), 2);
        assert_eq!(keys.len(), 3);
        assert!(!keys.join(" ").contains("secret"));
    });
}

#[test]
fn options_that_make_no_sense_are_refused() {
    run(async {
        let connection = connect(&SERVER.client()).await;
        for options in [
            RedisOptions::new().prefix("{a}:"),
            RedisOptions::new().prefix("a}"),
            RedisOptions::new().timeout(Duration::ZERO),
            RedisOptions::new().timeout(RedisOptions::MAX_TIMEOUT + Duration::from_nanos(1)),
            RedisOptions::new().idle_timeout(Duration::ZERO),
            RedisOptions::new().absolute_timeout(Duration::MAX),
            RedisOptions::new().max_session_bytes(0),
        ] {
            refused(RedisStorage::new(connection.clone(), options.clone()), ErrorKind::InvalidOption);
            refused(RedisStorage::in_cluster(connection.clone(), options), ErrorKind::InvalidOption);
        }
        let longest = RedisOptions::new().prefix("").timeout(RedisOptions::MAX_TIMEOUT);
        assert!(RedisStorage::new(connection, longest).is_ok());
    });
}

#[test]
fn c6_a_storage_that_is_closed_leaves_the_connection_open() {
    run(async {
        let mut connection = connect(&SERVER.client()).await;
        let options = RedisOptions::new().prefix("closed:").timeout(Duration::from_secs(60));
        let storage = RedisStorage::new(connection.clone(), options).unwrap();
        set(&storage, large()).await.unwrap();
        let reader = storage.open(&id()).await.unwrap().unwrap();
        let writer = storage.begin(&id(), WriteOptions::new()).await.unwrap();
        storage.close().await.unwrap();
        storage.close().await.unwrap();
        refused(get(&storage).await, ErrorKind::Closed);
        refused(writer.commit().await, ErrorKind::Closed);
        let rest = async {
            let mut reader = reader;
            futures::AsyncReadExt::read_to_end(&mut reader, &mut Vec::new())
                .await
                .map_err(sessile::Error::from)
        };
        refused(rest.await, ErrorKind::Closed);
        let pong: String = redis::cmd("PING").query_async(&mut connection).await.unwrap();
        assert_eq!(pong, "PONG");
    });
}

/// A storage stands wherever a storage may.
#[test]
fn a_cache_in_front_of_it() {
    run(async {
        let storage: Arc<dyn SessionStorage> = Arc::new(open("cached:").await);
        let cached = CacheStorage::new(Arc::clone(&storage), CacheOptions::new()).unwrap();
        cached.set(&id(), CONTENT.into(), WriteOptions::new()).await.unwrap();
        assert_eq!(cached.get(&id()).await.unwrap().unwrap().0, CONTENT);
        assert_eq!(storage.get(&id()).await.unwrap().unwrap().0, CONTENT);
        assert!(cached.invalidate(&id()).await.unwrap());
        assert!(storage.get(&id()).await.unwrap().is_none());
    });
}
