//! Stages that run beside each other.

use std::{collections::VecDeque, sync::Mutex, thread};

use crate::{
    report::{self, Counts, Report, say},
    test::{Setup, Stage},
};

/// Runs every stage, `lanes` of them at a time. The first lane begins at the head of the list and the second at its end,
/// so that what compiles runs beside what waits, and both end where they meet, among the short ones.
pub fn run(stages: Vec<Stage>, lanes: usize, setup: &Setup, report: &Report) {
    let lanes = lanes.min(stages.len());
    let left: Mutex<VecDeque<_>> = Mutex::new(stages.into_iter().zip(1..).collect());
    let next = |lane: usize| {
        let mut left = left.lock().expect("no stage runs under the lock");
        if lane.is_multiple_of(2) { left.pop_front() } else { left.pop_back() }
    };
    let work = |lane: usize| {
        while let Some((stage, place)) = next(lane) {
            if lanes > 1 {
                report::label(stage.name);
            }
            report.stage(place, stage.name, || {
                (stage.run)(setup).unwrap_or_else(|error| {
                    say(format_args!("{error:#}"));
                    Counts::one(false)
                })
            });
        }
    };
    thread::scope(|scope| {
        for lane in 0..lanes {
            scope.spawn(move || work(lane));
        }
    });
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use anyhow::bail;

    use super::*;

    #[test]
    fn every_stage_runs_once_however_many_lanes_there_are() {
        for lanes in [1, 2, 5, 40] {
            let names = ["a", "b", "c", "d", "e", "f", "g"];
            let stages = names.map(|name| Stage { name, run: |_| Ok(Counts { passed: 1, failed: 0 }) });
            let report = Report::new(names.len());
            run(stages.into(), lanes, &Setup::new(Path::new("/")), &report);
            assert_eq!(report.names(), names);
            assert!(report.close(), "{lanes} lanes");
        }
    }

    #[test]
    fn a_stage_that_cannot_run_has_failed_and_the_others_go_on() {
        let stages = vec![
            Stage { name: "bad", run: |_| bail!("no way") },
            Stage { name: "good", run: |_| Ok(Counts { passed: 1, failed: 0 }) },
        ];
        let report = Report::new(2);
        run(stages, 2, &Setup::new(Path::new("/")), &report);
        assert_eq!(report.names(), ["bad", "good"]);
        assert!(!report.close());
    }

    #[test]
    fn a_run_that_left_a_stage_out_is_no_success() {
        let report = Report::new(2);
        run(
            vec![Stage { name: "good", run: |_| Ok(Counts { passed: 1, failed: 0 }) }],
            1,
            &Setup::new(Path::new("/")),
            &report,
        );
        assert!(!report.close());
    }
}
