//! Checks any [`SessionStorage`] against its contract, C1 to C13.
//!
//! Tell the kit how to open your storage ([`Harness`]), and have each case run as a test of its own:
//!
//! ```
//! use std::sync::Arc;
//! use sessile::{
//!     BoxFuture, Capabilities, Error, MemoryOptions, SessionStorage, SessionStorageMemory,
//!     conformance::{Bounds, Harness, Setup},
//! };
//!
//! struct Memory;
//!
//! impl Harness for Memory {
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities { streams: true, conditional: true, tags: true, ..Capabilities::default() }
//!     }
//!
//!     fn open(&self, setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
//!         Box::pin(async move {
//!             let mut options = MemoryOptions::new()
//!                 .clock(setup.clock)
//!                 .idle_timeout(setup.idle)
//!                 .absolute_timeout(setup.absolute);
//!             if let Some(bytes) = setup.max_session_bytes {
//!                 options = options.max_session_bytes(bytes);
//!             }
//!             Ok(Arc::new(SessionStorageMemory::with_options(options)?) as Arc<dyn SessionStorage>)
//!         })
//!     }
//! }
//!
//! #[cfg(test)]
//! mod memory {
//!     sessile::conformance_tests!(#[test] futures::executor::block_on, super::Memory);
//! }
//!
//! // Or all at once, without a test runner:
//! let report = futures::executor::block_on(sessile::conformance::run(&Memory));
//! assert!(report.is_clean(), "{report}");
//! ```
//!
//! The kit needs no runtime and no threads, sleeps never, and moves the clock by hand. It is silent on what no
//! case can force from outside: several threads at once, a power cut. A storage that deadlocks keeps a case
//! from ever ending; let your test runner have a time limit.
//!
//! The names of the cases are stable. They begin with the rule that they check.

// A case is named as it is reported, beginning with its rule.
#![allow(non_snake_case)]
// The examples show how tests are made; they are not tests of this crate.
#![allow(clippy::test_attr_in_doctest)]
// A case is never awaited by anybody but the runner; that its future may be sent is said once, at `Case`.
#![allow(clippy::future_not_send)]

mod atomicity;
mod bounds;
mod broken;
mod channel;
mod corruption;
mod durability;
mod expiry;
mod harness;
mod ids;
mod invalidation;
mod isolation;
mod list;
mod missing;
mod revisions;
mod robustness;
mod schedule;
mod tags;
mod trial;

use std::fmt;

use self::trial::Trial;
pub use self::{
    broken::Broken,
    harness::{Bounds, Damage, Harness, Setup},
};
use crate::maybe_send::BoxFuture;
#[cfg(doc)]
use crate::storage::SessionStorage;

/// One thing that the contract demands.
pub struct Case {
    name: &'static str,
    need: Need,
    check: fn(Trial<'_>) -> BoxFuture<'_, Result<(), Broken>>,
}

/// What a storage must be able, or unable, to do for a case to apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    Conditional,
    NoConditional,
    Tags,
    NoTags,
    Durable,
    Shared,
    SharedConditional,
    SessionBound,
    StorageBound,
    StorageBoundConditional,
    StorageBoundTags,
    Damage,
}

impl Case {
    /// The stable name, such as `C4_invalidate_wins_over_a_write_in_flight`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the case says anything about this storage, after what its harness declares.
    pub fn applies_to(&self, harness: &dyn Harness) -> bool {
        let can = harness.capabilities();
        let bounds = harness.bounds();
        match self.need {
            Need::Nothing => true,
            Need::Conditional => can.conditional,
            Need::NoConditional => !can.conditional,
            Need::Tags => can.tags,
            Need::NoTags => !can.tags,
            Need::Durable => can.durable,
            Need::Shared => can.shared,
            Need::SharedConditional => can.shared && can.conditional,
            Need::SessionBound => bounds.session,
            Need::StorageBound => bounds.storage,
            Need::StorageBoundConditional => bounds.storage && can.conditional,
            Need::StorageBoundTags => bounds.storage && can.tags,
            Need::Damage => harness.can_damage(),
        }
    }

    /// Runs the case, whether it applies or not.
    ///
    /// # Errors
    /// What the storage does against the contract.
    pub async fn run(&self, harness: &dyn Harness) -> Result<(), Broken> {
        (self.check)(Trial { harness }).await
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Case").field("name", &self.name).field("need", &self.need).finish_non_exhaustive()
    }
}

/// All cases, in the order of the rules.
pub fn cases() -> &'static [Case] {
    const CASES: &[Case] = crate::__conformance_cases!(table);
    CASES
}

/// Runs one case by its name, if it applies.
///
/// # Errors
/// What the storage does against the contract; or that there is no such case.
pub async fn check(harness: &dyn Harness, name: &str) -> Result<(), Broken> {
    match cases().iter().find(|case| case.name == name) {
        Some(case) if case.applies_to(harness) => case.run(harness).await,
        Some(_) => Ok(()),
        None => Err(Broken::new(format!("there is no case {name}; cases() has them all"))),
    }
}

/// The same for `conformance_tests`, whose hundreds of tests are quickly compiled because all have one type of future.
#[doc(hidden)]
#[allow(clippy::missing_errors_doc)]
pub fn __check(harness: Box<dyn Harness>, name: &'static str) -> BoxFuture<'static, Result<(), Broken>> {
    Box::pin(async move { check(&*harness, name).await })
}

/// Runs every case that applies, one after another.
pub async fn run(harness: &dyn Harness) -> Report {
    let mut report = Report::default();
    for case in cases() {
        if !case.applies_to(harness) {
            report.not_applicable.push(case.name);
            continue;
        }
        match case.run(harness).await {
            Ok(()) => report.passed.push(case.name),
            Err(broken) => report.failed.push((case.name, broken)),
        }
    }
    report
}

/// What came of a run. `Display` gives one line per case that failed, and the counts.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The cases that hold.
    pub passed: Vec<&'static str>,
    /// The cases that do not, and why.
    pub failed: Vec<(&'static str, Broken)>,
    /// The cases that say nothing about a storage that can do what this one declares.
    pub not_applicable: Vec<&'static str>,
}

impl Report {
    /// Whether no case failed.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, broken) in &self.failed {
            writeln!(out, "{name}: {broken}")?;
        }
        let Self { passed, failed, not_applicable } = self;
        let (passed, failed, other) = (passed.len(), failed.len(), not_applicable.len());
        write!(out, "{passed} passed, {failed} failed, {other} do not apply")
    }
}

/// Makes a test of every case, so that each shows by its name.
///
/// Give the attribute of a test, what runs a future to its end, and the [`Harness`], which is
/// made anew for each test; or, for a test runner that awaits, `async` and the harness:
///
/// ```
/// # macro_rules! in_a_test_file { ($($text:tt)*) => {} }
/// # in_a_test_file! {
/// sessile::conformance_tests!(#[test] futures::executor::block_on, MyHarness::new());
/// sessile::conformance_tests!(#[wasm_bindgen_test] async MyHarness::new());
/// # }
/// ```
///
/// A case that does not apply to the storage passes without doing anything.
#[macro_export]
macro_rules! conformance_tests {
    (# $attribute:tt async $harness:expr) => {
        $crate::__conformance_cases!(# $attribute async $harness);
    };
    (# $attribute:tt $run:expr, $harness:expr) => {
        $crate::__conformance_cases!(# $attribute $run, $harness);
    };
}

#[doc(inline)]
pub use crate::conformance_tests;
