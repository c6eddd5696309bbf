//! Where files have owners, and links that must not be followed.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    time::{Duration, SystemTime},
};

use super::Mode;

/// A pipe in a record's place must not make a reader wait.
const FLAGS: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;

pub(super) fn open(path: &str, mode: Mode) -> io::Result<fs::File> {
    let opened = fs::OpenOptions::new().read(true).write(mode == Mode::Update).custom_flags(FLAGS).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        // A link; a folder opened to be changed; a socket or a pipe without an end.
        Some(libc::ELOOP | libc::EISDIR | libc::ENXIO) => io::ErrorKind::InvalidData.into(),
        _ => error,
    })
}

pub(super) fn create(path: &str) -> io::Result<fs::File> {
    fs::OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).custom_flags(FLAGS).open(path)
}

pub(super) fn make_folder(path: &str) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(super) fn sync_folder(path: &str) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// By the time of the last change of any kind: a rename counts as well.
pub(super) fn age(path: &str) -> io::Result<Duration> {
    let found = fs::symlink_metadata(path)?;
    let since = Duration::from_secs(u64::try_from(found.ctime()).unwrap_or(0));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(now.saturating_sub(since))
}

pub(super) fn read_at(file: &fs::File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    file.read_at(bytes, at)
}

pub(super) fn write_all_at(file: &fs::File, bytes: &[u8], at: u64) -> io::Result<()> {
    file.write_all_at(bytes, at)
}
