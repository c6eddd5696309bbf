//! How this machine compiles for wasm32.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    apt,
    process::{cargo, command, on_path, read, show},
    report::step,
};

pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's compiler comes with the source of the standard library, but not with its wasm32 build.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "rust-web-llvm", "lld-22"];

/// The compiler to use for wasm32.
pub struct Toolchain {
    root: PathBuf,
    /// Where the standard library lies, if this project had to build it; the compiler is then Debian's.
    sysroot: Option<PathBuf>,
}

impl Toolchain {
    /// The first that works of: a target that is there already; a sysroot that was built before;
    /// `rustup target add`; Debian's compiler with a sysroot built from its source.
    pub fn find(root: &Path) -> Result<Self> {
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock();
        let with = |sysroot| Ok(Self { root: root.to_owned(), sysroot });
        if has_target() {
            return with(None);
        }
        if let Some(sysroot) = debian_sysroot(root)?.filter(|sysroot| is_complete(sysroot)) {
            return with(Some(sysroot));
        }
        if on_path("rustup").is_some() {
            step(&format!("rustup target add {TARGET}"));
            if show(command("rustup").args(["target", "add", TARGET])).is_ok() && has_target() {
                return with(None);
            }
        }
        if !apt::is_debian() {
            bail!(
                "there is no Rust standard library for {TARGET}; run `rustup target add {TARGET}` \
                 (rustup: https://rustup.rs), or install your distribution's package of it"
            );
        }
        if debian_sysroot(root)?.is_none() {
            apt::install(
                &DEBIAN_PACKAGES,
                &format!("rustup cannot bring {TARGET}, but Debian's compiler can build it"),
            )?;
        }
        let sysroot = debian_sysroot(root)?
            .context("Debian's rustc-web and rust-web-src are installed, but of no use")?;
        build_sysroot(root, &sysroot)?;
        with(Some(sysroot))
    }

    /// `cargo` for wasm32. The same variables every time, so that nothing is compiled twice.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = cargo();
        cargo.arg(subcommand).args(["--target", TARGET]);
        self.prepare(&mut cargo);
        cargo
    }

    /// `cargo clippy` for wasm32; a compiler reads only its own version's libraries, so Debian's needs Debian's clippy.
    pub fn clippy(&self) -> Result<Command> {
        if self.sysroot.is_none() {
            return Ok(self.cargo("clippy"));
        }
        let path = "/usr/bin/cargo-clippy";
        if !Path::new(path).exists() {
            apt::install(&["rust-web-clippy"], "clippy of Debian's compiler is missing")?;
        }
        let mut clippy = command(path);
        clippy.args(["clippy", "--target", TARGET]);
        self.prepare(&mut clippy);
        Ok(clippy)
    }

    fn prepare(&self, cargo: &mut Command) {
        cargo.current_dir(&self.root);
        let mut flags = remapped(&self.root);
        if let Some(sysroot) = &self.sysroot {
            cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTDOC", "/usr/bin/rustdoc");
            flags.push(format!("--sysroot={}", sysroot.display()));
            cargo.env(
                "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTDOCFLAGS",
                format!("--sysroot={}", sysroot.display()),
            );
        }
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags.join(" "));
    }
}

/// Panic messages name source files; they must not name the folders of whoever built the package.
fn remapped(root: &Path) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default();
    [
        (home.join("registry/src"), "crates"),
        (root.to_owned(), "sessile"),
        ("/usr/lib/rustlib/src/rust".into(), "rust"),
    ]
    .iter()
    .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
    .collect()
}

fn has_target() -> bool {
    read(command("rustc").args(["--print", "target-libdir", "--target", TARGET]))
        .is_ok_and(|libdir| contains_core(Path::new(libdir.trim())))
}

fn contains_core(libdir: &Path) -> bool {
    fs::read_dir(libdir).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}

fn libdir(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib").join(TARGET).join("lib")
}

fn is_complete(sysroot: &Path) -> bool {
    contains_core(&libdir(sysroot))
}

/// Where the sysroot of Debian's compiler belongs, one for each of its versions; `None` if it cannot be built.
fn debian_sysroot(root: &Path) -> Result<Option<PathBuf>> {
    let source = Path::new("/usr/lib/rustlib/src/rust/library/std");
    let linker = on_path("rust-lld").is_some();
    if !Path::new(DEBIAN_RUSTC).exists() || !source.exists() || !linker {
        return Ok(None);
    }
    let version = read(command(DEBIAN_RUSTC).arg("-vV"))?;
    let field =
        |name: &str| version.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("unknown").trim();
    let name =
        format!("{}-{}", field("release:"), &field("commit-hash:").chars().take(9).collect::<String>());
    Ok(Some(root.join("target/sysroot").join(name)))
}

/// Compiles the standard library into `sysroot`: as the only dependency of an empty crate, which is how cargo
/// builds it, and with its bitcode, which link-time optimisation wants.
fn build_sysroot(root: &Path, sysroot: &Path) -> Result<()> {
    step("compiling the standard library for wasm32, once (half a minute)");
    let work = root.join("target/sysroot/build");
    fs::create_dir_all(work.join("src"))?;
    fs::write(
        work.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [profile.release]\ncodegen-units = 1\n",
    )?;
    fs::write(work.join("src/lib.rs"), "#![no_std]\n")?;
    let mut flags = remapped(root);
    flags.push("-Cembed-bitcode=yes".into());
    show(
        cargo()
            .args([
                "build",
                "--release",
                "--target",
                TARGET,
                "-Z",
                "build-std=std,panic_abort,panic_unwind,test",
            ])
            .current_dir(&work)
            .env("RUSTC", DEBIAN_RUSTC)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", work.join("target"))
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags.join(" ")),
    )
    .context("the standard library could not be compiled for wasm32")?;
    // Put in place by one rename: a run that was cut short must not leave half a sysroot.
    let unfinished = root.join("target/sysroot/unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir_all(libdir(&unfinished))?;
    for entry in fs::read_dir(work.join("target").join(TARGET).join("release/deps"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&path, libdir(&unfinished).join(name))?;
        }
    }
    let _ = fs::remove_dir_all(sysroot);
    fs::rename(&unfinished, sysroot)?;
    fs::remove_dir_all(&work)?;
    Ok(())
}
