//! `cargo xtask test`: everything that must pass, stage by stage.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::OnceLock,
    thread,
};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::{
    browsers::{self, Chromium},
    build::{self, Package},
    crash_stages, demo, fuzz_stage,
    installed::{self, App},
    lanes, npm, option_value,
    report::{Counts, Report},
    rust_stages, tarball_stages,
    toolchain::Toolchain,
    www_stages,
};

/// A part of the run, which `--only` can name.
pub struct Stage {
    pub name: &'static str,
    pub run: fn(&Setup) -> Result<Counts>,
}

/// What stages need, made when the first of them asks. What could not be made is not tried again; every stage
/// that needs it fails with the same words.
pub struct Setup {
    pub root: PathBuf,
    toolchain: OnceLock<Result<Toolchain, String>>,
    chromium: OnceLock<Result<Chromium, String>>,
    firefox: OnceLock<Result<PathBuf, String>>,
    webkit: OnceLock<Result<PathBuf, String>>,
    tests: OnceLock<Result<PathBuf, String>>,
    package: OnceLock<Result<Package, String>>,
    tarball: OnceLock<Result<PathBuf, String>>,
    app: OnceLock<Result<App, String>>,
    demo: OnceLock<Result<(), String>>,
}

impl Setup {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            toolchain: OnceLock::new(),
            chromium: OnceLock::new(),
            firefox: OnceLock::new(),
            webkit: OnceLock::new(),
            tests: OnceLock::new(),
            package: OnceLock::new(),
            tarball: OnceLock::new(),
            app: OnceLock::new(),
            demo: OnceLock::new(),
        }
    }

    pub fn toolchain(&self) -> Result<&Toolchain> {
        once(&self.toolchain, || Toolchain::find(&self.root))
    }

    pub fn chromium(&self) -> Result<&Chromium> {
        once(&self.chromium, Chromium::find)
    }

    pub fn firefox(&self) -> Result<&Path> {
        Ok(once(&self.firefox, browsers::firefox)?)
    }

    /// WebKitGTK's driver.
    pub fn webkit(&self) -> Result<&Path> {
        Ok(once(&self.webkit, browsers::webkit)?)
    }

    /// The folder `tests/` with its npm packages.
    pub fn tests(&self) -> Result<&Path> {
        let make = || {
            let tests = self.root.join("tests");
            npm::install(&tests)?;
            Ok(tests)
        };
        Ok(once(&self.tests, make)?)
    }

    pub fn runtime(&self, name: &str) -> Result<PathBuf> {
        npm::runtime(self.tests()?, name)
    }

    pub fn package(&self) -> Result<&Package> {
        once(&self.package, || build::build(&self.root))
    }

    pub fn tarball(&self) -> Result<&Path> {
        Ok(once(&self.tarball, || installed::pack(&self.root, self.package()?))?)
    }

    /// The folder where the tarball is installed.
    pub fn app(&self) -> Result<&Path> {
        Ok(once(&self.app, || App::install(&self.root, self.tarball()?))?.folder())
    }

    /// The command that starts the demo's server in its folder.
    pub fn demo(&self, runtime: &str) -> Result<Vec<OsString>> {
        once(&self.demo, || installed::place(self.package()?, &demo::folder(&self.root)))?;
        demo::words(&self.root, runtime)
    }
}

fn once<T>(cell: &OnceLock<Result<T, String>>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    let mut first = false;
    let made = cell.get_or_init(|| {
        first = true;
        make().map_err(|error| format!("{error:#}"))
    });
    made.as_ref().map_err(|error| match error.lines().next() {
        Some(line) if !first => anyhow!("as above: {line}"),
        _ => anyhow!("{error}"),
    })
}

pub fn test(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let stages = [
        rust_stages::stages(),
        fuzz_stage::stages(),
        tarball_stages::stages(),
        www_stages::stages(),
        crash_stages::stages(),
    ];
    let all: Vec<Stage> = stages.into_iter().flatten().collect();
    let mut wanted = BTreeSet::new();
    // One more than cores: most stages wait now and then.
    let mut lanes = thread::available_parallelism().map_or(1, |cores| (cores.get() + 1).min(4));
    let mut rest = arguments.iter().cloned();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--only" => {
                let name = option_value("--only", &mut rest)?;
                let matching = matching(&all, &name);
                if matching.is_empty() {
                    bail!("there is no stage `{name}`; there are: {}", names(&all));
                }
                wanted.extend(matching);
            }
            "--lanes" => {
                let text = option_value("--lanes", &mut rest)?;
                lanes = text.parse().ok().filter(|lanes| *lanes > 0).with_context(|| {
                    format!("--lanes {text} is no number of stages that run at once; it is 1 or more")
                })?;
            }
            "--list" => {
                println!("{}", names(&all));
                return Ok(ExitCode::SUCCESS);
            }
            other => bail!("`{other}` is not an option; there are: --only NAME, --lanes NUMBER, --list"),
        }
    }
    let stages: Vec<Stage> =
        all.into_iter().filter(|stage| wanted.is_empty() || wanted.contains(stage.name)).collect();

    let setup = Setup::new(root);
    let report = Report::new(stages.len());
    lanes::run(stages, lanes, &setup, &report);
    drop(setup);
    Ok(if report.close() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The stage of that very name, or else those whose names begin with it.
fn matching(stages: &[Stage], name: &str) -> Vec<&'static str> {
    let names = || stages.iter().map(|stage| stage.name);
    match names().find(|known| *known == name) {
        Some(exact) => vec![exact],
        None => names().filter(|known| known.starts_with(name)).collect(),
    }
}

fn names(stages: &[Stage]) -> String {
    stages.iter().map(|stage| stage.name).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_takes_a_name_or_its_beginning() {
        let stages = rust_stages::stages();
        assert_eq!(matching(&stages, "clippy"), ["clippy"]);
        assert_eq!(matching(&stages, "wasm-"), ["wasm-node", "wasm-window", "wasm-worker"]);
        assert!(matching(&stages, "nothing").is_empty());
    }

    #[test]
    fn a_failed_set_up_is_not_repeated() {
        let cell = OnceLock::new();
        let mut tries = 0;
        let mut told = || {
            let made: Result<&u8> = once(&cell, || {
                tries += 1;
                bail!("no way\nand why")
            });
            made.unwrap_err().to_string()
        };
        assert_eq!([told(), told()], ["no way\nand why", "as above: no way"]);
        assert_eq!(tries, 1);
    }
}
