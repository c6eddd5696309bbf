//! Where what lies in a folder of sessions.
//!
//! ```text
//! 3f/9a0c…        a record: the first two digits of the key, then the other 62
//! turns/3f/…      the token of a part; see `token.rs`
//! staged/…        contents that are being written
//! tags/0e4/…-…    which session carries a tag: the tag's hash, then the session's key
//! damaged/…       records that were damaged
//! made/…          tokens that are being made
//! ```

use sha2::{Digest, Sha256};

use crate::key::Key;

/// The paths under one folder.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    root: String,
}

impl Paths {
    pub(crate) fn new(root: &str) -> Self {
        Self { root: root.trim_end_matches('/').to_owned() }
    }

    /// The folder of a part.
    pub(crate) fn part(&self, part: u8) -> String {
        format!("{}/{part:02x}", self.root)
    }

    /// The folder that holds the folders of the tokens.
    pub(crate) fn all_turns(&self) -> String {
        format!("{}/turns", self.root)
    }

    /// The folder that holds the token of a part.
    pub(crate) fn turns(&self, part: u8) -> String {
        format!("{}/turns/{part:02x}", self.root)
    }

    /// The token of a part that nobody holds.
    pub(crate) fn free(&self, part: u8) -> String {
        format!("{}/turns/{part:02x}/free", self.root)
    }

    pub(crate) fn record(&self, key: &Key) -> String {
        let hex = key.hex();
        let (part, name) = hex.split_at(2);
        format!("{}/{part}/{name}", self.root)
    }

    /// The name of a record in its part's folder.
    pub(crate) fn name(record: &str) -> &str {
        record.rsplit('/').next().unwrap_or_default()
    }

    /// The key of a record by its name in a part's folder.
    pub(crate) fn key(part: u8, name: &str) -> Option<Key> {
        Key::from_hex(&format!("{part:02x}{name}"))
    }

    pub(crate) fn staged(&self) -> String {
        format!("{}/staged", self.root)
    }

    pub(crate) fn damaged(&self) -> String {
        format!("{}/damaged", self.root)
    }

    pub(crate) fn made(&self) -> String {
        format!("{}/made", self.root)
    }

    /// One of the folders that the entries of tags fall into evenly.
    pub(crate) fn tags(&self, number: u16) -> String {
        format!("{}/tags/{number:03x}", self.root)
    }

    /// How many such folders there are.
    pub(crate) const TAG_FOLDERS: u16 = 0x1000;

    /// The folder of a tag's entries, and how their names begin.
    pub(crate) fn tag(&self, tag: &str) -> (String, String) {
        let hash = base16ct::lower::encode_string(&Sha256::digest(tag.as_bytes()));
        (format!("{}/tags/{}", self.root, &hash[..3]), format!("{}-", &hash[3..35]))
    }

    /// The key that an entry's name ends with.
    pub(crate) fn tagged_key(entry: &str) -> Option<Key> {
        Key::from_hex(entry.get(33..)?)
    }
}
