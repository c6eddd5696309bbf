//! A storage that ends the sessions of a tag one after another, as all do whose index lies apart from the sessions.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sessile::{
    BoxFuture, Capabilities, Committed, Error, SessionId, SessionInfo, SessionReader, SessionStorage,
    SessionWriter, WriteOptions,
};

use crate::gated::Gated;

/// Its clones are the same storage. It asks for [`Call::Info`](crate::gated::Call) before it ends a session.
#[derive(Debug, Clone)]
pub(crate) struct Stepwise {
    pub(crate) gated: Gated,
    known: Arc<Mutex<Vec<SessionId>>>,
}

impl Stepwise {
    pub(crate) fn new() -> Self {
        Self { gated: Gated::new(), known: Arc::default() }
    }

    fn know(&self, id: &SessionId) {
        let mut known = self.known.lock().unwrap();
        if !known.contains(id) {
            known.push(id.clone());
        }
    }
}

fn carries(info: Option<&SessionInfo>, tag: &str) -> bool {
    info.is_some_and(|info| info.tags.contains(tag))
}

impl SessionStorage for Stepwise {
    fn capabilities(&self) -> Capabilities {
        self.gated.capabilities()
    }

    fn open<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        self.gated.open(id)
    }

    fn begin<'a>(
        &'a self,
        id: &'a SessionId,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        self.know(id);
        self.gated.begin(id, options)
    }

    fn set<'a>(
        &'a self,
        id: &'a SessionId,
        content: Bytes,
        options: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        self.know(id);
        self.gated.set(id, content, options)
    }

    fn touch<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.gated.touch(id)
    }

    fn invalidate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        self.gated.invalidate(id)
    }

    fn list_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<SessionInfo>, Error>> {
        self.gated.list_tagged(tag)
    }

    fn invalidate_tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move {
            let known = self.known.lock().unwrap().clone();
            let mut listed = Vec::new();
            for id in known {
                if carries(self.gated.memory().info(&id).await?.as_ref(), tag) {
                    listed.push(id);
                }
            }
            let mut ended = 0;
            for id in listed {
                if carries(self.gated.info(&id).await?.as_ref(), tag) {
                    ended += u64::from(self.gated.invalidate(&id).await?);
                }
            }
            Ok(ended)
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.gated.close()
    }
}
