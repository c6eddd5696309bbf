//! Records as files of one folder, on any file system.

use std::{fmt, io, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    content::{StagedFile, read_head, read_record},
    files::{File, Files, Mode, failed},
    medium::{Change, Content, Current, Decide, Directory, PIECE, Record, Stage},
    paths::Paths,
    survey::Survey,
    token::{Token, Tokens},
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    key::Key,
    maybe_send::BoxFuture,
    record::{ACTIVITY_AT, HEADER, Head, Lineage, corrupt},
    session::Durability,
};

/// What a change reads of a record: the header, and most tags with it.
const GLANCE: usize = 4 * 1024;

/// A folder of sessions.
pub(crate) struct Folder {
    pub(super) files: Arc<dyn Files>,
    pub(super) paths: Paths,
    pub(super) tokens: Tokens,
    pub(super) survey: Survey,
    strict: bool,
}

impl Folder {
    pub(crate) fn new(files: Arc<dyn Files>, root: &str, durability: Durability) -> Result<Self, Error> {
        let mut holder = [0; 12];
        getrandom::fill(&mut holder).map_err(Error::no_random)?;
        let holder = base16ct::lower::encode_string(&holder);
        let paths = Paths::new(root);
        Ok(Self {
            tokens: Tokens::new(Arc::clone(&files), paths.clone(), holder),
            files,
            paths,
            survey: Survey::default(),
            strict: durability == Durability::Strict,
        })
    }

    /// What stands before and behind the content of a record; and the file, where it was opened to be changed.
    pub(super) fn glance<'a>(&'a self, key: &'a Key, mode: Mode) -> BoxFuture<'a, Result<Glance, Error>> {
        Box::pin(async move {
            // Who changes a part of a record must not vouch for what it could have seen to be damaged.
            let most = if mode == Mode::Update { HEADER + PIECE } else { GLANCE };
            let opened = match self.files.open(&self.paths.record(key), most, mode).await {
                Ok(None) => return Ok(Glance::Nothing),
                Ok(Some(opened)) => opened,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Glance::Damaged),
                Err(error) => return Err(failed(error)),
            };
            let is_whole = opened.start.len() as u64 == opened.length();
            let read = if mode == Mode::Update && is_whole {
                Head::open(&opened.start)
            } else {
                read_head(&opened).await
            };
            match read {
                Ok(head) => Ok(Glance::Record(head, opened.rest.map(|(_, file)| file))),
                Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Glance::Damaged),
                Err(error) => Err(error),
            }
        })
    }

    /// One try to look and to change. `Lost`: the token was taken away, and nothing has changed.
    async fn attempt(
        &self,
        token: &mut Token<'_>,
        key: &Key,
        content: &mut Content,
        before: &mut Option<Lineage>,
        decide: &mut dyn Decide,
    ) -> Result<(), Stopped> {
        let mode = if matches!(content, Content::Same) { Mode::Update } else { Mode::Read };
        let glance = self.glance(key, mode).await?;
        // Should the token be lost, this was the first look.
        let change = decide.decide(*before, glance.current())?;
        before.get_or_insert(glance.current().lineage());
        match change {
            Change::Leave => Ok(()),
            Change::Publish(head) => self.publish(token, key, content, &glance, &head).await,
            Change::Touch(head) => match glance {
                Glance::Record(_, Some(file)) => self.touch(token, key, &*file, &head).await,
                _ => Ok(()),
            },
            Change::Remove => {
                let aside = self.move_aside(token, key).await?;
                self.files.remove(&aside).await.map_err(failed)?;
                self.untag(token, key, glance.head(), None).await?;
                Ok(())
            }
            Change::Quarantine => self.quarantine(token, key).await,
        }
    }

    /// Writes an activity into a record, with a note in the token for as long as that takes.
    async fn touch(
        &self,
        token: &mut Token<'_>,
        key: &Key,
        file: &dyn File,
        head: &Head,
    ) -> Result<(), Stopped> {
        let record = self.paths.record(key);
        let note = token.note(Paths::name(&record));
        let activity = Bytes::copy_from_slice(&head.activity());
        token.writes(true);
        let written = file.write_noted(ACTIVITY_AT as u64, activity, &record, &note).await;
        token.writes(false);
        unless_lost(written)
    }

    async fn publish(
        &self,
        token: &Token<'_>,
        key: &Key,
        content: &mut Content,
        glance: &Glance,
        head: &Head,
    ) -> Result<(), Stopped> {
        if let Glance::Damaged = glance {
            self.quarantine(token, key).await?;
        }
        let placed = match self.tag(key, head, glance.head()).await {
            Ok(()) => self.place(token, key, content, head).await,
            Err(error) => Err(error.into()),
        };
        if let Err(stopped) = placed {
            if let Stopped::Failed(_) = stopped {
                // What stays of the entries where this fails too is swept later.
                let _ = self.untag(token, key, Some(head), glance.head()).await;
            }
            return Err(stopped);
        }
        // From here on it is published, and keeps its entries whatever fails.
        if self.strict {
            self.files.sync_folder(&self.paths.part(key.part())).await.map_err(failed)?;
        }
        // An entry too many is swept later, and no reason to call the write failed.
        let _ = self.untag(token, key, glance.head(), Some(head)).await;
        Ok(())
    }

    /// Makes the record in the token, and moves it to its place.
    async fn place(
        &self,
        token: &Token<'_>,
        key: &Key,
        content: &mut Content,
        head: &Head,
    ) -> Result<(), Stopped> {
        let staged = format!("{}/{}", token.path(), head.name());
        let written = match content {
            Content::Staged(stage) => {
                stage.complete(head).await?;
                match self.files.link(stage.name(), &staged).await {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        // A file system without links. Should the token be lost now, the content is lost with it.
                        self.files.rename(stage.name(), &staged).await
                    }
                    linked => linked,
                }
            }
            Content::Whole(bytes) => self.files.create(&staged, head.record(bytes).into(), self.strict).await,
            Content::None | Content::Same => {
                self.files.create(&staged, head.record(&[]).into(), self.strict).await
            }
        };
        if let Err(error) = written {
            if error.kind() == io::ErrorKind::NotFound {
                return Err(self.lost_or(token, error).await?);
            }
            self.files.remove_now(&staged);
            return Err(failed(error).into());
        }
        if let Err(stopped) = self.put(key, &staged).await {
            self.files.remove_now(&staged);
            return Err(stopped);
        }
        if let Content::Staged(stage) = content {
            stage.clear();
        }
        Ok(())
    }

    /// Moves a file from the token to its place.
    async fn put(&self, key: &Key, staged: &str) -> Result<(), Stopped> {
        let record = self.paths.record(key);
        let Err(error) = self.files.rename(staged, &record).await else { return Ok(()) };
        if error.kind() != io::ErrorKind::NotFound {
            return Err(failed(error).into());
        }
        // The first record of its part; or the token is lost.
        self.files.make_folder(&self.paths.part(key.part())).await.map_err(failed)?;
        unless_lost(self.files.rename(staged, &record).await)
    }

    /// Moves what is under a key into the token: which works only for who holds it.
    async fn move_aside(&self, token: &Token<'_>, key: &Key) -> Result<String, Stopped> {
        let aside = format!("{}/{}", token.path(), self.tokens.unique());
        unless_lost(self.files.rename(&self.paths.record(key), &aside).await)?;
        Ok(aside)
    }

    fn quarantine<'a>(&'a self, token: &'a Token<'_>, key: &'a Key) -> BoxFuture<'a, Result<(), Stopped>> {
        Box::pin(async move {
            let aside = self.move_aside(token, key).await?;
            let folder = self.paths.damaged();
            self.files.make_folder(&folder).await.map_err(failed)?;
            let put_away = format!("{folder}/{}-{}", key.hex(), self.tokens.unique());
            // Whoever took the token has cleared it.
            unless_lost(self.files.rename(&aside, &put_away).await)
        })
    }

    /// What a missing file means while a token is held.
    async fn lost_or(&self, token: &Token<'_>, error: io::Error) -> Result<Stopped, Error> {
        let is_held = self.files.is_there(token.path()).await.map_err(failed)?;
        Ok(if is_held { failed(error).into() } else { Stopped::Lost })
    }

    /// Enters a session under the tags that it did not have: before it is published, so that it is never without (C13).
    async fn tag(&self, key: &Key, head: &Head, old: Option<&Head>) -> Result<(), Error> {
        for tag in head.tags.iter().filter(|tag| !old.is_some_and(|old| old.tags.contains(tag))) {
            let (folder, prefix) = self.paths.tag(tag);
            let entry = format!("{folder}/{prefix}{}", key.hex());
            self.files.enter(&folder, &entry, self.strict).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Removes the entries of the tags that a session has no more.
    async fn untag(
        &self,
        token: &Token<'_>,
        key: &Key,
        old: Option<&Head>,
        new: Option<&Head>,
    ) -> Result<(), Error> {
        let Some(old) = old else { return Ok(()) };
        for tag in old.tags.iter().filter(|tag| !new.is_some_and(|new| new.tags.contains(tag))) {
            let (folder, prefix) = self.paths.tag(tag);
            self.remove_entry(token, &format!("{folder}/{prefix}{}", key.hex())).await?;
        }
        Ok(())
    }

    /// Removes an entry by way of the token: who has lost that may not, since the next holder may have made it anew.
    pub(super) async fn remove_entry(&self, token: &Token<'_>, entry: &str) -> Result<(), Error> {
        let aside = format!("{}/{}", token.path(), self.tokens.unique());
        match self.files.rename(entry, &aside).await {
            Ok(()) => self.files.remove(&aside).await.map_err(failed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

impl Directory for Folder {
    fn open<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        Box::pin(async move {
            let path = self.paths.record(key);
            match self.files.open(&path, HEADER + PIECE, Mode::Read).await {
                Ok(None) => Ok(None),
                Ok(Some(opened)) => read_record(opened).await.map(Some),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    Err(corrupt("something else is in its place"))
                }
                Err(error) => Err(failed(error)),
            }
        })
    }

    fn stage(&self) -> BoxFuture<'_, Result<Box<dyn Stage>, Error>> {
        Box::pin(async move {
            let folder = self.paths.staged();
            let path = format!("{folder}/{}", self.tokens.unique());
            let file = self.files.stage(&folder, &path).await.map_err(failed)?;
            Ok(Box::new(StagedFile::new(file, path, self.strict)) as Box<dyn Stage>)
        })
    }

    fn change<'a>(
        &'a self,
        key: &'a Key,
        content: &'a mut Content,
        decide: &'a mut dyn Decide,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            // What is not there is not changed, and no token is made for it.
            if matches!(content, Content::Same)
                && matches!(self.glance(key, Mode::Read).await?, Glance::Nothing)
            {
                return decide.decide(None, Current::Nothing).map(drop);
            }
            let (mut turn, mut before) = if let Some(turn) = self.tokens.try_turn(key.part()) {
                (turn, None)
            } else {
                let before = self.glance(key, Mode::Read).await?.current().lineage();
                (self.tokens.turn(key.part()).await, Some(before))
            };
            loop {
                if before.is_none() && turn.is_none() {
                    before = Some(self.glance(key, Mode::Read).await?.current().lineage());
                }
                let mut token = self.tokens.take(key.part(), &mut turn).await.map_err(failed)?;
                match self.attempt(&mut token, key, content, &mut before, decide).await {
                    Err(Stopped::Lost) => token.lose(),
                    Err(Stopped::Failed(error)) => {
                        token.end().await;
                        return Err(error);
                    }
                    Ok(()) => {
                        token.end().await;
                        return Ok(());
                    }
                }
            }
        })
    }

    fn tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<Key>, Error>> {
        Box::pin(async move {
            let (folder, prefix) = self.paths.tag(tag);
            let names = self.files.list(&folder).await.map_err(failed)?.unwrap_or_default();
            let entries = names.iter().filter(|name| name.starts_with(&prefix));
            Ok(entries.filter_map(|name| Paths::tagged_key(name)).collect())
        })
    }

    fn over(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Key>, Error>> {
        Box::pin(self.find_over(now, limit))
    }

    fn pause(&self) -> BoxFuture<'_, ()> {
        self.files.pause(Duration::ZERO)
    }

    fn tidy(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.clear_leftovers())
    }

    fn count(&self) -> BoxFuture<'_, Result<(u64, u64), Error>> {
        Box::pin(self.count_records())
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        // Files are closed by those who read them.
        self.tokens.give_back_kept();
        Box::pin(async { Ok(()) })
    }
}

impl fmt::Debug for Folder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Folder").finish_non_exhaustive()
    }
}

/// What was seen under a key.
pub(super) enum Glance {
    Nothing,
    Damaged,
    Record(Head, Option<Box<dyn File>>),
}

impl Glance {
    pub(super) fn current(&self) -> Current<'_> {
        match self {
            Self::Nothing => Current::Nothing,
            Self::Damaged => Current::Damaged,
            Self::Record(head, _) => Current::Record(head),
        }
    }

    pub(super) fn head(&self) -> Option<&Head> {
        if let Self::Record(head, _) = self { Some(head) } else { None }
    }
}

/// Why an attempt did not succeed.
enum Stopped {
    Lost,
    Failed(Error),
}

/// What came of a call in the token. Where a file is missing, the token is, or somebody is at work by hand.
fn unless_lost(done: io::Result<()>) -> Result<(), Stopped> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Stopped::Lost),
        done => Ok(done.map_err(failed)?),
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
