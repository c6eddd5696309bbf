//! The store of `tower-sessions`, by the sessions of that crate.

use std::sync::Arc;

use sessile::{
    Clock, DirectoryOptions, DirectoryStorage, Error, ErrorKind, ManualClock, MemoryOptions, SessionId,
    SessionStorage, SessionStorageMemory, TowerSessionsStore, WriteOptions,
};
use smol::block_on;
use time::{Duration, OffsetDateTime};
use tower_sessions_core::{
    ExpiredDeletion, Session, SessionStore,
    session::{Expiry, Id, Record},
    session_store,
};

use crate::{
    app::held,
    calls::start,
    gated::{At, Call, Gated},
    plain::Plain,
    subjects::folders::TempFolder,
};

fn at(clock: &ManualClock) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(clock.now().unwrap().as_millis()) * 1_000_000)
        .unwrap()
}

fn record(expiry_date: OffsetDateTime) -> Record {
    let data = [("visits".to_owned(), 1.into()), ("name".to_owned(), "Ada".into())].into_iter().collect();
    Record { id: Id::default(), data, expiry_date }
}

fn soon() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::minutes(30)
}

fn keeps_its_promises<S: SessionStorage + 'static>(storage: S) {
    let store = TowerSessionsStore::new(storage);
    block_on(async {
        let mut first = record(soon());
        store.create(&mut first).await.unwrap();
        assert_eq!(store.load(&first.id).await.unwrap(), Some(first.clone()));
        assert_eq!(store.load(&Id::default()).await.unwrap(), None);

        let mut changed = first.clone();
        changed.data.insert("visits".to_owned(), 2.into());
        changed.expiry_date += Duration::minutes(1);
        store.save(&changed).await.unwrap();
        assert_eq!(store.load(&first.id).await.unwrap(), Some(changed));

        store.delete(&first.id).await.unwrap();
        store.delete(&first.id).await.unwrap();
        assert_eq!(store.load(&first.id).await.unwrap(), None);
        store.save(&first).await.unwrap();
        assert_eq!(store.load(&first.id).await.unwrap(), None, "it came back");
    });
}

#[test]
fn records_are_created_saved_loaded_and_deleted_in_memory() {
    keeps_its_promises(SessionStorageMemory::new());
}

#[test]
fn records_are_created_saved_loaded_and_deleted_in_a_folder() {
    let folder = TempFolder::new();
    keeps_its_promises(DirectoryStorage::new(folder.path(), DirectoryOptions::new()).unwrap());
}

#[test]
fn records_are_created_saved_loaded_and_deleted_without_conditional_writes() {
    keeps_its_promises(Plain::default());
}

#[test]
fn an_id_that_is_taken_is_not_adopted() {
    let store = TowerSessionsStore::new(SessionStorageMemory::new());
    let mut first = record(soon());
    block_on(store.create(&mut first)).unwrap();
    let mut second = Record { id: first.id, ..record(soon()) };
    second.data.clear();
    block_on(store.create(&mut second)).unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(block_on(store.load(&first.id)).unwrap(), Some(first));
    assert_eq!(block_on(store.load(&second.id)).unwrap(), Some(second));
}

#[test]
fn s2_a_save_of_a_session_that_is_deleted_meanwhile_stores_nothing() {
    let gated = Gated::new();
    let store = TowerSessionsStore::new(gated.clone()).clock(Arc::clone(gated.clock()));
    let mut kept = record(at(gated.clock()) + Duration::minutes(30));
    block_on(store.create(&mut kept)).unwrap();
    let gate = gated.hold(Call::Info, At::End);
    let mut saving = start(store.save(&kept));
    assert!(saving.is_waiting());
    block_on(store.delete(&kept.id)).unwrap();
    gate.let_go();
    saving.end().unwrap();
    assert_eq!(held(gated.memory()), 0);
}

#[test]
fn a_save_that_another_came_before_is_the_last_one() {
    let gated = Gated::new();
    let store = TowerSessionsStore::new(gated.clone()).clock(Arc::clone(gated.clock()));
    let mut mine = record(at(gated.clock()) + Duration::minutes(30));
    block_on(store.create(&mut mine)).unwrap();
    let gate = gated.hold(Call::Info, At::End);
    let mut saving = start(store.save(&mine));
    assert!(saving.is_waiting());
    let mut theirs = mine.clone();
    theirs.data.insert("visits".to_owned(), 17.into());
    block_on(store.save(&theirs)).unwrap();
    gate.let_go();
    saving.end().unwrap();
    assert_eq!(block_on(store.load(&mine.id)).unwrap(), Some(mine));
}

#[test]
fn a_record_lives_until_its_expiry_date_and_each_save_moves_it() {
    let clock = Arc::new(ManualClock::default());
    let storage = SessionStorageMemory::with_options(MemoryOptions::new().clock(Arc::clone(&clock))).unwrap();
    let store = TowerSessionsStore::new(storage.clone()).clock(Arc::clone(&clock));
    let minutes = |count: u64| std::time::Duration::from_secs(count * 60);
    let mut kept = record(at(&clock) + Duration::minutes(30));
    block_on(store.create(&mut kept)).unwrap();
    clock.advance(minutes(20));
    kept.expiry_date = at(&clock) + Duration::minutes(30);
    block_on(store.save(&kept)).unwrap();
    clock.advance(minutes(29));
    assert_eq!(block_on(store.load(&kept.id)).unwrap(), Some(kept.clone()));
    clock.advance(minutes(1));
    assert_eq!(block_on(store.load(&kept.id)).unwrap(), None);
    block_on(store.delete_expired()).unwrap();
    assert_eq!(held(&storage), 0);
    // One that is over already.
    block_on(store.create(&mut kept)).unwrap();
    block_on(store.save(&kept)).unwrap();
    assert_eq!(held(&storage), 0);
}

#[test]
fn a_save_of_what_has_expired_ends_the_session() {
    let storage = SessionStorageMemory::new();
    let store = TowerSessionsStore::new(storage.clone());
    let mut kept = record(soon());
    block_on(store.create(&mut kept)).unwrap();
    kept.expiry_date = OffsetDateTime::now_utc() - Duration::minutes(1);
    block_on(store.save(&kept)).unwrap();
    assert_eq!(held(&storage), 0);
}

#[test]
fn the_id_is_in_no_content_and_failures_are_told_without_it() {
    let gated = Gated::new();
    let store = TowerSessionsStore::new(gated.clone()).clock(Arc::clone(gated.clock()));
    let mut kept = record(at(gated.clock()) + Duration::minutes(30));
    block_on(store.create(&mut kept)).unwrap();
    let id = SessionId::new(kept.id.to_string()).unwrap();
    let (content, _) = block_on(gated.memory().get(&id)).unwrap().unwrap();
    let content = String::from_utf8_lossy(&content).into_owned();
    assert!(content.contains("Ada") && !content.contains(id.as_str()));
    assert!(!content.contains(&kept.id.0.to_string()));

    gated.fail(Call::Get, Error::new(ErrorKind::Storage, "connection lost"));
    let error = block_on(store.load(&kept.id)).unwrap_err();
    assert!(matches!(&error, session_store::Error::Backend(said) if said == "connection lost"));
    for damaged in [
        "no JSON",
        "{\"data\":{}}",
        "{\"data\":1,\"expiry_date\":1}",
        "{\"data\":{},\"expiry_date\":\"secret\"}",
    ] {
        block_on(gated.memory().set(&id, damaged.into(), WriteOptions::new())).unwrap();
        let error = block_on(store.load(&kept.id)).unwrap_err();
        assert!(
            matches!(&error, session_store::Error::Decode(said) if !said.contains("secret")),
            "{damaged}"
        );
    }
}

#[test]
fn its_sessions_keep_their_data_when_they_get_another_id() {
    let store = Arc::new(TowerSessionsStore::new(SessionStorageMemory::new()));
    block_on(async {
        let session =
            Session::new(None, Arc::clone(&store), Some(Expiry::OnInactivity(Duration::minutes(5))));
        session.insert("visits", 42).await.unwrap();
        session.save().await.unwrap();
        let before = session.id();
        let session = Session::new(before, Arc::clone(&store), None);
        session.cycle_id().await.unwrap();
        session.save().await.unwrap();
        assert_ne!(session.id(), before);
        assert_eq!(store.load(&before.unwrap()).await.unwrap(), None);
        let session = Session::new(session.id(), Arc::clone(&store), None);
        assert_eq!(session.get::<u32>("visits").await.unwrap(), Some(42));
        session.flush().await.unwrap();
        assert!(session.is_empty().await);
    });
}
