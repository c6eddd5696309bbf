//! A way to a server that can stall, be cut, and be cut after the server has done what was asked.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use futures::channel::oneshot;
use redis::Client;

pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    stalled: Mutex<bool>,
    goes_on: Condvar,
    is_refusing: AtomicBool,
    swallow: Mutex<Option<oneshot::Sender<()>>>,
    sockets: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub(crate) fn to(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let own = Arc::clone(&state);
        thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                if own.is_refusing.load(Ordering::SeqCst) {
                    continue;
                }
                let far = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).unwrap();
                for socket in [&near, &far] {
                    socket.set_nodelay(true).unwrap();
                    own.sockets.lock().unwrap().push(socket.try_clone().unwrap());
                }
                let (back, there) = (Arc::clone(&own), Arc::clone(&own));
                let (near_end, far_end) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || there.carry(near_end, far_end, State::wait_while_stalled));
                thread::spawn(move || back.carry(far, near, |state| !state.swallows()));
            }
        });
        Self { port, state }
    }

    pub(crate) fn client(&self) -> Client {
        Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap()
    }

    /// Nothing goes to the server any more; connections stay.
    pub(crate) fn stall(&self) {
        *self.state.stalled.lock().unwrap() = true;
    }

    pub(crate) fn go_on(&self) {
        *self.state.stalled.lock().unwrap() = false;
        self.state.goes_on.notify_all();
    }

    /// Connections that are made from now on break at once, unless told otherwise; those that are there stay.
    pub(crate) fn refuse_new(&self, refuses: bool) {
        self.state.is_refusing.store(refuses, Ordering::SeqCst);
    }

    /// Every connection breaks; new ones can be made.
    pub(crate) fn cut(&self) {
        self.state.cut();
    }

    /// The next answer is lost with its connection. Resolves when that has happened: the server had done it.
    pub(crate) fn cut_after_next(&self) -> oneshot::Receiver<()> {
        let (told, cut) = oneshot::channel();
        *self.state.swallow.lock().unwrap() = Some(told);
        cut
    }
}

impl State {
    fn carry(&self, mut from: TcpStream, mut to: TcpStream, may: impl Fn(&Self) -> bool) {
        let mut bytes = vec![0; 65_536];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if !may(self) || to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        for socket in [from, to] {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn wait_while_stalled(&self) -> bool {
        let stalled = self.stalled.lock().unwrap();
        drop(self.goes_on.wait_while(stalled, |stalled| *stalled).unwrap());
        true
    }

    /// Whether the answer that has just come is the one to be lost.
    fn swallows(&self) -> bool {
        let Some(told) = self.swallow.lock().unwrap().take() else { return false };
        self.cut();
        let _ = told.send(());
        true
    }

    fn cut(&self) {
        for socket in self.sockets.lock().unwrap().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}
