//! Whose turn it is to change what lies in one part of a folder, among all processes that share it.
//!
//! A file system can replace a file at once, but it cannot replace it *if it is still the one that was looked at*. So
//! each part has one token: a folder, `turns/3f/free`. Whoever renames it to a name of its own has the turn, and nobody
//! else can, since it is gone from where they look. What the holder publishes it makes **inside** its token, and moves
//! from there to its place.
//!
//! That makes it safe to take the token from a holder that has died: taking it is one rename as well, and with it go the
//! paths that the holder works with. A holder that was only slow finds them missing, has published nothing, and starts
//! over. No clock is trusted, no process is asked whether it lives, and no time that a holder may take is a promise.
//!
//! A touch is the exception: it writes into the record where that lies, and no path is in its way. So the holder first
//! makes a note in its token, by the record's name. Whoever takes the token with a note in it puts a copy in the record's
//! place before all else: what is written late goes into a file that nobody finds any more.
//!
//! A process that has a folder for itself keeps the tokens it has taken (`kept-…`), and then a turn costs it nothing;
//! another may take such a token after a short wait. Processes that meet give theirs back after each turn (`busy-…`):
//! such a token is taken only from a holder that does not move for long.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::lock::{Mutex, MutexGuard};

use super::{files::Files, paths::Paths};
use crate::{key::Key, maybe_send::BoxFuture};

/// A busy holder that did not move for so long is taken for dead, unless turns take longer than that here.
const PATIENCE: Duration = Duration::from_millis(100);
const MOST_PATIENCE: Duration = Duration::from_secs(5);
/// A kept token is taken after this time: enough for a holder that happens to be at work to end its turn.
const KEPT_PATIENCE: Duration = Duration::from_millis(3);
/// For so long after it met another process, a process gives its tokens back.
const IN_COMPANY: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(16);

/// The turns of one process in all parts of a folder.
#[derive(Debug)]
pub(crate) struct Tokens {
    files: Arc<dyn Files>,
    paths: Paths,
    /// Within the process nobody need go to the disk to wait. In it is the token's path, while it is kept.
    parts: Vec<Mutex<Option<String>>>,
    /// Begins the names of this process's tokens.
    holder: String,
    named: AtomicU64,
    /// How long a turn took here, in milliseconds; a long one is forgotten slowly.
    slowest: AtomicU64,
    /// Until when others are expected, in milliseconds since the files' clock began.
    company: AtomicU64,
}

/// The turn in one part, within this process.
pub(crate) type Turn<'a> = MutexGuard<'a, Option<String>>;

impl Tokens {
    pub(crate) fn new(files: Arc<dyn Files>, paths: Paths, holder: String) -> Self {
        Self {
            files,
            paths,
            parts: (0..256).map(|_| Mutex::default()).collect(),
            holder,
            named: AtomicU64::new(0),
            slowest: AtomicU64::new(0),
            company: AtomicU64::new(0),
        }
    }

    /// The turn within this process, if nobody has it.
    pub(crate) fn try_turn(&self, part: u8) -> Option<Turn<'_>> {
        self.parts[usize::from(part)].try_lock()
    }

    /// The turn within this process.
    pub(crate) async fn turn(&self, part: u8) -> Turn<'_> {
        self.parts[usize::from(part)].lock().await
    }

    /// A name that no other call gets, in any process.
    pub(crate) fn unique(&self) -> String {
        format!("{}-{:x}", self.holder, self.named.fetch_add(1, Ordering::Relaxed))
    }

    /// The token of a part, for who has the turn in this process.
    pub(crate) async fn take<'a>(&'a self, part: u8, turn: &'a mut Turn<'_>) -> io::Result<Token<'a>> {
        let is_kept = !self.is_in_company();
        let path = match turn.take() {
            Some(path) => path,
            None => self.take_any(part, is_kept).await?,
        };
        let since = self.files.elapsed();
        let free = self.paths.free(part);
        Ok(Token { tokens: self, turn, path: Some(path), free, since, is_kept, is_writing: false })
    }

    fn take_any(&self, part: u8, is_kept: bool) -> BoxFuture<'_, io::Result<String>> {
        Box::pin(async move {
            let (turns, free) = (self.paths.turns(part), self.paths.free(part));
            let path = format!("{turns}/{}-{}", if is_kept { "kept" } else { "busy" }, self.unique());
            let mut seen: Option<(Option<String>, Duration)> = None;
            let mut wait = FIRST_WAIT;
            loop {
                match self.files.rename(&free, &path).await {
                    Ok(()) => return Ok(path),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
                let Some(names) = self.files.list(&turns).await? else {
                    self.make(part).await?;
                    continue;
                };
                if names.iter().any(|name| name == "free") {
                    continue;
                }
                let holder = names.into_iter().next();
                let now = self.files.elapsed();
                self.meet(now);
                match &seen {
                    Some((before, since)) if *before == holder => {
                        if now.saturating_sub(*since) >= self.patience(holder.as_deref()) {
                            if self.take_from(holder, part, &path).await? {
                                return Ok(path);
                            }
                            seen = None;
                        }
                    }
                    _ => seen = Some((holder, now)),
                }
                self.files.pause(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        })
    }

    /// Takes the token of one who keeps it or is taken for dead, and clears what was left there.
    async fn take_from(&self, holder: Option<String>, part: u8, path: &str) -> io::Result<bool> {
        let Some(holder) = holder else {
            // Somebody has removed it by hand.
            self.files.make_folder(&self.paths.free(part)).await?;
            return Ok(false);
        };
        match self.files.rename(&format!("{}/{holder}", self.paths.turns(part)), path).await {
            Ok(()) => {
                let began = self.files.elapsed();
                let cleared = self.clear(part, path).await;
                // A long one must not be cut short again and again by others who wait.
                self.took(self.files.elapsed().saturating_sub(began));
                cleared.map(|()| true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes what lies in a token.
    pub(crate) fn clear<'a>(&'a self, part: u8, path: &'a str) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            for name in self.files.list(path).await?.unwrap_or_default() {
                if let Some(key) = Paths::key(part, &name) {
                    // A disk that has no room for a copy is no reason to leave a part to nobody.
                    let _ = self.renew(&key, path).await;
                }
                self.files.remove_all(&format!("{path}/{name}")).await?;
            }
            Ok(())
        })
    }

    /// Puts a copy in a record's place, so that what a former holder may still write into the old file is of no account.
    async fn renew(&self, key: &Key, path: &str) -> io::Result<()> {
        let record = self.paths.record(key);
        let copy = format!("{path}/{}", self.unique());
        let copied = self.files.copy(&record, &copy).await;
        if copied.is_err() {
            // Half of one would take the room of what comes next.
            self.files.remove_now(&copy);
            return copied;
        }
        self.files.rename(&copy, &record).await
    }

    /// Makes the token of a part, together with the folder that it lies in: there must never be two.
    async fn make(&self, part: u8) -> io::Result<()> {
        let made = format!("{}/{}", self.paths.made(), self.unique());
        let moved = self.make_at(&made, part).await;
        if moved.is_ok() {
            return Ok(());
        }
        // What is left of it where this fails too is swept later.
        let _ = self.files.remove_all(&made).await;
        match moved {
            // Another was faster.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
                ) =>
            {
                Ok(())
            }
            failed => failed,
        }
    }

    async fn make_at(&self, made: &str, part: u8) -> io::Result<()> {
        self.files.make_folder(&format!("{made}/free")).await?;
        let turns = self.paths.turns(part);
        match self.files.rename(made, &turns).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.files.make_folder(&self.paths.all_turns()).await?;
                self.files.rename(made, &turns).await
            }
            moved => moved,
        }
    }

    /// Gives back the tokens that are kept, but for those that are in use.
    pub(crate) fn give_back_kept(&self) {
        for part in 0..=u8::MAX {
            if let Some(path) = self.try_turn(part).and_then(|mut turn| turn.take()) {
                self.files.rename_now(&path, &self.paths.free(part));
            }
        }
    }

    fn patience(&self, holder: Option<&str>) -> Duration {
        if holder.is_some_and(|name| name.starts_with("kept")) {
            return KEPT_PATIENCE;
        }
        let slowest = Duration::from_millis(self.slowest.load(Ordering::Relaxed));
        (slowest * 4).clamp(PATIENCE, MOST_PATIENCE)
    }

    fn took(&self, time: Duration) {
        let millis = whole_millis(time);
        let before = self.slowest.load(Ordering::Relaxed);
        if millis != before {
            self.slowest.store(millis.max(before - before.div_ceil(16)), Ordering::Relaxed);
        }
    }

    /// Another process is here.
    fn meet(&self, now: Duration) {
        self.company.store(whole_millis(now + IN_COMPANY), Ordering::Relaxed);
    }

    fn is_in_company(&self) -> bool {
        let until = self.company.load(Ordering::Relaxed);
        until > 0 && whole_millis(self.files.elapsed()) < until
    }
}

fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The token of a part, held. Dropped, it is given back.
pub(crate) struct Token<'a> {
    tokens: &'a Tokens,
    turn: &'a mut Option<String>,
    path: Option<String>,
    free: String,
    since: Duration,
    is_kept: bool,
    is_writing: bool,
}

impl Token<'_> {
    /// The folder whose contents are the holder's, for as long as the token is.
    pub(crate) fn path(&self) -> &str {
        self.path.as_deref().unwrap_or_default()
    }

    /// Where stands that the holder writes into a record, of whose key this is the name.
    pub(crate) fn note(&self, name: &str) -> String {
        format!("{}/{name}", self.path())
    }

    /// Says whether the holder is about to write into a record: dropped meanwhile, the token is left to who takes it as from
    /// one who died, since the write may be under way.
    pub(crate) fn writes(&mut self, is_writing: bool) {
        self.is_writing = is_writing;
    }

    /// Ends the turn: keeps the token, or gives it back.
    pub(crate) async fn end(mut self) {
        let Some(path) = self.path.take() else { return };
        self.note_time();
        if self.is_kept {
            *self.turn = Some(path);
        } else {
            // Others wait for it and then take it, should this fail.
            let _ = self.tokens.files.rename(&path, &self.free).await;
        }
    }

    /// Somebody has taken the token.
    pub(crate) fn lose(mut self) {
        self.path = None;
        self.tokens.meet(self.tokens.files.elapsed());
    }

    fn note_time(&self) {
        self.tokens.took(self.tokens.files.elapsed().saturating_sub(self.since));
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.path.take()
            && !self.is_writing
        {
            self.note_time();
            self.tokens.files.rename_now(&path, &self.free);
        }
    }
}
