//! The storages of the kit, sealed.

use std::sync::Arc;

use sessile::{
    BoxFuture, Capabilities, Error, SealedStorage, Secrets, SessionId, SessionStorage,
    conformance::{Bounds, Damage, Harness, Setup},
};

pub(crate) const OLD: &str = "the older secret, of 32 or more bytes";
pub(crate) const NEW: &str = "the newest secret, of 32 or more bytes";

pub(crate) fn secrets() -> Secrets {
    Secrets::new([NEW, OLD]).unwrap()
}

/// A [`SealedStorage`] over what another harness opens.
pub(crate) struct Sealed<H>(pub(crate) H);

impl<H: Harness> Harness for Sealed<H> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn open(&self, mut setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
        // The delegate counts sealed bytes.
        setup.max_session_bytes =
            setup.max_session_bytes.map(SealedStorage::<Arc<dyn SessionStorage>>::sealed_length);
        Box::pin(async move {
            let storage = SealedStorage::new(self.0.open(setup).await?, &secrets())?;
            Ok(Arc::new(storage) as Arc<dyn SessionStorage>)
        })
    }

    fn bounds(&self) -> Bounds {
        self.0.bounds()
    }

    fn can_damage(&self) -> bool {
        self.0.can_damage()
    }

    fn damage<'a>(
        &'a self,
        medium: u64,
        id: &'a SessionId,
        damage: Damage,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.0.damage(medium, id, damage)
    }
}
