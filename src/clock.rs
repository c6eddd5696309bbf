//! Where time comes from.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

#[cfg(not(target_arch = "wasm32"))]
use std::time::{Duration, SystemTime};

#[cfg(target_arch = "wasm32")]
use web_time::{Duration, SystemTime};

use crate::{
    error::{Error, ErrorKind},
    maybe_send::{MaybeSend, MaybeSync},
};

/// A moment in milliseconds since the Unix epoch. Wall-clock time, since deadlines outlive a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A moment from its milliseconds since the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

/// Tells the time; a storage asks it once per call, and holds no lock while it does.
///
/// Clocks go back, on real machines too. A storage copes: activity never shortens a session's life, and
/// what has been found expired is gone (C7).
pub trait Clock: fmt::Debug + MaybeSend + MaybeSync {
    /// The current time.
    ///
    /// # Errors
    /// A clock that cannot tell fails the call that asked; the next one asks again.
    fn now(&self) -> Result<Timestamp, Error>;
}

/// The machine's own clock; the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Result<Timestamp, Error> {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_err(|_| Error::new(ErrorKind::Storage, "the system's clock stands before 1970"))?;
        Ok(Timestamp(whole_millis(since_epoch)))
    }
}

/// A clock that moves when it is told to, for tests.
///
/// ```
/// use std::time::Duration;
/// use sessile::{Clock, ManualClock};
///
/// let clock = ManualClock::default();
/// let before = clock.now()?;
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now()?.as_millis() - before.as_millis(), 60_000);
/// # Ok::<(), sessile::Error>(())
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(whole_millis(by), Ordering::SeqCst);
    }

    /// Puts the clock to a moment, also an earlier one.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// The first moment of 2026.
    fn default() -> Self {
        Self(AtomicU64::new(1_767_225_600_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Result<Timestamp, Error> {
        Ok(Timestamp(self.0.load(Ordering::SeqCst)))
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Result<Timestamp, Error> {
        (**self).now()
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
