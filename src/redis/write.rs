//! The end of a write: the server checks the condition, the session's time and whether it was invalidated, in one step.

use bytes::Bytes;
use redis::Value;

use super::{
    Shared,
    connection::{number, to_double},
    failure::{not_committed, refused, unexpected},
    record::{CommitRequest, Lineage, Seen, lineage_in, revision_text},
    scripts::{BEGIN, COMMIT, INVALIDATE},
};
use crate::{
    error::Error,
    record::tags_block,
    session::{Committed, Tags, WriteOptions},
};

/// What a write has made.
pub(super) struct Written<'a> {
    /// Absent where it lies in pieces.
    pub(super) content: Option<&'a [u8]>,
    pub(super) length: u64,
    /// So many.
    pub(super) pieces: u32,
    pub(super) revision: [u8; 16],
    /// Given by a write that began before it commits.
    pub(super) seen: Option<Seen>,
}

/// What came of a commit, and the server's time in milliseconds.
enum Answer {
    Done(f64),
    /// It was not done, since its deadline had passed there.
    Late(f64),
}

impl Shared {
    /// Writes a content that fits a record, at once: nobody comes in between.
    pub(super) async fn put(
        &self,
        key: &str,
        content: &Bytes,
        options: &WriteOptions,
    ) -> Result<Committed, Error> {
        let length = content.len() as u64;
        let written =
            Written { content: Some(content), length, pieces: 0, revision: super::random()?, seen: None };
        self.commit(key, options, &written).await
    }

    pub(super) async fn commit(
        &self,
        key: &str,
        options: &WriteOptions,
        written: &Written<'_>,
    ) -> Result<Committed, Error> {
        self.check_open()?;
        let connection = &self.connection;
        let until = connection.deadline();
        let indexes: Vec<_> =
            options.tags.iter().flat_map(Tags::iter).map(|tag| self.index_key(tag)).collect();
        let mut keys = vec![key];
        if self.is_cluster {
            self.enter(&indexes, self.name_in(key), until).await?;
        } else {
            keys.extend(indexes.iter().map(String::as_str));
        }
        let tags = options.tags.as_ref().map(tags_block);
        let mut lineage: Lineage = super::random()?;
        // Even: it begins with nothing.
        lineage[7] &= !1;
        let mut request = CommitRequest {
            now: self.now()?,
            deadline: connection.deadline_there(until, key).await?,
            options,
            idle: self.defaults.idle,
            absolute: self.defaults.absolute,
            tags: tags.as_deref(),
            revision: written.revision,
            lineage,
            seen: written.seen,
            content: written.content,
            length: written.length,
            pieces: written.pieces,
            // At most 64 tags.
            indexes: u16::try_from(keys.len() - 1).unwrap_or(u16::MAX),
        };
        let content = written.content.unwrap_or_default();
        let mut is_again = false;
        loop {
            let reply = connection.run(&COMMIT, &keys, &[&request.to_bytes()?, content], until).await?;
            match answer(&reply)? {
                Answer::Done(time) => {
                    connection.learn(time, key);
                    break;
                }
                Answer::Late(_) if is_again => return Err(not_committed(b"late")),
                // The server's clock was set, or another server has taken over: what was estimated is wrong.
                Answer::Late(time) => connection.learn(time, key),
            }
            is_again = true;
            request.deadline = connection.deadline_there(until, key).await?;
        }
        if let Some(first) = options.tags.iter().flat_map(Tags::iter).next() {
            self.tidy_now_and_then(first, until).await;
        }
        Ok(revision_text(&written.revision).into())
    }
}

impl Shared {
    /// What a write takes note of when it begins.
    pub(super) async fn seen(&self, key: &str) -> Result<Seen, Error> {
        let connection = &self.connection;
        let reply = connection.run(&BEGIN, &[key], &[], connection.deadline()).await?;
        let Value::Array(answers) = reply else { return Err(unexpected()) };
        let [Value::Int(time), Value::BulkString(header)] = &answers[..] else { return Err(unexpected()) };
        let began = to_double(*time);
        connection.learn(began, key);
        Ok(Seen { lineage: lineage_in(header), began })
    }

    /// Ends a session, where it carries the tag unless that is empty. Says whether there was one. After the caller's time it is not
    /// done, so that it ends none that is newer.
    pub(super) async fn end(&self, key: &str, now: &str, lineage: Lineage, tag: &str) -> Result<bool, Error> {
        let connection = &self.connection;
        let until = connection.deadline();
        for is_again in [false, true] {
            let deadline = connection.deadline_there(until, key).await?.to_string();
            let arguments = [now.as_bytes(), &lineage, tag.as_bytes(), deadline.as_bytes()];
            match connection.run(&INVALIDATE, &[key], &arguments, until).await? {
                Value::Int(there) => return Ok(there == 1),
                Value::Array(words) => match &words[..] {
                    // As for a commit: what was estimated is wrong.
                    [Value::BulkString(why), time] if why == b"late" && !is_again => {
                        connection.learn(to_double(number(time)?), key);
                    }
                    [Value::BulkString(why), _] => return Err(not_committed(why)),
                    _ => return Err(unexpected()),
                },
                _ => return Err(unexpected()),
            }
        }
        Err(not_committed(b"late"))
    }
}

fn answer(reply: &Value) -> Result<Answer, Error> {
    let Value::Array(answers) = reply else { return Err(unexpected()) };
    match &answers[..] {
        [Value::Int(time)] => Ok(Answer::Done(to_double(*time))),
        [Value::Array(words)] => match &words[..] {
            [Value::BulkString(why), time] if why == b"late" => Ok(Answer::Late(to_double(number(time)?))),
            [Value::BulkString(why), Value::BulkString(text)] if why == b"error" => {
                Err(refused(&String::from_utf8_lossy(text)))
            }
            [Value::BulkString(why)] => Err(not_committed(why)),
            _ => Err(unexpected()),
        },
        _ => Err(unexpected()),
    }
}

/// The answer for the one session that a touch is about.
pub(super) fn touched(reply: &Value) -> Result<bool, Error> {
    match reply {
        Value::Array(answers) => match &answers[..] {
            [Value::Int(there)] => Ok(*there == 1),
            [Value::Array(words)] => match &words[..] {
                [_, Value::BulkString(text)] => Err(refused(&String::from_utf8_lossy(text))),
                _ => Err(unexpected()),
            },
            _ => Err(unexpected()),
        },
        _ => Err(unexpected()),
    }
}
