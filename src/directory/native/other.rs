//! Where the folder's own access rights are all there is, and a folder needs no sync.

use std::{
    fs, io,
    io::{Read, Seek, SeekFrom, Write},
    time::Duration,
};

use super::Mode;

pub(super) fn open(path: &str, mode: Mode) -> io::Result<fs::File> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    fs::OpenOptions::new().read(true).write(mode == Mode::Update).open(path)
}

pub(super) fn create(path: &str) -> io::Result<fs::File> {
    fs::OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

pub(super) fn make_folder(path: &str) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[allow(clippy::unnecessary_wraps)] // elsewhere it can fail
pub(super) fn sync_folder(_: &str) -> io::Result<()> {
    Ok(())
}

pub(super) fn age(path: &str) -> io::Result<Duration> {
    let changed = fs::symlink_metadata(path)?.modified()?;
    Ok(changed.elapsed().unwrap_or_default())
}

/// No two calls of one file overlap: each reader and each writer has opened its own.
pub(super) fn read_at(mut file: &fs::File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(at))?;
    file.read(bytes)
}

pub(super) fn write_all_at(mut file: &fs::File, bytes: &[u8], at: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}
