//! How long a session, and what a client holds of it, lives on.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    expiry::Timeout,
    session::{SessionInfo, WriteOptions},
};

/// When a session ends that is written or touched now.
pub(super) fn expiry(info: &SessionInfo, now: Timestamp) -> Option<Timestamp> {
    let after = |from: Timestamp, timeout: Option<Duration>| {
        timeout.map(|timeout| from.as_millis().saturating_add(millis(timeout)))
    };
    let idle = after(now, info.idle_timeout);
    let absolute = after(info.created_at, info.absolute_timeout);
    idle.into_iter().chain(absolute).min().map(Timestamp::from_millis)
}

/// The timeouts for another id: the session lives on no longer than it would have under the old one.
pub(super) fn remaining(info: &SessionInfo, now: Timestamp) -> WriteOptions {
    let absolute = info.absolute_timeout.map(|timeout| {
        let left = timeout.saturating_sub(age(info, now));
        left.max(Duration::from_millis(1))
    });
    WriteOptions::new().idle_timeout(info.idle_timeout).absolute_timeout(absolute)
}

/// How long the client need keep its ticket; `None`: until it is closed.
pub(super) fn ticket_lifetime(
    info: &SessionInfo,
    (idle, absolute): (Timeout, Timeout),
    rolling: bool,
    now: Timestamp,
) -> Option<Duration> {
    let absolute = info.absolute_timeout.or(asked(absolute)).map(|life| life.saturating_sub(age(info, now)));
    let idle = info.idle_timeout.or(asked(idle)).filter(|_| rolling);
    absolute.into_iter().chain(idle).min()
}

/// Whether activity is to be noted: not each time, and not where that would lengthen nothing.
pub(super) fn is_touch_due(info: &SessionInfo, touch_after: Option<Duration>, now: Timestamp) -> bool {
    let (Some(idle), Some(expires)) = (info.idle_timeout, info.expires_at) else { return false };
    let last = info.absolute_timeout.map(|life| info.created_at.as_millis().saturating_add(millis(life)));
    if last.is_some_and(|last| expires.as_millis() >= last) {
        return false;
    }
    let active = expires.as_millis().saturating_sub(millis(idle));
    let throttle = touch_after.unwrap_or_else(|| (idle / 10).min(Duration::from_secs(60)));
    now.as_millis().saturating_sub(active) >= millis(throttle)
}

fn asked(timeout: Timeout) -> Option<Duration> {
    match timeout {
        Timeout::After(duration) => Some(duration),
        Timeout::Keep | Timeout::Never => None,
    }
}

fn age(info: &SessionInfo, now: Timestamp) -> Duration {
    Duration::from_millis(now.as_millis().saturating_sub(info.created_at.as_millis()))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
