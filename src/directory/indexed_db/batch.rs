//! Calls of one turn share a transaction: that, and not the bytes, is what IndexedDB makes expensive.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use futures::{
    FutureExt,
    channel::oneshot::{Receiver, Sender, channel},
    future::{LocalBoxFuture, Shared},
};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::{IdbObjectStore, IdbTransaction};

use super::{
    connection::{Connection, DAMAGED, RECORDS, STAGES, TAGS},
    fetch::fetch,
    sys::{self, Failed, completed, ended},
};
use crate::error::Error;

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

/// Gathers the calls of a turn.
pub(super) struct Batches {
    connection: Rc<Connection>,
    strict: bool,
    looks: RefCell<Seats<JsValue>>,
    changes: RefCell<Seats<Grant>>,
}

impl Batches {
    pub(super) fn new(connection: Rc<Connection>, strict: bool) -> Rc<Self> {
        Rc::new(Self { connection, strict, looks: RefCell::default(), changes: RefCell::default() })
    }

    /// The value under a key, read together with others of this turn.
    pub(super) fn look(self: &Rc<Self>, key: String) -> Receiver<Result<JsValue, Refused>> {
        let (seat, answer) = channel();
        if take_seat(&self.looks, key, seat) {
            let this = Rc::clone(self);
            spawn_local(async move {
                let seats = this.looks.take();
                this.run_looks(seats).await;
            });
        }
        answer
    }

    /// The right to change what is under a key, within a transaction that others of this turn share, or `alone`.
    pub(super) fn change(self: &Rc<Self>, key: String, alone: bool) -> Receiver<Result<Grant, Refused>> {
        let (seat, answer) = channel();
        let this = Rc::clone(self);
        if alone {
            let seats = BTreeMap::from([(key, VecDeque::from([seat]))]);
            spawn_local(async move { this.run_changes(seats).await });
        } else if take_seat(&self.changes, key, seat) {
            spawn_local(async move {
                let seats = this.changes.take();
                this.run_changes(seats).await;
            });
        }
        answer
    }

    async fn run_looks(&self, seats: Seats<JsValue>) {
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

    async fn read(&self, keys: &[String]) -> Result<Vec<JsValue>, Refused> {
        let mut tries = 0;
        loop {
            let done = async {
                let transaction = self.begin(&[RECORDS], false).await?;
                Ok(fetch(&sys::store(&transaction, RECORDS)?, keys).await?)
            };
            match done.await {
                Err(Refused::Failed(failed)) if tries == 0 && failed.is_lost_connection() => {
                    self.connection.close();
                    tries += 1;
                }
                done => return done,
            }
        }
    }

    async fn run_changes(&self, seats: Seats<Grant>) {
        let begun = async {
            let transaction = self.begin(&[RECORDS, TAGS, STAGES, DAMAGED], true).await?;
            let work = Rc::new(Work {
                ended: {
                    let (transaction, ended) = (transaction.clone(), ended(&transaction));
                    async move { completed(&transaction, ended).await }.boxed_local().shared()
                },
                transaction,
                waiting: RefCell::default(),
                undecided: Cell::new(seats.values().map(VecDeque::len).sum()),
            });
            let keys: Vec<String> = seats.keys().cloned().collect();
            let values = fetch(&work.store(RECORDS)?, &keys).await?;
            Ok((work, keys, values))
        };
        match begun.await {
            Ok((work, keys, values)) => {
                work.waiting.replace(seats);
                for (key, value) in keys.into_iter().zip(values) {
                    Work::grant(&work, &key, value);
                }
                // Polled, so that it is there when nobody else waits for it.
                let _ = work.ended.clone().await;
            }
            Err(refused) => refuse(seats, &refused),
        }
    }

    /// A transaction, over a connection that is opened anew where it has been lost.
    pub(super) async fn begin(&self, stores: &[&str], writes: bool) -> Result<IdbTransaction, Refused> {
        let open = self.open().await?;
        match open.database.begin(stores, writes, self.strict) {
            Err(failed) if failed.is_lost_connection() => {
                open.give_up();
                Ok(self.open().await?.database.begin(stores, writes, self.strict)?)
            }
            begun => Ok(begun?),
        }
    }

    async fn open(&self) -> Result<Rc<super::connection::Open>, Refused> {
        self.connection.open().await.map_err(|error| Refused::Opening(Rc::new(error)))
    }
}

/// Says whether it is the first seat of the turn.
fn take_seat<T>(seats: &RefCell<Seats<T>>, key: String, seat: Sender<Result<T, Refused>>) -> bool {
    let mut seats = seats.borrow_mut();
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
    transaction: IdbTransaction,
    ended: Shared<LocalBoxFuture<'static, Result<(), Failed>>>,
    /// Those of one key see each other's changes, one after another.
    waiting: RefCell<Seats<Grant>>,
    /// How many have still to decide.
    undecided: Cell<usize>,
}

impl Work {
    fn store(&self, name: &str) -> Result<IdbObjectStore, Failed> {
        sys::store(&self.transaction, name)
    }

    fn grant(this: &Rc<Self>, key: &str, value: JsValue) {
        let mut value = value;
        loop {
            if this.undecided.get() == 0 {
                // It would end by itself, a turn later. Where it has ended already, that is well.
                sys::commit(&this.transaction);
            }
            let next = this.waiting.borrow_mut().get_mut(key).and_then(VecDeque::pop_front);
            let Some(seat) = next else { return };
            let grant = Grant { work: Rc::clone(this), key: Some(key.to_owned()), value };
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
    pub(super) value: JsValue,
}

impl Grant {
    pub(super) fn store(&self, name: &str) -> Result<IdbObjectStore, Failed> {
        self.work.store(name)
    }

    /// What is there from now on.
    pub(super) fn changed_to(&mut self, value: JsValue) {
        self.value = value;
    }

    /// Lets the next go on, and waits until the transaction has succeeded or failed.
    pub(super) async fn done(self) -> Result<(), Refused> {
        let ended = self.work.ended.clone();
        drop(self);
        ended.await.map_err(Refused::Failed)
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.work.undecided.set(self.work.undecided.get() - 1);
            Work::grant(&self.work, &key, std::mem::take(&mut self.value));
        }
    }
}
