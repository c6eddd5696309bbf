//! Commands over a connection of the user's, each of which is answered or fails within a time.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::future::{Either, select};
use futures_timer::Delay;
use redis::{Cmd, RedisError, RedisResult, Value, aio::ConnectionLike};

use super::{
    deadlines::Deadlines,
    failure::{failure, is_unknown_script, may_pass, no_answer, unexpected},
    scripts::{Script, TIME},
    slot::slot_of,
};
use crate::{error::Error, maybe_send::BoxFuture};

/// How long to wait before a command is sent for the third time, and from then on.
const PAUSE: Duration = Duration::from_millis(20);
/// A server's clock and ours may drift apart: after this long it is asked again.
const TRUSTED: Duration = Duration::from_secs(600);

/// Whatever kind of connection it is.
trait Link: Send + Sync {
    fn send(&self, command: Arc<Cmd>) -> BoxFuture<'static, RedisResult<Value>>;
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Link for C {
    fn send(&self, command: Arc<Cmd>) -> BoxFuture<'static, RedisResult<Value>> {
        let mut connection = self.clone();
        Box::pin(async move { connection.req_packed_command(&command).await?.extract_error() })
    }
}

pub(super) struct Connection {
    link: Box<dyn Link>,
    timeout: Duration,
    deadlines: Deadlines,
    is_cluster: bool,
    /// What was told of the servers' clocks: for each slot of a cluster, since a connection does not say which server has it.
    clocks: Mutex<HashMap<u16, ServerTime>>,
}

/// What a reply told of the server's time, in milliseconds, and when it came.
#[derive(Clone, Copy)]
struct ServerTime {
    at: Instant,
    millis: f64,
}

/// How a command failed.
enum Trouble {
    /// Its time was over.
    NoAnswer,
    Failed(RedisError),
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NoAnswer => no_answer(),
            Trouble::Failed(error) => failure(&error),
        }
    }
}

impl Connection {
    pub(super) fn new(
        connection: impl ConnectionLike + Clone + Send + Sync + 'static,
        timeout: Duration,
        is_cluster: bool,
    ) -> Self {
        Self {
            link: Box::new(connection),
            timeout,
            deadlines: Deadlines::new(timeout),
            is_cluster,
            clocks: Mutex::default(),
        }
    }

    /// When a command that begins now must have ended.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// One command. Where the connection broke it is sent again until its time is over: it must be one that may be done twice.
    pub(super) async fn command(&self, command: Cmd, until: Instant) -> Result<Value, Error> {
        Ok(self.send(command, until).await?)
    }

    /// The same, for a command whose answer is bytes or nothing.
    pub(super) async fn bytes(&self, command: Cmd) -> Result<Option<Bytes>, Error> {
        match self.command(command, self.deadline()).await? {
            Value::BulkString(bytes) => Ok(Some(bytes.into())),
            Value::Nil => Ok(None),
            _ => Err(unexpected()),
        }
    }

    /// Runs a script by its name; a server that does not know it yet is told. The first key says where.
    pub(super) async fn run(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
        until: Instant,
    ) -> Result<Value, Error> {
        match self.send(call("EVALSHA", &script.sha, keys, arguments), until).await {
            Err(Trouble::Failed(error)) if is_unknown_script(&error) => {
                self.command(call("EVAL", script.source, keys, arguments), until).await
            }
            done => Ok(done?),
        }
    }

    /// The same, where the answer is a number.
    pub(super) async fn number(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
        until: Instant,
    ) -> Result<i64, Error> {
        number(&self.run(script, keys, arguments, until).await?)
    }

    /// The time of the server that has this key, in milliseconds, at which `until` has not come here yet. What is estimated is never later than the
    /// truth, but for how much two clocks differ over ten minutes. A server whose time is not known is asked first.
    pub(super) async fn deadline_there(&self, until: Instant, key: &str) -> Result<f64, Error> {
        let known = self.clocks().get(&self.clock_of(key)).copied();
        if let Some(known) = known.filter(|known| known.at.elapsed() < TRUSTED) {
            return Ok(known.millis + millis_between(known.at, until));
        }
        let millis = self.server_time(key, until).await?;
        Ok(millis + millis_between(Instant::now(), until))
    }

    /// The time of the server that has this key, in milliseconds.
    pub(super) async fn server_time(&self, key: &str, until: Instant) -> Result<f64, Error> {
        let time = self.command(call("EVAL", TIME, &[key], &[]), until).await?;
        let millis = to_double(number(&time)?);
        self.learn(millis, key);
        Ok(millis)
    }

    /// A reply that has just come told the time of the server that has this key.
    pub(super) fn learn(&self, millis: f64, key: &str) {
        self.clocks().insert(self.clock_of(key), ServerTime { at: Instant::now(), millis });
    }

    fn clock_of(&self, key: &str) -> u16 {
        if self.is_cluster { slot_of(key) } else { 0 }
    }

    fn clocks(&self) -> MutexGuard<'_, HashMap<u16, ServerTime>> {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is given up when its time is over, whatever commands it has sent.
    pub(super) async fn within(&self, until: Instant, work: impl Future<Output = ()> + Send) {
        select(pin!(work), self.deadlines.at(until)).await;
    }

    async fn send(&self, command: Cmd, until: Instant) -> Result<Value, Trouble> {
        let command = Arc::new(command);
        let mut failed = None;
        for attempt in 0.. {
            let over = self.deadlines.at(until);
            match select(self.link.send(Arc::clone(&command)), over).await {
                Either::Left((Ok(reply), _)) => return Ok(reply),
                Either::Left((Err(error), _)) if !may_pass(&error) => return Err(Trouble::Failed(error)),
                Either::Left((Err(error), _)) => failed = Some(error),
                Either::Right(_) => {
                    self.clocks().clear();
                    break;
                }
            }
            // Another server may take over, whose clock nobody here knows.
            self.clocks().clear();
            if attempt > 0 {
                // Some connections refuse at once until they are there again.
                Delay::new(PAUSE).await;
            }
            if Instant::now() >= until {
                break;
            }
        }
        Err(failed.map_or(Trouble::NoAnswer, Trouble::Failed))
    }
}

/// A script with its keys and arguments.
fn call(how: &str, script: &str, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
    let lengths = keys.iter().map(|key| key.len()).chain(arguments.iter().map(|bytes| bytes.len()));
    let count = 3 + keys.len() + arguments.len();
    let mut command = Cmd::with_capacity(count, script.len() + 16 + lengths.sum::<usize>());
    command.arg(how).arg(script).arg(keys.len());
    for key in keys {
        command.arg(*key);
    }
    for argument in arguments {
        command.arg(*argument);
    }
    command
}

pub(super) fn number(reply: &Value) -> Result<i64, Error> {
    match reply {
        Value::Int(number) => Ok(*number),
        _ => Err(unexpected()),
    }
}

/// A time of a server's.
#[allow(clippy::cast_precision_loss)] // exact for longer than there are servers
pub(super) fn to_double(millis: i64) -> f64 {
    millis as f64
}

/// Less than nothing where `until` comes first.
fn millis_between(from: Instant, until: Instant) -> f64 {
    let millis = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    match until.checked_duration_since(from) {
        Some(left) => millis(left),
        None => -millis(from.duration_since(until)),
    }
}
