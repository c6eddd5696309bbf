//! What is told while it goes on, and the counts at the end.

use std::{
    cell::Cell,
    fmt,
    ops::AddAssign,
    sync::Mutex,
    time::{Duration, Instant},
};

thread_local! {
    /// Whose lines this thread says, while others say theirs.
    static STAGE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Prints lines, with the stage they are of where several run at once.
pub fn say(text: impl fmt::Display) {
    let Some(stage) = STAGE.get() else {
        println!("{text}");
        return;
    };
    let text = text.to_string();
    let lines: Vec<_> = text.lines().map(|line| format!("{stage:>14} | {line}")).collect();
    println!("{}", lines.join("\n"));
}

/// From now on this thread says what is of `stage`.
pub fn label(stage: &'static str) {
    STAGE.set(Some(stage));
}

/// Tells that something begins which may take a while.
pub fn step(text: &str) {
    say(format_args!("· {text}"));
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
}

impl Counts {
    /// One check that is not made of tests, such as a linter's.
    pub fn one(ok: bool) -> Self {
        Self { passed: u64::from(ok), failed: u64::from(!ok) }
    }

    /// A run that claims nothing cannot be a success, nor one that ended badly without naming a failure.
    pub fn judged(self, ended_well: bool) -> Self {
        if self.failed == 0 && (!ended_well || self.passed == 0) {
            say("this run ended badly, or without one test");
            return Self { failed: 1, ..self };
        }
        self
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The stages of a run, each with its place in it, as they end.
pub struct Report {
    began: Instant,
    of: usize,
    ended: Mutex<Vec<(usize, &'static str, Counts, Duration)>>,
}

impl Report {
    pub fn new(of: usize) -> Self {
        Self { began: Instant::now(), of, ended: Mutex::default() }
    }

    /// Does the work of the stage in that place, counted from one.
    pub fn stage(&self, place: usize, name: &'static str, work: impl FnOnce() -> Counts) {
        let began = Instant::now();
        println!("\n=== {name} ({place} of {}, after {})", self.of, clock(self.began.elapsed()));
        let counts = work();
        let took = began.elapsed();
        println!("--- {name}: {counts}, {}", clock(took));
        self.ended.lock().expect("no stage panics").push((place, name, counts, took));
    }

    /// The stages that have ended, as the list has them.
    #[cfg(test)]
    pub fn names(&self) -> Vec<&'static str> {
        let mut ended = self.ended.lock().expect("no stage panics").clone();
        ended.sort_unstable_by_key(|(place, ..)| *place);
        ended.into_iter().map(|(_, name, ..)| name).collect()
    }

    /// Prints the table and the sum, which is the last line, and says whether all is well.
    pub fn close(self) -> bool {
        let mut ended = self.ended.into_inner().expect("no stage panics");
        ended.sort_unstable_by_key(|(place, ..)| *place);
        println!("\n{:<16} {:>7} {:>7} {:>7}", "stage", "passed", "failed", "time");
        let mut sum = Counts::default();
        for (_, name, counts, took) in &ended {
            println!("{name:<16} {:>7} {:>7} {:>7}", counts.passed, counts.failed, clock(*took));
            sum += *counts;
        }
        println!("{:<16} {:>7} {:>7} {:>7}\n", "", "", "", clock(self.began.elapsed()));
        println!("{sum}");
        sum.failed == 0 && sum.passed > 0 && ended.len() == self.of
    }
}

fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

/// Adds up the `test result:` lines of `cargo test`, and of `wasm-bindgen-test-runner`, which imitates it.
/// A test that is ignored checks nothing and counts as failed.
pub fn count_test_results(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().filter_map(|line| line.trim_start().strip_prefix("test result: ")) {
        for part in line.split([';', '.']) {
            let mut words = part.split_whitespace();
            let number = words.next().and_then(|word| word.parse::<u64>().ok());
            match (number, words.next()) {
                (Some(number), Some("passed")) => counts.passed += number,
                (Some(number), Some("failed" | "ignored")) => counts.failed += number,
                _ => {}
            }
        }
    }
    counts
}

/// What the JavaScript runners print last; see `tests/package/harness.mjs`.
const COUNTS_MARK: &str = "#counts ";

pub fn count_marked(output: &str) -> Counts {
    let mut counts = Counts::default();
    for text in output.lines().filter_map(|line| line.strip_prefix(COUNTS_MARK)) {
        let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        match (value["passed"].as_u64(), value["failed"].as_u64()) {
            (Some(passed), Some(failed)) => counts += Counts { passed, failed },
            _ => counts.failed += 1,
        }
    }
    counts
}

/// The last line of the form `N passed, N failed`.
pub fn count_summary(output: &str) -> Counts {
    let numbers = |line: &str| {
        let (passed, failed) = line.trim().strip_suffix(" failed")?.split_once(" passed, ")?;
        Some(Counts { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
    };
    output.lines().rev().find_map(numbers).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_results_of_several_binaries_add_up() {
        let output = "running 2 tests\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 1.25s\n";
        assert_eq!(count_test_results(output), Counts { passed: 5, failed: 3 });
    }

    #[test]
    fn a_summary_is_the_last_one() {
        let output = "a: 1 passed, 1 failed\n3 passed, 0 failed\n40 passed, 2 failed\nbye\n";
        assert_eq!(count_summary(output), Counts { passed: 40, failed: 2 });
        assert_eq!(count_summary("all passed, none failed\n"), Counts::default());
    }

    #[test]
    fn a_runner_that_prints_no_counts_fails() {
        assert_eq!(count_marked("all fine\n").judged(true), Counts { passed: 0, failed: 1 });
        assert_eq!(
            count_marked("#counts {\"passed\":4,\"failed\":0}\n").judged(true),
            Counts { passed: 4, failed: 0 }
        );
        assert_eq!(
            count_marked("#counts {\"passed\":4,\"failed\":0}\n").judged(false),
            Counts { passed: 4, failed: 1 }
        );
        assert_eq!(count_marked("#counts what\n"), Counts { passed: 0, failed: 1 });
    }
}
