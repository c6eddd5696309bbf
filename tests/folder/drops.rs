//! Calls that are given up on their way: at each of their steps, on two executors.

use std::{
    future::{Future, poll_fn},
    path::Path,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt};
use sessile::{DirectoryStorage, Error, SessionStorage, SessionStorageExt, Tags, WriteOptions};

use super::{LARGE, id, large, leftovers, storage};
use crate::subjects::folders::TempFolder;

const STEPS: usize = 60;
const SOON: Duration = Duration::from_secs(1);

/// Lets a future take so many steps, and drops it. Says whether it had ended by then.
async fn after_steps<F: Future>(future: F, mut steps: usize) -> bool {
    let mut future = pin!(future);
    poll_fn(|task| {
        if steps == 0 {
            return Poll::Ready(false);
        }
        steps -= 1;
        future.as_mut().poll(task).map(|_| true)
    })
    .await
}

/// Gives up each kind of call after each number of steps. What is there afterwards is the old or the new content, the next
/// calls are not held up, and at last nothing lies about.
async fn give_up_everywhere(root: &Path) {
    let own = storage(root);
    let (old, new) = (Bytes::from_static(b"old"), Bytes::from_static(b"new"));
    let mut gave_up = [0; 6];
    for steps in 0..STEPS {
        for (kind, gave_up) in gave_up.iter_mut().enumerate() {
            own.set(&id(), old.clone(), tagged("old")).await.unwrap();
            let ended = give_up(&own, kind, steps, &new).await;
            *gave_up += u32::from(!ended);
            let began = Instant::now();
            let found = own.get(&id()).await.unwrap().map(|(content, _)| content);
            let allowed = match kind {
                0 => [Some(old.clone()), Some(new.clone())],
                1 | 2 => [Some(old.clone()), Some(large())],
                3 => [Some(old.clone()), None],
                _ => [Some(old.clone()), Some(old.clone())],
            };
            assert!(
                allowed.contains(&found),
                "kind {kind}, {steps} steps: {:?}",
                found.map(|bytes| bytes.len())
            );
            let tag = if found.as_ref() == Some(&old) { "old" } else { "new" };
            let listed = own.list_tagged(tag).await.unwrap().len();
            assert_eq!(listed, usize::from(found.is_some()), "kind {kind}, {steps} steps");
            own.set(&id(), "next".into(), WriteOptions::new()).await.unwrap();
            assert_eq!(own.get(&id()).await.unwrap().unwrap().0, "next");
            assert!(began.elapsed() < SOON, "kind {kind}, {steps} steps: {:?}", began.elapsed());
        }
    }
    assert!(gave_up.iter().all(|count| *count > 0), "each kind was given up at some step: {gave_up:?}");
    let other = storage(root);
    own.close().await.unwrap();
    for _ in 0..256 {
        other.sweep().await.unwrap();
    }
    assert_eq!(other.get(&id()).await.unwrap().unwrap().0, "next");
}

fn tagged(tag: &str) -> WriteOptions {
    WriteOptions::new().idle_timeout(Duration::from_secs(60)).tags(Tags::new([tag]).unwrap())
}

async fn give_up(own: &DirectoryStorage, kind: usize, steps: usize, new: &Bytes) -> bool {
    let id = id();
    match kind {
        0 => after_steps(own.set(&id, new.clone(), tagged("new")), steps).await,
        1 => after_steps(own.set(&id, large(), tagged("new")), steps).await,
        2 => {
            let write = own.write(&id, tagged("new"), async |channel| {
                for piece in large().chunks(LARGE / 10) {
                    channel.write_all(piece).await?;
                }
                Ok::<_, Error>(())
            });
            after_steps(write, steps).await
        }
        3 => after_steps(own.invalidate(&id), steps).await,
        4 => after_steps(own.touch(&id), steps).await,
        _ => {
            let read = own.read(&id, async |channel| {
                let mut content = Vec::new();
                channel.read_to_end(&mut content).await?;
                Ok::<_, Error>(())
            });
            after_steps(read, steps).await
        }
    }
}

fn with_folder(run: impl FnOnce(&Path)) {
    let folder = TempFolder::new();
    run(folder.path());
    // A call that was under way on a thread ends there.
    for _ in 0..200 {
        if leftovers(folder.path()).is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(leftovers(folder.path()), [""; 0]);
}

#[test]
fn c1_calls_given_up_at_any_step_leave_nothing_half_done_on_tokio() {
    with_folder(|root| {
        let root = root.to_owned();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(runtime.spawn(async move { give_up_everywhere(&root).await })).unwrap();
    });
}

#[test]
fn c1_calls_given_up_at_any_step_leave_nothing_half_done_on_smol() {
    with_folder(|root| {
        let root = root.to_owned();
        smol::block_on(smol::spawn(async move { give_up_everywhere(&root).await }));
    });
}
