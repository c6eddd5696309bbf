//! What a folder needs of a file system, natively and through `node:fs`.

use std::{fmt, io, time::Duration};

use bytes::Bytes;

use crate::{
    error::{Error, ErrorKind},
    maybe_send::{BoxFuture, MaybeSend, MaybeSync},
};

/// The calls of a file system, each as coarse as it can be: a call may be a hop to a thread, or over the border of
/// wasm. Paths are absolute, or relative to the process's own folder.
///
/// Files are made for their owner alone (0600, folders 0700), and a link is never followed at a path's end.
pub(crate) trait Files: fmt::Debug + MaybeSend + MaybeSync {
    /// Opens a file and reads its first `most` bytes; `None` where there is none.
    fn open<'a>(
        &'a self,
        path: &'a str,
        most: usize,
        mode: Mode,
    ) -> BoxFuture<'a, io::Result<Option<Opened>>>;

    /// Makes a file that was not there, of these bytes, on the disk when it resolves if `sync` says so.
    fn create<'a>(&'a self, path: &'a str, bytes: Bytes, sync: bool) -> BoxFuture<'a, io::Result<()>>;

    /// Makes an empty file, and its folder where that is missing; well also where it is. With `sync` its name is on the disk
    /// when it resolves.
    fn enter<'a>(&'a self, folder: &'a str, path: &'a str, sync: bool) -> BoxFuture<'a, io::Result<()>>;

    /// Makes a file that was not there, to write to, and its folder where that is missing. It goes when it is dropped, as far as
    /// it has this path still.
    fn stage<'a>(&'a self, folder: &'a str, path: &'a str) -> BoxFuture<'a, io::Result<Box<dyn File>>>;

    /// Gives a file or a folder another path, in the place of the file or the empty folder there.
    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, io::Result<()>>;

    /// Gives a file a second path, where nothing is.
    fn link<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, io::Result<()>>;

    /// Copies a file to where nothing is, and puts the copy's bytes on the disk.
    fn copy<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, io::Result<()>>;

    /// Removes a file; well also where there is none.
    fn remove<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>>;

    /// Removes a file, or a folder with all that is in it; well also where nothing is.
    fn remove_all<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>>;

    /// Makes a folder and those that lead to it; well also where it is.
    fn make_folder<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>>;

    /// The names in a folder; `None` where there is no folder.
    fn list<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<Option<Vec<String>>>>;

    /// How long ago a file was changed, by the machine's clock.
    fn age<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<Duration>>;

    /// Whether there is anything.
    fn is_there<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<bool>>;

    /// Puts a folder's names on the disk; at first, and when a folder was made since, also those that lead to it, as far as one may
    /// read the folders there: whoever made them may have been killed before it did, or not have cared.
    fn sync_folder<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>>;

    /// Lets others work for a while.
    fn pause(&self, time: Duration) -> BoxFuture<'_, ()>;

    /// A clock that only goes forward.
    fn elapsed(&self) -> Duration;

    /// Renames at once, for those who are dropped. What fails is found by others later.
    fn rename_now(&self, from: &str, to: &str);

    /// Removes a file at once, for those who are dropped.
    fn remove_now(&self, path: &str);
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    /// Also to change a part of it.
    Update,
}

/// The beginning of a file.
pub(crate) struct Opened {
    pub(crate) start: Vec<u8>,
    /// The file itself, where there is more of it, or it was opened to be changed.
    pub(crate) rest: Option<(u64, Box<dyn File>)>,
}

impl Opened {
    /// How long the file is.
    pub(crate) fn length(&self) -> u64 {
        self.rest.as_ref().map_or(self.start.len() as u64, |(length, _)| *length)
    }
}

/// An open file. Dropped, it is closed.
pub(crate) trait File: MaybeSend + MaybeSync {
    /// Reads up to this many bytes at an offset; fewer only at the end.
    fn read_at(&self, at: u64, length: usize) -> BoxFuture<'static, io::Result<Bytes>>;

    /// Writes all bytes at an offset.
    fn write_at(&self, at: u64, bytes: Bytes) -> BoxFuture<'static, io::Result<()>>;

    /// Writes all bytes at an offset, with a note at that path for as long as it takes: a second name of `path`, which is the file's
    /// own, or a file. Fails as `NotFound` where the note could not be made, and nothing was written; or was gone when it
    /// was to be removed.
    fn write_noted(
        &self,
        at: u64,
        bytes: Bytes,
        path: &str,
        note: &str,
    ) -> BoxFuture<'static, io::Result<()>>;

    /// Writes all bytes at an offset, and ends the file there.
    fn end_with(&self, at: u64, bytes: Bytes) -> BoxFuture<'static, io::Result<()>>;

    /// Puts the file on the disk.
    fn sync(&self) -> BoxFuture<'static, io::Result<()>>;
}

/// A file system's error, as the storage's. It names no path: one holds a key.
pub(crate) fn failed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::new(
            ErrorKind::Quota,
            "the disk, or what the process may use of it, is full; free some of it",
        ),
        _ => error.into(),
    }
}
