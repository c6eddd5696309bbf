//! How long an entry stays.

use std::time::Duration;

use sessile::Timestamp;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const MILLI: Duration = Duration::from_millis(1);
const NEARLY_A_MINUTE: Duration = Duration::from_millis(59_999);
const NEARLY_A_SECOND: Duration = Duration::from_millis(999);

/// A cache as it is told, over a storage that is shared or not, with the session "old" read.
fn read_once(shared: bool, told: impl FnOnce(CacheOptions) -> CacheOptions) -> (Cache, Gated) {
    let delegate = Gated::with(MemoryOptions::new(), Traits { shared, ..Traits::default() });
    write(delegate.memory(), &id(), "old");
    let cache = CacheStorage::new(delegate.clone(), told(options(&delegate))).unwrap();
    get(&cache, &id());
    (cache, delegate)
}

#[test]
fn an_entry_leaves_after_a_minute_without_use() {
    let (cache, delegate) = read_once(false, |options| options);
    for _ in 0..100 {
        delegate.clock().advance(NEARLY_A_MINUTE);
        is_kept(&cache, &delegate, &id());
    }
    // To look at it is no use.
    delegate.clock().advance(NEARLY_A_MINUTE);
    block_on(cache.info(&id())).unwrap();
    delegate.clock().advance(MILLI);
    is_not_kept(&cache, &delegate, &id());
}

#[test]
fn an_entry_leaves_after_the_idle_timeout_that_was_given() {
    let (cache, delegate) = read_once(false, |options| options.idle_timeout(SECOND));
    delegate.clock().advance(NEARLY_A_SECOND);
    is_kept(&cache, &delegate, &id());
    delegate.clock().advance(SECOND);
    is_not_kept(&cache, &delegate, &id());
}

#[test]
fn an_entry_is_asked_for_again_at_its_absolute_age_however_often_it_is_read() {
    let (cache, delegate) = read_once(false, |options| options.absolute_timeout(MINUTE));
    for _ in 0..59 {
        delegate.clock().advance(SECOND);
        is_kept(&cache, &delegate, &id());
    }
    delegate.clock().advance(NEARLY_A_SECOND);
    is_kept(&cache, &delegate, &id());
    delegate.clock().advance(MILLI);
    is_not_kept(&cache, &delegate, &id());
}

#[test]
fn over_a_shared_storage_the_absolute_age_is_a_minute() {
    let (cache, delegate) = read_once(true, |options| options);
    write(delegate.memory(), &id(), "from elsewhere");
    for _ in 0..59 {
        delegate.clock().advance(SECOND);
        assert_eq!(get(&cache, &id()).as_deref(), Some("old"));
    }
    delegate.clock().advance(SECOND);
    is_not_kept(&cache, &delegate, &id());
}

/// A touch says that a session is there, not that it is still the same.
#[test]
fn a_touch_does_not_make_an_entry_younger() {
    let (cache, delegate) = read_once(true, |options| options);
    write(delegate.memory(), &id(), "from elsewhere");
    for _ in 0..59 {
        delegate.clock().advance(SECOND);
        assert!(block_on(cache.touch(&id())).unwrap());
        assert_eq!(get(&cache, &id()).as_deref(), Some("old"));
    }
    delegate.clock().advance(SECOND);
    is_not_kept(&cache, &delegate, &id());
}

/// However old the entry is: a session that is read and touched by each request is read from memory.
#[test]
fn a_touch_is_use() {
    let (cache, delegate) = read_once(false, |options| options);
    for _ in 0..10 {
        delegate.clock().advance(59 * SECOND);
        is_kept(&cache, &delegate, &id());
        assert!(block_on(cache.touch(&id())).unwrap());
        is_kept(&cache, &delegate, &id());
    }
}

/// Such as a key-value store that other machines write to: what they end must not be seen for ever.
#[test]
fn over_a_storage_without_conditional_writes_ages_are_those_of_a_shared_one() {
    let delegate = Gated::with(MemoryOptions::new(), Traits { unconditional: true, ..Traits::default() });
    write(delegate.memory(), &id(), "old");
    let cache = over(&delegate);
    get(&cache, &id());
    block_on(delegate.memory().invalidate(&id())).unwrap();
    for _ in 0..59 {
        delegate.clock().advance(SECOND);
        assert_eq!(get(&cache, &id()).as_deref(), Some("old"));
    }
    delegate.clock().advance(SECOND);
    assert_eq!(get(&cache, &id()), None);
    // That there is none is not remembered.
    write(delegate.memory(), &id(), "from elsewhere");
    assert_eq!(get(&cache, &id()).as_deref(), Some("from elsewhere"));
}

#[test]
fn an_answer_is_as_old_as_its_question() {
    let delegate = Gated::with(MemoryOptions::new(), Traits { shared: true, ..Traits::default() });
    write(delegate.memory(), &id(), "old");
    let (cache, id) = (over(&delegate), id());
    let gate = delegate.hold(crate::gated::Call::Get, crate::gated::At::End);
    let fill = crate::calls::start(read(&cache, &id));
    write(delegate.memory(), &id, "from elsewhere");
    delegate.clock().advance(MINUTE);
    gate.let_go();
    assert_eq!(fill.end().unwrap().as_deref(), Some("old"));
    is_not_kept(&cache, &delegate, &id);
}

#[test]
fn c7_an_entry_never_outlives_its_session() {
    for whole in [true, false] {
        let (idle, absolute) = (10 * SECOND, 25 * SECOND);
        let delegate = Gated::with(
            MemoryOptions::new().idle_timeout(idle).absolute_timeout(absolute),
            Traits::default(),
        );
        let cache = over(&delegate);
        if whole {
            write(&cache, &id(), "mine");
        } else {
            write(delegate.memory(), &id(), "mine");
            get(&cache, &id());
        }
        // Reading is no activity.
        for _ in 0..9 {
            delegate.clock().advance(SECOND);
            is_kept(&cache, &delegate, &id());
        }
        delegate.clock().advance(NEARLY_A_SECOND);
        is_kept(&cache, &delegate, &id());
        delegate.clock().advance(MILLI);
        assert_eq!(block_on(cache.info(&id())).unwrap(), None);
        assert_eq!(get(&cache, &id()), None);
    }
}

#[test]
fn c7_a_touch_renews_what_is_cached_as_the_delegate_does() {
    let (idle, absolute) = (10 * SECOND, 25 * SECOND);
    for (idle, absolute) in
        [(Some(idle), Some(absolute)), (Some(idle), None), (None, Some(absolute)), (None, None)]
    {
        let delegate = Gated::with(
            MemoryOptions::new().idle_timeout(idle).absolute_timeout(absolute),
            Traits::default(),
        );
        write(delegate.memory(), &id(), "mine");
        let cache = over(&delegate);
        get(&cache, &id());
        let mut touches = 0;
        for _ in 0..40 {
            delegate.clock().advance(3 * SECOND);
            let there = block_on(cache.touch(&id())).unwrap();
            let info = block_on(delegate.memory().info(&id())).unwrap();
            assert_eq!(there, info.is_some());
            assert_eq!(block_on(cache.info(&id())).unwrap(), info);
            tells_the_truth(&cache, &delegate);
            touches += u64::from(there);
        }
        // Without an end of its own it leaves after a minute without use, which a touch is.
        let asked = if idle.is_some() { touches / 4 } else { 0 };
        assert!(delegate.count(crate::gated::Call::Info) <= asked + 40 - touches, "it is kept");
    }
}

/// A storage may throttle touches: until it says so itself, nobody knows that the session lives longer.
#[test]
fn c7_an_entry_does_not_outlive_its_session_by_a_touch_that_the_delegate_ignored() {
    for by_write in [false, true] {
        let traits = Traits { ignores_touches: true, ..Traits::default() };
        let delegate = Gated::with(MemoryOptions::new().idle_timeout(10 * SECOND), traits);
        let cache = CacheStorage::new(delegate.clone(), options(&delegate).skip_equal_writes()).unwrap();
        write(&cache, &id(), "mine");
        for _ in 0..3 {
            delegate.clock().advance(3 * SECOND);
            if by_write {
                write(&cache, &id(), "mine");
            } else {
                assert!(block_on(cache.touch(&id())).unwrap());
            }
            is_kept(&cache, &delegate, &id());
        }
        delegate.clock().advance(NEARLY_A_SECOND);
        is_kept(&cache, &delegate, &id());
        delegate.clock().advance(MILLI);
        assert_eq!(get(&cache, &id()), None);
    }
}

#[test]
fn c7_activity_while_the_clock_is_back_shortens_nothing() {
    let delegate = Gated::with(MemoryOptions::new().idle_timeout(10 * SECOND), Traits::default());
    let cache = over(&delegate);
    let begin = sessile::Clock::now(delegate.clock()).unwrap();
    write(&cache, &id(), "mine");
    delegate.clock().set(Timestamp::from_millis(begin.as_millis() - 5_000));
    assert!(block_on(cache.touch(&id())).unwrap());
    tells_the_truth(&cache, &delegate);
    delegate.clock().set(Timestamp::from_millis(begin.as_millis() + 9_999));
    tells_the_truth(&cache, &delegate);
}

/// A clock that goes back by so little that what is kept stays.
#[test]
fn c7_a_touch_while_the_clock_is_a_little_back_shortens_nothing() {
    let delegate = Gated::with(MemoryOptions::new().idle_timeout(10 * SECOND), Traits::default());
    let cache = over(&delegate);
    let begin = sessile::Clock::now(delegate.clock()).unwrap();
    write(&cache, &id(), "mine");
    for later in [5_000, 4_500] {
        delegate.clock().set(Timestamp::from_millis(begin.as_millis() + later));
        assert!(block_on(cache.touch(&id())).unwrap());
    }
    is_kept(&cache, &delegate, &id());
    tells_the_truth(&cache, &delegate);
    assert_eq!(
        block_on(cache.info(&id())).unwrap().unwrap().expires_at,
        Some(Timestamp::from_millis(begin.as_millis() + 15_000))
    );
}

#[test]
fn when_the_clock_goes_back_the_delegate_is_asked() {
    for back in [MILLI, SECOND, 30 * SECOND] {
        let (cache, delegate) = read_once(false, |options| options);
        let begin = sessile::Clock::now(delegate.clock()).unwrap();
        let earlier = begin.as_millis() - u64::try_from(back.as_millis()).unwrap();
        delegate.clock().set(Timestamp::from_millis(earlier));
        is_not_kept(&cache, &delegate, &id());
        is_kept(&cache, &delegate, &id());
        // What was found to be of no age is not believed again.
        delegate.clock().set(begin);
        is_kept(&cache, &delegate, &id());
    }
}

/// An entry looks younger than it is when the clock goes back behind its last use, though not behind its begin.
#[test]
fn a_clock_that_goes_back_does_not_stretch_the_absolute_age() {
    for met_by in 0..3 {
        let (cache, delegate) = read_once(true, |options| options.idle_timeout(None));
        let begin = sessile::Clock::now(delegate.clock()).unwrap();
        write(delegate.memory(), &id(), "from elsewhere");
        delegate.clock().advance(59 * SECOND);
        match met_by {
            0 => drop(get(&cache, &id())),
            1 => drop(get(&cache, &other())),
            _ => write(&cache, &other(), "another"),
        }
        delegate.clock().set(Timestamp::from_millis(begin.as_millis() + 1));
        assert_eq!(get(&cache, &id()).as_deref(), Some("from elsewhere"));
    }
}

#[test]
fn c7_what_has_expired_stays_so_when_the_clock_goes_back() {
    let delegate = Gated::with(MemoryOptions::new().idle_timeout(10 * SECOND), Traits::default());
    let cache = over(&delegate);
    let begin = sessile::Clock::now(delegate.clock()).unwrap();
    write(&cache, &id(), "mine");
    delegate.clock().advance(10 * SECOND);
    // It is the delegate that finds it, by way of another session.
    block_on(cache.sweep()).unwrap();
    delegate.clock().set(begin);
    tells_the_truth(&cache, &delegate);
    assert_eq!(get(&cache, &id()), None);
}

#[test]
fn a_miss_is_remembered_for_a_second() {
    let delegate = Gated::new();
    let cache = over(&delegate);
    is_not_kept(&cache, &delegate, &id());
    delegate.clock().advance(NEARLY_A_SECOND);
    is_kept(&cache, &delegate, &id());
    delegate.clock().advance(MILLI);
    is_not_kept(&cache, &delegate, &id());
}

#[test]
fn a_miss_is_not_remembered_over_a_shared_storage_unless_it_is_said() {
    let traits = Traits { shared: true, ..Traits::default() };
    let delegate = Gated::with(MemoryOptions::new(), traits);
    let cache = over(&delegate);
    is_not_kept(&cache, &delegate, &id());
    is_not_kept(&cache, &delegate, &id());
    assert_eq!(cache.cache_stats().unwrap().sessions, 0, "it takes no room");

    let told = options(&delegate).miss_timeout(SECOND);
    let cache = CacheStorage::new(delegate.clone(), told).unwrap();
    is_not_kept(&cache, &delegate, &id());
    is_kept(&cache, &delegate, &id());
}

#[test]
fn c9_what_is_written_after_a_miss_is_seen_at_once() {
    for streamed in [false, true] {
        for traits in [Traits::default(), Traits { no_info: true, ..Traits::default() }] {
            let delegate = Gated::with(MemoryOptions::new(), traits);
            let cache = over(&delegate);
            assert_eq!(get(&cache, &id()), None);
            if streamed {
                block_on(stream(&cache, &id(), "new")).unwrap();
            } else {
                write(&cache, &id(), "new");
            }
            assert_eq!(get(&cache, &id()).as_deref(), Some("new"));
            tells_the_truth(&cache, &delegate);
        }
    }
}

#[test]
fn a_sweep_forgets_what_is_too_old() {
    let (cache, delegate) = read_once(false, |options| options);
    write(delegate.memory(), &other(), "another");
    delegate.clock().advance(NEARLY_A_MINUTE);
    get(&cache, &other());
    delegate.clock().advance(MILLI);
    assert_eq!(cache.cache_stats().unwrap().sessions, 2);
    block_on(cache.sweep()).unwrap();
    assert_eq!(cache.cache_stats().unwrap().sessions, 1);
    is_kept(&cache, &delegate, &other());
}
