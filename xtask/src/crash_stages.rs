//! The stages that kill those at work on one folder or one database, and check what they leave.

use std::path::Path;

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
        Stage {
            name: "crash-chromium",
            run: |setup| crash_browser(setup, "chromium", "CHROMIUM", &setup.chromium()?.browser),
        },
        Stage {
            name: "crash-firefox",
            run: |setup| crash_browser(setup, "firefox", "FIREFOX", setup.firefox()?),
        },
        Stage {
            name: "crash-webkit",
            run: |setup| crash_browser(setup, "webkit", "WEBKITWEBDRIVER", setup.webkit()?),
        },
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
        harness.arg("--native").arg(example::build(&setup.root, "crash_writer", "fs")?);
    }
    counted(&mut harness)
}

/// The same for a browser, whose tabs and workers write to one database.
fn crash_browser(setup: &Setup, engine: &str, variable: &str, program: &Path) -> Result<Counts> {
    let mut harness = command(setup.runtime("node24")?);
    harness.arg(setup.root.join("tests/crash/database.mjs")).arg(engine);
    counted(harness.arg("--app").arg(setup.app()?).env(variable, program))
}
