//! Debian's packages: installed where nobody is surprised by it, named everywhere else.

use std::{path::Path, sync::Mutex};

use anyhow::{Context as _, Result, bail};

use crate::{
    process::{command, on_path, read, show},
    report::step,
};

/// Installs `packages` as root on Debian or with `CI=true`; elsewhere fails with the command to run.
pub fn install(packages: &[&str], reason: &str) -> Result<()> {
    // apt-get waits for nobody.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let list = packages.join(" ");
    if !is_debian() {
        bail!("{reason}; on Debian these packages bring it: {list}");
    }
    let root = read(command("id").arg("-u"))?.trim() == "0";
    if !root && !in_ci() {
        bail!("{reason}. To install it, run:\n  sudo apt-get install -y --no-install-recommends {list}");
    }
    step(&format!("{reason}: installing {list} with apt-get"));
    let apt = |arguments: &[&str]| {
        let mut apt = if root { command("apt-get") } else { command("sudo") };
        if !root {
            apt.args(["-n", "apt-get"]);
        }
        show(apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    apt(&["update", "-qq"]).context("apt-get could not refresh its lists")?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], packages].concat())
        .with_context(|| format!("apt-get could not install {list}"))
}

pub fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && on_path("apt-get").is_some()
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
