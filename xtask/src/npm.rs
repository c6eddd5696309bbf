//! npm packages, and the JavaScript runtimes that come as such.

use std::{
    env::consts::{ARCH, OS},
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    process::{command, read, show},
    report::step,
};

/// Installs what the folder's lock file says, unless that is already there. No package's script is run:
/// nothing is executed but what a test starts.
pub fn install(folder: &Path) -> Result<()> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let lock = fs::read(folder.join("package-lock.json"))
        .with_context(|| format!("cannot read {}", folder.join("package-lock.json").display()))?;
    let mut hasher = DefaultHasher::new();
    lock.hash(&mut hasher);
    let wanted = hasher.finish().to_string();
    let stamp = folder.join("node_modules/.installed");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    check_node()?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    step(&format!("npm ci in {name}"));
    show(
        command("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(folder),
    )?;
    fs::write(&stamp, wanted)?;
    Ok(())
}

/// The machine's own Node, for the tools that build.
pub fn check_node() -> Result<()> {
    const ADVICE: &str = "install Node.js 20 or newer with npm (https://nodejs.org)";
    let version = read(command("node").arg("--version")).context(ADVICE)?;
    let major: u32 =
        version.trim().trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    if major < 20 {
        bail!("Node.js {} is too old; {ADVICE}", version.trim());
    }
    read(command("npm").arg("--version")).context(ADVICE)?;
    Ok(())
}

/// A program of an installed package, to be run by `node`.
pub fn program(node: impl AsRef<std::ffi::OsStr>, folder: &Path, file: &str) -> Result<Command> {
    let path = folder.join("node_modules").join(file);
    if !path.exists() {
        bail!("{} is missing; remove node_modules and run again", path.display());
    }
    let mut program = command(node);
    program.arg(path);
    Ok(program)
}

/// A runtime from the packages of `tests/`, whose `npm ci` has been run.
pub fn runtime(tests: &Path, name: &str) -> Result<PathBuf> {
    let modules = tests.join("node_modules");
    let path = match (name, OS, ARCH) {
        ("deno", "linux", "x86_64") => modules.join("@deno/linux-x64-glibc/deno"),
        ("deno", "linux", "aarch64") => modules.join("@deno/linux-arm64-glibc/deno"),
        ("deno", "macos", "x86_64") => modules.join("@deno/darwin-x64/deno"),
        ("deno", "macos", "aarch64") => modules.join("@deno/darwin-arm64/deno"),
        ("bun", "linux", "x86_64") => modules.join("@oven/bun-linux-x64/bin/bun"),
        ("bun", "linux", "aarch64") => modules.join("@oven/bun-linux-aarch64/bin/bun"),
        ("bun", "macos", "x86_64") => modules.join("@oven/bun-darwin-x64/bin/bun"),
        ("bun", "macos", "aarch64") => modules.join("@oven/bun-darwin-aarch64/bin/bun"),
        (node, "linux", "x86_64") => modules.join(format!("{node}-linux-x64/bin/node")),
        (node, "linux", "aarch64") => modules.join(format!("{node}-linux-arm64/bin/node")),
        (node, "macos", "x86_64") => modules.join(format!("{node}-darwin-x64/bin/node")),
        (node, "macos", "aarch64") => modules.join(format!("{node}-darwin-arm64/bin/node")),
        _ => bail!("npm has no {name} for {OS} on {ARCH}; run this on Linux or macOS"),
    };
    if !path.exists() {
        bail!("{name} is missing at {}; remove tests/node_modules and run again", path.display());
    }
    Ok(path)
}
