//! Opens storages with a flaw.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sessile::{
    BoxFuture, Capabilities, Clock, Error, ErrorKind, SessionId, SessionStorage, Timeout, Timestamp,
    WhenFull,
    conformance::{Bounds, Damage, Harness, Setup},
};

use crate::{
    core::{Core, State},
    flaw::Flaw,
    flawed::Flawed,
    subjects::{Memory, Simplified},
};

/// Where the sessions of flawed storages are kept.
enum Base {
    /// In memory storages that outlive what is opened over them: durable, shared, and all the rest.
    Memory(Mutex<HashMap<u64, Medium>>),
    /// In records, which can be damaged.
    Records(Simplified),
}

type Medium = (Arc<dyn SessionStorage>, Arc<Mutex<State>>);

pub(crate) struct FlawedHarness {
    pub(crate) flaw: Flaw,
    base: Base,
}

impl FlawedHarness {
    pub(crate) fn in_memory(flaw: Flaw) -> Self {
        Self { flaw, base: Base::Memory(Mutex::default()) }
    }

    pub(crate) fn in_records(flaw: Flaw) -> Self {
        Self { flaw, base: Base::Records(Simplified::exclusive()) }
    }

    fn change(&self, setup: &mut Setup) {
        match self.flaw {
            Flaw::OneForAll => setup.medium = 0,
            Flaw::IgnoresDefaults => (setup.idle, setup.absolute) = (Timeout::Never, Timeout::Never),
            Flaw::NoSessionLimit => setup.max_session_bytes = None,
            Flaw::NoStorageLimit => (setup.max_bytes, setup.max_sessions) = (None, None),
            Flaw::LimitOffByOne => {
                let more = |limit: Option<u64>| limit.map(|limit| limit + 1);
                setup.max_session_bytes = more(setup.max_session_bytes);
                setup.max_bytes = more(setup.max_bytes);
                setup.max_sessions = more(setup.max_sessions);
            }
            Flaw::WhenFullTurnedRound => {
                setup.when_full = match setup.when_full {
                    WhenFull::Evict => WhenFull::Reject,
                    WhenFull::Reject => WhenFull::Evict,
                };
            }
            Flaw::NeverExpires
            | Flaw::ClockOnlyGoesForward
            | Flaw::ClockWithALimit
            | Flaw::WritesBeforeAskingTheClock => {
                let clock = Arc::clone(&setup.clock);
                setup.clock = Arc::new(OddClock { flaw: self.flaw, clock, kept: AtomicU64::new(0) });
            }
            _ => {}
        }
    }
}

impl Harness for FlawedHarness {
    fn capabilities(&self) -> Capabilities {
        let mut can = match &self.base {
            Base::Memory(_) => Capabilities { durable: true, shared: true, ..Memory.capabilities() },
            Base::Records(records) => records.capabilities(),
        };
        can.conditional &= self.flaw != Flaw::PretendsConditions;
        can.tags &= self.flaw != Flaw::PretendsTags;
        can
    }

    fn open(&self, mut setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
        Box::pin(async move {
            let clock = Arc::clone(&setup.clock);
            self.change(&mut setup);
            let (inner, state) = match &self.base {
                Base::Records(records) => (records.open(setup).await?, Arc::default()),
                Base::Memory(media) => {
                    let fresh = (Memory.open(setup.clone()).await?, Arc::default());
                    let mut media = media.lock().unwrap();
                    if self.flaw == Flaw::ForgetsWhenReopened {
                        media.remove(&setup.medium);
                    }
                    let (inner, state) = media.entry(setup.medium).or_insert(fresh);
                    (Arc::clone(inner), Arc::clone(state))
                }
            };
            let mut can = self.capabilities();
            can.streams ^= self.flaw == Flaw::BoastsOfWhatItCannot;
            Ok(Arc::new(Flawed(Core::new(self.flaw, can, inner, state, clock))) as Arc<dyn SessionStorage>)
        })
    }

    fn bounds(&self) -> Bounds {
        Bounds { session: true, storage: matches!(self.base, Base::Memory(_)) }
    }

    fn can_damage(&self) -> bool {
        matches!(self.base, Base::Records(_))
    }

    fn damage<'a>(
        &'a self,
        medium: u64,
        id: &'a SessionId,
        damage: Damage,
    ) -> BoxFuture<'a, Result<(), Error>> {
        match &self.base {
            Base::Records(records) => records.damage(medium, id, damage),
            Base::Memory(_) => unreachable!("memory cannot be damaged"),
        }
    }
}

#[derive(Debug)]
struct OddClock {
    flaw: Flaw,
    clock: Arc<dyn Clock>,
    kept: AtomicU64,
}

impl Clock for OddClock {
    fn now(&self) -> Result<Timestamp, Error> {
        let kept = self.kept.load(Ordering::SeqCst);
        let keep = |now: u64| {
            self.kept.store(now, Ordering::SeqCst);
            Ok(Timestamp::from_millis(now))
        };
        match (self.flaw, self.clock.now()) {
            (Flaw::NeverExpires, Ok(now)) if kept == 0 => keep(now.as_millis()),
            (Flaw::NeverExpires, Ok(_)) | (Flaw::WritesBeforeAskingTheClock, Err(_)) => keep(kept),
            (Flaw::ClockOnlyGoesForward, Ok(now)) => keep(now.as_millis().max(kept)),
            (Flaw::ClockWithALimit, Ok(now)) if now.as_millis() > 1 << 50 => {
                Err(Error::new(ErrorKind::Storage, "the time does not fit"))
            }
            (Flaw::WritesBeforeAskingTheClock, Ok(now)) => keep(now.as_millis()),
            (_, now) => now,
        }
    }
}

/// A timeout as it is understood by somebody with a flaw.
pub(crate) fn misunderstood(flaw: Flaw, timeout: Timeout) -> Timeout {
    match (flaw, timeout) {
        (Flaw::ForgetsTimeouts, Timeout::Keep) => Timeout::Never,
        (Flaw::CountsIn32Bits, Timeout::After(duration)) if !duration.is_zero() => {
            let millis = u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
            Timeout::After(Duration::from_millis(millis & 0xffff_ffff))
        }
        (Flaw::TakesNonsense, Timeout::After(duration)) => {
            Timeout::After(duration.clamp(Duration::from_millis(1), sessile::MAX_TIMEOUT))
        }
        (_, timeout) => timeout,
    }
}
