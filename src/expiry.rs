//! When a session ends by itself: the two clocks of C7.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
};

/// A timeout that a write asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timeout {
    /// An existing session keeps its own; a new one takes the storage's default.
    #[default]
    Keep,
    /// None: the session does not expire for this reason.
    Never,
    /// This long, in whole milliseconds (rounded up).
    After(Duration),
}

/// The longest timeout: 100 years. A longer one is a mistake of units, not a wish.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);

impl Timeout {
    /// What the write's timeout comes to, in milliseconds.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] unless it is more than zero and at most [`MAX_TIMEOUT`].
    pub(crate) fn resolve(self, kept: Millis) -> Result<Millis, Error> {
        match self {
            Self::Keep => Ok(kept),
            Self::Never => Ok(Millis::NEVER),
            Self::After(duration) if duration.is_zero() => Err(Error::new(
                ErrorKind::InvalidOption,
                "a timeout is zero; give a longer one, or none for a session that does not expire",
            )),
            Self::After(duration) if duration > MAX_TIMEOUT => {
                Err(Error::new(ErrorKind::InvalidOption, "a timeout is longer than 100 years"))
            }
            Self::After(duration) => Ok(Millis::rounded_up(duration)),
        }
    }
}

/// A length of time in milliseconds, in one word: a table holds millions of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Millis(u64);

impl Millis {
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) const fn new(millis: u64) -> Self {
        Self(millis)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    pub(crate) fn duration(self) -> Option<Duration> {
        (self != Self::NEVER).then_some(Duration::from_millis(self.0))
    }

    fn rounded_up(duration: Duration) -> Self {
        let parts = u64::from(duration.subsec_nanos().div_ceil(1_000_000));
        Self(duration.as_secs().saturating_mul(1_000).saturating_add(parts))
    }
}

/// One session's two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) created: Timestamp,
    pub(crate) active: Timestamp,
    pub(crate) idle: Millis,
    pub(crate) absolute: Millis,
}

impl Lifetime {
    pub(crate) fn begin(now: Timestamp, idle: Millis, absolute: Millis) -> Self {
        Self { created: now, active: now, idle, absolute }
    }

    /// The first moment at which the session is over; `u64::MAX` milliseconds where it never is.
    pub(crate) fn deadline(&self) -> u64 {
        let idle = self.active.as_millis().saturating_add(self.idle.0);
        let absolute = self.created.as_millis().saturating_add(self.absolute.0);
        idle.min(absolute)
    }

    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        match self.deadline() {
            u64::MAX => None,
            millis => Some(Timestamp::from_millis(millis)),
        }
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now.as_millis() >= self.deadline()
    }

    /// Activity. A clock that went back must not take away time that was granted before.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        self.active = self.active.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn c7_the_earlier_of_the_two_clocks_ends_a_session() {
        let mut life = Lifetime::begin(at(1_000), Millis::new(100), Millis::new(150));
        assert_eq!(life.expires_at(), Some(at(1_100)));
        life.touch(at(1_090));
        assert_eq!(life.expires_at(), Some(at(1_150)));
        assert!(!life.is_over(at(1_149)));
        assert!(life.is_over(at(1_150)));
    }

    #[test]
    fn c7_a_clock_that_goes_back_shortens_nothing() {
        let mut life = Lifetime::begin(at(1_000), Millis::new(100), Millis::NEVER);
        life.touch(at(200));
        assert_eq!(life.expires_at(), Some(at(1_100)));
    }

    #[test]
    fn timeouts_are_checked_and_rounded_up() -> Result<(), Error> {
        let kept = Millis::new(7);
        assert_eq!(Timeout::Keep.resolve(kept)?, kept);
        assert_eq!(Timeout::Never.resolve(kept)?, Millis::NEVER);
        assert_eq!(Timeout::After(Duration::from_micros(1)).resolve(kept)?, Millis::new(1));
        assert_eq!(Timeout::After(MAX_TIMEOUT).resolve(kept)?.get(), 3_153_600_000_000);
        for bad in [Duration::ZERO, MAX_TIMEOUT + Duration::from_nanos(1), Duration::MAX] {
            let error = Timeout::After(bad).resolve(kept).err().map(|error| error.kind());
            assert_eq!(error, Some(ErrorKind::InvalidOption));
        }
        Ok(())
    }
}
