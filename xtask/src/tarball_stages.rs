//! The stages that test the npm package, as it is packed and installed.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::{
    build::{GZIPPED_LIMIT, kilobytes},
    demo, example, installed, npm,
    process::{command, tee},
    programs, readme,
    report::{Counts, count_marked, count_summary, say, step},
    test::{Setup, Stage},
    valkey::valkey_server,
};

pub fn stages() -> Vec<Stage> {
    vec![
        Stage { name: "prettier", run: prettier },
        Stage { name: "size", run: size },
        Stage { name: "publint", run: publint },
        Stage { name: "attw", run: attw },
        Stage { name: "readme", run: readme_examples },
        Stage { name: "kit", run: kit },
        Stage { name: "node-20", run: |setup| in_process(setup, "node20", &[]) },
        Stage { name: "node-22", run: |setup| in_process(setup, "node22", &[]) },
        Stage { name: "node-24", run: |setup| in_process(setup, "node24", &[]) },
        Stage {
            name: "deno",
            run: |setup| in_process(setup, "deno", &["run", "--allow-all", "--no-prompt", "--unstable-kv"]),
        },
        Stage { name: "bun", run: |setup| in_process(setup, "bun", &["run"]) },
        Stage { name: "workerd", run: in_workerd },
        Stage {
            name: "chromium",
            run: |setup| in_browser(setup, "chromium", "CHROMIUM", &setup.chromium()?.browser),
        },
        Stage { name: "firefox", run: |setup| in_browser(setup, "firefox", "FIREFOX", setup.firefox()?) },
        Stage {
            name: "webkit",
            run: |setup| in_browser(setup, "webkit", "WEBKITWEBDRIVER", setup.webkit()?),
        },
        Stage { name: "frameworks", run: frameworks },
        Stage { name: "redis", run: redis },
        Stage { name: "postgres", run: postgres },
        Stage { name: "require", run: require },
        Stage { name: "esbuild", run: |setup| bundler(setup, "esbuild") },
        Stage { name: "vite", run: |setup| bundler(setup, "vite") },
        Stage { name: "webpack", run: |setup| bundler(setup, "webpack") },
        Stage { name: "demo-node", run: |setup| demo(setup, "node") },
        Stage { name: "demo-deno", run: |setup| demo(setup, "deno") },
        Stage { name: "demo-bun", run: |setup| demo(setup, "bun") },
        Stage { name: "demo-workerd", run: |setup| demo(setup, "workerd") },
        Stage { name: "demo-chromium", run: demo_in_chromium },
    ]
}

/// The forms in which `init` takes the wasm, each tried in a program of its own.
const SOURCES: [&str; 5] = ["module", "bytes", "response", "untyped-response", "url"];

fn prettier(setup: &Setup) -> Result<Counts> {
    let mut prettier = npm::program(setup.runtime("node24")?, setup.tests()?, "prettier/bin/prettier.cjs")?;
    prettier.args([
        "--check",
        "--no-error-on-unmatched-pattern",
        "pkg-template/src/**/*.ts",
        "{tests,demo,benches,examples}/**/*.{mjs,cjs,ts}",
        "www/**/*.{html,css,mjs}",
    ]);
    Ok(Counts::one(tee(prettier.current_dir(&setup.root))?.ok))
}

fn size(setup: &Setup) -> Result<Counts> {
    let package = setup.package()?;
    say(format_args!("{} raw", kilobytes(package.wasm_bytes)));
    let gzipped = kilobytes(package.wasm_gzipped);
    say(format_args!("{gzipped} gzipped, of at most {}", kilobytes(GZIPPED_LIMIT)));
    Ok(Counts::one(package.wasm_gzipped <= GZIPPED_LIMIT))
}

fn publint(setup: &Setup) -> Result<Counts> {
    let mut publint = npm::program(setup.runtime("node24")?, setup.tests()?, "publint/src/cli.js")?;
    publint.arg("run").arg(setup.tarball()?).arg("--strict");
    Ok(Counts::one(tee(&mut publint)?.ok))
}

fn attw(setup: &Setup) -> Result<Counts> {
    let mut attw =
        npm::program(setup.runtime("node24")?, setup.tests()?, "@arethetypeswrong/cli/dist/index.js")?;
    // A file that is no code has no types to be wrong.
    attw.arg(setup.tarball()?).args([
        "--profile",
        "esm-only",
        "--no-emoji",
        "--exclude-entrypoints",
        "sessile.wasm",
    ]);
    Ok(Counts::one(tee(&mut attw)?.ok))
}

/// Compiles every example of the README against the installed package; one count for each.
fn readme_examples(setup: &Setup) -> Result<Counts> {
    let text = fs::read_to_string(setup.root.join("README.md")).context("cannot read README.md")?;
    let examples = readme::examples(&text);
    if examples.is_empty() {
        bail!("README.md has no example");
    }
    let folder = setup.app()?.join("examples");
    fs::create_dir_all(&folder)?;
    for example in &examples {
        fs::write(folder.join(example.file_name()), &example.code)?;
    }
    let options = json!({
        "compilerOptions": {
            "target": "es2024",
            "lib": ["es2024", "esnext.disposable", "dom", "dom.iterable", "dom.asynciterable"],
            "module": "nodenext",
            "moduleDetection": "force",
            "strict": true,
            "noEmit": true,
            "allowJs": true,
            "checkJs": true,
            "types": ["node"],
            "typeRoots": [setup.tests()?.join("node_modules/@types")],
        },
        "include": ["*"],
    });
    fs::write(folder.join("tsconfig.json"), options.to_string())?;
    npm::install(&setup.root.join("pkg-template"))?;
    let mut tsc =
        npm::program(setup.runtime("node24")?, &setup.root.join("pkg-template"), "typescript/bin/tsc")?;
    let ended = tee(tsc.args(["--pretty", "false", "--project", "."]).current_dir(&folder))?;
    let mut counts = Counts::default();
    for example in &examples {
        let broken = ended.output.lines().any(|line| line.starts_with(&format!("{}(", example.file_name())));
        say(format_args!(
            "README.md:{} {}",
            example.line,
            if broken { "does not compile" } else { "compiles" }
        ));
        counts += Counts::one(!broken);
    }
    counts = counts.judged(ended.ok);
    for example in &examples {
        let ran = tee(command(setup.runtime("node24")?).arg(example.file_name()).current_dir(&folder))?;
        let missing = example.promised_output().find(|line| !ran.output.lines().any(|own| own == *line));
        let why = match missing {
            _ if !ran.ok => format!("fails:\n{}", ran.output),
            Some(line) => format!("does not print {line:?} but\n{}", ran.output),
            None => "runs".into(),
        };
        say(format_args!("README.md:{} {why}", example.line));
        counts += Counts::one(ran.ok && missing.is_none());
    }
    Ok(counts)
}

/// Runs a program that prints its counts last.
pub fn counted(command: &mut Command) -> Result<Counts> {
    let ended = tee(command)?;
    Ok(count_marked(&ended.output).judged(ended.ok))
}

fn in_process(setup: &Setup, runtime: &str, arguments: &[&str]) -> Result<Counts> {
    let program = setup.runtime(runtime)?;
    let app = setup.app()?;
    let peer = example::build(&setup.root, "folder_peer", "fs")?;
    let signatures = setup.tests()?.join("node_modules/cookie-signature");
    let run = |suite: &[&str]| {
        step(&suite.join(" "));
        let mut runner = command(&program);
        runner.args(arguments).arg("run-process.mjs").args(suite);
        runner.env("FOLDER_PEER", &peer).env("COOKIE_SIGNATURE", &signatures);
        counted(runner.current_dir(app))
    };
    let mut counts = run(&["main"])?;
    counts += run(&["folder"])?;
    for source in SOURCES.iter().chain(&["file-url"]) {
        counts += run(&["slim", source])?;
    }
    Ok(counts)
}

/// A runner that lies with its own packages in `tests/`, and works on the installed package.
fn runner(setup: &Setup, file: &str) -> Result<Command> {
    let mut runner = command(setup.runtime("node24")?);
    runner
        .arg(setup.root.join("tests/package").join(file))
        .arg(setup.app()?)
        .env("NODE20", setup.runtime("node20")?);
    Ok(runner)
}

fn in_workerd(setup: &Setup) -> Result<Counts> {
    let mut counts = Counts::default();
    for suite in ["main", "slim"] {
        step(suite);
        counts += counted(runner(setup, "run-workerd.mjs")?.arg(suite))?;
    }
    step("several requests");
    counts += counted(&mut runner(setup, "run-workerd-requests.mjs")?)?;
    Ok(counts)
}

fn in_browser(setup: &Setup, engine: &str, variable: &str, program: &Path) -> Result<Counts> {
    let run = |suite: &[&str]| {
        step(&suite.join(" "));
        counted(runner(setup, "run-browser.mjs")?.arg(engine).args(suite).env(variable, program))
    };
    let mut counts = run(&["main"])?;
    counts += run(&["databases"])?;
    for durability in ["relaxed", "strict"] {
        counts += run(&["quota", durability])?;
    }
    for source in SOURCES {
        counts += run(&["slim", source])?;
    }
    Ok(counts)
}

/// The conformance kit's own tests: it accepts a good storage and finds what is wrong with each broken one.
fn kit(setup: &Setup) -> Result<Counts> {
    let mut kit = command(setup.runtime("node24")?);
    let ended = tee(kit.arg(setup.root.join("tests/kit/run.mjs")).current_dir(setup.app()?))?;
    Ok(count_summary(&ended.output).judged(ended.ok))
}

/// The adapters, with the frameworks that they are for, over HTTP.
fn frameworks(setup: &Setup) -> Result<Counts> {
    let folder = setup.root.join("tests/frameworks");
    npm::install(&folder)?;
    installed::place(setup.package()?, &folder)?;
    let axum = example::build_package(&setup.root, "sessile-example-axum")?;
    programs::redis_server()?;
    programs::postgresql()?;
    let run = |runtime: &str, arguments: &[&str]| {
        step(runtime);
        let mut runner = command(setup.runtime(runtime)?);
        runner.env("DENO", setup.runtime("deno")?).env("BUN", setup.runtime("bun")?);
        counted(runner.args(arguments).env("AXUM_EXAMPLE", &axum).current_dir(&folder))
    };
    let mut counts = run("node24", &["run.mjs"])?;
    // Hono is for all of them, and each has a server of its own for `app.fetch`.
    counts += run("deno", &["run", "--allow-all", "--no-prompt", "run.mjs", "fetch", "hono-fetch"])?;
    counts += run("bun", &["run", "run.mjs", "fetch", "hono-fetch"])?;
    Ok(counts)
}

/// The storage in PostgreSQL, with a server of its own.
fn postgres(setup: &Setup) -> Result<Counts> {
    let folder = setup.root.join("tests/postgres");
    npm::install(&folder)?;
    programs::postgresql()?;
    counted(command(setup.runtime("node24")?).arg(folder.join("run.mjs")).arg(setup.app()?))
}

/// The storage in Redis, with servers of the tests' own, by both of Node's clients and beside the crate's; then what asks most of a
/// server, in Valkey.
fn redis(setup: &Setup) -> Result<Counts> {
    let folder = setup.root.join("tests/redis");
    npm::install(&folder)?;
    installed::place(setup.package()?, &folder)?;
    let peer = example::build(&setup.root, "redis_peer", "redis")?;
    let run = |server: &Path, files: &[&str]| {
        let mut runner = command(setup.runtime("node24")?);
        runner.arg("run.mjs").args(files).env("REDIS_SERVER", server).env("REDIS_PEER", &peer);
        counted(runner.current_dir(&folder))
    };
    let mut counts = run(&programs::redis_server()?, &[])?;
    match valkey_server(&setup.root)? {
        Some(server) => {
            step("Valkey");
            counts += run(&server, &["kit", "round-trips", "changes", "rust"])?;
        }
        None => step("no Valkey on this machine: VALKEY_SERVER may name one"),
    }
    Ok(counts)
}

fn require(setup: &Setup) -> Result<Counts> {
    let mut counts = Counts::default();
    for node in ["node22", "node24"] {
        step(node);
        counts += counted(command(setup.runtime(node)?).arg("require.cjs").current_dir(setup.app()?))?;
    }
    Ok(counts)
}

fn bundler(setup: &Setup, name: &str) -> Result<Counts> {
    let browser = &setup.chromium()?.browser;
    counted(runner(setup, "bundlers.mjs")?.arg(name).env("CHROMIUM", browser))
}

/// The demo's server as `cargo xtask demo` starts it, asked by an HTTP client.
fn demo(setup: &Setup, runtime: &str) -> Result<Counts> {
    summed_up(&mut demo_test(setup, "demo.test.mjs", runtime)?)
}

/// The demo's page as a person meets it.
fn demo_in_chromium(setup: &Setup) -> Result<Counts> {
    let browser = &setup.chromium()?.browser;
    summed_up(demo_test(setup, "browser.test.mjs", "node")?.env("CHROMIUM", browser))
}

fn demo_test(setup: &Setup, file: &str, runtime: &str) -> Result<Command> {
    let words = setup.demo(runtime)?;
    let mut test = command(setup.runtime("node24")?);
    test.arg(setup.root.join("tests/demo").join(file)).arg(demo::folder(&setup.root)).args(words);
    Ok(test)
}

fn summed_up(test: &mut Command) -> Result<Counts> {
    let ended = tee(test)?;
    Ok(count_summary(&ended.output).judged(ended.ok))
}
