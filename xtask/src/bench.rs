//! `cargo xtask bench`: measures the package beside its peers, under the Node of `tests/`.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Result, bail};

use crate::{
    browsers::{self, Chromium},
    build, installed, npm,
    process::{command, show},
    programs,
    report::step,
};

/// The bench that starts browsers.
const IN_BROWSERS: &str = "indexeddb";

/// The benches that start redis-server.
const WITH_REDIS: [&str; 2] = ["http", "redis"];

pub fn bench(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let folder = root.join("benches");
    let known = names(&folder)?;
    let Some((name, rest)) = arguments.split_first() else {
        bail!("name a bench: {}", known.join(", "));
    };
    if !known.contains(name) {
        bail!("there is no bench `{name}`; there are: {}", known.join(", "));
    }
    let package = build::build(root)?;
    let tests = root.join("tests");
    npm::install(&tests)?;
    npm::install(&folder)?;
    installed::place(&package, &folder)?;
    let node = npm::runtime(&tests, "node24")?;
    step(&format!("measuring with Node {}", version(&node)?));
    let mut program = command(node);
    program.arg("--expose-gc").arg(format!("{name}.mjs")).args(rest).current_dir(&folder);
    if name == IN_BROWSERS {
        let engines = engines(rest);
        let is_measured = |engine: &str| engines.is_empty() || engines.contains(&engine);
        if is_measured("chromium") {
            program.env("CHROMIUM", Chromium::find()?.browser);
        }
        if is_measured("firefox") {
            program.env("FIREFOX", browsers::firefox()?);
        }
        if is_measured("webkit") {
            program.env("WEBKITWEBDRIVER", browsers::webkit()?);
        }
    }
    if WITH_REDIS.contains(&name.as_str()) {
        program.env("REDIS_SERVER", programs::redis_server()?);
    }
    show(&mut program)?;
    Ok(ExitCode::SUCCESS)
}

/// The browsers that are named by `--engine`; where none is, all of them are measured.
fn engines(arguments: &[String]) -> Vec<&str> {
    let next = arguments.iter().skip(1).map(String::as_str);
    let pairs = arguments.iter().map(String::as_str).zip(next.chain([""]));
    pairs
        .filter_map(|(argument, next)| match argument.strip_prefix("--engine") {
            Some("") => Some(next),
            Some(joined) => joined.strip_prefix('='),
            None => None,
        })
        .collect()
}

fn version(node: &Path) -> Result<String> {
    Ok(crate::process::read(command(node).arg("--version"))?.trim().to_owned())
}

/// What can be measured: each program in `benches/`.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".mjs").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_named_in_either_way_of_writing_an_option() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(engines(&words("--quick --engine firefox --engine=webkit")), ["firefox", "webkit"]);
        assert!(engines(&words("--quick --only table")).is_empty());
    }
}
