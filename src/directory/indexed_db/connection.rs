//! The open database: opened at the first call, given up when another tab asks, and opened anew.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use futures::{
    channel::oneshot::{Sender, channel},
    future::{Either, select},
};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{IdbDatabase, IdbObjectStoreParameters, IdbOpenDbRequest};

use super::{
    sys::{Database, Failed, Transaction, factory, timeout},
    waits::Waits,
};
use crate::error::{Error, ErrorKind};

pub(super) const RECORDS: &str = "records";
pub(super) const CHUNKS: &str = "chunks";
pub(super) const STAGES: &str = "stages";
pub(super) const DAMAGED: &str = "damaged";
/// Which session carries which tag: an index of its own, since one of the engine's slows every write down.
pub(super) const TAGS: &str = "tags";

const VERSION: u32 = 1;
/// How long an open may be blocked by others before it fails, in milliseconds.
const BLOCKED: i32 = 5_000;

/// A database by its name.
pub(super) struct Connection {
    name: String,
    state: RefCell<State>,
    is_closed: Cell<bool>,
}

enum State {
    Closed,
    /// Those who wait for it.
    Opening(Vec<Sender<Result<Rc<Open>, Error>>>),
    Open(Rc<Open>),
}

/// A connection, and whether it is of use.
pub(super) struct Open {
    database: Database,
    waits: Rc<Waits>,
    stale: Rc<Cell<bool>>,
    /// Called as long as the connection is there.
    _listeners: [Closure<dyn FnMut()>; 2],
}

impl Open {
    /// It is of no use any more: the next call opens another.
    pub(super) fn is_stale(&self) -> bool {
        self.stale.get()
    }

    pub(super) fn begin(&self, stores: &[&str], writes: bool, strict: bool) -> Result<Transaction, Failed> {
        Ok(Transaction::new(self.database.begin(stores, writes, strict)?, &self.waits))
    }

    pub(super) fn give_up(&self) {
        self.stale.set(true);
        self.database.close();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.database.set_onversionchange(None);
        self.database.set_onclose(None);
        self.database.close();
    }
}

impl Connection {
    pub(super) fn new(name: String) -> Self {
        Self { name, state: RefCell::new(State::Closed), is_closed: Cell::new(false) }
    }

    /// The open database. Calls that come while it is opened wait for the same.
    pub(super) async fn open(self: &Rc<Self>) -> Result<Rc<Open>, Error> {
        let (seat, opened) = channel();
        let is_first = match &mut *self.state.borrow_mut() {
            State::Open(open) if !open.is_stale() => return Ok(Rc::clone(open)),
            State::Opening(seats) => {
                seats.push(seat);
                false
            }
            state => {
                *state = State::Opening(vec![seat]);
                true
            }
        };
        if is_first {
            let this = Rc::clone(self);
            // Not a part of this call, which may be given up.
            spawn_local(async move {
                let opened = open(&this.name).await;
                this.settle(&opened);
            });
        }
        opened.await.unwrap_or_else(|_| Err(Failed::unknown().into()))
    }

    fn settle(&self, opened: &Result<Rc<Open>, Error>) {
        let next = match opened {
            Ok(open) if !self.is_closed.get() => State::Open(Rc::clone(open)),
            _ => State::Closed,
        };
        let State::Opening(seats) = self.state.replace(next) else { return };
        for seat in seats {
            // Who has gone needs no answer.
            let _ = seat.send(opened.as_ref().map(Rc::clone).map_err(Error::duplicate));
        }
    }

    /// The next call opens another.
    pub(super) fn give_up(&self) {
        if let State::Open(open) = &*self.state.borrow() {
            open.give_up();
        }
    }

    /// There is no next call.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
        self.give_up();
    }
}

async fn open(name: &str) -> Result<Rc<Open>, Error> {
    let request = factory()?.open_with_u32(name, VERSION).map_err(Failed::from)?;
    let making = request.clone();
    let upgrade = Closure::once(move || {
        // What fails here fails the request.
        let _ = make_stores(&making);
    });
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    let waits = Rc::new(Waits::new());
    let opened = {
        let opened = std::pin::pin!(waits.request(&request).done());
        let late = std::pin::pin!(JsFuture::from(timeout(BLOCKED)));
        match select(opened, late).await {
            Either::Left((opened, _)) => opened,
            Either::Right(_) => {
                // It may still succeed, when nobody waits for it any more. Nor may it make a database without stores.
                request.set_onsuccess(Some(closing(request.clone()).unchecked_ref()));
                let _ = upgrade.into_js_value();
                return Err(Error::new(
                    ErrorKind::Storage,
                    "the database could not be opened in time: another tab holds it; close that tab and try again",
                ));
            }
        }
    };
    opened?;
    let database: Database = request.result().map_err(Failed::from)?.unchecked_into();
    let stale = Rc::new(Cell::new(false));
    // More than once, should it come to that: a tab that does not let go blocks all others.
    let on_version_change = {
        let (stale, database) = (Rc::clone(&stale), database.clone());
        Closure::<dyn FnMut()>::new(move || {
            stale.set(true);
            database.close();
        })
    };
    let on_close = {
        let (stale, waits) = (Rc::clone(&stale), Rc::clone(&waits));
        Closure::<dyn FnMut()>::new(move || {
            stale.set(true);
            waits.give_up();
        })
    };
    database.set_onversionchange(Some(on_version_change.as_ref().unchecked_ref()));
    database.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    Ok(Rc::new(Open { database, waits, stale, _listeners: [on_version_change, on_close] }))
}

/// Closes what a request has opened: a connection that nobody closes keeps all others from a later version.
fn closing(request: IdbOpenDbRequest) -> JsValue {
    Closure::once_into_js(move || {
        if let Ok(database) = request.result() {
            database.unchecked_ref::<Database>().close();
        }
    })
}

fn make_stores(request: &IdbOpenDbRequest) -> Result<(), JsValue> {
    let database: IdbDatabase = request.result()?.unchecked_into();
    let keyed = |path: &str| {
        let parameters = IdbObjectStoreParameters::new();
        parameters.set_key_path(&path.into());
        parameters
    };
    // No key within the value: an engine would look for it by making the value a second time.
    database.create_object_store(RECORDS)?;
    database.create_object_store(TAGS)?;
    database.create_object_store(CHUNKS)?;
    database.create_object_store_with_optional_parameters(STAGES, &keyed("name"))?;
    database.create_object_store(DAMAGED)?;
    Ok(())
}
