//! What is known of a session, and what a write may ask for.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    expiry::{Lifetime, Timeout},
};

/// Names one committed state of a session (C5). Opaque: compare it, never parse it.
///
/// No two commits of one storage have the same revision, also when a session was invalidated and made
/// anew in between.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revision(Arc<str>);

impl Revision {
    /// A revision as a storage names it, or as a client gave it back.
    pub fn new(revision: impl Into<Arc<str>>) -> Self {
        Self(revision.into())
    }

    /// The revision in letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What is known of one revision of a session. Never its id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Which state this is.
    pub revision: Revision,
    /// The length of the content in bytes, where it is known before reading.
    pub byte_length: Option<u64>,
    /// When the session was first written.
    pub created_at: Timestamp,
    /// When it ends unless there is activity before; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// How long it lives without activity (C7); `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// How long it lives at most, from its creation (C7); `None`: for ever.
    pub absolute_timeout: Option<Duration>,
    /// The tags, in the order in which they were given.
    pub tags: Tags,
}

impl SessionInfo {
    /// An info without length, deadline, timeouts or tags, for a storage to complete.
    pub fn new(revision: Revision, created_at: Timestamp) -> Self {
        Self {
            revision,
            byte_length: None,
            created_at,
            expires_at: None,
            idle_timeout: None,
            absolute_timeout: None,
            tags: Tags::default(),
        }
    }

    /// Adds when it ends, and why.
    pub(crate) fn with_lifetime(mut self, lifetime: &Lifetime) -> Self {
        self.expires_at = lifetime.expires_at();
        self.idle_timeout = lifetime.idle.duration();
        self.absolute_timeout = lifetime.absolute.duration();
        self
    }
}

/// What a commit has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The new revision.
    pub revision: Revision,
    /// What is known of it; `None` where the storage would have to ask its medium again.
    pub info: Option<SessionInfo>,
}

impl From<SessionInfo> for Committed {
    fn from(info: SessionInfo) -> Self {
        Self { revision: info.revision.clone(), info: Some(info) }
    }
}

impl From<Revision> for Committed {
    fn from(revision: Revision) -> Self {
        Self { revision, info: None }
    }
}

/// The condition of a write (C5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IfRevision {
    /// Write in any case.
    #[default]
    Any,
    /// Only if there is no session.
    Absent,
    /// Only if this revision is current.
    Is(Revision),
}

/// What a write may ask for beside its bytes.
///
/// ```
/// use std::time::Duration;
/// use sessile::{Tags, WriteOptions};
///
/// let options = WriteOptions::new()
///     .idle_timeout(Duration::from_secs(30 * 60))
///     .absolute_timeout(Duration::from_secs(7 * 24 * 60 * 60))
///     .tags(Tags::new(["user:17"])?)
///     .if_absent();
/// # let _ = options;
/// # Ok::<(), sessile::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    pub(crate) idle: Timeout,
    pub(crate) absolute: Timeout,
    pub(crate) condition: IfRevision,
    pub(crate) tags: Option<Tags>,
}

impl WriteOptions {
    /// An unconditional write that keeps the session's timeouts and tags; a new session takes the
    /// storage's defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The session ends when it was neither written nor touched for this long (C7).
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.idle = timeout.into();
        self
    }

    /// The session ends this long after it was created, whatever happens (C7).
    #[must_use]
    pub fn absolute_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.absolute = timeout.into();
        self
    }

    /// Write only if this revision is current; otherwise [`ErrorKind::Conflict`].
    #[must_use]
    pub fn if_revision(mut self, revision: Revision) -> Self {
        self.condition = IfRevision::Is(revision);
        self
    }

    /// Write only if there is no session; otherwise [`ErrorKind::Conflict`].
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.condition = IfRevision::Absent;
        self
    }

    /// Replaces the session's tags (C13).
    #[must_use]
    pub fn tags(mut self, tags: Tags) -> Self {
        self.tags = Some(tags);
        self
    }

    /// The idle timeout that was asked for.
    pub fn idle(&self) -> Timeout {
        self.idle
    }

    /// The absolute timeout that was asked for.
    pub fn absolute(&self) -> Timeout {
        self.absolute
    }

    /// The condition that was asked for.
    pub fn condition(&self) -> &IfRevision {
        &self.condition
    }

    /// The tags that were asked for; `None` keeps those that are there.
    pub fn new_tags(&self) -> Option<&Tags> {
        self.tags.as_ref()
    }
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Self::After(duration)
    }
}

impl From<Option<Duration>> for Timeout {
    /// `None` is [`Timeout::Never`].
    fn from(duration: Option<Duration>) -> Self {
        duration.map_or(Self::Never, Self::After)
    }
}

/// Names under which a session can be found and revoked, such as `user:17` (C13).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tags(Option<Arc<[Box<str>]>>);

impl Tags {
    /// The longest tag, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 1024;
    /// The most tags of one session.
    pub const MAX_COUNT: usize = 64;

    /// Takes tags in their order; a repeated one counts once.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for an empty tag, one longer than [`Self::MAX_BYTES`], or more than
    /// [`Self::MAX_COUNT`] of them.
    pub fn new<T: Into<Box<str>>>(tags: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let mut unique: Vec<Box<str>> = Vec::new();
        for tag in tags {
            let tag = tag.into();
            Self::check(&tag)?;
            if !unique.contains(&tag) {
                if unique.len() == Self::MAX_COUNT {
                    return Err(Error::new(ErrorKind::InvalidOption, "a session has more than 64 tags"));
                }
                unique.push(tag);
            }
        }
        Ok(Self((!unique.is_empty()).then(|| unique.into())))
    }

    /// The tags, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|tags| tags.iter()).map(AsRef::as_ref)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether this tag is among them.
    pub fn contains(&self, tag: &str) -> bool {
        self.iter().any(|own| own == tag)
    }

    pub(crate) fn check(tag: &str) -> Result<(), Error> {
        match tag.len() {
            1..=Self::MAX_BYTES => Ok(()),
            0 => Err(Error::new(ErrorKind::InvalidOption, "a tag is empty")),
            _ => Err(Error::new(ErrorKind::InvalidOption, "a tag is longer than 1,024 bytes of UTF-8")),
        }
    }
}

/// What a power cut may undo of a write that has resolved (C9). A crash of the process undoes nothing in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The last moments before a power cut may be lost; no session is left half written.
    #[default]
    Relaxed,
    /// Nothing: a write resolves when the disk has it.
    Strict,
}

/// What a storage can do. The conformance kit checks what is declared here, and that the rest is
/// refused with [`ErrorKind::Unsupported`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)] // each is an independent fact that callers ask for by name
pub struct Capabilities {
    /// Content passes through in pieces, never whole beside the storage's own copy.
    pub streams: bool,
    /// Conditional writes are one step, for all who share the storage.
    pub conditional: bool,
    /// Sessions can be tagged, listed and invalidated by tag.
    pub tags: bool,
    /// Sessions outlive the process.
    pub durable: bool,
    /// Several processes, tabs or machines can use the same sessions.
    pub shared: bool,
}

/// What a storage holds, and has counted since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StorageStats {
    /// Sessions held now; expired ones count until they are swept.
    pub sessions: u64,
    /// Bytes of content held now, and of ids where those are kept.
    pub bytes: u64,
    /// Sessions removed to make room.
    pub evicted: u64,
    /// Sessions removed because they had expired.
    pub expired: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c13_tags_keep_their_order_and_count_once() -> Result<(), Error> {
        let tags = Tags::new(["b", "a", "b"])?;
        assert_eq!(tags.iter().collect::<Vec<_>>(), ["b", "a"]);
        assert!(tags.contains("a") && !tags.contains("c"));
        assert!(Tags::new(Vec::<String>::new())?.is_empty());
        Ok(())
    }

    #[test]
    fn c13_tags_are_bounded() {
        let kind = |tags: Vec<String>| Tags::new(tags).err().map(|error| error.kind());
        assert_eq!(kind(vec![String::new()]), Some(ErrorKind::InvalidOption));
        assert_eq!(kind(vec!["é".repeat(513)]), Some(ErrorKind::InvalidOption));
        assert_eq!(kind(vec!["é".repeat(512)]), None);
        assert_eq!(kind((0..64).map(|n| n.to_string()).collect()), None);
        assert_eq!(kind((0..65).map(|n| n.to_string()).collect()), Some(ErrorKind::InvalidOption));
    }
}
