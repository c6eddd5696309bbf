//! The end of all sessions that carry a tag.

use std::collections::HashSet;

use super::{definition::Definition, moved::moved_tag, stored::ROUNDS};
use crate::{
    error::{Error, ErrorKind},
    session::Revision,
};

impl Definition {
    /// A storage looks up who carries the tag, and then ends one after another. One that gets another id in between is passed
    /// over, since what is left under the old one carries the tag no more, and the new one was not there to be found. But what
    /// is left can be found, and while there is more of it than before, there is another pass.
    pub(super) async fn end_tagged(&self, tag: &str) -> Result<u64, Error> {
        let left = moved_tag(tag);
        let mut known = self.revisions_tagged(&left).await?;
        let mut ended = 0;
        for _ in 0..ROUNDS {
            ended += self.storage()?.invalidate_tagged(tag).await?;
            let found = self.revisions_tagged(&left).await?;
            if found.is_subset(&known) {
                return Ok(ended);
            }
            known.extend(found);
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "sessions of the tag got other ids in each of 64 rounds; try again",
        ))
    }

    async fn revisions_tagged(&self, tag: &str) -> Result<HashSet<Revision>, Error> {
        let found = self.storage()?.list_tagged(tag).await?;
        Ok(found.into_iter().map(|info| info.revision).collect())
    }
}
