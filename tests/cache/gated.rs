//! A storage in memory that counts its calls, holds them where a test says, and fails or forgets as it says.

use std::{
    collections::{HashMap, VecDeque},
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures::{AsyncRead, AsyncWrite, future::poll_fn};
use sessile::{
    BoxFuture, Capabilities, Committed, Error, ManualClock, MemoryOptions, SessionId, SessionInfo,
    SessionReader, SessionStorage, SessionStorageMemory, SessionWriter, StagedWrite, StorageStats,
    WriteOptions,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Open,
    Get,
    Info,
    Begin,
    Commit,
    Set,
    Touch,
    Invalidate,
    ListTagged,
    InvalidateTagged,
    Sweep,
    Stats,
    Close,
}

/// Where a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// Nothing is done yet.
    Begin,
    /// All is done, and not yet answered.
    End,
}

/// The delegate; its clones are the same storage.
#[derive(Clone)]
pub(crate) struct Gated {
    memory: Arc<SessionStorageMemory>,
    clock: Arc<ManualClock>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    counts: HashMap<Call, u64>,
    gates: HashMap<(Call, At), VecDeque<Gate>>,
    failures: HashMap<Call, VecDeque<Error>>,
    traits: Traits,
}

/// What other storages do differently.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools)] // each is an independent fact
pub(crate) struct Traits {
    pub(crate) shared: bool,
    /// Others may write without its knowing.
    pub(crate) unconditional: bool,
    /// Touches are answered, and no activity.
    pub(crate) ignores_touches: bool,
    /// Readers do not tell how long the content is.
    pub(crate) no_length: bool,
    /// Commits tell nothing but the revision.
    pub(crate) no_info: bool,
    /// Readers say that a content is of this length, whatever it is.
    pub(crate) claims: Option<u64>,
}

impl Gated {
    pub(crate) fn new() -> Self {
        Self::with(MemoryOptions::new(), Traits::default())
    }

    pub(crate) fn with(options: MemoryOptions, traits: Traits) -> Self {
        let clock = Arc::new(ManualClock::default());
        let memory = SessionStorageMemory::with_options(options.clock(Arc::clone(&clock))).unwrap();
        let plan = Plan { traits, ..Plan::default() };
        Self { memory: Arc::new(memory), clock, plan: Arc::new(Mutex::new(plan)) }
    }

    /// What is there, past all gates and counts.
    pub(crate) fn memory(&self) -> &SessionStorageMemory {
        &self.memory
    }

    pub(crate) fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// How often a call was made.
    pub(crate) fn count(&self, call: Call) -> u64 {
        self.plan().counts.get(&call).copied().unwrap_or(0)
    }

    /// How often it was read.
    pub(crate) fn reads(&self) -> u64 {
        self.count(Call::Get) + self.count(Call::Open)
    }

    /// The next such call stops there until it is let go.
    pub(crate) fn hold(&self, call: Call, at: At) -> Gate {
        let gate = Gate::default();
        self.plan().gates.entry((call, at)).or_default().push_back(gate.clone());
        gate
    }

    /// The next such call fails.
    pub(crate) fn fail(&self, call: Call, error: Error) {
        self.plan().failures.entry(call).or_default().push_back(error);
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }

    fn traits(&self) -> Traits {
        self.plan().traits
    }

    async fn call<T>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        *self.plan().counts.entry(call).or_default() += 1;
        self.pass(call, At::Begin).await;
        let failure = self.plan().failures.get_mut(&call).and_then(VecDeque::pop_front);
        let result = match failure {
            Some(error) => Err(error),
            None => work.await,
        };
        self.pass(call, At::End).await;
        result
    }

    async fn pass(&self, call: Call, at: At) {
        let gate = self.plan().gates.get_mut(&(call, at)).and_then(VecDeque::pop_front);
        if let Some(gate) = gate {
            gate.reach();
            poll_fn(|task| gate.poll(task)).await;
        }
    }

    fn told(&self, mut info: SessionInfo) -> SessionInfo {
        let traits = self.traits();
        info.byte_length = traits.claims.or(info.byte_length.filter(|_| !traits.no_length));
        info
    }

    fn committed(&self, mut committed: Committed) -> Committed {
        committed.info = committed.info.filter(|_| !self.traits().no_info);
        committed
    }
}

impl fmt::Debug for Gated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Gated").finish_non_exhaustive()
    }
}

/// Where a call waits.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<Latch>>);

#[derive(Default)]
struct Latch {
    reached: bool,
    open: bool,
    waker: Option<Waker>,
}

impl Gate {
    /// Whether a call has come to it.
    pub(crate) fn is_reached(&self) -> bool {
        self.0.lock().unwrap().reached
    }

    /// Lets the call go on. It must have come here.
    #[track_caller]
    pub(crate) fn let_go(&self) {
        let waker = {
            let mut latch = self.0.lock().unwrap();
            assert!(latch.reached, "the call has not come to its gate");
            latch.open = true;
            latch.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn reach(&self) {
        self.0.lock().unwrap().reached = true;
    }

    fn poll(&self, task: &mut Context<'_>) -> Poll<()> {
        let mut latch = self.0.lock().unwrap();
        if latch.open {
            return Poll::Ready(());
        }
        latch.waker = Some(task.waker().clone());
        Poll::Pending
    }
}

impl SessionStorage for Gated {
    fn capabilities(&self) -> Capabilities {
        let Traits { shared, unconditional, .. } = self.traits();
        Capabilities { shared, conditional: !unconditional, ..self.memory.capabilities() }
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(async move {
            let reader = self.call(Call::Open, self.memory.open(id)).await?;
            Ok(reader.map(|reader| SessionReader::new(self.told(reader.info().clone()), Pieces(reader))))
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(async move {
            let writer = self.call(Call::Begin, self.memory.begin(id, options)).await?;
            Ok(SessionWriter::new(GatedStage { storage: self.clone(), writer }))
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.call(Call::Touch, async {
            if self.traits().ignores_touches {
                return Ok(self.memory.info(id).await?.is_some());
            }
            self.memory.touch(id).await
        }))
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(self.call(Call::Invalidate, self.memory.invalidate(id)))
    }

    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        Box::pin(self.call(Call::Info, self.memory.info(id)))
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        Box::pin(self.call(Call::Get, self.memory.get(id)))
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        Box::pin(async move {
            let committed = self.call(Call::Set, self.memory.set(id, content, options)).await?;
            Ok(self.committed(committed))
        })
    }

    fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        Box::pin(self.call(Call::ListTagged, self.memory.list_tagged(tag)))
    }

    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(self.call(Call::InvalidateTagged, self.memory.invalidate_tagged(tag)))
    }

    fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(self.call(Call::Sweep, self.memory.sweep()))
    }

    fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
        Box::pin(self.call(Call::Stats, self.memory.stats()))
    }

    /// Counted only: what comes after a close, the cache itself must refuse.
    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.call(Call::Close, async { Ok(()) }))
    }
}

struct GatedStage {
    storage: Gated,
    writer: SessionWriter,
}

impl AsyncWrite for GatedStage {
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

impl StagedWrite for GatedStage {
    fn commit(self: Pin<Box<Self>>) -> BoxFuture<'static, Result<Committed, Error>> {
        let Self { storage, writer } = *Pin::into_inner(self);
        Box::pin(async move {
            let committed = storage.call(Call::Commit, writer.commit()).await?;
            Ok(storage.committed(committed))
        })
    }
}

/// A reader that gives no more than a few bytes at once.
struct Pieces(SessionReader);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let most = buffer.len().min(7);
        Pin::new(&mut self.0).poll_read(task, &mut buffer[..most])
    }
}
