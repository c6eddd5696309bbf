//! Programs that the machine has, or Debian brings.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{apt, process::on_path};

/// The server of Redis or Valkey: `REDIS_SERVER` comes first, then what is on the `PATH`, then Debian's package.
pub fn redis_server() -> Result<PathBuf> {
    found_or_installed(
        || named("REDIS_SERVER", &["redis-server", "valkey-server"]),
        &["redis-server"],
        "redis-server is missing",
    )
}

/// PostgreSQL, whose programs Debian keeps in a folder for each version that is not on the `PATH`; else Debian's package.
pub fn postgresql() -> Result<()> {
    let is_there = || Path::new("/usr/lib/postgresql").is_dir() || on_path("initdb").is_some();
    found_or_installed(|| is_there().then_some(()), &["postgresql"], "PostgreSQL is missing")
}

/// What `find` finds, if need be after Debian's `packages` were installed.
pub fn found_or_installed<T>(find: impl Fn() -> Option<T>, packages: &[&str], reason: &str) -> Result<T> {
    if let Some(found) = find() {
        return Ok(found);
    }
    apt::install(packages, reason)?;
    find().with_context(|| format!("{} installed, but {reason}", packages.join(" ")))
}

/// The file that `variable` names, or else the first of `names` on the `PATH`.
pub fn named(variable: &str, names: &[&str]) -> Option<PathBuf> {
    std::env::var_os(variable).and_then(file).or_else(|| names.iter().find_map(|name| on_path(name)))
}

pub fn file(path: impl Into<PathBuf>) -> Option<PathBuf> {
    Some(path.into()).filter(|path| path.is_file())
}
