//! A folder by the standard library's files, each call on a thread that may wait.

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(not(unix))]
#[path = "other.rs"]
mod platform;
mod ways;

use std::{
    fs, io,
    io::Write as _,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use blocking::unblock;
use bytes::Bytes;

use self::ways::Ways;
use super::{
    DirectoryOptions, DirectoryStorage,
    files::{File, Files, Mode, Opened},
    folder::Folder,
};
use crate::{
    error::{Error, ErrorKind},
    maybe_send::BoxFuture,
};

impl DirectoryStorage {
    /// Keeps sessions in a folder, which the first write makes if it is not there.
    ///
    /// ```
    /// use sessile::{DirectoryOptions, DirectoryStorage, SessionId, SessionStorage, WriteOptions};
    ///
    /// # futures::executor::block_on(async {
    /// # let folder = std::env::temp_dir().join(format!("sessile-example-{}", std::process::id()));
    /// let storage = DirectoryStorage::new(&folder, DirectoryOptions::new())?;
    /// let id = SessionId::generate()?;
    /// storage.set(&id, "hello".into(), WriteOptions::new()).await?;
    ///
    /// let another = DirectoryStorage::new(&folder, DirectoryOptions::new())?;
    /// assert_eq!(another.get(&id).await?.map(|(content, _)| content), Some("hello".into()));
    /// # std::fs::remove_dir_all(&folder).ok();
    /// # Ok::<(), sessile::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for an option that makes no sense, or a path that is empty or not valid Unicode.
    pub fn new(root: impl AsRef<Path>, options: DirectoryOptions) -> Result<Self, Error> {
        let root = root.as_ref().to_str().filter(|root| !root.is_empty()).ok_or_else(|| {
            Error::new(ErrorKind::InvalidOption, "the folder's path is empty, or not valid Unicode")
        })?;
        let files = Arc::new(NativeFiles { since: Instant::now(), ways: Arc::default() });
        let folder = Folder::new(files, root, options.durability)?;
        Self::on(Box::new(folder), options)
    }
}

#[derive(Debug)]
struct NativeFiles {
    since: Instant,
    ways: Arc<Ways>,
}

/// Runs a call on a thread of the pool, with a path of its own.
fn with_path<'a, T: Send + 'static>(
    path: &str,
    call: impl FnOnce(&str) -> io::Result<T> + Send + 'static,
) -> BoxFuture<'a, io::Result<T>> {
    let path = path.to_owned();
    Box::pin(unblock(move || call(&path)))
}

fn with_paths<'a, T: Send + 'static>(
    from: &str,
    to: &str,
    call: impl FnOnce(&str, &str) -> io::Result<T> + Send + 'static,
) -> BoxFuture<'a, io::Result<T>> {
    let (from, to) = (from.to_owned(), to.to_owned());
    Box::pin(unblock(move || call(&from, &to)))
}

/// What a missing file is to a call that need not find one.
fn if_there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Files for NativeFiles {
    fn open<'a>(
        &'a self,
        path: &'a str,
        most: usize,
        mode: Mode,
    ) -> BoxFuture<'a, io::Result<Option<Opened>>> {
        with_path(path, move |path| if_there(open(path, most, mode)))
    }

    fn create<'a>(&'a self, path: &'a str, bytes: Bytes, sync: bool) -> BoxFuture<'a, io::Result<()>> {
        with_path(path, move |path| {
            let mut file = platform::create(path)?;
            file.write_all(&bytes)?;
            if sync { file.sync_all() } else { Ok(()) }
        })
    }

    fn enter<'a>(&'a self, folder: &'a str, path: &'a str, sync: bool) -> BoxFuture<'a, io::Result<()>> {
        let ways = Arc::clone(&self.ways);
        with_paths(folder, path, move |folder, path| {
            match in_folder(folder, path, &ways) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            if sync { sync_names(folder, &ways) } else { Ok(()) }
        })
    }

    fn stage<'a>(&'a self, folder: &'a str, path: &'a str) -> BoxFuture<'a, io::Result<Box<dyn File>>> {
        let ways = Arc::clone(&self.ways);
        with_paths(folder, path, move |folder, path| {
            let file = NativeFile(Arc::new(in_folder(folder, path, &ways)?));
            Ok(Box::new(StagedFile { file, path: path.to_owned() }) as Box<dyn File>)
        })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, io::Result<()>> {
        with_paths(from, to, |from, to| fs::rename(from, to))
    }

    fn link<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, io::Result<()>> {
        with_paths(from, to, |from, to| fs::hard_link(from, to))
    }

    fn copy<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, io::Result<()>> {
        with_paths(from, to, |from, to| {
            let mut file = platform::open(from, Mode::Read)?;
            let mut copy = platform::create(to)?;
            io::copy(&mut file, &mut copy)?;
            copy.sync_all()
        })
    }

    fn remove<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>> {
        with_path(path, |path| if_there(fs::remove_file(path)).map(drop))
    }

    fn remove_all<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>> {
        with_path(path, |path| {
            let removed = match fs::symlink_metadata(path) {
                Ok(found) if found.is_dir() => fs::remove_dir_all(path),
                Ok(_) => fs::remove_file(path),
                Err(error) => Err(error),
            };
            if_there(removed).map(drop)
        })
    }

    fn make_folder<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>> {
        let ways = Arc::clone(&self.ways);
        with_path(path, move |path| make_folder(path, &ways))
    }

    fn list<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<Option<Vec<String>>>> {
        with_path(path, |path| {
            let Some(entries) = if_there(fs::read_dir(path))? else { return Ok(None) };
            let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            // A folder may go while it is read.
            if_there(names.collect())
        })
    }

    fn age<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<Duration>> {
        with_path(path, platform::age)
    }

    fn is_there<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<bool>> {
        with_path(path, |path| if_there(fs::symlink_metadata(path)).map(|found| found.is_some()))
    }

    fn sync_folder<'a>(&'a self, path: &'a str) -> BoxFuture<'a, io::Result<()>> {
        let ways = Arc::clone(&self.ways);
        with_path(path, move |path| sync_names(path, &ways))
    }

    fn pause(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(unblock(move || thread::sleep(time)))
    }

    fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    fn rename_now(&self, from: &str, to: &str) {
        let _ = fs::rename(from, to);
    }

    fn remove_now(&self, path: &str) {
        let _ = fs::remove_file(path);
    }
}

fn make_folder(path: &str, ways: &Ways) -> io::Result<()> {
    platform::make_folder(path)?;
    ways.forget();
    Ok(())
}

/// Makes a file, and its folder where that is missing.
fn in_folder(folder: &str, path: &str, ways: &Ways) -> io::Result<fs::File> {
    match platform::create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_folder(folder, ways)?;
            platform::create(path)
        }
        made => made,
    }
}

fn sync_names(folder: &str, ways: &Ways) -> io::Result<()> {
    platform::sync_folder(folder)?;
    ways.sync(folder, platform::sync_folder)
}

fn open(path: &str, most: usize, mode: Mode) -> io::Result<Opened> {
    let file = platform::open(path, mode)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let length = usize::try_from(found.len()).unwrap_or(usize::MAX).min(most);
    let start = read_at(&file, 0, length)?;
    let is_kept = mode == Mode::Update || found.len() > start.len() as u64;
    let rest = is_kept.then(|| (found.len(), Box::new(NativeFile(Arc::new(file))) as Box<dyn File>));
    Ok(Opened { start, rest })
}

fn read_at(file: &fs::File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut done = 0;
    while done < length {
        match platform::read_at(file, &mut bytes[done..], at + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

struct NativeFile(Arc<fs::File>);

impl NativeFile {
    fn with<T: Send + 'static>(
        &self,
        call: impl FnOnce(&fs::File) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'static, io::Result<T>> {
        let file = Arc::clone(&self.0);
        Box::pin(unblock(move || call(&file)))
    }
}

impl File for NativeFile {
    fn read_at(&self, at: u64, length: usize) -> BoxFuture<'static, io::Result<Bytes>> {
        self.with(move |file| read_at(file, at, length).map(Bytes::from))
    }

    fn write_at(&self, at: u64, bytes: Bytes) -> BoxFuture<'static, io::Result<()>> {
        self.with(move |file| platform::write_all_at(file, &bytes, at))
    }

    fn write_noted(
        &self,
        at: u64,
        bytes: Bytes,
        path: &str,
        note: &str,
    ) -> BoxFuture<'static, io::Result<()>> {
        let (path, note) = (path.to_owned(), note.to_owned());
        self.with(move |file| {
            match fs::hard_link(path, &note) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    // A file system without links: one is only the cheapest file there is.
                    platform::create(&note)?;
                }
                linked => linked?,
            }
            let written = platform::write_all_at(file, &bytes, at);
            let removed = fs::remove_file(note);
            written.and(removed)
        })
    }

    fn end_with(&self, at: u64, bytes: Bytes) -> BoxFuture<'static, io::Result<()>> {
        self.with(move |file| {
            file.set_len(at)?;
            platform::write_all_at(file, &bytes, at)
        })
    }

    fn sync(&self) -> BoxFuture<'static, io::Result<()>> {
        self.with(fs::File::sync_all)
    }
}

/// A file that goes when it is dropped: also where nobody has waited until it was made.
struct StagedFile {
    file: NativeFile,
    path: String,
}

impl File for StagedFile {
    fn read_at(&self, at: u64, length: usize) -> BoxFuture<'static, io::Result<Bytes>> {
        self.file.read_at(at, length)
    }

    fn write_at(&self, at: u64, bytes: Bytes) -> BoxFuture<'static, io::Result<()>> {
        self.file.write_at(at, bytes)
    }

    fn write_noted(
        &self,
        at: u64,
        bytes: Bytes,
        path: &str,
        note: &str,
    ) -> BoxFuture<'static, io::Result<()>> {
        self.file.write_noted(at, bytes, path, note)
    }

    fn end_with(&self, at: u64, bytes: Bytes) -> BoxFuture<'static, io::Result<()>> {
        self.file.end_with(at, bytes)
    }

    fn sync(&self) -> BoxFuture<'static, io::Result<()>> {
        self.file.sync()
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
