//! The stage that feeds what reads foreign bytes with bytes of a fuzzer (`fuzz/`).
//!
//! libFuzzer is linked by a plain build with the flags of `cargo fuzz`, whose own installation would take longer than all the
//! fuzzing. There is no sanitizer: those need a nightly compiler, and what is fuzzed has no `unsafe` for them to watch.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    process::{cargo, command, read, tee},
    report::{Counts, say, step},
    test::{Setup, Stage},
};

pub fn stages() -> Vec<Stage> {
    vec![Stage { name: "fuzz", run: fuzz }]
}

/// Coverage as libFuzzer wants it: counters, a table of places, and what is compared.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0 -Ccodegen-units=1";

/// For each target, unless `FUZZ_SECONDS` in the environment asks for more.
const SECONDS: u64 = 4;

fn fuzz(setup: &Setup) -> Result<Counts> {
    let seconds = match std::env::var("FUZZ_SECONDS") {
        Ok(seconds) => seconds.parse().context("FUZZ_SECONDS is no number of seconds")?,
        Err(_) => SECONDS,
    };
    let mut counts = Counts::default();
    for (name, program) in build(&setup.root)? {
        step(&format!("{name}, for {seconds} s"));
        counts += Counts::one(run(&setup.root, &name, &program, seconds)?);
    }
    Ok(counts)
}

/// The targets by name, each with its program.
fn build(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    step("building the fuzz targets (a minute or two the first time)");
    let version = read(cargo().arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    // With the target named, the flags are not those of build scripts.
    let messages = read(
        cargo()
            .args(["build", "--release", "--bins", "--message-format", "json"])
            .args(["--target", host.context("cargo does not say what it runs on")?])
            .arg("--target-dir")
            .arg(root.join("target/fuzz"))
            .env("RUSTFLAGS", COVERAGE)
            .current_dir(root.join("fuzz")),
    )?;
    let made = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = made.filter_map(|message| {
        let program = message["executable"].as_str()?;
        Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(program)))
    });
    let mut programs: Vec<_> = programs.collect();
    programs.sort();
    if programs.is_empty() {
        bail!("cargo did not say where it put the fuzz targets");
    }
    Ok(programs)
}

/// Runs one target from its seeds and from what earlier runs have found. Of a crash, the input is shown.
fn run(root: &Path, name: &str, program: &Path, seconds: u64) -> Result<bool> {
    let corpus = root.join("target/fuzz/corpus").join(name);
    let crashes = root.join("target/fuzz/crashes").join(name);
    let _ = fs::remove_dir_all(&crashes);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&crashes)?;
    let mut fuzzer = command(program);
    fuzzer
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=30", "-rss_limit_mb=1024", "-verbosity=0", "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .args([corpus, root.join("fuzz/seeds").join(name)])
        .current_dir(root);
    let ended = tee(&mut fuzzer)?;
    for entry in fs::read_dir(&crashes)? {
        let path = entry?.path();
        let hex: String = fs::read(&path)?.iter().map(|byte| format!("{byte:02x}")).collect();
        let again = format!("{} {}", program.display(), path.display());
        say(format_args!("{name} fails for {hex}\nagain: {again}"));
    }
    Ok(ended.ok && runs(&ended.output) > 0)
}

/// How many inputs were tried.
fn runs(output: &str) -> u64 {
    let line = output.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_tried_nothing_is_none() {
        assert_eq!(
            runs("stat::number_of_executed_units: 84027\nstat::average_exec_per_sec:     14004\n"),
            84_027
        );
        assert_eq!(runs("stat::number_of_executed_units: 0\n"), 0);
        assert_eq!(runs("no such program\n"), 0);
    }
}
