//! Random histories of calls at once on two sessions, each step picked at random: no reader sees what is past, and
//! when all is quiet the cache tells what its delegate has.

use std::cell::RefCell;

use bytes::Bytes;
use proptest::{prelude::*, test_runner::TestCaseResult};
use sessile::{Revision, SessionInfo, Tags};

use super::*;
use crate::{
    calls::{Started, start},
    log::{Caller, Floors, Logged},
};

const TAG: &str = "tag";
/// Contents of more than this pass by the cache.
const KEPT: usize = 20;
const AT_ONCE: usize = 6;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Get,
    Open,
    Info,
    Set,
    /// What was seen last, again.
    SetEqual,
    SetLarge,
    Stream,
    Touch,
    Invalidate,
    InvalidateTagged,
    Forget,
}

#[derive(Debug, Clone, Copy)]
enum Condition {
    None,
    Absent,
    AsSeen,
}

#[derive(Debug, Clone)]
struct Operation {
    kind: Kind,
    session: usize,
    tagged: bool,
    condition: Condition,
    /// The delegate's pace.
    before: u8,
    after: u8,
    /// Its caller goes away after so many steps.
    patience: Option<u8>,
}

fn operation() -> impl Strategy<Value = Operation> {
    let kind = prop_oneof![
        6 => Just(Kind::Get),
        3 => Just(Kind::Open),
        1 => Just(Kind::Info),
        3 => Just(Kind::Set),
        2 => Just(Kind::SetEqual),
        1 => Just(Kind::SetLarge),
        2 => Just(Kind::Stream),
        3 => Just(Kind::Touch),
        2 => Just(Kind::Invalidate),
        2 => Just(Kind::InvalidateTagged),
        1 => Just(Kind::Forget),
    ];
    let condition =
        prop_oneof![4 => Just(Condition::None), 1 => Just(Condition::Absent), 1 => Just(Condition::AsSeen)];
    let patience = prop::option::weighted(0.1, 0..6_u8);
    (kind, 0..2_usize, any::<bool>(), condition, 0..5_u8, 0..5_u8, patience).prop_map(
        |(kind, session, tagged, condition, before, after, patience)| Operation {
            kind,
            session,
            tagged,
            condition,
            before,
            after,
            patience,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn c4_c9_no_reader_sees_what_is_past(
        operations in prop::collection::vec(operation(), 1..40),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 50..200),
        shared in prop::bool::weighted(0.3),
        skips in any::<bool>(),
        sessions in prop_oneof![Just(1_u64), Just(100)],
    ) {
        let delegate = Logged::new(shared);
        let mut options = CacheOptions::new().max_entry_bytes(KEPT as u64).max_sessions(sessions);
        if skips {
            options = options.skip_equal_writes();
        }
        let world = World {
            cache: CacheStorage::new(delegate.clone(), options).unwrap(),
            delegate,
            floors: Floors::default(),
            seen: RefCell::default(),
            ids: [id(), other()],
        };
        run(&world, &operations, &picks)?;
        quiet(&world)?;
    }
}

struct World {
    cache: CacheStorage<Logged>,
    delegate: Logged,
    floors: Floors,
    /// What was read last of each session.
    seen: RefCell<[Option<(Bytes, Revision)>; 2]>,
    ids: [SessionId; 2],
}

struct Running<'a> {
    call: Started<'a, TestCaseResult>,
    caller: Caller,
    patience: Option<u8>,
}

/// Takes one step after another, of a call that was woken or of the next one.
fn run(world: &World, operations: &[Operation], picks: &[prop::sample::Index]) -> TestCaseResult {
    let mut picks = picks.iter().cycle();
    let mut coming = operations.iter().enumerate();
    let mut running: Vec<Running<'_>> = Vec::new();
    loop {
        let woken: Vec<_> = (0..running.len()).filter(|&at| running[at].call.is_woken()).collect();
        let room = usize::from(running.len() < AT_ONCE && coming.len() > 0);
        if woken.len() + room == 0 {
            prop_assert!(running.is_empty(), "calls wait, and nobody will wake them");
            return Ok(());
        }
        let pick = picks.next().unwrap().index(woken.len() + room);
        let Some(&at) = woken.get(pick) else {
            let (number, operation) = coming.next().unwrap();
            running.push(begin(world, number + 1, operation));
            continue;
        };
        let this = &mut running[at];
        if this.patience == Some(0) {
            running.remove(at);
            continue;
        }
        this.patience = this.patience.map(|left| left - 1);
        this.caller.enter();
        this.call.step();
        if this.call.has_ended() {
            running.remove(at).call.end()?;
        }
    }
}

fn begin<'a>(world: &'a World, number: usize, operation: &'a Operation) -> Running<'a> {
    let caller = Caller { number, before: operation.before, after: operation.after };
    Running { call: Started::new(world.make(number, operation)), caller, patience: operation.patience }
}

impl World {
    async fn make(&self, number: usize, operation: &Operation) -> TestCaseResult {
        let id = &self.ids[operation.session];
        match operation.kind {
            Kind::Get => self.read(operation.session, false).await?,
            Kind::Open => self.read(operation.session, true).await?,
            Kind::Info => self.look(id).await?,
            Kind::Set | Kind::SetEqual | Kind::SetLarge | Kind::Stream => {
                self.write(number, operation).await?;
            }
            Kind::Touch => drop(self.cache.touch(id).await.unwrap()),
            Kind::Invalidate => drop(self.cache.invalidate(id).await.unwrap()),
            Kind::InvalidateTagged => drop(self.cache.invalidate_tagged(TAG).await.unwrap()),
            Kind::Forget => self.cache.forget(id).unwrap(),
        }
        for (id, number) in self.delegate.done_by(number) {
            self.floors.raise(&id, number);
        }
        Ok(())
    }

    async fn read(&self, session: usize, streamed: bool) -> TestCaseResult {
        let id = &self.ids[session];
        let floor = self.floors.of(id);
        let found: Option<(Bytes, SessionInfo)> = if streamed {
            match self.cache.open(id).await.unwrap() {
                None => None,
                Some(mut reader) => {
                    let mut content = Vec::new();
                    reader.read_to_end(&mut content).await.unwrap();
                    Some((content.into(), reader.into_info()))
                }
            }
        } else {
            self.cache.get(id).await.unwrap()
        };
        let revision = found.as_ref().map(|(_, info)| info.revision.clone());
        let seen = self.delegate.seen(id, floor, revision.as_ref());
        prop_assert!(seen.is_some(), "{revision:?} was seen, which was past at {floor}");
        self.floors.raise(id, seen.unwrap());
        self.seen.borrow_mut()[session] = found.map(|(content, info)| (content, info.revision));
        Ok(())
    }

    async fn look(&self, id: &SessionId) -> TestCaseResult {
        let floor = self.floors.of(id);
        let revision = self.cache.info(id).await.unwrap().map(|info| info.revision);
        let seen = self.delegate.seen(id, floor, revision.as_ref());
        prop_assert!(seen.is_some(), "{revision:?} was told, which was past at {floor}");
        self.floors.raise(id, seen.unwrap());
        Ok(())
    }

    /// It may be refused; what has been written is seen from here on, under the revision that was answered.
    async fn write(&self, number: usize, operation: &Operation) -> TestCaseResult {
        let id = &self.ids[operation.session];
        let seen = self.seen.borrow()[operation.session].clone();
        let content: Bytes = match (operation.kind, &seen) {
            (Kind::SetEqual, Some((content, _))) => content.clone(),
            (Kind::SetLarge, _) => format!("{number:0>30}").into(),
            _ => format!("{number}").into(),
        };
        let mut options = WriteOptions::new();
        if operation.tagged && !matches!(operation.kind, Kind::SetEqual) {
            options = options.tags(Tags::new([TAG]).unwrap());
        }
        options = match (operation.condition, seen) {
            (Condition::Absent, _) => options.if_absent(),
            (Condition::AsSeen, Some((_, revision))) => options.if_revision(revision),
            _ => options,
        };
        let committed = if matches!(operation.kind, Kind::Stream) {
            let Ok(mut writer) = self.cache.begin(id, options).await else { return Ok(()) };
            writer.write_all(&content).await.unwrap();
            writer.commit().await
        } else {
            self.cache.set(id, content, options).await
        };
        let Ok(committed) = committed else { return Ok(()) };
        let made = self.delegate.seen(id, 0, Some(&committed.revision));
        prop_assert!(made.is_some(), "a revision was answered that never was");
        self.floors.raise(id, made.unwrap());
        Ok(())
    }
}

fn quiet(world: &World) -> TestCaseResult {
    Caller { number: usize::MAX, before: 0, after: 0 }.enter();
    for id in &world.ids {
        let there = block_on(world.delegate.memory().get(id)).unwrap();
        for _ in 0..3 {
            let told = start(world.cache.get(id)).end().unwrap();
            prop_assert_eq!(&told, &there);
            prop_assert_eq!(
                block_on(world.cache.info(id)).unwrap(),
                there.as_ref().map(|(_, info)| info.clone())
            );
        }
    }
    Ok(())
}
