//! The package as its users have it: packed, and installed into a folder with nothing else in it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    build::{Package, copy_folder},
    process::{command, read},
    report::step,
};

/// `npm pack` of `pkg/`.
pub fn pack(root: &Path, package: &Package) -> Result<PathBuf> {
    step("npm pack");
    let folder = root.join("target/package");
    let output = read(
        command("npm")
            .args(["pack", "--json", "--loglevel=error", "--pack-destination"])
            .arg(&folder)
            .arg(&package.folder)
            .current_dir(root),
    )?;
    let packed: serde_json::Value = serde_json::from_str(&output).context("npm pack answered no JSON")?;
    // A list, or since npm 12 an object by name.
    let first = packed.get(0).or_else(|| packed.get("sessile")).unwrap_or(&packed);
    let name = first["filename"].as_str().context("npm pack did not say what it wrote")?;
    Ok(folder.join(name))
}

/// A folder outside the project, with the package installed and the tests beside it; removed at the end.
pub struct App(PathBuf);

impl App {
    pub fn install(root: &Path, tarball: &Path) -> Result<Self> {
        step("installing the tarball into an empty folder");
        let app = Self(std::env::temp_dir().join(format!("sessile-installed-{}", std::process::id())));
        fs::create_dir_all(&app.0)?;
        fs::write(app.0.join("package.json"), "{ \"private\": true, \"type\": \"module\" }\n")?;
        // Offline: it has no dependencies to fetch.
        read(
            command("npm")
                .args(["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error"])
                .arg(tarball)
                .current_dir(&app.0),
        )?;
        for entry in fs::read_dir(root.join("tests/package"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "mjs" || extension == "cjs") {
                fs::copy(&path, app.0.join(path.file_name().unwrap_or_default()))?;
            }
        }
        Ok(app)
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Puts the package where the programs in `folder` import it from, for the demo and the benches.
pub fn place(package: &Package, folder: &Path) -> Result<()> {
    let target = folder.join("node_modules/sessile");
    let _ = fs::remove_dir_all(&target);
    copy_folder(&package.folder, &target)
}

/// Lends a package of one folder to the programs in another.
pub fn link(from: &Path, name: &str, folder: &Path) -> Result<()> {
    let link = folder.join("node_modules").join(name);
    let _ = fs::remove_file(&link);
    symlink(from.join("node_modules").join(name), &link)
        .with_context(|| format!("cannot make {}", link.display()))
}
