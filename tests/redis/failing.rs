//! Servers that are down, full, read-only, half dead or gone in the middle, and connections that break: a typed error within the
//! caller's timeout, and the next call works when the server does.

use futures::{AsyncWriteExt, future::join_all};
use redis::Client;
use sessile::{
    Error, ErrorKind, RedisOptions, RedisStorage, SessionId, SessionStorage, SessionStorageExt, Tags,
    WriteOptions,
};

use super::{
    CONTENT, Duration, Server, TIMEOUT, connect, fails, get, id, impatient, key_of, large,
    proxy::Proxy,
    read, refused, run,
    servers::{free_port, until},
    set, works,
};

fn tagged(tag: &str) -> WriteOptions {
    WriteOptions::new().tags(Tags::new([tag]).unwrap())
}

#[test]
fn a_server_that_is_down_at_the_start() {
    let port = free_port();
    let storage = impatient(Client::open(format!("redis://127.0.0.1:{port}")).unwrap());
    let own = storage.clone();
    run(async move {
        let id = id();
        let write = own.write(&id, WriteOptions::new(), async |_| Ok::<_, Error>(()));
        futures::join!(
            fails(get(&own), ErrorKind::Storage),
            fails(set(&own, CONTENT), ErrorKind::Storage),
            fails(set(&own, large()), ErrorKind::Storage),
            fails(async { write.await.map_err(Error::from) }, ErrorKind::Storage),
            fails(read(&own), ErrorKind::Storage),
            fails(own.info(&id), ErrorKind::Storage),
            fails(own.touch(&id), ErrorKind::Storage),
            fails(own.invalidate(&id), ErrorKind::Storage),
            fails(own.list_tagged("tag"), ErrorKind::Storage),
            fails(own.invalidate_tagged("tag"), ErrorKind::Storage),
        );
    });
    let _server = Server::start_on(port, &[]);
    run(async move {
        works(&storage).await;
        assert_eq!(get(&storage).await.unwrap(), None, "what was written while it was down");
    });
}

#[test]
fn a_server_that_dies_and_comes_back() {
    let mut server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let storage = impatient(server.client());
    let own = storage.clone();
    run(async move { set(&own, CONTENT).await.unwrap() });
    server.kill();
    let own = storage.clone();
    run(async move {
        fails(get(&own), ErrorKind::Storage).await;
        fails(set(&own, "changed"), ErrorKind::Storage).await;
    });
    server.start_again();
    run(async move {
        works(&storage).await;
        // It is another process, which has not seen the scripts.
        assert_eq!(get(&storage).await.unwrap().unwrap(), CONTENT);
        assert!(storage.invalidate(&id()).await.unwrap());
    });
}

/// A connection that does not come back: the call fails in its time, and says what to look at.
#[test]
fn a_connection_that_stays_broken() {
    let server = Server::start(&[]);
    run(async move {
        let connection = connect(&server.client()).await;
        let storage = RedisStorage::new(connection, RedisOptions::new().timeout(TIMEOUT)).unwrap();
        set(&storage, CONTENT).await.unwrap();
        server.ask::<()>(&["CLIENT", "KILL", "TYPE", "normal"]);
        let error = fails(get(&storage), ErrorKind::Storage).await;
        assert!(error.to_string().contains("broke"), "{error}");
    });
}

#[test]
fn a_server_that_stands_still() {
    let server = Server::start(&[]);
    let storage = impatient(server.client());
    run(async move {
        set(&storage, CONTENT).await.unwrap();
        server.signal("STOP");
        fails(get(&storage), ErrorKind::Storage).await;
        let late = fails(set(&storage, "late"), ErrorKind::Storage).await;
        assert!(late.to_string().contains("not known"), "{late}");
        fails(storage.begin(&id(), WriteOptions::new()), ErrorKind::Storage).await;
        server.signal("CONT");
        works(&storage).await;
        // A write that comes too late is not done.
        assert_eq!(get(&storage).await.unwrap().unwrap(), CONTENT);
    });
}

#[test]
fn a_server_that_takes_no_writes_for_a_while() {
    let server = Server::start(&[]);
    let (storage, reading) = (impatient(server.client()), impatient(server.client()));
    run(async move {
        set(&storage, CONTENT).await.unwrap();
        server.ask::<()>(&["CLIENT", "PAUSE", "60000", "WRITE"]);
        // More than one, which share a timer.
        let late = (0..5).map(|_| fails(set(&storage, "late"), ErrorKind::Storage));
        join_all(late).await;
        assert_eq!(get(&reading).await.unwrap().unwrap(), CONTENT);
        server.ask::<()>(&["CLIENT", "UNPAUSE"]);
        works(&storage).await;
        assert_eq!(get(&storage).await.unwrap().unwrap(), CONTENT);
    });
}

#[test]
fn a_server_that_is_full() {
    let server = Server::start(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]);
    let storage = impatient(server.client());
    run(async move {
        storage.set(&id(), CONTENT.into(), tagged("ada")).await.unwrap();
        let filler = |number: usize| SessionId::new(format!("filler {number}")).unwrap();
        let mut refusal = None;
        for number in 0..400 {
            let content = "x".repeat(60_000).into();
            if let Err(error) = storage.set(&filler(number), content, WriteOptions::new()).await {
                refusal = Some(error);
                break;
            }
        }
        refused(refusal.map_or(Ok(()), Err), ErrorKind::Quota);
        let other = SessionId::new("other").unwrap();
        fails(storage.set(&other, large(), WriteOptions::new()), ErrorKind::Quota).await;
        fails(storage.set(&other, "x".repeat(60_000).into(), tagged("bob")), ErrorKind::Quota).await;
        assert_eq!(get(&storage).await.unwrap().unwrap(), CONTENT);
        assert!(storage.invalidate(&id()).await.unwrap());
        assert_eq!(get(&storage).await.unwrap(), None, "a logout counts where the memory is full");
        for number in 0..10 {
            storage.invalidate(&filler(number)).await.unwrap();
        }
        works(&storage).await;
    });
}

#[test]
fn c4_a_logout_on_a_full_server_ends_the_writes_that_began_before_it() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let storage = impatient(server.client());
    run(async move {
        let missing = SessionId::new("missing").unwrap();
        set(&storage, CONTENT).await.unwrap();
        let writes = [
            (id(), storage.begin(&id(), WriteOptions::new()).await.unwrap()),
            (missing.clone(), storage.begin(&missing, WriteOptions::new()).await.unwrap()),
        ];
        server.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
        fails(set(&storage, CONTENT), ErrorKind::Quota).await;
        assert!(storage.invalidate(&id()).await.unwrap());
        assert!(!storage.invalidate(&missing).await.unwrap());
        server.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
        for (id, writer) in writes {
            refused(writer.commit().await, ErrorKind::Conflict);
            assert!(storage.get(&id).await.unwrap().is_none());
        }
    });
}

#[test]
fn a_replica_which_takes_no_writes() {
    let server = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let storage = impatient(server.client());
    let replica = Server::start(&["--replicaof", &format!("127.0.0.1 {}", server.port)]);
    run(async move {
        let idle = WriteOptions::new().idle_timeout(Duration::from_secs(3_600));
        storage.set(&id(), CONTENT.into(), idle).await.unwrap();
        until("the replica follows", || {
            let info: String = replica.ask(&["INFO", "replication"]);
            info.contains("master_link_status:up") && replica.ask::<u64>(&["DBSIZE"]) == 1
        });
        let there = impatient(replica.client());
        assert_eq!(get(&there).await.unwrap().unwrap(), CONTENT);
        for error in [
            fails(set(&there, "changed"), ErrorKind::Storage).await,
            fails(there.touch(&id()), ErrorKind::Storage).await,
            fails(there.invalidate(&id()), ErrorKind::Storage).await,
        ] {
            assert!(error.to_string().contains("replica"), "{error}");
        }
        replica.ask::<()>(&["REPLICAOF", "NO", "ONE"]);
        works(&there).await;
    });
}

#[test]
fn another_programs_value_under_a_sessions_key() {
    let server = Server::start(&[]);
    let storage = impatient(server.client());
    run(async move {
        let key = key_of("sessile:", &id());
        let index = super::index_of("sessile:", "ada");
        server.ask::<()>(&["LPUSH", &key, "a value"]);
        server.ask::<()>(&["ZADD", &index, "1", &super::name_of(&id())]);
        let other = SessionId::new("other").unwrap();
        storage.set(&other, "other".into(), tagged("ada")).await.unwrap();
        fails(get(&storage), ErrorKind::Corrupt).await;
        fails(read(&storage), ErrorKind::Corrupt).await;
        fails(storage.info(&id()), ErrorKind::Corrupt).await;
        fails(set(&storage, CONTENT), ErrorKind::Corrupt).await;
        fails(set(&storage, large()), ErrorKind::Corrupt).await;
        fails(storage.begin(&id(), WriteOptions::new()), ErrorKind::Corrupt).await;
        fails(storage.touch(&id()), ErrorKind::Corrupt).await;
        fails(storage.invalidate(&id()), ErrorKind::Corrupt).await;
        assert_eq!(storage.list_tagged("ada").await.unwrap().len(), 1);
        server.ask::<()>(&["ZADD", &index, "1", &super::name_of(&id())]);
        assert_eq!(storage.invalidate_tagged("ada").await.unwrap(), 1);
        assert_eq!(server.ask::<u64>(&["LLEN", &key]), 1, "the value is as it was");
        // A text can be replaced: it is as good as a damaged record.
        server.ask::<()>(&["DEL", &key]);
        server.ask::<()>(&["SET", &key, "a value"]);
        fails(get(&storage), ErrorKind::Corrupt).await;
        set(&storage, CONTENT).await.unwrap();
        assert_eq!(get(&storage).await.unwrap().unwrap(), CONTENT);
        // So is one in the place of an index.
        server.ask::<()>(&["SET", &index, "a value"]);
        fails(storage.list_tagged("ada"), ErrorKind::Corrupt).await;
        works(&storage).await;
    });
}

#[test]
fn a_connection_that_stalls() {
    let server = Server::start(&[]);
    let proxy = Proxy::to(server.port);
    let (through, direct) = (impatient(proxy.client()), impatient(server.client()));
    run(async move {
        set(&through, CONTENT).await.unwrap();
        proxy.stall();
        fails(get(&through), ErrorKind::Storage).await;
        fails(set(&through, "stalled"), ErrorKind::Storage).await;
        fails(through.begin(&id(), WriteOptions::new()), ErrorKind::Storage).await;
        assert!(direct.invalidate(&id()).await.unwrap());
        proxy.go_on();
        works(&through).await;
        assert_eq!(get(&direct).await.unwrap(), None, "a write that arrives late undid a logout");
    });
}

#[test]
fn c9_a_logout_that_arrives_late_ends_nothing_newer() {
    let server = Server::start(&[]);
    let proxy = Proxy::to(server.port);
    let (through, direct) = (impatient(proxy.client()), impatient(server.client()));
    run(async move {
        through.set(&id(), "before".into(), tagged("ada")).await.unwrap();
        // The server knows the script.
        through.invalidate(&SessionId::new("other").unwrap()).await.unwrap();
        proxy.stall();
        fails(through.invalidate(&id()), ErrorKind::Storage).await;
        fails(through.invalidate_tagged("ada"), ErrorKind::Storage).await;
        set(&direct, CONTENT).await.unwrap();
        proxy.go_on();
        works(&through).await;
        assert_eq!(get(&direct).await.unwrap().unwrap(), CONTENT);
        assert!(through.invalidate(&id()).await.unwrap());
        assert_eq!(get(&direct).await.unwrap(), None);
    });
}

#[test]
fn a_connection_that_is_cut() {
    let server = Server::start(&[]);
    let proxy = Proxy::to(server.port);
    let through = impatient(proxy.client());
    run(async move {
        set(&through, CONTENT).await.unwrap();
        for _ in 0..5 {
            proxy.cut();
            works(&through).await;
        }
        let mut writer = through.begin(&id(), WriteOptions::new()).await.unwrap();
        for piece in large().chunks(200_000) {
            writer.write_all(piece).await.unwrap();
            proxy.cut();
        }
        writer.commit().await.unwrap();
        assert_eq!(read(&through).await.unwrap(), large());
    });
}
