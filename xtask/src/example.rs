//! The crate's own programs for the tests, and its examples.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{
    process::{cargo, read},
    report::step,
};

/// Builds an example of the crate with a feature, and answers where its program is.
pub fn build(root: &Path, name: &str, feature: &str) -> Result<PathBuf> {
    build_target(root, name, &["--package", "sessile", "--example", name, "--features", feature])
}

/// Builds an example that is a package of its own, and answers where its program is.
pub fn build_package(root: &Path, package: &str) -> Result<PathBuf> {
    build_target(root, package, &["--package", package])
}

fn build_target(root: &Path, name: &str, target: &[&str]) -> Result<PathBuf> {
    step(&format!("building {name}"));
    let messages =
        read(cargo().arg("build").args(target).args(["--message-format", "json"]).current_dir(root))?;
    let mut made = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = made.find(|message| message["target"]["name"] == name);
    let program = own.as_ref().and_then(|message| message["executable"].as_str());
    program.map(PathBuf::from).with_context(|| format!("cargo did not say where it put {name}"))
}
