//! Calls under way, taken on by hand: only when they were woken, so that a wake that is lost is a test that fails.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures::task::{ArcWake, waker_ref};

/// A call that has begun.
pub(crate) struct Started<'a, T> {
    future: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    result: Option<T>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl ArcWake for Woken {
    fn wake_by_ref(this: &Arc<Self>) {
        this.0.store(true, Ordering::SeqCst);
    }
}

/// Begins a call, and takes it as far as it goes.
pub(crate) fn start<'a, T>(future: impl Future<Output = T> + 'a) -> Started<'a, T> {
    let mut started = Started::new(future);
    started.go_on();
    started
}

impl<'a, T> Started<'a, T> {
    /// A call whose first step is still to be made.
    pub(crate) fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self { future: Some(Box::pin(future)), result: None, woken: Arc::new(Woken(AtomicBool::new(true))) }
    }

    /// As far as it goes.
    fn go_on(&mut self) {
        while self.step() {}
    }

    /// One step, if it was woken. Says whether it made one and is still under way.
    pub(crate) fn step(&mut self) -> bool {
        let Some(future) = &mut self.future else { return false };
        if !self.woken.0.swap(false, Ordering::SeqCst) {
            return false;
        }
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker_ref(&self.woken))) {
            (self.future, self.result) = (None, Some(result));
        }
        self.future.is_some()
    }

    /// Whether the next [`step`](Self::step) makes one.
    pub(crate) fn is_woken(&self) -> bool {
        self.future.is_some() && self.woken.0.load(Ordering::SeqCst)
    }

    pub(crate) fn is_waiting(&mut self) -> bool {
        self.go_on();
        self.result.is_none()
    }

    /// Whether it has ended, as far as it was taken.
    pub(crate) fn has_ended(&self) -> bool {
        self.result.is_some()
    }

    /// What it has come to.
    #[track_caller]
    pub(crate) fn end(mut self) -> T {
        self.go_on();
        self.result.expect("the call is still waiting, and nobody has woken it")
    }
}
