//! The kit finds what it looks for: storages that are wrong on purpose, and the cases that must fail on them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod channels;
mod core;
mod flaw;
mod flawed;
mod found;
mod harness;
#[path = "../subjects/mod.rs"]
mod subjects;

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake},
};

use sessile::conformance::{Case, cases, run};

use crate::{flaw::Flaw, harness::FlawedHarness};

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs a future to its end; `None` where it waits for what nobody will ever do.
fn run_unless_stuck<F: Future>(future: F) -> Option<F::Output> {
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Arc::clone(&woken).into();
    let mut task = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return Some(output);
        }
        if !woken.0.swap(false, Ordering::SeqCst) {
            return None;
        }
    }
}

/// Each of these cases fails on a storage with this flaw.
fn must_fail(flaw: Flaw, names: &[&str]) {
    for name in names {
        let case = cases().iter().find(|case| case.name() == *name);
        let case = case.unwrap_or_else(|| panic!("there is no case {name}"));
        let (memory, records) = (FlawedHarness::in_memory(flaw), FlawedHarness::in_records(flaw));
        let harness = if case.applies_to(&memory) { memory } else { records };
        assert!(case.applies_to(&harness), "{name} does not apply to either base");
        let outcome = run_unless_stuck(case.run(&harness));
        assert!(!matches!(outcome, Some(Ok(()))), "{name} does not find {flaw:?}");
    }
}

/// What fails below fails for its flaw: without one, everything holds, on both bases.
#[test]
fn a_storage_without_a_flaw_passes() {
    for harness in [FlawedHarness::in_memory(Flaw::Nothing), FlawedHarness::in_records(Flaw::Nothing)] {
        let report = run_unless_stuck(run(&harness)).unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

#[test]
fn every_case_finds_a_flaw() {
    let finders: BTreeSet<_> = found::FINDERS.iter().copied().collect();
    let idle: Vec<_> = cases().iter().map(Case::name).filter(|name| !finders.contains(name)).collect();
    assert!(idle.is_empty(), "no broken storage fails {idle:?}");
}
