//! C13: tags.

use std::time::Duration;

use futures::future::join_all;

use super::{
    broken::{Outcome, check, equal, fails},
    schedule::{staggered, step_aside},
    trial::{Trial, idle, new_id, tags},
};
use crate::{
    error::ErrorKind,
    session::{Revision, Tags, WriteOptions},
    storage::SessionStorage,
};

fn sorted(mut revisions: Vec<Revision>) -> Vec<Revision> {
    revisions.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    revisions
}

pub(super) async fn C13_tags_that_cannot_be_kept_are_refused(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    storage.put(&id, b"content", WriteOptions::new()).await?;
    let info = storage.info_of(&id).await?;
    for id in [&id, &new] {
        let streamed = storage.put(id, b"changed", tags(["ada"])?).await;
        fails(streamed, ErrorKind::Unsupported, "a write with tags")?;
        let whole = storage.set_whole(id, b"changed", tags(["ada"])?).await;
        fails(whole, ErrorKind::Unsupported, "a write with tags as a whole")?;
    }
    fails(storage.list_tagged("ada").await, ErrorKind::Unsupported, "list_tagged")?;
    fails(storage.invalidate_tagged("ada").await, ErrorKind::Unsupported, "invalidate_tagged")?;
    storage.is_as_it_was(&id, b"content", &info, "after refusals").await?;
    storage.is_gone(&new, "after refusals").await
}

pub(super) async fn C13_tagged_sessions_are_listed_and_invalidated(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let ids = [new_id()?, new_id()?, new_id()?, new_id()?];
    let one = storage.put(&ids[0], b"one", tags(["ada"])?).await?;
    let both = storage.set_whole(&ids[1], b"both", tags(["ada", "bob"])?).await?;
    let other = storage.put(&ids[2], b"other", tags(["bob"])?).await?;
    storage.put(&ids[3], b"none", WriteOptions::new()).await?;
    equal(storage.tagged("ada").await?, sorted(vec![one, both.clone()]), "the sessions of ada")?;
    equal(storage.tagged("bob").await?, sorted(vec![both, other.clone()]), "the sessions of bob")?;
    equal(storage.tagged("eve").await?, vec![], "the sessions of eve")?;
    let mut listed = storage.list_tagged("ada").await?;
    listed.sort_by_key(|info| info.tags.iter().count());
    equal(listed, vec![storage.info_of(&ids[0]).await?, storage.info_of(&ids[1]).await?], "what is listed")?;

    equal(storage.invalidate_tagged("ada").await?, 2, "invalidate_tagged")?;
    equal(storage.invalidate_tagged("ada").await?, 0, "a second invalidate_tagged")?;
    equal(storage.invalidate_tagged("eve").await?, 0, "invalidate_tagged of a tag that nobody has")?;
    storage.is_gone(&ids[0], "after its tag was invalidated").await?;
    storage.is_gone(&ids[1], "after its tag was invalidated").await?;
    storage.holds(&ids[2], b"other", "after another tag was invalidated").await?;
    storage.holds(&ids[3], b"none", "after a tag was invalidated").await?;
    equal(storage.tagged("ada").await?, vec![], "the sessions of ada")?;
    equal(storage.tagged("bob").await?, vec![other], "the sessions of bob")
}

pub(super) async fn C13_info_tells_the_tags_in_their_order(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    let many = (0..Tags::MAX_COUNT).rev().map(|number| format!("{number:>4}"));
    for tags in [Tags::new(["b", "a", "b", "c"])?, Tags::new(many)?, Tags::default()] {
        storage.put(&id, b"content", WriteOptions::new().tags(tags.clone())).await?;
        equal(storage.info_of(&id).await?.tags, tags.clone(), "the tags")?;
        for tag in tags.iter() {
            equal(storage.list_tagged(tag).await?.len(), 1, "the number of sessions of a tag")?;
        }
    }
    Ok(())
}

pub(super) async fn C13_an_overwrite_keeps_replaces_or_drops_the_tags(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let id = new_id()?;
    storage.put(&id, b"first", tags(["ada", "bob"])?).await?;
    for whole in [false, true] {
        let options = WriteOptions::new();
        let kept = if whole {
            storage.set_whole(&id, b"kept", options).await?
        } else {
            storage.put(&id, b"kept", options).await?
        };
        equal(storage.tagged("ada").await?, vec![kept.clone()], "the sessions of a tag that was kept")?;
        equal(storage.tagged("bob").await?, vec![kept], "the sessions of a tag that was kept")?;
    }
    storage.touch(&id).await?;
    let moved = storage.put(&id, b"moved", tags(["bob", "eve"])?).await?;
    equal(storage.tagged("ada").await?, vec![], "the sessions of a tag that was replaced")?;
    equal(storage.tagged("bob").await?, vec![moved.clone()], "the sessions of a tag that was named again")?;
    equal(storage.tagged("eve").await?, vec![moved], "the sessions of a new tag")?;
    equal(storage.invalidate_tagged("ada").await?, 0, "invalidate_tagged of a tag that was replaced")?;
    storage.set_whole(&id, b"bare", tags([])?).await?;
    for tag in ["ada", "bob", "eve"] {
        equal(storage.tagged(tag).await?, vec![], "the sessions of a tag that was dropped")?;
    }
    storage.holds(&id, b"bare", "without tags").await
}

pub(super) async fn C13_a_write_that_fails_leaves_the_tags(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (id, new) = (new_id()?, new_id()?);
    let revision = storage.put(&id, b"content", tags(["ada"])?).await?;
    for id in [&id, &new] {
        drop(storage.begun(id, b"given up", tags(["bob"])?).await?);
    }
    if storage.capabilities().conditional {
        let options = tags(["bob"])?.if_revision(Revision::new("another"));
        fails(storage.put(&id, b"late", options).await, ErrorKind::Conflict, "a late update")?;
    }
    equal(storage.tagged("ada").await?, vec![revision], "the sessions of the tag it has")?;
    equal(storage.tagged("bob").await?, vec![], "the sessions of the tag it was not given")
}

pub(super) async fn C13_a_session_that_is_gone_leaves_its_tags(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let (ended, expired) = (new_id()?, new_id()?);
    storage.put(&ended, b"content", tags(["ada"])?).await?;
    storage.put(&expired, b"content", tags(["ada"])?.idle_timeout(Duration::from_secs(1))).await?;
    storage.invalidate(&ended).await?;
    storage.clock.advance(1_000);
    equal(storage.tagged("ada").await?, vec![], "the sessions of a tag")?;
    // Made anew without tags: they must not come back with the id.
    storage.put(&ended, b"anew", WriteOptions::new()).await?;
    storage.put(&expired, b"anew", WriteOptions::new()).await?;
    equal(storage.tagged("ada").await?, vec![], "the sessions of a tag that ended")?;
    equal(storage.invalidate_tagged("ada").await?, 0, "invalidate_tagged")?;
    storage.holds(&ended, b"anew", "made anew without tags").await?;
    let short = new_id()?;
    storage.put(&short, b"content", idle(1_000).tags(Tags::new(["bob"])?)).await?;
    storage.clock.advance(1_000);
    equal(storage.invalidate_tagged("bob").await?, 0, "invalidate_tagged of an expired session")
}

pub(super) async fn C13_an_evicted_session_leaves_its_tags(trial: Trial<'_>) -> Outcome {
    let storage = trial.open_with(|setup| setup.max_sessions = Some(2)).await?;
    let ids = [new_id()?, new_id()?, new_id()?];
    let mut revisions = Vec::new();
    for id in &ids {
        revisions.push(storage.put(id, b"content", tags(["ada"])?).await?);
    }
    equal(storage.tagged("ada").await?, sorted(revisions.split_off(1)), "the sessions of a tag")?;
    equal(storage.invalidate_tagged("ada").await?, 2, "invalidate_tagged")
}

pub(super) async fn C13_tags_of_any_text_are_kept_apart(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let most = Tags::MAX_BYTES;
    let mut texts =
        ["a", "A", "a ", "é", "e\u{301}", "\0", "a\0", "../a", "__proto__", "a,b", "b", "%", "*", "🦀"]
            .map(str::to_owned)
            .to_vec();
    texts.extend(["x", "y"].map(|last| "t".repeat(most - 1) + last));
    for text in &texts {
        let options = WriteOptions::new().tags(Tags::new([text.as_str()])?);
        storage.put(&new_id()?, text.as_bytes(), options).await?;
    }
    for text in &texts {
        let listed = storage.list_tagged(text).await?;
        equal(listed.len(), 1, "the number of sessions of one of many tags")?;
        equal(&listed[0].tags, &Tags::new([text.as_str()])?, "its tags")?;
    }
    for text in &texts {
        equal(storage.invalidate_tagged(text).await?, 1, "invalidate_tagged of one of many tags")?;
    }
    Ok(())
}

pub(super) async fn C13_a_tag_that_is_none_cannot_be_asked_for(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    storage.put(&new_id()?, b"content", tags(["ada"])?).await?;
    for tag in [String::new(), "t".repeat(Tags::MAX_BYTES + 1)] {
        fails(storage.list_tagged(&tag).await, ErrorKind::InvalidOption, "list_tagged")?;
        fails(storage.invalidate_tagged(&tag).await, ErrorKind::InvalidOption, "invalidate_tagged")?;
    }
    equal(storage.tagged("ada").await?.len(), 1, "the number of sessions of a good tag")
}

pub(super) async fn C13_sessions_committed_at_once_are_all_found(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    let ids = (0..40).map(|_| new_id()).collect::<Result<Vec<_>, _>>()?;
    let writes = (0_usize..).zip(&ids).map(|(number, id)| {
        let storage = &storage;
        async move {
            let writer = storage.begun(id, b"content", tags(["ada", "bob"])?).await?;
            for _ in 0..number % 4 {
                step_aside().await;
            }
            writer.commit().await.map(|committed| committed.revision).map_err(super::Broken::from)
        }
    });
    let revisions = join_all(writes).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    equal(storage.tagged("ada").await?, sorted(revisions), "the sessions of a tag given to many at once")?;
    equal(storage.invalidate_tagged("bob").await?, 40, "invalidate_tagged")?;
    equal(storage.tagged("ada").await?, vec![], "the sessions of the tag")
}

pub(super) async fn C13_a_commit_at_once_with_invalidate_leaves_no_tag_behind(trial: Trial<'_>) -> Outcome {
    let storage = trial.open().await?;
    for head_start in 0..8 {
        let id = new_id()?;
        storage.put(&id, b"old", tags(["ada"])?).await?;
        let writer = storage.begun(&id, b"new", tags(["ada", "bob"])?).await?;
        let (_, gone) = staggered(head_start, writer.commit(), storage.invalidate(&id)).await;
        check(gone?, "invalidate found no session")?;
        for tag in ["ada", "bob"] {
            equal(storage.tagged(tag).await?, vec![], "the sessions of a tag after invalidate")?;
        }
    }
    Ok(())
}
