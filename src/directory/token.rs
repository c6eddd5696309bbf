//! Whose turn it is to change what lies in one part of a folder, among all processes that share it.
//!
//! A file system can replace a file at once, but it cannot replace it *if it is still the one that was looked at*. So
//! each part has one token: a folder, `turn/free`. Whoever renames it to a name of its own has the turn, and nobody else
//! can, since it is gone from where they look. What the holder publishes it makes **inside** its token, and moves from
//! there to its place.
//!
//! That makes it safe to take the token from a holder that has died: taking it is one rename as well, and with it go the
//! paths that the holder works with. A holder that was only slow finds them missing, has published nothing, and starts
//! over. No clock is trusted, no process is asked whether it lives, and no time that a holder may take is a promise.

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

/// A holder that did not move for so long is taken for dead, unless turns take longer than that here.
const PATIENCE: Duration = Duration::from_millis(100);
const MOST_PATIENCE: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(16);

/// The turns of one process in all parts of a folder.
#[derive(Debug)]
pub(crate) struct Tokens {
    files: Arc<dyn Files>,
    paths: Paths,
    /// Within the process nobody need go to the disk to wait.
    parts: Vec<Mutex<()>>,
    /// Begins the names of this process's tokens.
    holder: String,
    taken: AtomicU64,
    /// How long a turn took here, in milliseconds; a long one is forgotten slowly.
    slowest: AtomicU64,
}

/// The turn in one part, within this process.
pub(crate) type Turn<'a> = MutexGuard<'a, ()>;

impl Tokens {
    pub(crate) fn new(files: Arc<dyn Files>, paths: Paths, holder: String) -> Self {
        let parts = (0..256).map(|_| Mutex::new(())).collect();
        Self { files, paths, parts, holder, taken: AtomicU64::new(0), slowest: AtomicU64::new(0) }
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
        format!("{}-{:x}", self.holder, self.taken.fetch_add(1, Ordering::Relaxed))
    }

    /// The token of a part, for who has the turn in this process.
    pub(crate) async fn take(&self, part: u8, _: &Turn<'_>) -> io::Result<Token<'_>> {
        let turn = self.paths.turn(part);
        let free = format!("{turn}/free");
        let path = format!("{turn}/{}", self.unique());
        let mut seen: Option<(Option<String>, Duration)> = None;
        let mut wait = FIRST_WAIT;
        loop {
            match self.files.rename(&free, &path).await {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let Some(names) = self.files.list(&turn).await? else {
                self.make(part).await?;
                continue;
            };
            if names.iter().any(|name| name == "free") {
                continue;
            }
            let holder = names.into_iter().next();
            let now = self.files.elapsed();
            match &seen {
                Some((before, since)) if *before == holder => {
                    if now.saturating_sub(*since) >= self.patience() {
                        if self.take_from(holder.as_deref(), &turn, &path).await? {
                            break;
                        }
                        seen = None;
                    }
                }
                _ => seen = Some((holder, now)),
            }
            self.files.pause(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        let since = self.files.elapsed();
        Ok(Token { tokens: self, path, free, since, is_held: true })
    }

    /// Takes the token of one who is taken for dead, with what it left there.
    async fn take_from(&self, holder: Option<&str>, turn: &str, path: &str) -> io::Result<bool> {
        let Some(holder) = holder else {
            // Somebody has removed it by hand.
            self.files.make_folder(&format!("{turn}/free")).await?;
            return Ok(false);
        };
        match self.files.rename(&format!("{turn}/{holder}"), path).await {
            Ok(()) => {
                self.clear(path).await?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes what lies in a token.
    pub(crate) async fn clear(&self, path: &str) -> io::Result<()> {
        for name in self.files.list(path).await?.unwrap_or_default() {
            self.files.remove_all(&format!("{path}/{name}")).await?;
        }
        Ok(())
    }

    /// Makes a part, with its token in it from the first moment: there must never be two.
    async fn make(&self, part: u8) -> io::Result<()> {
        let made = format!("{}/{}", self.paths.made(), self.unique());
        self.files.make_folder(&format!("{made}/turn/free")).await?;
        match self.files.rename(&made, &self.paths.part(part)).await {
            Ok(()) => self.files.sync_folder(self.paths.root()).await,
            Err(error) if is_occupied(&error) => {
                // Another was faster, or somebody has removed the turn from a part that has records.
                let moved = self.files.rename(&format!("{made}/turn"), &self.paths.turn(part)).await;
                self.files.remove_all(&made).await?;
                moved.or_else(|error| if is_occupied(&error) { Ok(()) } else { Err(error) })
            }
            Err(error) => Err(error),
        }
    }

    fn patience(&self) -> Duration {
        let slowest = Duration::from_millis(self.slowest.load(Ordering::Relaxed));
        (slowest * 4).clamp(PATIENCE, MOST_PATIENCE)
    }

    fn took(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let before = self.slowest.load(Ordering::Relaxed);
        if millis != before {
            self.slowest.store(millis.max(before - before.div_ceil(16)), Ordering::Relaxed);
        }
    }
}

/// The token of a part, held. Dropped, it is given back.
pub(crate) struct Token<'a> {
    tokens: &'a Tokens,
    path: String,
    free: String,
    since: Duration,
    is_held: bool,
}

impl Token<'_> {
    /// The folder whose contents are the holder's, for as long as the token is.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Gives the token back. Where it was taken away there is nothing to give.
    pub(crate) async fn give_back(mut self) {
        self.is_held = false;
        self.note_time();
        // Others wait for it and then take it, should this fail.
        let _ = self.tokens.files.rename(&self.path, &self.free).await;
    }

    fn note_time(&self) {
        self.tokens.took(self.tokens.files.elapsed().saturating_sub(self.since));
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        if self.is_held {
            self.note_time();
            self.tokens.files.rename_now(&self.path, &self.free);
        }
    }
}

fn is_occupied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty)
}
