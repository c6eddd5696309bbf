//! Waiting for the events of a database. Two functions of a connection take all of them, since a promise and the closures around it,
//! for each request, would cost more than the request does on our side of it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use futures::channel::oneshot::{Receiver, Sender, channel};
use wasm_bindgen::{JsCast, prelude::*};

use super::sys::Failed;

#[wasm_bindgen]
extern "C" {
    type Event;

    /// Whose result or error it is.
    #[wasm_bindgen(method, getter)]
    fn target(this: &Event) -> Source;

    /// Who listens to it: a request, or the transaction that its failure ends.
    #[wasm_bindgen(method, getter = currentTarget)]
    fn current_target(this: &Event) -> Source;

    /// A request or a transaction, with the number of who waits for it.
    type Source;

    #[wasm_bindgen(method, getter = sessileWait)]
    fn number(this: &Source) -> Option<u32>;

    #[wasm_bindgen(method, setter = sessileWait)]
    fn set_number(this: &Source, number: u32);

    #[wasm_bindgen(method, getter, catch)]
    fn error(this: &Source) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, setter)]
    fn set_onsuccess(this: &Source, listener: &JsValue);

    #[wasm_bindgen(method, setter)]
    fn set_onerror(this: &Source, listener: &JsValue);

    #[wasm_bindgen(method, setter)]
    fn set_oncomplete(this: &Source, listener: &JsValue);

    #[wasm_bindgen(method, setter)]
    fn set_onabort(this: &Source, listener: &JsValue);
}

type Outcome = Result<(), Failed>;
type Seats = Rc<RefCell<Vec<(u32, Sender<Outcome>)>>>;

/// Those who wait for a connection.
pub(super) struct Waits {
    /// Few at a time: of a batch, only its last request and its end are waited for.
    seats: Seats,
    next: Cell<u32>,
    is_gone: Cell<bool>,
    // They are the garbage collector's: events may come when nobody has the connection any more.
    on_success: JsValue,
    on_failure: JsValue,
}

impl Waits {
    pub(super) fn new() -> Self {
        let seats = Seats::default();
        let listener = |outcome: fn(&Source) -> Outcome| {
            let seats = Rc::clone(&seats);
            let listen = move |event: Event| {
                let Some(number) = event.current_target().number() else { return };
                let mut waiting = seats.borrow_mut();
                let Some(at) = waiting.iter().position(|(own, _)| *own == number) else { return };
                let (_, seat) = waiting.swap_remove(at);
                drop(waiting);
                // Who has gone needs no answer.
                let _ = seat.send(outcome(&event.target()));
            };
            Closure::<dyn FnMut(Event)>::new(listen).into_js_value()
        };
        let on_success = listener(|_| Ok(()));
        let on_failure = listener(|source| Err(source.error().unwrap_or_default().into()));
        Self { seats, next: Cell::new(0), is_gone: Cell::new(false), on_success, on_failure }
    }

    /// When a request has its result. It wakes within the request's own event, while its transaction takes further requests.
    pub(super) fn request(&self, request: &JsValue) -> Wait {
        let source: &Source = request.unchecked_ref();
        source.set_onsuccess(&self.on_success);
        source.set_onerror(&self.on_failure);
        self.seat(source)
    }

    /// When a transaction has ended: only its `complete` is success.
    pub(super) fn transaction(&self, transaction: &JsValue) -> Wait {
        let source: &Source = transaction.unchecked_ref();
        source.set_oncomplete(&self.on_success);
        source.set_onabort(&self.on_failure);
        // WebKit forgets the reason of an abort after `commit()`, but not of the failure that led to it.
        source.set_onerror(&self.on_failure);
        self.seat(source)
    }

    fn seat(&self, source: &Source) -> Wait {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        source.set_number(number);
        let (seat, wait) = channel();
        if !self.is_gone.get() {
            self.seats.borrow_mut().push((number, seat));
        }
        Wait(wait)
    }

    /// The connection is gone, and with it all that was asked of it, or is asked still. Not every engine tells that to each who waits.
    pub(super) fn give_up(&self) {
        self.is_gone.set(true);
        let given_up = self.seats.take();
        drop(given_up);
    }
}

/// The end of something.
pub(super) struct Wait(Receiver<Outcome>);

impl Wait {
    pub(super) async fn done(self) -> Outcome {
        self.0.await.unwrap_or_else(|_| Err(Failed::unknown()))
    }
}
