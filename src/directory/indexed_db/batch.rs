//! Calls of one turn share a transaction: that, and not the bytes, is what IndexedDB makes expensive.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use bytes::Bytes;
use futures::channel::oneshot::{Receiver, Sender, channel};
use wasm_bindgen_futures::spawn_local;
use web_sys::IdbObjectStore;

use super::{
    connection::{CHUNKS, Connection, DAMAGED, Open, RECORDS, STAGES, TAGS},
    fetch::fetch,
    sys::{Failed, Transaction},
};
use crate::{error::Error, key::Key, record::Lineage};

/// So many changes in a row are given all stores after one that needed more than the records.
const WIDE: u32 = 64;

/// Why a call got no turn.
#[derive(Debug, Clone)]
pub(super) enum Refused {
    /// The database could not be opened.
    Opening(Rc<Error>),
    /// The transaction failed; nothing has changed.
    Failed(Failed),
}

impl From<Failed> for Refused {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Opening(error) => error.duplicate(),
            Refused::Failed(failed) => failed.into(),
        }
    }
}

/// Those who wait for the turn's end, by key.
type Seats<T> = BTreeMap<String, VecDeque<Sender<Result<T, Refused>>>>;

/// The changes of a turn.
#[derive(Default)]
struct Changes {
    seats: Seats<Grant>,
    /// Whether one of them needs more than the records.
    is_wide: bool,
    is_full: bool,
}

/// How a change is made.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // none of them says anything of the others
pub(super) struct Manner {
    /// In a transaction of its own.
    pub(super) is_alone: bool,
    /// With all stores at hand, in place of the records alone.
    pub(super) is_wide: bool,
    /// Where there is no room: what goes, goes at once.
    pub(super) is_full: bool,
    /// What was there when it was tried before, in another manner.
    pub(super) before: Option<Lineage>,
}

/// Gathers the calls of a turn.
pub(super) struct Batches {
    connection: Rc<Connection>,
    strict: bool,
    looks: RefCell<Seats<Option<Bytes>>>,
    changes: RefCell<Changes>,
    wide: Cell<u32>,
}

impl Batches {
    pub(super) fn new(connection: Rc<Connection>, strict: bool) -> Rc<Self> {
        Rc::new(Self {
            connection,
            strict,
            looks: RefCell::default(),
            changes: RefCell::default(),
            wide: Cell::new(0),
        })
    }

    /// The value under a key, read together with others of this turn.
    pub(super) fn look(self: &Rc<Self>, key: String) -> Receiver<Result<Option<Bytes>, Refused>> {
        let (seat, answer) = channel();
        if take_seat(&mut self.looks.borrow_mut(), key, seat) {
            let this = Rc::clone(self);
            spawn_local(async move {
                let seats = this.looks.take();
                this.run_looks(seats).await;
            });
        }
        answer
    }

    /// The right to change what is under a key, within a transaction that others of this turn share, or alone.
    pub(super) fn change(self: &Rc<Self>, key: &Key, manner: &Manner) -> Receiver<Result<Grant, Refused>> {
        let (seat, answer) = channel();
        let mut own = Changes::default();
        let is_first = {
            let mut changes = self.changes.borrow_mut();
            let changes = if manner.is_alone { &mut own } else { &mut *changes };
            changes.is_wide |= manner.is_wide;
            changes.is_full |= manner.is_full;
            take_seat(&mut changes.seats, key.hex(), seat)
        };
        if is_first {
            let (this, is_alone) = (Rc::clone(self), manner.is_alone);
            spawn_local(async move {
                let changes = if is_alone { own } else { this.changes.take() };
                this.run_changes(changes).await;
            });
        }
        answer
    }

    /// Takes note that the records alone do not do.
    pub(super) fn widen(&self) {
        self.wide.set(WIDE);
    }

    async fn run_looks(&self, seats: Seats<Option<Bytes>>) {
        let keys: Vec<String> = seats.keys().cloned().collect();
        match self.read(&keys).await {
            Ok(values) => {
                for (seats, value) in seats.into_values().zip(values) {
                    for seat in seats {
                        // Who has gone needs no answer.
                        let _ = seat.send(Ok(value.clone()));
                    }
                }
            }
            Err(refused) => refuse(seats, &refused),
        }
    }

    async fn read(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, Refused> {
        let mut tries = 0;
        loop {
            let done = async {
                let transaction = self.begin(&[RECORDS], false).await?;
                Ok(fetch(&transaction, keys).await?)
            };
            match done.await {
                Err(Refused::Failed(failed)) if tries == 0 && failed.is_lost_connection() => {
                    self.connection.give_up();
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn run_changes(&self, changes: Changes) {
        let Changes { seats, is_wide, is_full } = changes;
        let wide = self.wide.get();
        self.wide.set(wide.saturating_sub(1));
        let is_wide = is_wide || wide > 0;
        let begun = async {
            let stores: &[&str] = match (is_full, is_wide) {
                (true, _) => &[RECORDS, TAGS, STAGES, DAMAGED, CHUNKS],
                (_, true) => &[RECORDS, TAGS, STAGES, DAMAGED],
                _ => &[RECORDS],
            };
            let transaction = self.begin(stores, true).await?;
            let end = transaction.end();
            let work = Rc::new(Work {
                for_end: RefCell::default(),
                keys: seats.keys().cloned().collect(),
                writes: Cell::default(),
                transaction,
                is_wide: is_wide || is_full,
                is_full,
                waiting: RefCell::default(),
                undecided: Cell::new(seats.values().map(VecDeque::len).sum()),
            });
            let values = fetch(&work.transaction, &work.keys).await?;
            Ok((work, values, end))
        };
        match begun.await {
            Ok((work, values, end)) => {
                work.waiting.replace(seats);
                for (key, value) in work.keys.iter().zip(values) {
                    Work::grant(&work, key, value, false);
                }
                let ended = end.done().await;
                for seat in work.for_end.take() {
                    // Who has gone needs no answer.
                    let _ = seat.send(ended.clone());
                }
            }
            Err(refused) => refuse(seats, &refused),
        }
    }

    /// A transaction, over a connection that is opened anew where it has been lost.
    pub(super) async fn begin(&self, stores: &[&str], writes: bool) -> Result<Transaction, Refused> {
        let open = self.open().await?;
        match open.begin(stores, writes, self.strict) {
            Err(failed) if failed.is_lost_connection() => {
                open.give_up();
                Ok(self.open().await?.begin(stores, writes, self.strict)?)
            }
            begun => Ok(begun?),
        }
    }

    async fn open(&self) -> Result<Rc<Open>, Refused> {
        self.connection.open().await.map_err(|error| Refused::Opening(Rc::new(error)))
    }
}

/// Says whether it is the first seat of the turn.
fn take_seat<T>(seats: &mut Seats<T>, key: String, seat: Sender<Result<T, Refused>>) -> bool {
    let is_first = seats.is_empty();
    seats.entry(key).or_default().push_back(seat);
    is_first
}

fn refuse<T>(seats: Seats<T>, refused: &Refused) {
    for seat in seats.into_values().flatten() {
        let _ = seat.send(Err(refused.clone()));
    }
}

/// A transaction at work.
struct Work {
    transaction: Transaction,
    is_wide: bool,
    is_full: bool,
    /// How many requests it has that write.
    writes: Cell<usize>,
    keys: Vec<String>,
    /// Those who wait for its end.
    for_end: RefCell<Vec<Sender<Result<(), Failed>>>>,
    /// Those of one key see each other's changes, one after another.
    waiting: RefCell<Seats<Grant>>,
    /// How many have still to decide.
    undecided: Cell<usize>,
}

impl Work {
    fn store(&self, name: &str) -> Result<IdbObjectStore, Failed> {
        self.transaction.store(name)
    }

    fn grant(this: &Rc<Self>, key: &str, value: Option<Bytes>, is_pending: bool) {
        let mut value = value;
        loop {
            // It would end by itself, a turn later. But what has been told to commit, Firefox commits also where one of its requests
            // has failed: so it is told only where there is no other.
            if this.undecided.get() == 0 && this.writes.get() <= 1 {
                this.transaction.commit();
            }
            let next = this.waiting.borrow_mut().get_mut(key).and_then(VecDeque::pop_front);
            let Some(seat) = next else { return };
            let grant = Grant { work: Rc::clone(this), key: Some(key.to_owned()), value, is_pending };
            let Err(Ok(mut grant)) = seat.send(Ok(grant)) else { return };
            // Who has gone leaves it to the next.
            grant.key = None;
            value = std::mem::take(&mut grant.value);
            this.undecided.set(this.undecided.get() - 1);
        }
    }
}

/// The right to change what is under a key. It must be used before anything else is waited for: the transaction ends by itself when
/// nobody asks anything of it.
pub(super) struct Grant {
    work: Rc<Work>,
    key: Option<String>,
    /// What is there.
    pub(super) value: Option<Bytes>,
    is_pending: bool,
}

impl Grant {
    pub(super) fn store(&self, name: &str) -> Result<IdbObjectStore, Failed> {
        self.work.store(name)
    }

    pub(super) fn transaction(&self) -> &Transaction {
        &self.work.transaction
    }

    /// Whether it has all stores, or the records alone.
    pub(super) fn is_wide(&self) -> bool {
        self.work.is_wide
    }

    pub(super) fn is_full(&self) -> bool {
        self.work.is_full
    }

    /// There will be so many requests that write.
    pub(super) fn will_write(&self, requests: usize) {
        self.work.writes.set(self.work.writes.get() + requests);
    }

    /// What is there from now on.
    pub(super) fn changed_to(&mut self, value: Option<Bytes>) {
        self.value = value;
        self.is_pending = true;
    }

    /// Whether that is of this transaction, which may still fail.
    pub(super) fn is_pending(&self) -> bool {
        self.is_pending
    }

    /// Lets the next go on, and waits until the transaction has succeeded or failed.
    pub(super) async fn done(self) -> Result<(), Refused> {
        let (seat, end) = channel();
        self.work.for_end.borrow_mut().push(seat);
        drop(self);
        end.await.unwrap_or_else(|_| Err(Failed::unknown())).map_err(Refused::Failed)
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.work.undecided.set(self.work.undecided.get() - 1);
            Work::grant(&self.work, &key, std::mem::take(&mut self.value), self.is_pending);
        }
    }
}
