//! A cluster whose masters' clocks differ: until when a write may be done is told by the clock of the one that does it.

use std::{
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use redis::{
    Arg, Cmd, ErrorKind as RedisErrorKind, Pipeline, RedisError, RedisFuture, Value, aio::ConnectionLike,
};
use sessile::{ErrorKind, RedisOptions, RedisStorage, SessionId, SessionStorage, WriteOptions};

use super::{Duration, fails, key_of, run};

const MINUTE: f64 = 60_000.0;

/// Two masters whose clocks are an hour apart.
#[derive(Clone, Default)]
struct TwoMasters(Arc<Mutex<Asked>>);

#[derive(Default)]
struct Asked {
    /// How often a master was asked for its time.
    times: u32,
    /// How many milliseconds were left for each change, by the clock of the master that got it.
    left: Vec<f64>,
    is_broken: bool,
}

fn id_of(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

/// By the clock of the master that has the key.
#[allow(clippy::cast_possible_truncation)] // of this century
fn time(key: &[u8]) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    if key == key_of("sessile:", &id_of("one")).as_bytes() { now } else { now - 3_600_000 }
}

impl TwoMasters {
    fn answer(&self, command: &Cmd) -> Result<Value, RedisError> {
        let mut asked = self.0.lock().unwrap();
        if asked.is_broken {
            return Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into());
        }
        let words: Vec<Vec<u8>> = command
            .args_iter()
            .map(|word| match word {
                Arg::Simple(word) => word.to_vec(),
                _ => Vec::new(),
            })
            .collect();
        let now = time(&words[3]);
        if words[0] == b"EVAL" {
            asked.times += 1;
            return Ok(Value::Int(now));
        }
        // A commit's request has the deadline in its second field, an invalidate has it as its last word.
        let is_end = words.len() == 8;
        let deadline = if is_end {
            String::from_utf8(words[7].clone()).unwrap().parse().unwrap()
        } else {
            f64::from_le_bytes(words[4][9..17].try_into().unwrap())
        };
        #[allow(clippy::cast_precision_loss)] // exact for times
        asked.left.push(deadline - now as f64);
        Ok(if is_end { Value::Int(1) } else { Value::Array(vec![Value::Int(now)]) })
    }

    fn break_off(&self, is_broken: bool) {
        self.0.lock().unwrap().is_broken = is_broken;
    }
}

impl ConnectionLike for TwoMasters {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move { self.answer(command) })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        _: &'a Pipeline,
        _: usize,
        _: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async { Err(RedisError::from((RedisErrorKind::Client, "no pipelines"))) })
    }

    fn get_db(&self) -> i64 {
        0
    }
}

#[test]
fn c4_nothing_gets_its_deadline_by_another_masters_clock() {
    run(async {
        let masters = TwoMasters::default();
        let minute = RedisOptions::new().timeout(Duration::from_secs(60));
        let storage = RedisStorage::in_cluster(masters.clone(), minute).unwrap();
        for _ in 0..2 {
            for id in ["one", "other"].map(id_of) {
                storage.set(&id, "content".into(), WriteOptions::new()).await.unwrap();
                assert!(storage.invalidate(&id).await.unwrap());
            }
        }
        let asked = masters.0.lock().unwrap();
        assert_eq!((asked.times, asked.left.len()), (2, 8));
        // But for what two clocks of one machine differ.
        assert!(
            asked.left.iter().all(|left| (MINUTE / 2.0..MINUTE + 1_000.0).contains(left)),
            "{:?}",
            asked.left
        );
    });
}

#[test]
fn c4_once_a_connection_broke_the_time_is_asked_for_again() {
    run(async {
        let masters = TwoMasters::default();
        let short = RedisOptions::new().timeout(Duration::from_millis(100));
        let storage = RedisStorage::in_cluster(masters.clone(), short).unwrap();
        let id = id_of("one");
        let set = || storage.set(&id, "content".into(), WriteOptions::new());
        set().await.unwrap();
        masters.break_off(true);
        fails(set(), ErrorKind::Storage).await;
        masters.break_off(false);
        set().await.unwrap();
        assert_eq!(masters.0.lock().unwrap().times, 2);
    });
}
