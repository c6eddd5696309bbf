//! A slow storage that writes down what becomes of its sessions, in order, and what a reader may see of that.

use std::{
    cell::Cell,
    collections::HashMap,
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{AsyncWrite, FutureExt, future::poll_fn};
use sessile::{
    BoxFuture, Capabilities, Committed, Error, Revision, SessionId, SessionInfo, SessionReader,
    SessionStorage, SessionStorageMemory, SessionWriter, StagedWrite, WriteOptions,
};

thread_local! {
    static CALLER: Cell<Caller> = const { Cell::new(Caller { number: 0, before: 0, after: 0 }) };
}

/// On whose behalf the storage is called, and how often that steps aside before and after the work is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) number: usize,
    pub(crate) before: u8,
    pub(crate) after: u8,
}

impl Caller {
    /// From now on it is this one who calls.
    pub(crate) fn enter(self) {
        CALLER.set(self);
    }
}

async fn step_aside(times: u8) {
    for _ in 0..times {
        let mut asked = false;
        poll_fn(|task| {
            task.waker().wake_by_ref();
            if std::mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[derive(Clone)]
pub(crate) struct Logged {
    memory: Arc<SessionStorageMemory>,
    log: Arc<Mutex<Log>>,
    shared: bool,
}

#[derive(Default)]
struct Log {
    last: u64,
    sessions: HashMap<SessionId, Vec<State>>,
}

struct State {
    number: u64,
    /// Who made it.
    caller: usize,
    revision: Option<Revision>,
}

impl Logged {
    pub(crate) fn new(shared: bool) -> Self {
        Self { memory: Arc::default(), log: Arc::default(), shared }
    }

    pub(crate) fn memory(&self) -> &SessionStorageMemory {
        &self.memory
    }

    /// The first state since `floor` that is what a reader saw. `None`: it saw what was not, or no longer.
    pub(crate) fn seen(&self, id: &SessionId, floor: u64, revision: Option<&Revision>) -> Option<u64> {
        let log = self.lock();
        let states = log.sessions.get(id).into_iter().flatten();
        let mut later = states.filter(|state| state.number >= floor);
        if floor == 0 && revision.is_none() {
            return Some(0);
        }
        later.find(|state| state.revision.as_ref() == revision).map(|state| state.number)
    }

    /// What a caller has done to which sessions.
    pub(crate) fn done_by(&self, caller: usize) -> Vec<(SessionId, u64)> {
        let log = self.lock();
        let states = log.sessions.iter().flat_map(|(id, states)| states.iter().map(move |state| (id, state)));
        states
            .filter(|(_, state)| state.caller == caller)
            .map(|(id, state)| (id.clone(), state.number))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }

    /// The work and its number are one step.
    async fn call<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
        written: impl FnOnce(&mut Log, &T),
    ) -> Result<T, Error> {
        step_aside(CALLER.get().before).await;
        let done = {
            let mut log = self.lock();
            let done = work.now_or_never().unwrap();
            if let Ok(done) = &done {
                written(&mut log, done);
            }
            done
        };
        step_aside(CALLER.get().after).await;
        done
    }
}

impl Log {
    fn write(&mut self, id: &SessionId, revision: Option<Revision>) {
        self.last += 1;
        let state = State { number: self.last, caller: CALLER.get().number, revision };
        self.sessions.entry(id.clone()).or_default().push(state);
    }
}

impl fmt::Debug for Logged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Logged").finish_non_exhaustive()
    }
}

impl SessionStorage for Logged {
    fn capabilities(&self) -> Capabilities {
        Capabilities { shared: self.shared, ..self.memory.capabilities() }
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(self.call(self.memory.open(id), |_, _| {}))
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        Box::pin(self.call(self.memory.get(id), |_, _| {}))
    }

    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        Box::pin(self.call(self.memory.info(id), |_, _| {}))
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(async move {
            let writer = self.call(self.memory.begin(id, options), |_, _| {}).await?;
            Ok(SessionWriter::new(LoggedStage { storage: self.clone(), id: id.clone(), writer }))
        })
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        Box::pin(self.call(self.memory.set(id, content, options), |log, committed| {
            log.write(id, Some(committed.revision.clone()));
        }))
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.call(self.memory.touch(id), |_, _| {}))
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.call(self.memory.invalidate(id), |log, _| log.write(id, None)))
    }

    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(self.call(self.memory.invalidate_tagged(tag), |log, _| {
            let there = |id: &SessionId| self.memory.info(id).now_or_never().unwrap().unwrap().is_some();
            let was = |states: &[State]| states.last().is_some_and(|state| state.revision.is_some());
            let states = log.sessions.iter().filter(|(_, states)| was(states));
            let ended: Vec<_> = states.map(|(id, _)| id.clone()).filter(|id| !there(id)).collect();
            for id in ended {
                log.write(&id, None);
            }
        }))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.memory.close()
    }
}

struct LoggedStage {
    storage: Logged,
    id: SessionId,
    writer: SessionWriter,
}

impl AsyncWrite for LoggedStage {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(task)
    }

    fn poll_close(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_close(task)
    }
}

impl StagedWrite for LoggedStage {
    fn commit(self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        let Self { storage, id, writer } = *Pin::into_inner(self);
        Box::pin(async move {
            let written =
                |log: &mut Log, committed: &Committed| log.write(&id, Some(committed.revision.clone()));
            storage.call(writer.commit(), written).await
        })
    }
}

/// What readers have a right to see: nothing older than what has resolved, or has been seen, before they began.
#[derive(Default)]
pub(crate) struct Floors(Mutex<HashMap<SessionId, u64>>);

impl Floors {
    pub(crate) fn of(&self, id: &SessionId) -> u64 {
        self.0.lock().unwrap().get(id).copied().unwrap_or(0)
    }

    pub(crate) fn raise(&self, id: &SessionId, number: u64) {
        let mut floors = self.0.lock().unwrap();
        let floor = floors.entry(id.clone()).or_default();
        *floor = number.max(*floor);
    }
}
