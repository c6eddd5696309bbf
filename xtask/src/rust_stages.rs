//! The stages that test the crate, natively and as wasm.

use std::{fs, process::Command};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::{
    process::{cargo, on_path, read, tee},
    programs,
    report::{Counts, count_test_results},
    test::{Setup, Stage},
    wasm_bindgen,
};

pub fn stages() -> Vec<Stage> {
    vec![
        Stage { name: "fmt", run: |setup| check(native(setup, "fmt").args(["--all", "--check"])) },
        Stage { name: "clippy", run: clippy },
        Stage { name: "clippy-wasm", run: clippy_wasm },
        Stage { name: "docs", run: docs },
        Stage { name: "native", run: native_tests },
        Stage { name: "wasm-node", run: |setup| wasm_tests(setup, "wasm_node", false) },
        Stage { name: "wasm-window", run: |setup| wasm_tests(setup, "wasm_window", true) },
        Stage { name: "wasm-worker", run: |setup| wasm_tests(setup, "wasm_worker", true) },
    ]
}

const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

fn check(command: &mut Command) -> Result<Counts> {
    Ok(Counts::one(tee(command)?.ok))
}

fn native(setup: &Setup, subcommand: &str) -> Command {
    let mut cargo = cargo();
    cargo.arg(subcommand).current_dir(&setup.root);
    cargo
}

/// With every feature that means something outside wasm, and with none.
fn clippy(setup: &Setup) -> Result<Counts> {
    let features = native_features(setup)?;
    let mut counts = check(
        native(setup, "clippy")
            .args(["--workspace", "--all-targets", "--features", &features])
            .args(DENY_WARNINGS),
    )?;
    counts += check(native(setup, "clippy").args(["--package", "sessile"]).args(DENY_WARNINGS))?;
    Ok(counts)
}

fn clippy_wasm(setup: &Setup) -> Result<Counts> {
    let toolchain = setup.toolchain()?;
    let mut counts = check(
        toolchain.clippy()?.args(["--package", "sessile", "--lib", "--features", "js"]).args(DENY_WARNINGS),
    )?;
    let tests = wasm_test_names(setup)?;
    counts += check(
        toolchain
            .clippy()?
            .args(["--package", "sessile", "--features", "js,testing"])
            .args(tests.iter().flat_map(|test| ["--test", test]))
            .args(DENY_WARNINGS),
    )?;
    Ok(counts)
}

fn docs(setup: &Setup) -> Result<Counts> {
    let features = native_features(setup)?;
    check(
        native(setup, "doc")
            .args(["--package", "sessile", "--no-deps", "--features", &features])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn native_tests(setup: &Setup) -> Result<Counts> {
    // The example has no tests of its own; the stage of the frameworks builds and runs it.
    let mut tests = native(setup, "test");
    tests.args(["--workspace", "--exclude", "sessile-example-axum", "--no-fail-fast"]);
    tests.args(["--features", &native_features(setup)?]).env("REDIS_SERVER", programs::redis_server()?);
    let ended = tee(&mut tests)?;
    Ok(count_test_results(&ended.output).judged(ended.ok))
}

fn wasm_tests(setup: &Setup, test: &str, in_browser: bool) -> Result<Counts> {
    if !in_browser && on_path("node").is_none() {
        bail!("Node.js is missing: install version 20 or newer (https://nodejs.org)");
    }
    let mut command = setup.toolchain()?.cargo("test");
    command
        .args(["--package", "sessile", "--features", "js,testing", "--test", test])
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            wasm_bindgen::programs(&setup.root)?.join("wasm-bindgen-test-runner"),
        )
        .env("WASM_BINDGEN_TEST_TIMEOUT", "600");
    if in_browser {
        let capabilities = setup.root.join(format!("target/{test}.webdriver.json"));
        let chromium = setup.chromium()?;
        chromium.write_capabilities(&capabilities)?;
        command.env("CHROMEDRIVER", &chromium.driver).env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities);
    }
    let ended = tee(&mut command)?;
    Ok(count_test_results(&ended.output).judged(ended.ok))
}

fn wasm_test_names(setup: &Setup) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(setup.root.join("tests"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(test) = name.strip_suffix(".rs").filter(|test| test.starts_with("wasm_")) {
            names.push(test.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// All of the crate's features but `js`, which is for wasm alone.
fn native_features(setup: &Setup) -> Result<String> {
    let metadata = read(native(setup, "metadata").args(["--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let package =
        metadata["packages"].as_array().into_iter().flatten().find(|package| package["name"] == "sessile");
    let features = package.and_then(|package| package["features"].as_object()).into_iter().flatten();
    let names = features.map(|(name, _)| name.as_str()).filter(|name| *name != "js" && *name != "default");
    Ok(names.map(|name| format!("sessile/{name}")).collect::<Vec<_>>().join(","))
}
