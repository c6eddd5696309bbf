//! The stages that drive the browser test page, as the demo serves it, in each engine.

use std::path::Path;

use anyhow::Result;

use crate::{
    demo,
    process::command,
    report::Counts,
    tarball_stages::counted,
    test::{Setup, Stage},
};

pub fn stages() -> Vec<Stage> {
    vec![
        Stage {
            name: "www-chromium",
            run: |setup| drive(setup, "chromium", "CHROMIUM", &setup.chromium()?.browser),
        },
        Stage { name: "www-firefox", run: |setup| drive(setup, "firefox", "FIREFOX", setup.firefox()?) },
        Stage { name: "www-webkit", run: |setup| drive(setup, "webkit", "WEBKITWEBDRIVER", setup.webkit()?) },
    ]
}

fn drive(setup: &Setup, engine: &str, variable: &str, program: &Path) -> Result<Counts> {
    let server = setup.demo("node")?;
    let mut driver = command(setup.runtime("node24")?);
    driver.arg(setup.root.join("tests/www/run.mjs")).arg(engine).arg(demo::folder(&setup.root)).args(server);
    counted(driver.env(variable, program))
}
