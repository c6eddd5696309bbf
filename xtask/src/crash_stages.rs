//! The stages that kill processes at work on one folder, and check what they leave.

use anyhow::Result;

use crate::{
    example,
    process::command,
    report::Counts,
    tarball_stages::counted,
    test::{Setup, Stage},
};

pub fn stages() -> Vec<Stage> {
    vec![
        Stage { name: "crash-node", run: |setup| crash(setup, "node") },
        Stage { name: "crash-native", run: |setup| crash(setup, "native") },
        Stage { name: "crash-mixed", run: |setup| crash(setup, "mixed") },
    ]
}

/// `CRASH_KILLS` in the environment asks for a longer run.
fn crash(setup: &Setup, kind: &str) -> Result<Counts> {
    let mut harness = command(setup.runtime("node24")?);
    harness.arg(setup.root.join("tests/crash/run.mjs")).arg(kind);
    if kind != "native" {
        harness.arg("--app").arg(setup.app()?);
    }
    if kind != "node" {
        harness.arg("--native").arg(example::build(&setup.root, "crash_writer")?);
    }
    counted(&mut harness)
}
