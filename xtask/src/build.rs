//! The npm package: the crate compiled to wasm, its bindings, the TypeScript around them, in `pkg/`.

use std::{
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use base64ct::{Base64, Encoding as _};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use crate::{
    npm,
    process::{command, read, show},
    report::step,
    toolchain::{TARGET, Toolchain},
    wasm_bindgen,
};

/// What the wasm may weigh on the wire.
pub const GZIPPED_LIMIT: u64 = 218_000;

/// What was built.
pub struct Package {
    pub folder: PathBuf,
    pub wasm_bytes: u64,
    pub wasm_gzipped: u64,
}

/// Builds `pkg/`, leaving out the steps whose input is as it was.
pub fn build(root: &Path) -> Result<Package> {
    npm::check_node()?;
    let stamps = root.join("target/package");
    fs::create_dir_all(&stamps)?;
    // Two builds at once would take each other's files away; closed, and so unlocked, when this one ends.
    let lock = fs::File::create(stamps.join("lock"))?;
    lock.lock()?;
    let compiled = compile(root, &Toolchain::find(root)?)?;
    let bindgen = wasm_bindgen::programs(root)?;
    let template = root.join("pkg-template");
    npm::install(&template)?;

    let wasm_folder = stamps.join("wasm");
    let mut inputs = DefaultHasher::new();
    // This very file says how; a change to it is a change of the input.
    include_str!("build.rs").hash(&mut inputs);
    fs::read(&compiled)?.hash(&mut inputs);
    fs::read(root.join("Cargo.lock"))?.hash(&mut inputs);
    fs::read(template.join("package-lock.json"))?.hash(&mut inputs);
    once(&wasm_folder, &stamps.join("wasm.stamp"), inputs.finish(), || {
        bind(&compiled, &bindgen, &template, &wasm_folder)
    })?;

    let package = root.join("pkg");
    hash_files(&template.join("src"), &mut inputs)?;
    hash_files(&root.join(REDIS_SCRIPTS), &mut inputs)?;
    for file in shipped_files(root) {
        fs::read(file)?.hash(&mut inputs);
    }
    fs::read(template.join("package.json"))?.hash(&mut inputs);
    fs::read(template.join("tsconfig.json"))?.hash(&mut inputs);
    once(&package, &stamps.join("pkg.stamp"), inputs.finish(), || {
        assemble(root, &template, &wasm_folder, &package)
    })?;

    let wasm = fs::read(wasm_folder.join("sessile.wasm"))?;
    let built = Package { wasm_bytes: wasm.len() as u64, wasm_gzipped: gzipped(&wasm)?, folder: package };
    step(&format!(
        "pkg/ is ready: sessile.wasm {}, gzipped {} of {}",
        kilobytes(built.wasm_bytes),
        kilobytes(built.wasm_gzipped),
        kilobytes(GZIPPED_LIMIT)
    ));
    Ok(built)
}

pub fn kilobytes(bytes: u64) -> String {
    format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100)
}

fn compile(root: &Path, toolchain: &Toolchain) -> Result<PathBuf> {
    step("compiling the crate to wasm");
    show(
        toolchain
            .cargo("rustc")
            .args([
                "--package",
                "sessile",
                "--lib",
                "--crate-type",
                "cdylib",
                "--features",
                "js",
                "--profile",
                "wasm",
            ])
            .arg("--target-dir")
            .arg(root.join("target")),
    )?;
    Ok(root.join("target").join(TARGET).join("wasm/sessile.wasm"))
}

/// Does `work`, which fills `folder`, unless it was done with the same input before. The note of it lies
/// elsewhere, since everything in `pkg/` is published.
fn once(folder: &Path, stamp: &Path, input: u64, work: impl FnOnce() -> Result<()>) -> Result<()> {
    if folder.exists() && fs::read_to_string(stamp).is_ok_and(|found| found == input.to_string()) {
        return Ok(());
    }
    work()?;
    fs::write(stamp, input.to_string())?;
    Ok(())
}

/// The bindings and the optimised wasm.
fn bind(compiled: &Path, bindgen: &Path, template: &Path, folder: &Path) -> Result<()> {
    step("wasm-bindgen");
    let _ = fs::remove_dir_all(folder);
    read(
        command(bindgen.join("wasm-bindgen"))
            .arg(compiled)
            .args(["--target", "web", "--omit-default-module-path", "--out-name", "sessile", "--out-dir"])
            .arg(folder),
    )?;
    step("wasm-opt");
    let bound = folder.join("sessile_bg.wasm");
    let wasm = folder.join("sessile.wasm");
    read(
        npm::program("node", template, "binaryen/bin/wasm-opt")?
            .args(OPTIMISATION)
            .arg(&bound)
            .arg("-o")
            .arg(&wasm),
    )?;
    fs::remove_file(&bound)?;
    fs::remove_file(folder.join("sessile_bg.wasm.d.ts"))?;
    fs::write(folder.join("inline.ts"), inline_module(&fs::read(&wasm)?))?;
    fs::write(
        folder.join("sessile.d.wasm.ts"),
        "declare const wasm: WebAssembly.Module;\nexport default wasm;\n",
    )?;
    Ok(())
}

/// For speed: `-Oz` takes a hundredth off the raw size and nothing off the gzipped.
const OPTIMISATION: [&str; 3] = ["-O3", "--strip-producers", "--strip-target-features"];

fn inline_module(wasm: &[u8]) -> String {
    let base64 = Base64::encode_string(wasm);
    format!(
        "/** sessile.wasm, for where a module cannot come with a file. */\nexport const base64: string =\n  \"{base64}\";\n"
    )
}

/// What the crate and the package have a Redis server run.
const REDIS_SCRIPTS: &str = "src/redis";

/// A constant for each file in Lua, by its name.
fn scripts_module(folder: &Path) -> Result<String> {
    let mut files: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "lua"));
    files.sort();
    let mut module = String::new();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let source = serde_json::to_string(&fs::read_to_string(&file)?)?;
        writeln!(module, "export const {name}: string = {source};")?;
    }
    Ok(module)
}

/// Compiles the TypeScript beside the bindings and puts the package together.
fn assemble(root: &Path, template: &Path, wasm: &Path, package: &Path) -> Result<()> {
    step("tsc");
    let work = root.join("target/package/source");
    let _ = fs::remove_dir_all(&work);
    copy_folder(&template.join("src"), &work.join("src"))?;
    copy_folder(wasm, &work.join("src/wasm"))?;
    fs::write(work.join("src/redis/lua.ts"), scripts_module(&root.join(REDIS_SCRIPTS))?)?;
    fs::copy(template.join("tsconfig.json"), work.join("tsconfig.json"))?;
    // The adapters import the types of their frameworks.
    symlink(template.join("node_modules"), work.join("node_modules"))?;
    read(npm::program("node", template, "typescript/bin/tsc")?.args(["--project", "."]).current_dir(&work))
        .context("in pkg-template")?;

    let unfinished = root.join("target/package/unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    copy_folder(&work.join("dist"), &unfinished.join("dist"))?;
    for file in ["sessile.js", "sessile.d.ts", "sessile.wasm"] {
        fs::copy(wasm.join(file), unfinished.join("dist/wasm").join(file))?;
    }
    for file in shipped_files(root) {
        fs::copy(&file, unfinished.join(file.file_name().unwrap_or_default()))?;
    }
    fs::write(
        unfinished.join("package.json"),
        published_manifest(&fs::read_to_string(template.join("package.json"))?)?,
    )?;
    let _ = fs::remove_dir_all(package);
    fs::rename(&unfinished, package)?;
    Ok(())
}

/// What is for those who build the package is not for those who install it.
fn published_manifest(template: &str) -> Result<String> {
    let mut manifest: Value =
        serde_json::from_str(template).context("pkg-template/package.json is not JSON")?;
    if let Some(fields) = manifest.as_object_mut() {
        fields.retain(|name, _| name != "devDependencies" && name != "scripts");
    }
    Ok(serde_json::to_string_pretty(&manifest)? + "\n")
}

fn shipped_files(root: &Path) -> Vec<PathBuf> {
    ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"]
        .iter()
        .map(|name| root.join(name))
        .filter(|path| path.exists())
        .collect()
}

pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn hash_files(folder: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    for path in paths {
        path.hash(hasher);
        if path.is_dir() {
            hash_files(&path, hasher)?;
        } else {
            fs::read(&path)?.hash(hasher);
        }
    }
    Ok(())
}

fn gzipped(bytes: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_manifest_keeps_its_order_and_loses_what_only_builders_need() {
        let template = r#"{"name":"x","scripts":{"a":"b"},"exports":{},"devDependencies":{"t":"1"}}"#;
        assert_eq!(published_manifest(template).unwrap(), "{\n  \"name\": \"x\",\n  \"exports\": {}\n}\n");
    }

    #[test]
    fn the_inline_module_is_plain_base64() {
        assert!(inline_module(b"\0asm").contains("\"AGFzbQ==\""));
    }
}
