//! Going through what lies in a folder, a part at a time.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use super::{
    files::{Mode, failed},
    folder::{Folder, Glance},
    paths::Paths,
};
use crate::{clock::Timestamp, error::Error, key::Key, maybe_send::BoxFuture};

/// How many names are looked at before others get their turn.
const AT_ONCE: usize = 16;
/// How many names of each kind one call of `clear_leftovers` looks at.
const TIDIED_AT_ONCE: usize = 1_024;
/// How many of the folders that tags lie in, and of the tokens, it looks into.
const FOLDERS_AT_ONCE: usize = 16;
/// How long nobody has changed a staged content that nobody can be at work on any more: a day.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a damaged record is kept for whoever wants to look at it: a week.
const DAMAGED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Where the last calls stopped.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    records: Mutex<Place>,
    old: Mutex<Place>,
    entries: Mutex<Place>,
    tokens: AtomicU8,
}

/// A place in some folders: which of them comes next, and what is left of the names of the one before.
#[derive(Debug, Default)]
struct Place {
    folder: u16,
    next: u16,
    names: Vec<String>,
    is_taken: bool,
}

/// What is gone through.
#[derive(Clone, Copy)]
enum Kind {
    Records,
    /// What goes by its age alone.
    Old,
    /// The entries of tags.
    Entries,
}

impl Kind {
    /// How many folders it lies in.
    fn folders(self) -> u16 {
        match self {
            Self::Records => 256,
            Self::Old => 3,
            Self::Entries => Paths::TAG_FOLDERS,
        }
    }

    fn folder(self, paths: &Paths, number: u16) -> String {
        match (self, number) {
            (Self::Records, _) => paths.part(part(number)),
            (Self::Entries, _) => paths.tags(number),
            (Self::Old, 0) => paths.staged(),
            (Self::Old, 1) => paths.made(),
            (Self::Old, _) => paths.damaged(),
        }
    }
}

fn part(number: u16) -> u8 {
    number.to_le_bytes()[0]
}

/// One call's part of the way. The place is taken out meanwhile, so that of two calls at once the second finds nothing to do.
struct Walk<'a> {
    folder: &'a Folder,
    kind: Kind,
    from: &'a Mutex<Place>,
    place: Place,
    /// How many names, and folders, it may still look at.
    names: usize,
    folders: usize,
}

impl<'a> Walk<'a> {
    fn begin(folder: &'a Folder, kind: Kind, names: usize, folders: usize) -> Option<Self> {
        let from = match kind {
            Kind::Records => &folder.survey.records,
            Kind::Old => &folder.survey.old,
            Kind::Entries => &folder.survey.entries,
        };
        let mut place = from.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_taken {
            return None;
        }
        let place = std::mem::replace(&mut *place, Place { is_taken: true, ..Place::default() });
        Some(Self { folder, kind, from, place, names, folders })
    }

    /// The next name, with the number of its folder; from the last folder on to the first. None once it has looked at enough.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<(u16, String)>, Error>> {
        Box::pin(async move {
            let Folder { files, paths, .. } = self.folder;
            let Some(left) = self.names.checked_sub(1) else { return Ok(None) };
            self.names = left;
            if left % AT_ONCE == 0 {
                files.pause(Duration::ZERO).await;
            }
            let place = &mut self.place;
            loop {
                if let Some(name) = place.names.pop() {
                    return Ok(Some((place.folder, name)));
                }
                let Some(left) = self.folders.checked_sub(1) else { return Ok(None) };
                self.folders = left;
                place.folder = place.next;
                place.next = (place.next + 1) % self.kind.folders();
                let folder = self.kind.folder(paths, place.folder);
                place.names = files.list(&folder).await.map_err(failed)?.unwrap_or_default();
            }
        })
    }
}

impl Drop for Walk<'_> {
    /// Puts the place back, also where the work is given up.
    fn drop(&mut self) {
        *self.from.lock().unwrap_or_else(PoisonError::into_inner) = std::mem::take(&mut self.place);
    }
}

impl Folder {
    /// The keys of those among the next records whose time is up. Lists no more parts than a quarter of the limit.
    pub(super) async fn find_over(&self, now: Timestamp, limit: usize) -> Result<Vec<Key>, Error> {
        let mut over = Vec::new();
        let Some(mut walk) = Walk::begin(self, Kind::Records, limit, limit.div_ceil(4).min(256)) else {
            return Ok(over);
        };
        while let Some((number, name)) = walk.next().await? {
            if let Some(key) = Paths::key(part(number), &name)
                // One record that cannot be read is no reason to leave the others.
                && let Ok(Glance::Record(head, _)) = self.glance(&key, Mode::Read).await
                && head.lifetime.is_over(now)
            {
                over.push(key);
            }
        }
        Ok(over)
    }

    pub(super) async fn count_records(&self) -> Result<(u64, u64), Error> {
        let (mut sessions, mut bytes) = (0, 0);
        for part in 0..=u8::MAX {
            let names = self.files.list(&self.paths.part(part)).await.map_err(failed)?.unwrap_or_default();
            for (looked, key) in names.iter().filter_map(|name| Paths::key(part, name)).enumerate() {
                if let Ok(Glance::Record(head, _)) = self.glance(&key, Mode::Read).await {
                    sessions += u64::from(head.is_session());
                    bytes += head.length;
                }
                if looked % AT_ONCE == 0 {
                    self.files.pause(Duration::ZERO).await;
                }
            }
        }
        Ok((sessions, bytes))
    }

    /// Clears what those have left who were killed: staged contents, halves in tokens, entries of tags that no session has.
    pub(super) async fn clear_leftovers(&self) -> Result<(), Error> {
        if let Some(mut walk) = Walk::begin(self, Kind::Old, TIDIED_AT_ONCE, 3) {
            while let Some((number, name)) = walk.next().await? {
                let path = format!("{}/{name}", Kind::Old.folder(&self.paths, number));
                let age = if number == 2 { DAMAGED } else { ABANDONED };
                // What is gone meanwhile was cleared by another.
                if self.files.age(&path).await.is_ok_and(|own| own > age) {
                    self.files.remove_all(&path).await.map_err(failed)?;
                }
            }
        }
        for _ in 0..FOLDERS_AT_ONCE {
            self.clear_token(self.survey.tokens.fetch_add(1, Ordering::Relaxed)).await?;
        }
        if let Some(mut walk) = Walk::begin(self, Kind::Entries, TIDIED_AT_ONCE, FOLDERS_AT_ONCE) {
            while let Some((number, name)) = walk.next().await? {
                self.clear_entry(&self.paths.tags(number), &name).await?;
            }
        }
        Ok(())
    }

    async fn clear_token(&self, part: u8) -> Result<(), Error> {
        // Whoever holds it may have died.
        let turns = self.paths.turns(part);
        let holder =
            self.files.list(&turns).await.map_err(failed)?.and_then(|names| names.into_iter().next());
        let Some(holder) = holder else { return Ok(()) };
        let left = self.files.list(&format!("{turns}/{holder}")).await.map_err(failed)?;
        if left.is_none_or(|names| names.is_empty()) {
            return Ok(());
        }
        let mut turn = self.tokens.turn(part).await;
        let token = self.tokens.take(part, &mut turn).await.map_err(failed)?;
        let cleared = self.tokens.clear(part, token.path()).await;
        token.end().await;
        cleared.map_err(failed)
    }

    /// Removes the entry of a tag that its session does not carry.
    async fn clear_entry(&self, folder: &str, name: &str) -> Result<(), Error> {
        let Some(key) = Paths::tagged_key(name) else { return Ok(()) };
        let belongs = |glance: &Glance| {
            let mut tags = glance.head().into_iter().flat_map(|head| head.tags.iter());
            tags.any(|tag| {
                let (own, prefix) = self.paths.tag(tag);
                own == folder && name.starts_with(&prefix)
            })
        };
        if self.glance(&key, Mode::Read).await.is_ok_and(|glance| belongs(&glance)) {
            return Ok(());
        }
        // An entry is made before its session is: only with the turn is it known to be nobody's.
        let mut turn = self.tokens.turn(key.part()).await;
        let token = self.tokens.take(key.part(), &mut turn).await.map_err(failed)?;
        let cleared = match self.glance(&key, Mode::Read).await {
            Ok(glance) if belongs(&glance) => Ok(()),
            Ok(_) => self.remove_entry(&token, &format!("{folder}/{name}")).await,
            // Whose record cannot be read keeps its entries.
            Err(_) => Ok(()),
        };
        token.end().await;
        cleared
    }
}
