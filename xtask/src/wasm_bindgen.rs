//! The `wasm-bindgen` programs, in the very version that the lock file has of the library.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use anyhow::{Context as _, Result};

use crate::{
    process::{cargo, command, read, show},
    report::step,
};

/// The folder with `wasm-bindgen` and `wasm-bindgen-test-runner`; compiles them where they are missing.
pub fn programs(root: &Path) -> Result<PathBuf> {
    // Whoever comes second finds what the first has compiled.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let version = locked_version(root)?;
    let tools = root.join("target/tools");
    let programs = tools.join("bin");
    let installed = read(command(programs.join("wasm-bindgen")).arg("--version")).unwrap_or_default();
    if installed.trim() != format!("wasm-bindgen {version}") {
        step(&format!("compiling wasm-bindgen-cli {version}, once (two minutes or more)"));
        show(
            cargo()
                .args([
                    "install",
                    "wasm-bindgen-cli",
                    "--force",
                    "--version",
                    &format!("={version}"),
                    "--root",
                ])
                .arg(&tools)
                // The workspace's own settings are for another target.
                .current_dir(&tools_folder(&tools)?),
        )?;
    }
    Ok(programs)
}

fn tools_folder(tools: &Path) -> Result<PathBuf> {
    fs::create_dir_all(tools)?;
    Ok(tools.to_owned())
}

fn locked_version(root: &Path) -> Result<String> {
    let path = root.join("Cargo.lock");
    if !path.exists() {
        show(cargo().arg("generate-lockfile").current_dir(root))?;
    }
    let lock = fs::read_to_string(&path).context("cannot read Cargo.lock")?;
    version_in(&lock).context("Cargo.lock has no wasm-bindgen; is it a dependency of the feature `js`?")
}

fn version_in(lock: &str) -> Option<String> {
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"wasm-bindgen\"").skip(1);
    Some(lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_of_the_package_itself() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"9.9.9\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(version_in(lock).as_deref(), Some("0.2.130"));
        assert_eq!(version_in("[[package]]\nname = \"other\"\n"), None);
    }
}
