//! Servers that the tests start for themselves, as the machine has them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{apt, process::on_path};

/// Debian keeps the programs of each version apart.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// The folder with PostgreSQL's programs: that of Debian's newest version, or the one on the `PATH`, or else Debian's package.
pub fn postgres() -> Result<PathBuf> {
    if let Some(found) = installed_postgres() {
        return Ok(found);
    }
    apt::install(&["postgresql"], "PostgreSQL is missing")?;
    installed_postgres().context("postgresql is installed, but initdb is not found")
}

fn installed_postgres() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN_POSTGRES).into_iter().flatten().flatten();
    let numbered = versions.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let debian =
        numbered.max().map(|version| Path::new(DEBIAN_POSTGRES).join(version.to_string()).join("bin"));
    let on_path = || on_path("initdb")?.parent().map(Path::to_owned);
    debian.filter(|folder| folder.join("initdb").is_file()).or_else(on_path)
}
