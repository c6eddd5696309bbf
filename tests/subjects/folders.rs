//! Folders in the system's folder for temporary files, as media for the kit.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sessile::{
    BoxFuture, Capabilities, DirectoryOptions, DirectoryStorage, Durability, Error, ErrorKind, SessionId,
    SessionStorage,
    conformance::{Damage, Harness, Setup},
};

use super::key_of;

/// A folder that goes when it is dropped.
#[derive(Debug)]
pub(crate) struct TempFolder(PathBuf);

impl TempFolder {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = format!("sessile-{}-{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where a session's record lies, as documented.
    pub(crate) fn record(&self, id: &SessionId) -> PathBuf {
        record_in(&self.0, id)
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn record_in(folder: &Path, id: &SessionId) -> PathBuf {
    let key = key_of(id);
    folder.join(&key[..2]).join(&key[2..])
}

/// A [`DirectoryStorage`] over a folder for each medium.
pub(crate) struct Folders {
    root: TempFolder,
    durability: Durability,
}

impl Folders {
    pub(crate) fn relaxed() -> Self {
        Self { root: TempFolder::new(), durability: Durability::Relaxed }
    }

    pub(crate) fn strict() -> Self {
        Self { root: TempFolder::new(), durability: Durability::Strict }
    }

    fn medium(&self, medium: u64) -> PathBuf {
        self.root.path().join(medium.to_string())
    }
}

impl Harness for Folders {
    fn capabilities(&self) -> Capabilities {
        Capabilities { streams: true, conditional: true, tags: true, durable: true, shared: true }
    }

    fn open(&self, setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
        Box::pin(async move {
            let options = DirectoryOptions::new()
                .clock(setup.clock)
                .idle_timeout(setup.idle)
                .absolute_timeout(setup.absolute)
                .max_session_bytes(setup.max_session_bytes.unwrap_or(u64::MAX))
                .durability(self.durability);
            let storage = DirectoryStorage::new(self.medium(setup.medium), options)?;
            Ok(Arc::new(storage) as Arc<dyn SessionStorage>)
        })
    }

    fn can_damage(&self) -> bool {
        true
    }

    fn damage<'a>(
        &'a self,
        medium: u64,
        id: &'a SessionId,
        damage: Damage,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let path = record_in(&self.medium(medium), id);
            let mut record = fs::read(&path)
                .map_err(|_| Error::new(ErrorKind::Storage, "there is no record to damage"))?;
            damage(&mut record);
            fs::write(&path, record).unwrap();
            Ok(())
        })
    }
}
