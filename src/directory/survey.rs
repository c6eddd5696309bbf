//! Going through a folder's records, a part at a time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{
    files::{Mode, failed},
    folder::{Folder, Glance},
    paths::Paths,
};
use crate::{clock::Timestamp, error::Error, key::Key};

/// How many records are looked at before others get their turn.
const AT_ONCE: usize = 16;
/// How many of the folders that tags lie in, and of the tokens, one call tidies.
const FOLDERS_AT_ONCE: u16 = 16;
/// How long nobody has changed a staged content that nobody can be at work on any more: a day.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a damaged record is kept for whoever wants to look at it: a week.
const DAMAGED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Where the last call stopped.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Taken out by who is at work: of two calls at once, the second finds nothing to do.
    records: Mutex<Option<Place>>,
    tidied: Mutex<u16>,
}

/// A place in the folder: a part, and what is left of its names.
#[derive(Debug, Default)]
struct Place {
    part: u8,
    names: Vec<String>,
    is_taken: bool,
}

impl Survey {
    fn take(&self) -> Option<Place> {
        let mut place = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        match place.as_mut() {
            Some(place) if place.is_taken => None,
            Some(place) => {
                let taken = Place { is_taken: true, ..Place::default() };
                Some(std::mem::replace(place, taken))
            }
            None => {
                *place = Some(Place { is_taken: true, ..Place::default() });
                Some(Place::default())
            }
        }
    }

    fn put_back(&self, place: Place) {
        *self.records.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }

    fn next_folders(&self, of: u16) -> impl Iterator<Item = u16> {
        let mut tidied = self.tidied.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *tidied;
        *tidied = (first + FOLDERS_AT_ONCE) % Paths::TAG_FOLDERS;
        (first..first + FOLDERS_AT_ONCE).map(move |number| number % of)
    }
}

/// Puts the place back, also where the work is given up.
struct Taken<'a> {
    survey: &'a Survey,
    place: Place,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.survey.put_back(std::mem::take(&mut self.place));
    }
}

impl Folder {
    /// The keys of those among the next records whose time is up. Lists no more parts than a quarter of the limit.
    pub(super) async fn find_over(&self, now: Timestamp, limit: usize) -> Result<Vec<Key>, Error> {
        let mut over = Vec::new();
        let Some(place) = self.survey.take() else { return Ok(over) };
        let mut taken = Taken { survey: &self.survey, place };
        let place = &mut taken.place;
        let mut listed = 0;
        for looked in 1..=limit {
            while place.names.is_empty() {
                if listed == limit.div_ceil(4).min(256) {
                    return Ok(over);
                }
                listed += 1;
                let folder = self.paths.part(place.part);
                place.names = self.files.list(&folder).await.map_err(failed)?.unwrap_or_default();
                if place.names.is_empty() {
                    place.part = place.part.wrapping_add(1);
                }
            }
            let key = place.names.pop().and_then(|name| Paths::key(place.part, &name));
            if place.names.is_empty() {
                place.part = place.part.wrapping_add(1);
            }
            if let Some(key) = key
                // One record that cannot be read is no reason to leave the others.
                && let Ok(Glance::Record(head, _)) = self.glance(&key, Mode::Read).await
                && head.lifetime.is_over(now)
            {
                over.push(key);
            }
            if looked % AT_ONCE == 0 {
                self.files.pause(Duration::ZERO).await;
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
        let old = [
            (self.paths.staged(), ABANDONED),
            (self.paths.made(), ABANDONED),
            (self.paths.damaged(), DAMAGED),
        ];
        for (folder, age) in old {
            for name in self.files.list(&folder).await.map_err(failed)?.unwrap_or_default() {
                let path = format!("{folder}/{name}");
                // What is gone meanwhile was cleared by another.
                if self.files.age(&path).await.is_ok_and(|own| own > age) {
                    self.files.remove_all(&path).await.map_err(failed)?;
                }
            }
        }
        for number in self.survey.next_folders(Paths::TAG_FOLDERS) {
            // There are fewer parts than folders of tags; so each has its turn more often.
            self.clear_token((number % 256).to_le_bytes()[0]).await?;
            self.clear_tags(number).await?;
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

    async fn clear_tags(&self, number: u16) -> Result<(), Error> {
        let folder = self.paths.tags(number);
        for name in self.files.list(&folder).await.map_err(failed)?.unwrap_or_default() {
            let Some(key) = Paths::tagged_key(&name) else { continue };
            let entry = format!("{folder}/{name}");
            let belongs = |glance: &Glance| {
                let mut tags = glance.head().into_iter().flat_map(|head| head.tags.iter());
                tags.any(|tag| {
                    let (own, prefix) = self.paths.tag(tag);
                    own == folder && name.starts_with(&prefix)
                })
            };
            if self.glance(&key, Mode::Read).await.is_ok_and(|glance| belongs(&glance)) {
                continue;
            }
            // An entry is made before its session is: only with the turn is it known to be nobody's.
            let mut turn = self.tokens.turn(key.part()).await;
            let token = self.tokens.take(key.part(), &mut turn).await.map_err(failed)?;
            let cleared = match self.glance(&key, Mode::Read).await {
                Ok(glance) if belongs(&glance) => Ok(()),
                Ok(_) => self.remove_entry(&token, &entry).await,
                // Whose record cannot be read keeps its entries.
                Err(_) => Ok(()),
            };
            token.end().await;
            cleared?;
        }
        Ok(())
    }
}
