//! In which order the steps of several calls are taken. No executor, no threads, no time: a case decides who
//! is polled when.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

/// Lets others take a step.
pub(super) async fn step_aside() {
    let mut asked = false;
    poll_fn(|task| {
        if asked {
            return Poll::Ready(());
        }
        asked = true;
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a future this often and then drops it, as a caller does who loses interest. Says whether it ended.
pub(super) async fn drop_after(polls: usize, future: impl Future) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        if poll_fn(|task| Poll::Ready(future.as_mut().poll(task).is_ready())).await {
            return true;
        }
        step_aside().await;
    }
    false
}

/// Runs both; the second starts when the first has been polled `head_start` times or has ended.
pub(super) async fn staggered<A, B>(
    head_start: usize,
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> (A, B) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut a, mut b) = (None, None);
    let mut polls = 0;
    poll_fn(move |task| {
        if a.is_none() && polls < head_start.max(1) {
            polls += 1;
            task.waker().wake_by_ref();
            poll_into(first.as_mut(), &mut a, task);
            if a.is_none() && polls < head_start {
                return Poll::Pending;
            }
        } else {
            poll_into(first.as_mut(), &mut a, task);
        }
        poll_into(second.as_mut(), &mut b, task);
        match (a.take(), b.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (one, other) => {
                (a, b) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

fn poll_into<F: Future>(
    future: Pin<&mut F>,
    output: &mut Option<F::Output>,
    task: &mut std::task::Context<'_>,
) {
    if output.is_none()
        && let Poll::Ready(value) = future.poll(task)
    {
        *output = Some(value);
    }
}
