//! What `SealedStorage` finds in its delegate: foreign bytes, or its own after they were changed, cut and moved.
#![no_main]

use std::sync::LazyLock;

use futures::{AsyncReadExt, executor::block_on};
use libfuzzer_sys::fuzz_target;
use sessile::{
    ErrorKind, SealedStorage, Secrets, SessionId, SessionStorage, SessionStorageMemory, Tags, WriteOptions,
};
use sessile_fuzz::{Input, NEW, OLD};

struct Subject {
    delegate: SessionStorageMemory,
    storage: SealedStorage<SessionStorageMemory>,
    ids: [SessionId; 2],
}

static SUBJECT: LazyLock<Subject> = LazyLock::new(|| {
    let delegate = SessionStorageMemory::new();
    let storage = SealedStorage::new(delegate.clone(), &Secrets::new([NEW, OLD]).unwrap()).unwrap();
    Subject { delegate, storage, ids: ["an id", "another"].map(|id| SessionId::new(id).unwrap()) }
});

const HEADER: usize = 32;
const CHUNK: usize = 65_536 + 16;

/// The changes that somebody makes who cannot seal. True where other bytes came of it.
fn change(sealed: &mut Vec<u8>, input: &mut Input<'_>) -> bool {
    let before = sealed.clone();
    while !input.is_empty() && !sealed.is_empty() {
        let kind = input.byte();
        // A place near the start of a chunk, or near its end.
        let chunk = usize::from(input.byte() & 3);
        let offset = input.number() % CHUNK;
        let at = (HEADER + chunk * CHUNK + offset).saturating_sub(HEADER) % sealed.len();
        match kind % 6 {
            0 => sealed[at] ^= input.byte(),
            1 => sealed.truncate(at),
            2 => sealed.extend_from_slice(input.bytes(32)),
            3 => drop(sealed.remove(at)),
            4 => {
                // A chunk in the place of another.
                let from = HEADER + (chunk + 1) % 3 * CHUNK;
                if let Some(moved) = sealed.get(from..).map(|rest| rest[..rest.len().min(CHUNK)].to_vec()) {
                    let to = HEADER + chunk * CHUNK;
                    if let Some(place) = sealed.get_mut(to..to + moved.len()) {
                        place.copy_from_slice(&moved);
                    }
                }
            }
            _ => {
                // The last chunk gone.
                let whole = (sealed.len().saturating_sub(HEADER)) / CHUNK;
                sealed.truncate(HEADER + whole * CHUNK);
            }
        }
    }
    *sealed != before
}

/// A stream that hands out what was not sealed would do so before it fails.
async fn streamed(subject: &Subject, id: &SessionId, step: usize) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut content = Vec::new();
    let mut reader = match subject.storage.open(id).await {
        Ok(reader) => reader.unwrap(),
        Err(error) => return (content, Err(error.kind())),
    };
    let mut piece = vec![0; step];
    loop {
        match reader.read(&mut piece).await {
            Ok(0) => return (content, Ok(())),
            Ok(count) => content.extend_from_slice(&piece[..count]),
            Err(error) => return (content, Err(sessile::Error::from(error).kind())),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mode = input.byte();
    let subject = &*SUBJECT;
    let Subject { delegate, storage, ids: [id, other] } = subject;
    let step = 1 + input.number() * 4;
    block_on(async {
        if mode & 1 == 1 {
            // Foreign bytes, and a foreign tag. Nobody else has the key.
            let length = usize::from(input.byte());
            let tag = input.text(length);
            let tags = Tags::new((!tag.is_empty()).then_some(tag)).unwrap();
            let foreign = input.rest().to_vec();
            delegate.set(id, foreign.into(), WriteOptions::new().tags(tags)).await.unwrap();
            let kind = storage.get(id).await.err().map(|error| error.kind());
            assert_eq!(kind, Some(ErrorKind::Corrupt));
            assert_eq!(streamed(subject, id, step).await, (Vec::new(), Err(ErrorKind::Corrupt)));
            let info = storage.info(id).await;
            assert!(tag.is_empty() || info.is_err_and(|error| error.kind() == ErrorKind::Corrupt));
            return;
        }

        let length = [0, 1, 100, 65_535, 65_536, 65_537, 131_072, 140_000][usize::from(mode >> 1 & 7)];
        let content: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[at as usize % 2]).collect();
        storage.set(id, content.clone().into(), WriteOptions::new().tags(Tags::default())).await.unwrap();
        let (sealed, _) = delegate.get(id).await.unwrap().unwrap();
        assert_eq!(
            sealed.len() as u64,
            SealedStorage::<SessionStorageMemory>::sealed_length(u64::from(length))
        );
        assert_eq!(storage.get(id).await.unwrap().unwrap().0, content);
        assert!(streamed(subject, id, step).await == (content.clone(), Ok(())));

        // Of another session.
        delegate.set(other, sealed.clone(), WriteOptions::new()).await.unwrap();
        assert_eq!(storage.get(other).await.err().map(|error| error.kind()), Some(ErrorKind::Corrupt));

        let mut changed = sealed.to_vec();
        if change(&mut changed, &mut input) {
            delegate.set(id, changed.into(), WriteOptions::new()).await.unwrap();
            assert_eq!(storage.get(id).await.err().map(|error| error.kind()), Some(ErrorKind::Corrupt));
            let (read, end) = streamed(subject, id, step).await;
            assert_eq!(end, Err(ErrorKind::Corrupt));
            assert!(content.starts_with(&read), "what was not sealed is handed out");
        }
    });
});
