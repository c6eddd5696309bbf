//! Other programs: started so that their output is seen as it comes, and can be read afterwards.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read},
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use crate::report::say;

/// No compiler and no test is silent for so long; what hangs must not hang the run.
const PATIENCE: Duration = Duration::from_secs(360);

/// What a program said and whether it ended well.
pub struct Ended {
    pub ok: bool,
    pub output: String,
}

pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    // Set by `cargo run` for the toolchain that built this program; other compilers must not load its libraries.
    command.env_remove("LD_LIBRARY_PATH").env_remove("DYLD_FALLBACK_LIBRARY_PATH");
    command.stdin(Stdio::null());
    command
}

/// The cargo that runs this program.
pub fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs with the terminal as it is; an error if it fails.
pub fn show(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// Runs in silence and answers what was printed to stdout; an error with all output if it fails.
pub fn read(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", name(command)))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({}):\n{text}{errors}", name(command), output.status);
    }
    Ok(text)
}

/// Followed by what a test program is at, which is told if it hangs there; see `tests/package/harness.mjs`.
const RUNNING_MARK: &str = "#running ";

/// Runs, shows the lines as they come, but for those that say only that one more test passed, and keeps them all.
pub fn tee(command: &mut Command) -> Result<Ended> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {}", name(command)))?;
    let (lines, received) = mpsc::channel();
    forward(child.stdout.take(), lines.clone());
    forward(child.stderr.take(), lines);
    let mut output = String::new();
    let mut at = String::new();
    loop {
        match received.recv_timeout(PATIENCE) {
            Ok(line) => {
                if let Some(running) = line.strip_prefix(RUNNING_MARK) {
                    at = format!(" at {running}");
                } else if !is_routine(&line) {
                    say(&line);
                }
                output.push_str(&line);
                output.push('\n');
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                child.kill()?;
                child.wait()?;
                let silent = PATIENCE.as_secs();
                say(format_args!("{} hung{at}: stopped after {silent} s without a sign", name(command)));
                return Ok(Ended { ok: false, output });
            }
        }
    }
    Ok(Ended { ok: child.wait()?.success(), output })
}

/// Thousands of tests pass; who reads along wants to find the one that did not. A `#` begins what is for
/// this program.
fn is_routine(line: &str) -> bool {
    line.starts_with('#') || line.starts_with("ok ") || line.starts_with("test ") && line.ends_with("... ok")
}

fn forward(stream: Option<impl Read + Send + 'static>, lines: mpsc::Sender<String>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(std::io::Result::ok) {
            if lines.send(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()).is_err() {
                return;
            }
        }
    });
}

/// Where a program is that can be called by its name alone.
pub fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn name(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().take(3).map(|word| word.to_string_lossy().into_owned()));
    if command.get_args().count() > 3 {
        words.push("…".into());
    }
    format!("`{}`", words.join(" "))
}
