//! Connections that tell something else than the server does.

use redis::{
    Arg, Cmd, Pipeline, RedisFuture, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use sessile::{ErrorKind, RedisOptions, RedisStorage, SessionStorage, WriteOptions};

use super::{
    CONTENT, Duration, SERVER, TIMEOUT, connect, fails, get, id, large, open, read, refused, run, set,
};

/// Changes replies on their way.
#[derive(Clone)]
struct Strange {
    connection: MultiplexedConnection,
    change: fn(command: &[u8], reply: Value) -> Value,
}

impl ConnectionLike for Strange {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let name = match command.args_iter().next() {
                Some(Arg::Simple(name)) => name.to_owned(),
                _ => Vec::new(),
            };
            let reply = self.connection.req_packed_command(command).await?;
            Ok((self.change)(&name, reply))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.connection.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        0
    }
}

async fn strange(prefix: &'static str, change: fn(&[u8], Value) -> Value) -> RedisStorage {
    let connection = Strange { connection: connect(&SERVER.client()).await, change };
    RedisStorage::new(connection, RedisOptions::new().prefix(prefix).timeout(TIMEOUT)).unwrap()
}

/// What is asked for by itself, and what a refusal tells.
fn an_hour_ago(_: &[u8], reply: Value) -> Value {
    let ago = |time: i64| Value::Int(time - 3_600_000);
    match reply {
        Value::Int(time) if time > 1_000_000 => ago(time),
        Value::Array(mut answers) => {
            match &mut answers[..] {
                [Value::Int(time), Value::BulkString(_)] => answers[0] = ago(*time),
                [Value::Array(words)] => {
                    if let [_, Value::Int(time)] = &mut words[..] {
                        words[1] = ago(*time);
                    }
                }
                _ => {}
            }
            Value::Array(answers)
        }
        other => other,
    }
}

#[test]
fn c5_a_clock_that_was_mistaken_is_set_by_the_first_answer() {
    run(async {
        // As after a failover to a server whose clock is ahead: what is known is an hour behind.
        let mistaken = strange("mistaken:", |_, reply| match reply {
            Value::Int(_) => an_hour_ago(b"", reply),
            other => other,
        });
        let mistaken = mistaken.await;
        set(&mistaken, CONTENT).await.unwrap();
        set(&mistaken, large()).await.unwrap();
        assert_eq!(get(&mistaken).await.unwrap().unwrap(), large());
    });
}

#[test]
fn c5_a_write_that_comes_too_late_is_not_done() {
    run(async {
        let (late, direct) = (strange("late-write:", an_hour_ago).await, open("late-write:").await);
        set(&direct, "before").await.unwrap();
        for content in [CONTENT.into(), large()] {
            let error = fails(set(&late, content), ErrorKind::Storage).await;
            assert!(error.to_string().contains("too late"), "{error}");
        }
        assert_eq!(get(&direct).await.unwrap().unwrap(), "before");
    });
}

/// As in a machine that was suspended: by its own clock no time has passed.
#[test]
fn c4_a_write_that_began_more_than_an_hour_ago_by_the_servers_clock_is_not_done() {
    run(async {
        let suspended = strange("suspended:", |_, reply| match reply {
            Value::Array(mut answers) if matches!(answers[..], [Value::Int(_), Value::BulkString(_)]) => {
                let Value::Int(time) = answers[0] else { unreachable!() };
                answers[0] = Value::Int(time - 3_600_001);
                Value::Array(answers)
            }
            other => other,
        });
        let suspended = suspended.await;
        set(&suspended, CONTENT).await.unwrap();
        let error = fails(set(&suspended, large()), ErrorKind::Storage).await;
        assert!(error.to_string().contains("an hour"), "{error}");
        assert_eq!(get(&suspended).await.unwrap().unwrap(), CONTENT);
    });
}

#[test]
fn c11_answers_that_no_command_has_are_refused() {
    let changes: [fn(&[u8], Value) -> Value; 6] = [
        |_, _| Value::Okay,
        |_, _| Value::Array(Vec::new()),
        |_, _| Value::Array(vec![Value::Array(Vec::new())]),
        |_, _| Value::Array(vec![Value::Nil, Value::Nil]),
        |_, _| Value::Array(vec![Value::BulkString(vec![0xff]), Value::Array(vec![Value::Nil])]),
        |_, _| Value::Double(f64::NAN),
    ];
    run(async move {
        for change in changes {
            let storage = strange("unexpected:", change).await;
            refused(get(&storage).await, ErrorKind::Storage);
            refused(read(&storage).await, ErrorKind::Storage);
            refused(set(&storage, CONTENT).await, ErrorKind::Storage);
            refused(set(&storage, large()).await, ErrorKind::Storage);
            refused(storage.begin(&id(), WriteOptions::new()).await, ErrorKind::Storage);
            refused(storage.touch(&id()).await, ErrorKind::Storage);
            refused(storage.invalidate(&id()).await, ErrorKind::Storage);
            refused(storage.list_tagged("ada").await, ErrorKind::Storage);
            refused(storage.invalidate_tagged("ada").await, ErrorKind::Storage);
            storage.sweep().await.unwrap();
        }
    });
}

/// The connection's own time for a response is shorter than the storage's: the command is sent again within that.
#[test]
fn a_connection_with_less_patience_than_the_storage() {
    run(async {
        let config =
            redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_millis(30)));
        let server = super::Server::start(&[]);
        let client = server.client();
        let connection = client.get_multiplexed_async_connection_with_config(&config).await.unwrap();
        let options = RedisOptions::new().timeout(Duration::from_secs(60));
        let storage = RedisStorage::new(connection, options).unwrap();
        set(&storage, "0").await.unwrap();
        server.ask::<()>(&["CLIENT", "PAUSE", "200", "WRITE"]);
        let revision = storage.set(&id(), "1".into(), WriteOptions::new()).await.unwrap().revision;
        assert_eq!(storage.info(&id()).await.unwrap().unwrap().revision, revision);
    });
}
