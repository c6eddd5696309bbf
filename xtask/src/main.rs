//! `cargo xtask`: everything that is done with the project, from a bare machine.

mod apt;
mod bench;
mod browsers;
mod build;
mod crash_stages;
mod demo;
mod example;
mod fuzz_stage;
mod installed;
mod lanes;
mod npm;
mod process;
mod programs;
mod readme;
mod report;
mod rust_stages;
mod tarball_stages;
mod test;
mod toolchain;
mod valkey;
mod wasm_bindgen;
mod www_stages;

use std::{env, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};

const HELP: &str = "\
cargo xtask build                            the npm package, in pkg/
cargo xtask test [--only NAME]... [--lanes NUMBER] [--list]
                                             everything that must pass; NAME is a stage, or how its name begins
cargo xtask demo [--runtime node|deno|bun|workerd] [--port 8080]
cargo xtask bench NAME [ARGUMENT]...         runs benches/NAME.mjs, such as `memory`";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut arguments = env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let root = root();
    match command.as_deref() {
        Some("build") => {
            no_more(&rest)?;
            build::build(&root)?;
            Ok(ExitCode::SUCCESS)
        }
        Some("test") => test::test(&root, &rest),
        Some("demo") => demo::demo(&root, &rest),
        Some("bench") => bench::bench(&root, &rest),
        None | Some("help" | "--help" | "-h") => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Some(other) => bail!("there is no command `{other}`; there are:\n{HELP}"),
    }
}

fn no_more(rest: &[String]) -> Result<()> {
    match rest.first() {
        None => Ok(()),
        Some(first) => bail!("`{first}` is not understood here; the commands are:\n{HELP}"),
    }
}

/// Takes `--name value` out of what is left of an option list.
fn option_value(name: &str, rest: &mut impl Iterator<Item = String>) -> Result<String> {
    rest.next().with_context(|| format!("{name} needs a value"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the project's folder exists")
}
