//! `cargo xtask demo`: the demo's server on the package as it is built now.

use std::{
    ffi::OsString,
    net::TcpStream,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};

use crate::{build, installed, npm, option_value, process::command, report::step};

pub fn demo(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    let mut runtime = "node".to_owned();
    let mut port: u16 = 8080;
    let mut rest = arguments.iter().cloned();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--runtime" => runtime = option_value("--runtime", &mut rest)?,
            "--port" => {
                let text = option_value("--port", &mut rest)?;
                port =
                    text.parse().with_context(|| format!("--port {text} is not a port; it is 1 to 65535"))?;
            }
            other => {
                bail!("`{other}` is not an option; there are: --runtime node|deno|bun|workerd, --port NUMBER")
            }
        }
    }
    if TcpStream::connect(("127.0.0.1", port)).is_ok() {
        bail!("port {port} is taken; choose another with --port");
    }
    known(&runtime)?;
    let package = build::build(root)?;
    installed::place(&package, &folder(root))?;
    let words = words(root, &runtime)?;
    step(&format!("starting the demo on {runtime}"));
    let mut server = command(&words[0]);
    // In place of this program, so that Ctrl-C and every other signal reach the server itself.
    Err(server.args(&words[1..]).current_dir(folder(root)).env("PORT", port.to_string()).exec())
        .with_context(|| format!("cannot start {runtime}"))
}

pub fn folder(root: &Path) -> PathBuf {
    root.join("demo")
}

/// Brings what the demo needs beside the package, and answers the command that starts the server in the demo's folder.
pub fn words(root: &Path, runtime: &str) -> Result<Vec<OsString>> {
    let arguments = known(runtime)?;
    // The browser test page measures the storage beside these.
    npm::install(&root.join("benches"))?;
    let program = if runtime == "node" {
        PathBuf::from("node")
    } else {
        let tests = root.join("tests");
        npm::install(&tests)?;
        if runtime == "workerd" {
            // A program of Node starts workerd, and needs a newer one than the machine may have.
            installed::link(&tests, "miniflare", &folder(root))?;
            npm::runtime(&tests, "node24")?
        } else {
            npm::runtime(&tests, runtime)?
        }
    };
    Ok([program.into_os_string()].into_iter().chain(arguments.iter().map(OsString::from)).collect())
}

/// What each runtime is told to run the demo's program for it.
fn known(runtime: &str) -> Result<&'static [&'static str]> {
    match runtime {
        "node" => Ok(&["server.mjs"]),
        "deno" => Ok(&["run", "--allow-net", "--allow-env", "--allow-read", "deno.mjs"]),
        "bun" => Ok(&["bun.mjs"]),
        "workerd" => Ok(&["workerd.mjs"]),
        other => bail!("there is no demo for `{other}`; there is for: node, deno, bun, workerd"),
    }
}
