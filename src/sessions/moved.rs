//! What is left under an id that a session has given up.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    error::Error,
    id::SessionId,
    session::Tags,
    ticket::{Sealer, Secrets},
};

/// For how long an id that a session has given up is known as such: as long as a request that was sent with it, before the
/// client knew the new one, may take.
pub(super) const MOVED_FOR: Duration = Duration::from_secs(60);

/// No JSON begins so.
const MARK: &[u8] = b"moved:";
const NAME: &str = "moved";
/// Before the old id, the key: long enough for an id of any length.
const KEY: &str = "sessile: the key to where a session moved: ";
const TAG: &str = "sessile moved: ";
/// Letters of a tag: what is made of them is a tag, also one that is sealed.
const TAG_LETTERS: usize = 128;

/// What is stored under the old id. A request that still comes with it has no session: whoever planted that id before a
/// login must not come in with it. But it is told from one that nobody knows: the client keeps its cookie, which may be
/// the new one by then, and a logout ends the session where it is now.
///
/// The new id is sealed by the old one, which is stored nowhere.
pub(super) fn moved_to(old: &SessionId, new: &SessionId) -> Result<Bytes, Error> {
    let sealed = sealer(old)?.seal(NAME, new.as_str().as_bytes())?;
    Ok([MARK, sealed.as_bytes()].concat().into())
}

/// Whether this is no session's content, but says that the session has moved.
pub(super) fn is_moved(content: &[u8]) -> bool {
    content.starts_with(MARK)
}

/// The id that the session has now.
pub(super) fn new_id_in(old: &SessionId, content: &[u8]) -> Option<SessionId> {
    let sealed = std::str::from_utf8(content.strip_prefix(MARK)?).ok()?;
    let opened = sealer(old).ok()?.open(NAME, sealed)?;
    SessionId::new(String::from_utf8(opened.content).ok()?).ok()
}

/// The tag of what is left by a session that carries this one: who ends all that carry it learns that one has moved meanwhile.
/// It is another tag, so that what is left is no session among them.
pub(super) fn moved_tag(tag: &str) -> String {
    TAG.chars().chain(tag.chars().take(TAG_LETTERS)).collect()
}

pub(super) fn moved_tags(tags: &Tags) -> Result<Tags, Error> {
    Tags::new(tags.iter().map(moved_tag))
}

fn sealer(old: &SessionId) -> Result<Sealer, Error> {
    Sealer::new(&Secrets::new([format!("{KEY}{}", old.as_str())])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_only_the_old_id_tells_the_new_one() -> Result<(), Error> {
        let (old, new) = (SessionId::generate()?, SessionId::generate()?);
        let content = moved_to(&old, &new)?;
        assert!(is_moved(&content));
        assert_eq!(new_id_in(&old, &content), Some(new.clone()));
        assert_eq!(new_id_in(&new, &content), None);
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains(new.as_str()) && !text.contains(old.as_str()));
        assert_eq!(new_id_in(&old, b"{\"moved\":1}"), None);
        Ok(())
    }

    #[test]
    fn s2_what_is_left_has_a_tag_for_each_that_the_session_had() -> Result<(), Error> {
        assert!(moved_tags(&Tags::default())?.is_empty());
        let long = "\u{1f600}".repeat(256);
        let tags = moved_tags(&Tags::new(["user 1", &long, &long[..1020]])?)?;
        let cut = format!("sessile moved: {}", "\u{1f600}".repeat(128));
        assert_eq!(tags.iter().collect::<Vec<_>>(), ["sessile moved: user 1", &cut]);
        Ok(())
    }
}
