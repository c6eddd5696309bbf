//! What is left under an id that a session has given up.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    error::Error,
    id::SessionId,
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
}
