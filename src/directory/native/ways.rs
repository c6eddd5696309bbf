//! The names that lead to a folder, on the disk: without them a power cut takes what was synced within it.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The folders whose ways were synced.
#[derive(Debug, Default)]
pub(super) struct Ways(Mutex<HashSet<PathBuf>>);

impl Ways {
    /// Syncs every folder that leads to this one, unless that was done.
    pub(super) fn sync(&self, folder: &str, sync: impl Fn(&str) -> io::Result<()>) -> io::Result<()> {
        let mut synced = Vec::new();
        for path in Path::new(folder).ancestors() {
            if self.with(|known| known.contains(path)) {
                break;
            }
            synced.push(path.to_owned());
            let Some(above) = path.parent().and_then(Path::to_str) else { break };
            // A relative path begins in the process's own folder.
            match sync(if above.is_empty() { "." } else { above }) {
                // Whoever may not read a folder has not made what is in it.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
                done => done?,
            }
        }
        self.with(|known| known.extend(synced));
        Ok(())
    }

    /// A folder was made: perhaps with those that lead to it.
    pub(super) fn forget(&self) {
        self.with(HashSet::clear);
    }

    fn with<T>(&self, call: impl FnOnce(&mut HashSet<PathBuf>) -> T) -> T {
        call(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What is synced on the way to a folder, where one folder may not be read.
    fn way(ways: &Ways, folder: &str) -> io::Result<Vec<String>> {
        let synced = RefCell::new(Vec::new());
        ways.sync(folder, |path| {
            synced.borrow_mut().push(path.to_owned());
            if path == "/secret" { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
        })?;
        Ok(synced.into_inner())
    }

    #[test]
    fn c9_each_folder_that_leads_there_is_synced_once() -> io::Result<()> {
        let ways = Ways::default();
        assert_eq!(way(&ways, "/a/root/3f")?, ["/a/root", "/a", "/"]);
        assert_eq!(way(&ways, "/a/root/tags/0e4")?, ["/a/root/tags", "/a/root"]);
        assert_eq!(way(&ways, "/a/root/3f")?, [""; 0]);
        ways.forget();
        assert_eq!(way(&ways, "/a/root/3f")?, ["/a/root", "/a", "/"]);
        Ok(())
    }

    #[test]
    fn c9_a_relative_way_ends_where_the_process_is_and_any_where_it_may_not_read() -> io::Result<()> {
        assert_eq!(way(&Ways::default(), "root/3f")?, ["root", "."]);
        assert_eq!(way(&Ways::default(), "/secret/root/3f")?, ["/secret/root", "/secret"]);
        Ok(())
    }

    #[test]
    fn c9_a_sync_that_fails_is_told_and_tried_again() -> io::Result<()> {
        let ways = Ways::default();
        let failed = ways.sync("/a/root", |_| Err(io::ErrorKind::StorageFull.into()));
        assert!(failed.is_err_and(|error| error.kind() == io::ErrorKind::StorageFull));
        assert_eq!(way(&ways, "/a/root")?, ["/a", "/"]);
        Ok(())
    }
}
