//! The server of Valkey, which Debian 12 has among its backports alone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    apt,
    process::{command, read, show},
    programs::named,
    report::step,
};

/// The server of Valkey: `VALKEY_SERVER` comes first, then what is on the `PATH`, then Debian's, unpacked in `target/tools`, where it
/// is no service of the machine. None where there is no Debian.
pub fn valkey_server(root: &Path) -> Result<Option<PathBuf>> {
    if let Some(found) = named("VALKEY_SERVER", &["valkey-server"]) {
        return Ok(Some(found));
    }
    if !apt::is_debian() {
        return Ok(None);
    }
    let folder = root.join("target/tools/valkey");
    let program = folder.join("usr/bin/valkey-server");
    if !program.is_file() {
        step("unpacking Debian's valkey-server");
        unpack(&folder).context("Debian's valkey-server cannot be had; VALKEY_SERVER may name another")?;
    }
    Ok(Some(program))
}

fn unpack(folder: &Path) -> Result<()> {
    for part in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(folder.join(part))?;
    }
    let sources = folder.join("valkey.sources");
    fs::write(&sources, backports()?)?;
    show(apt_get(folder, &sources).args(["update", "-qq"]))?;
    show(apt_get(folder, &sources).args(["download", "-qq", "valkey-server", "valkey-tools"]))?;
    for entry in fs::read_dir(folder)? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            read(command("dpkg-deb").arg("-x").arg(&package).arg(folder))?;
        }
    }
    Ok(())
}

/// With lists of its own: those of the machine stay as they are.
fn apt_get(folder: &Path, sources: &Path) -> Command {
    let mut apt = command("apt-get");
    let own = [
        ("Dir::Etc::sourcelist", sources.to_path_buf()),
        ("Dir::Etc::sourceparts", PathBuf::from("/dev/null")),
        ("Dir::State::lists", folder.join("lists")),
        ("Dir::Cache", folder.join("cache")),
        ("APT::Sandbox::User", PathBuf::from("root")),
    ];
    for (option, value) in own {
        apt.arg("-o").arg(format!("{option}={}", value.display()));
    }
    apt.current_dir(folder);
    apt
}

/// The machine's release and its backports, from where the machine has its packages.
fn backports() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release")?;
    let codename = value_of(&release, "VERSION_CODENAME=").context("/etc/os-release names no release")?;
    let sources = fs::read_to_string("/etc/apt/sources.list.d/debian.sources").unwrap_or_default();
    let list = fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    let place = value_of(&sources, "URIs:")
        .or_else(|| list.split_whitespace().find(|word| word.starts_with("http")))
        .context("apt's sources name no place")?;
    let key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    Ok(format!(
        "Types: deb\nURIs: {place}\nSuites: {codename} {codename}-backports\nComponents: main\nSigned-By: {key}\n"
    ))
}

fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
