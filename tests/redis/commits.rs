//! Commands whose answer was lost, which are sent again: what they do is done once.

use futures::{AsyncWriteExt, future::join};
use sessile::{ErrorKind, RedisOptions, RedisStorage, SessionStorage, WriteOptions};

use super::{
    CONTENT, Duration, SERVER, Server, connect, fails, get, id, impatient, index_of, keep_connected, key_of,
    large, name_of, open, proxy::Proxy, read, run, set,
};

/// A server, a way to it that can be cut, and storages over both.
fn on_two_ways() -> (Server, Proxy, RedisStorage, RedisStorage) {
    let server = Server::start(&[]);
    let proxy = Proxy::to(server.port);
    let patient = RedisOptions::new().timeout(Duration::from_secs(60));
    let through = RedisStorage::new(keep_connected(proxy.client()), patient.clone()).unwrap();
    let direct = RedisStorage::new(keep_connected(server.client()), patient).unwrap();
    (server, proxy, through, direct)
}

#[test]
fn c5_a_write_whose_answer_was_lost_is_done_once() {
    let (_server, proxy, through, direct) = on_two_ways();
    run(async move {
        for content in [CONTENT.into(), large()] {
            set(&through, "before").await.unwrap();
            let revision = direct.info(&id()).await.unwrap().unwrap().revision;
            let options = WriteOptions::new().if_revision(revision);
            let committed = if content.len() < 1_000 {
                let cut = proxy.cut_after_next();
                let (committed, cut) = join(through.set(&id(), content.clone(), options), cut).await;
                cut.unwrap();
                committed.unwrap()
            } else {
                let mut writer = through.begin(&id(), options).await.unwrap();
                writer.write_all(&content).await.unwrap();
                writer.close().await.unwrap();
                // The answer to the last piece, or to the commit.
                let cut = proxy.cut_after_next();
                let (committed, cut) = join(writer.commit(), cut).await;
                cut.unwrap();
                committed.unwrap()
            };
            assert_eq!(direct.info(&id()).await.unwrap().unwrap().revision, committed.revision);
            assert_eq!(get(&direct).await.unwrap().unwrap(), content);
        }
    });
}

#[test]
fn c4_a_write_that_is_sent_again_after_others_have_come_between() {
    let (_server, proxy, through, direct) = on_two_ways();
    run(async move {
        // It must know the server's time already, so that the next answer is that to the write.
        set(&through, "warm").await.unwrap();
        for (ends, sets) in [(true, false), (false, true), (true, true)] {
            set(&direct, "before").await.unwrap();
            let cut = proxy.cut_after_next();
            proxy.refuse_new(true);
            let between = async {
                cut.await.unwrap();
                if ends {
                    assert!(direct.invalidate(&id()).await.unwrap());
                }
                if sets {
                    set(&direct, "newer").await.unwrap();
                }
                proxy.refuse_new(false);
            };
            let (older, ()) = join(set(&through, "older"), between).await;
            older.unwrap();
            let expected = sets.then(|| "newer".into());
            assert_eq!(get(&direct).await.unwrap(), expected, "{ends} {sets}");
        }
    });
}

#[test]
fn c4_an_invalidate_whose_answer_was_lost_says_that_a_session_was_there() {
    let (_server, proxy, through, direct) = on_two_ways();
    run(async move {
        set(&through, CONTENT).await.unwrap();
        let cut = proxy.cut_after_next();
        let (there, cut) = join(through.invalidate(&id()), cut).await;
        cut.unwrap();
        assert!(there.unwrap());
        assert_eq!(get(&direct).await.unwrap(), None);
    });
}

/// The caller learns nothing of a write in pieces that was done: its pieces must stay.
#[test]
fn c1_a_write_in_pieces_of_unknown_end_is_whole() {
    let server = Server::start(&[]);
    let proxy = Proxy::to(server.port);
    let (through, direct) = (impatient(proxy.client()), impatient(server.client()));
    run(async move {
        set(&through, "before").await.unwrap();
        let mut writer = through.begin(&id(), WriteOptions::new()).await.unwrap();
        // Whole pieces, so that what is left is the commit.
        writer.write_all(&vec![7; 3 * 262_144]).await.unwrap();
        writer.flush().await.unwrap();
        let cut = proxy.cut_after_next();
        proxy.refuse_new(true);
        let (error, cut) = join(fails(writer.commit(), ErrorKind::Storage), cut).await;
        cut.unwrap();
        assert!(error.to_string().contains("not known"), "{error}");
        proxy.refuse_new(false);
        super::works(&through).await;
        // Whatever was given up goes now.
        through.sweep().await.unwrap();
        drop(through.begin(&id(), WriteOptions::new()).await.unwrap());
        let content = get(&direct).await.unwrap().unwrap();
        assert_eq!(content.len(), 3 * 262_144, "the server had done it");
        assert_eq!(read(&direct).await.unwrap(), content);
    });
}

#[test]
fn c6_pieces_of_writes_that_were_given_up_are_removed() {
    let server = Server::start(&[]);
    let storage = impatient(server.client());
    run(async move {
        let pieces = || server.ask::<Vec<String>>(&["KEYS", &format!("sessile:{}:*", name_of(&id()))]);
        set(&storage, "before").await.unwrap();
        let stale = storage.info(&id()).await.unwrap().unwrap().revision;
        set(&storage, "between").await.unwrap();
        let mut dropped = storage.begin(&id(), WriteOptions::new()).await.unwrap();
        let mut refused = storage.begin(&id(), WriteOptions::new().if_revision(stale)).await.unwrap();
        dropped.write_all(&large()).await.unwrap();
        refused.write_all(&large()).await.unwrap();
        drop(dropped);
        fails(refused.commit(), ErrorKind::Conflict).await;
        assert_eq!(pieces().len(), 2, "nobody waits for it");
        let left: i64 = server.ask(&["PTTL", &pieces()[0]]);
        assert!((3_500_000..=3_600_000).contains(&left), "they would go by themselves: {left}");
        drop(storage.begin(&id(), WriteOptions::new()).await.unwrap());
        assert_eq!(pieces(), [""; 0]);
        let mut dropped = storage.begin(&id(), WriteOptions::new()).await.unwrap();
        dropped.write_all(&large()).await.unwrap();
        drop(dropped);
        storage.sweep().await.unwrap();
        assert_eq!(pieces(), [""; 0]);
        assert_eq!(get(&storage).await.unwrap().unwrap(), "between");
    });
}

#[test]
fn a_server_that_forgets_the_scripts_is_told_again() {
    let server = Server::start(&[]);
    let storage = impatient(server.client());
    run(async move {
        for _ in 0..2 {
            set(&storage, large()).await.unwrap();
            assert!(storage.touch(&id()).await.unwrap());
            server.ask::<()>(&["SCRIPT", "FLUSH"]);
            assert_eq!(read(&storage).await.unwrap(), large());
            assert!(storage.invalidate(&id()).await.unwrap());
        }
    });
}

#[test]
fn c5_two_storages_that_count_in_one_session_lose_nothing() {
    run(async {
        let storages = (open("count:").await, open("count:").await);
        set(&storages.0, "0").await.unwrap();
        let count = |storage: RedisStorage| {
            tokio::spawn(async move {
                for _ in 0..200 {
                    loop {
                        let (content, info) = storage.get(&id()).await.unwrap().unwrap();
                        let next = std::str::from_utf8(&content).unwrap().parse::<u64>().unwrap() + 1;
                        let options = WriteOptions::new().if_revision(info.revision);
                        match storage.set(&id(), next.to_string().into(), options).await {
                            Ok(_) => break,
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                        }
                    }
                }
            })
        };
        let (one, other) = join(count(storages.0.clone()), count(storages.1)).await;
        one.unwrap();
        other.unwrap();
        assert_eq!(get(&storages.0).await.unwrap().unwrap(), "400");
    });
}

#[test]
fn c13_old_entries_of_an_index_are_removed_now_and_then() {
    run(async {
        let storage = open("tidy:").await;
        let index = index_of("tidy:", "ada");
        // One that never came to carry the tag, and one that may do so in a moment.
        SERVER.ask::<()>(&["ZADD", &index, "1", "{old}"]);
        let now = SERVER.ask::<Vec<u64>>(&["TIME"])[0] * 1_000;
        SERVER.ask::<()>(&["ZADD", &index, &now.to_string(), "{new}"]);
        let tags = sessile::Tags::new(["ada"]).unwrap();
        for _ in 0..16 {
            storage.set(&id(), CONTENT.into(), WriteOptions::new().tags(tags.clone())).await.unwrap();
        }
        let mut names: Vec<String> = SERVER.ask(&["ZRANGE", &index, "0", "-1"]);
        names.sort();
        let mut expected = [name_of(&id()), "{new}".to_owned()];
        expected.sort();
        assert_eq!(names, expected);
        assert!(SERVER.ask::<bool>(&["EXISTS", &key_of("tidy:", &id())]));
    });
}

#[test]
fn c13_more_sessions_of_a_tag_than_come_at_once() {
    run(async {
        let connection = connect(&SERVER.client()).await;
        let options = RedisOptions::new().prefix("many:").timeout(Duration::from_secs(60));
        let storage = RedisStorage::new(connection, options).unwrap();
        let tags = sessile::Tags::new(["ada", "bob"]).unwrap();
        let ids: Vec<_> =
            (0..500).map(|number| sessile::SessionId::new(format!("id {number}")).unwrap()).collect();
        let writes =
            ids.iter().map(|id| storage.set(id, CONTENT.into(), WriteOptions::new().tags(tags.clone())));
        for write in futures::future::join_all(writes).await {
            write.unwrap();
        }
        assert_eq!(storage.list_tagged("ada").await.unwrap().len(), 500);
        assert_eq!(storage.invalidate_tagged("bob").await.unwrap(), 500);
        assert_eq!(storage.list_tagged("ada").await.unwrap().len(), 0);
    });
}
