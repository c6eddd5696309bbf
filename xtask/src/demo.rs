//! `cargo xtask demo`: the demo's server on the package as it is built now.

use std::{
    net::TcpStream,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
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
    let folder = root.join("demo");
    let mut server = server(root, &runtime)?;
    let package = build::build(root)?;
    if folder.join("package-lock.json").exists() {
        npm::install(&folder)?;
    }
    installed::place(&package, &folder)?;
    if runtime == "workerd" {
        installed::link(&root.join("tests"), "miniflare", &folder)?;
    }
    step(&format!("starting the demo on {runtime}"));
    // In place of this program, so that Ctrl-C and every other signal reach the server itself.
    Err(server.current_dir(&folder).env("PORT", port.to_string()).exec())
        .with_context(|| format!("cannot start {runtime}"))
}

fn server(root: &Path, runtime: &str) -> Result<Command> {
    let tests = root.join("tests");
    let file = match runtime {
        "node" => "server.mjs",
        "deno" => "deno.mjs",
        "bun" => "bun.mjs",
        "workerd" => "workerd.mjs",
        other => bail!("there is no demo for `{other}`; there is for: node, deno, bun, workerd"),
    };
    if runtime == "node" {
        npm::check_node()?;
        let mut node = command("node");
        node.arg(file);
        return Ok(node);
    }
    npm::install(&tests)?;
    // miniflare, which starts workerd, is a program of Node.
    let mut server = command(npm::runtime(&tests, if runtime == "workerd" { "node24" } else { runtime })?);
    if runtime == "deno" {
        server.args(["run", "--allow-all"]);
    }
    server.arg(file);
    Ok(server)
}
