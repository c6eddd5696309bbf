//! Records that a `LoadStore` hands back, beside a second reader of the format.
#![no_main]

use std::sync::{Arc, LazyLock, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding};
use futures::{AsyncReadExt, executor::block_on};
use libfuzzer_sys::fuzz_target;
use sessile::{
    BoxFuture, Error, ErrorKind, LoadStore, ManualClock, SessionId, SessionStorage, SimplifiedOptions,
    SimplifiedSessionStorage, Timestamp, WriteOptions,
};
use sessile_fuzz::{Input, Model, seal_checksums};

/// One record, whatever it is asked for.
struct Medium(Arc<Mutex<Option<Vec<u8>>>>);

impl LoadStore for Medium {
    fn load<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
        Box::pin(async move { Ok(self.0.lock().unwrap().clone()) })
    }

    fn store<'a>(
        &'a self,
        _: &'a str,
        data: Option<Vec<u8>>,
        _: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            *self.0.lock().unwrap() = data;
            Ok(())
        })
    }
}

struct Subject {
    stored: Arc<Mutex<Option<Vec<u8>>>>,
    clock: Arc<ManualClock>,
    storage: SimplifiedSessionStorage<Medium>,
    id: SessionId,
}

static SUBJECT: LazyLock<Subject> = LazyLock::new(|| {
    let (stored, clock) = (Arc::default(), Arc::new(ManualClock::default()));
    let options = SimplifiedOptions::new().exclusive().clock(Arc::clone(&clock));
    let storage = SimplifiedSessionStorage::new(Medium(Arc::clone(&stored)), options).unwrap();
    Subject { stored, clock, storage, id: SessionId::new("id").unwrap() }
});

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mode = input.byte();
    let now = [0, 1, 1_767_225_600_000, u64::MAX][usize::from(mode >> 1 & 3)];
    let mut record = input.rest().to_vec();
    if mode & 1 == 1 {
        seal_checksums(&mut record);
    }
    let Subject { stored, clock, storage, id } = &*SUBJECT;
    clock.set(Timestamp::from_millis(now));
    let put = |record: &[u8]| *stored.lock().unwrap() = Some(record.to_vec());
    block_on(async {
        put(&record);
        let got = storage.get(id).await;
        put(&record);
        let opened = storage.open(id).await;
        let (found, model) = match (got, Model::read(&record)) {
            (Err(error), None) => {
                let expected = [ErrorKind::Corrupt, ErrorKind::Unsupported];
                assert!(expected.contains(&error.kind()), "{error:?}");
                assert_eq!(opened.err().map(|error| error.kind()), Some(error.kind()));
                put(&record);
                assert_eq!(storage.touch(id).await.err().map(|again| again.kind()), Some(error.kind()));
                return;
            }
            (Ok(None), Some(model)) => {
                assert!(!model.is_live(now), "a live session is not found: {model:?}");
                assert!(opened.unwrap().is_none());
                put(&record);
                assert!(!storage.touch(id).await.unwrap());
                return;
            }
            (Err(error), Some(model)) => {
                assert!(!model.is_live(now), "a live session is refused: {error:?}, {model:?}");
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                return;
            }
            (Ok(Some(found)), model) => (found, model.expect("what is damaged is given out")),
            (Ok(None), None) => panic!("what is damaged is none"),
        };
        let (content, info) = found;
        assert!(model.is_live(now), "what is no session is given out: {model:?}");
        assert_eq!(content, model.content);
        assert_eq!(info.revision.as_str(), Base64UrlUnpadded::encode_string(&model.revision));
        assert_eq!(info.created_at.as_millis(), model.created);
        assert_eq!(info.byte_length, Some(model.content.len() as u64));
        assert_eq!(info.tags.iter().collect::<Vec<_>>(), model.tags);
        let mut streamed = Vec::new();
        opened.unwrap().unwrap().read_to_end(&mut streamed).await.unwrap();
        assert_eq!(streamed, model.content);

        put(&record);
        assert!(storage.touch(id).await.unwrap());
        let touched = Model::read(stored.lock().unwrap().as_ref().unwrap()).expect("a touch leaves damage");
        assert_eq!(touched, Model { active: model.active.max(now), ..model });

        storage.set(id, "new".into(), WriteOptions::new().if_revision(info.revision)).await.unwrap();
        let written = Model::read(stored.lock().unwrap().as_ref().unwrap()).expect("a write leaves damage");
        assert_eq!((written.content, written.created), (b"new".to_vec(), model.created));
    });
});
