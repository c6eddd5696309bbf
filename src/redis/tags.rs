//! Which sessions carry a tag.
//!
//! For each tag there is a sorted set of those that may: an entry stands in it before its session carries the tag, and is taken out
//! some time after it no longer does. What counts is what the session's own record says.

use std::{collections::HashSet, sync::atomic::Ordering, time::Instant};

use base64ct::{Base64UrlUnpadded, Encoding};
use futures::future::join_all;
use redis::{Value, cmd};
use sha2::{Digest, Sha256};

use super::{
    Shared,
    connection::Connection,
    failure::unexpected,
    scripts::{INDEX, UNINDEX},
};
use crate::{
    error::{Error, ErrorKind},
    session::SessionInfo,
};

/// Every so many writes with tags look at the oldest entries of an index.
const TIDY_EVERY: u64 = 16;
/// So many of them.
const TIDIED: usize = 8;

impl Shared {
    /// Under which key the sessions of a tag stand.
    pub(super) fn index_key(&self, tag: &str) -> String {
        let name = Base64UrlUnpadded::encode_string(&Sha256::digest(tag));
        format!("{}tag:{{{name}}}", self.prefix)
    }

    /// Puts a session's name into indexes that may lie on other servers.
    pub(super) async fn enter(&self, indexes: &[String], name: &str, until: Instant) -> Result<(), Error> {
        let enter = indexes.iter().map(|index| self.enter_one(index, name, until));
        join_all(enter).await.into_iter().collect()
    }

    async fn enter_one(&self, index: &str, name: &str, until: Instant) -> Result<(), Error> {
        self.connection.number(&INDEX, &[index], &[name.as_bytes()], until).await.map(drop)
    }

    /// The sessions that carry a tag.
    pub(super) async fn tagged(&self, tag: &str) -> Result<Vec<SessionInfo>, Error> {
        let mut infos = Vec::new();
        let mut members = Members::of(self.index_key(tag));
        while let Some(names) = members.next(&self.connection).await? {
            let found = join_all(names.iter().map(|name| self.carrying(name, tag))).await;
            let mut stale = Vec::new();
            for (name, found) in names.iter().zip(found) {
                match found? {
                    Some(info) => infos.push(info),
                    None => stale.push(name.as_str()),
                }
            }
            // Who has asked for the others need not know where that fails.
            let _ = self.leave(tag, &stale, self.connection.deadline()).await;
        }
        Ok(infos)
    }

    /// Ends the sessions that carry a tag, and says how many. What cannot be read or ended hinders nothing of the same page.
    pub(super) async fn end_tagged(&self, tag: &str) -> Result<u64, Error> {
        let (now, lineage) = (self.given()?, super::fence_lineage()?);
        let mut count = 0;
        let mut members = Members::of(self.index_key(tag));
        while let Some(names) = members.next(&self.connection).await? {
            let mut failed = None;
            let end_one = async |name: &String| self.end(&self.key_of_name(name), &now, lineage, tag).await;
            for ended in join_all(names.iter().map(end_one)).await {
                match ended {
                    Ok(there) => count += u64::from(there),
                    // Another program's value is no session.
                    Err(error) if error.kind() == ErrorKind::Corrupt => {}
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            self.leave(tag, &names, self.connection.deadline()).await?;
        }
        Ok(count)
    }

    /// Looks now and then, after a write, whether the oldest entries of an index are still true. The write itself has succeeded:
    /// what fails here is not its failure.
    pub(super) async fn tidy_now_and_then(&self, tag: &str, until: Instant) {
        if self.tagged_writes.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            let tidy = async {
                let _ = self.tidy(tag, until).await;
            };
            self.connection.within(until, tidy).await;
        }
    }

    async fn tidy(&self, tag: &str, until: Instant) -> Result<(), Error> {
        let oldest = cmd("ZRANGE").arg(self.index_key(tag)).arg(0).arg(TIDIED - 1).take();
        let names = names(self.connection.command(oldest, until).await?)?;
        let found = join_all(names.iter().map(|name| self.carrying(name, tag))).await;
        let mut stale = Vec::new();
        for (name, found) in names.iter().zip(found) {
            if found?.is_none() {
                stale.push(name.as_str());
            }
        }
        self.leave(tag, &stale, until).await
    }

    /// A session, if it carries the tag. A damaged one is none, and no reason to hide the others.
    async fn carrying(&self, name: &str, tag: &str) -> Result<Option<SessionInfo>, Error> {
        match self.info(&self.key_of_name(name)).await {
            Ok(info) => Ok(info.filter(|info| info.tags.contains(tag))),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes out sessions that do not carry the tag, unless they were put in just now.
    async fn leave(&self, tag: &str, names: &[&str], until: Instant) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = names.iter().map(|name| name.as_bytes()).collect();
        self.connection.number(&UNINDEX, &[&self.index_key(tag)], &names, until).await.map(drop)
    }
}

/// The names of sessions that may carry a tag, some at a time and each once.
struct Members {
    index: String,
    cursor: Option<Vec<u8>>,
    seen: HashSet<String>,
}

impl Members {
    fn of(index: String) -> Self {
        Self { index, cursor: Some(b"0".to_vec()), seen: HashSet::new() }
    }

    async fn next(&mut self, connection: &Connection) -> Result<Option<Vec<String>>, Error> {
        while let Some(cursor) = self.cursor.take() {
            let scan = cmd("ZSCAN").arg(&self.index).arg(cursor).arg("COUNT").arg(100).take();
            let Value::Array(reply) = connection.command(scan, connection.deadline()).await? else {
                return Err(unexpected());
            };
            let Ok([Value::BulkString(next), entries]) = <[Value; 2]>::try_from(reply) else {
                return Err(unexpected());
            };
            self.cursor = Some(next).filter(|next| next != b"0");
            // Each name stands before its time.
            let names = names(entries)?.into_iter().step_by(2);
            let fresh: Vec<_> = names.filter(|name| self.seen.insert(name.clone())).collect();
            if !fresh.is_empty() {
                return Ok(Some(fresh));
            }
        }
        Ok(None)
    }
}

fn names(reply: Value) -> Result<Vec<String>, Error> {
    let Value::Array(values) = reply else { return Err(unexpected()) };
    let name = |value| match value {
        Value::BulkString(name) => String::from_utf8(name).map_err(|_| unexpected()),
        _ => Err(unexpected()),
    };
    values.into_iter().map(name).collect()
}
