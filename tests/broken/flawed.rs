//! A storage over a right one, which it makes wrong in one way.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use futures::{AsyncReadExt, FutureExt};
use sessile::{
    BoxFuture, Capabilities, Error, ErrorKind, IfRevision, SessionId, SessionInfo, SessionReader,
    SessionStorage, SessionWriter, StorageStats, Tags, WriteOptions,
};

use crate::{
    channels::{FlawedReader, FlawedWriter},
    core::Core,
    flaw::Flaw,
    subjects::step_aside,
};

pub(crate) struct Flawed(pub(crate) Arc<Core>);

impl fmt::Debug for Flawed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("Flawed");
        if self.0.flaw == Flaw::ShowsIdsInDebug {
            out.field("ids", &self.0.state().ids);
        }
        out.finish_non_exhaustive()
    }
}

impl SessionStorage for Flawed {
    fn capabilities(&self) -> Capabilities {
        self.0.can
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        Box::pin(async move {
            let core = &self.0;
            let id = core.enter(id).await?;
            let lock = if core.is(Flaw::LocksWhileReading) { Some(core.lock.lock_arc().await) } else { None };
            let found = core.look(&id).await.map_err(|error| core.tell(&id, error))?;
            let Some((content, mut info)) = found else { return Ok(None) };
            if core.is(Flaw::TellsTheInfoOfNow) {
                step_aside(1).await;
                info = core.inner.info(&id).await?.unwrap_or(info);
            }
            let reader = FlawedReader::new(core, id, content, lock)?;
            Ok(Some(SessionReader::new(info, reader)))
        })
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        Box::pin(async move {
            let core = &self.0;
            let id = core.enter(id).await?;
            let lock = if core.is(Flaw::LocksWhileWriting) { Some(core.lock.lock_arc().await) } else { None };
            let condition = options.condition().clone();
            if condition != IfRevision::Any && !core.can.conditional && !core.is(Flaw::PretendsConditions) {
                return Err(Error::new(ErrorKind::Unsupported, "no conditions"));
            }
            let options = core.understood(&id, &options).await?;
            match core.flaw {
                Flaw::ChecksAtTheBeginning => {
                    Core::meets(core.inner.info(&id).await?.as_ref(), &condition)?;
                }
                Flaw::BeginMakesARevision => {
                    if let Some((content, _)) = core.inner.get(&id).await? {
                        core.inner.set(&id, content, WriteOptions::new()).await?;
                    }
                }
                Flaw::BeginIsActivity => drop(core.inner.touch(&id).await?),
                Flaw::BeginTakesRoom => core.take_room().await?,
                Flaw::BeginTags => {
                    if let (Some((content, _)), Some(tags)) = (core.inner.get(&id).await?, options.new_tags())
                    {
                        core.inner.set(&id, content, WriteOptions::new().tags(tags.clone())).await?;
                    }
                }
                Flaw::LeasesForever
                    if condition != IfRevision::Any
                        && !core.state().leases.insert(id.as_str().to_owned()) =>
                {
                    return Err(Error::new(ErrorKind::Conflict, "somebody else has begun"));
                }
                _ => {}
            }
            let inner =
                core.inner.begin(&id, options.clone()).await.map_err(|error| core.tell(&id, error))?;
            Ok(SessionWriter::new(FlawedWriter::new(core, id, options, condition, inner, lock)?))
        })
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let core = &self.0;
            let id = core.enter(id).await?;
            if core.is_hidden(&id)? {
                return Ok(false);
            }
            match core.flaw {
                Flaw::TouchDoesNothing => Ok(core.inner.info(&id).await?.is_some()),
                Flaw::TouchStopsWrites => {
                    core.state().epoch += 1;
                    core.inner.touch(&id).await
                }
                Flaw::TouchFindsAlways => core.inner.touch(&id).await.map(|_| true),
                Flaw::TouchBringsBack | Flaw::TouchMakesARevision => {
                    let found = core.inner.get(&id).await?;
                    if core.is(Flaw::TouchBringsBack) {
                        step_aside(1).await;
                    }
                    match found {
                        Some((content, _)) => {
                            core.inner.set(&id, content, WriteOptions::new()).await.map(|_| true)
                        }
                        None => Ok(false),
                    }
                }
                Flaw::TouchHeals => match core.inner.touch(&id).await {
                    Err(error) if error.kind() == ErrorKind::Corrupt => {
                        core.inner.set(&id, "healed".into(), WriteOptions::new()).await.map(|_| true)
                    }
                    touched => touched,
                },
                _ => {
                    let touched = core.inner.touch(&id).await?;
                    core.remember_deadline(&id).await?;
                    core.forget_cached(&id);
                    Ok(touched)
                }
            }
        })
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let core = &self.0;
            let id = core.enter(id).await?;
            core.forget_cached(&id);
            if core.is_hidden(&id)? {
                return Ok(false);
            }
            match core.flaw {
                Flaw::InvalidateFindsAlways => core.inner.invalidate(&id).await.map(|_| true),
                Flaw::InvalidateForgets => Ok(core.inner.info(&id).await?.is_some()),
                Flaw::InvalidateTakesAll => {
                    let there = core.inner.invalidate(&id).await?;
                    let ids = core.state().ids.clone();
                    for id in ids {
                        core.inner.invalidate(&SessionId::new(id)?).await?;
                    }
                    Ok(there)
                }
                Flaw::FencesEverybody => {
                    core.state().epoch += 1;
                    core.inner.invalidate(&id).await
                }
                Flaw::LooksThenInvalidates => {
                    let there = core.inner.info(&id).await?.is_some();
                    step_aside(1).await;
                    core.inner.invalidate(&id).await.map(|_| there)
                }
                Flaw::HidesTheInvalidated => {
                    let there = core.inner.info(&id).await?.is_some();
                    core.state().hidden.insert(id.as_str().to_owned());
                    Ok(there)
                }
                Flaw::CorruptStaysOnInvalidate => {
                    core.inner.info(&id).await?;
                    core.inner.invalidate(&id).await
                }
                _ => core.inner.invalidate(&id).await,
            }
        })
    }

    fn info<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionInfo>, Error>> {
        Box::pin(async move {
            let core = &self.0;
            let id = core.enter(id).await?;
            if !core.reads_in_a_way_of_its_own() {
                return match core.inner.info(&id).await {
                    Err(error) if core.is(Flaw::CorruptIsMissing) && error.kind() == ErrorKind::Corrupt => {
                        Ok(None)
                    }
                    info => info.map_err(|error| core.tell(&id, error)),
                };
            }
            Ok(core.look(&id).await.map_err(|error| core.tell(&id, error))?.map(|(_, info)| info))
        })
    }

    fn get<'a>(
        &'a self,
        id: &'a SessionId,
    ) -> BoxFuture<'a, Result<Option<(bytes::Bytes, SessionInfo)>, Error>> {
        Box::pin(async move {
            let Some(mut reader) = self.open(id).await? else { return Ok(None) };
            let mut content = Vec::new();
            reader.read_to_end(&mut content).await?;
            Ok(Some((content.into(), reader.into_info())))
        })
    }

    fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        Box::pin(async move {
            let core = &self.0;
            core.check_open()?;
            match core.flaw {
                Flaw::PretendsTags => Ok(Vec::new()),
                Flaw::TakesAnyTag if Tags::new([tag]).is_err() => Ok(Vec::new()),
                Flaw::TagsOutliveSessions if !tag.is_empty() => {
                    Ok(core.tagged_ids(tag).await?.into_iter().map(|(_, info)| info).collect())
                }
                _ => core.inner.list_tagged(&core.lowered(tag)).await,
            }
        })
    }

    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let core = &self.0;
            core.check_open()?;
            match core.flaw {
                Flaw::PretendsTags => Ok(0),
                Flaw::TakesAnyTag if Tags::new([tag]).is_err() => Ok(0),
                Flaw::TagsOutliveSessions if !tag.is_empty() => {
                    let ids = core.tagged_ids(tag).await?;
                    for (id, _) in &ids {
                        core.inner.invalidate(id).await?;
                    }
                    Ok(ids.len() as u64)
                }
                _ => core.inner.invalidate_tagged(&core.lowered(tag)).await,
            }
        })
    }

    fn sweep(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            let core = &self.0;
            core.check_open()?;
            if matches!(core.flaw, Flaw::SweepsAll | Flaw::SweepMeetsCorrupt) {
                let ids = core.state().ids.clone();
                for id in ids {
                    let id = SessionId::new(id)?;
                    core.inner.info(&id).await?;
                    if core.is(Flaw::SweepsAll) {
                        core.inner.invalidate(&id).await?;
                    }
                }
            }
            core.inner.sweep().await
        })
    }

    fn stats(&self) -> BoxFuture<'_, Result<StorageStats, Error>> {
        Box::pin(async move {
            self.0.check_open()?;
            let mut stats = self.0.inner.stats().await?;
            stats.sessions += self.0.state().created;
            if self.0.is(Flaw::CountsTwice) {
                stats.bytes *= 2;
            }
            Ok(stats)
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            self.0.closed.store(true, Ordering::SeqCst);
            Ok(())
        }
        .boxed()
    }
}
