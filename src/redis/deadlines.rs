//! When calls that get no answer end.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt as _, future::Shared};
use futures_timer::Delay;

/// Timers that calls of about the same time share: one for each call would wake the timers' thread twice for each command.
pub(super) struct Deadlines {
    /// How much later than asked for a timer may go off.
    step: Duration,
    latest: Mutex<Option<(Instant, Shared<Delay>)>>,
}

impl Deadlines {
    /// For calls that may last this long.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { step: timeout / 32, latest: Mutex::new(None) }
    }

    /// Resolves when this moment has come, or a little later.
    pub(super) fn at(&self, until: Instant) -> Shared<Delay> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, delay)) = &*latest
            && *at >= until
            && at.duration_since(until) <= self.step
        {
            return delay.clone();
        }
        let at = until + self.step;
        let delay = Delay::new(at.saturating_duration_since(Instant::now())).shared();
        *latest = Some((at, delay.clone()));
        delay
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn no_call_ends_early_and_calls_of_the_same_time_share_a_timer() {
        let deadlines = Deadlines::new(Duration::from_millis(320));
        let until = Instant::now() + Duration::from_millis(20);
        let first = deadlines.at(until);
        let second = deadlines.at(until + Duration::from_millis(10));
        assert!(first.ptr_eq(&second));
        assert!(!first.ptr_eq(&deadlines.at(until + Duration::from_millis(11))));
        // One that asks for an earlier time than the others gets it.
        assert!(!first.ptr_eq(&deadlines.at(until)));
        block_on(second);
        assert!(Instant::now() >= until + Duration::from_millis(10));
    }
}
