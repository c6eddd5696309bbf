//! A process that works on shared sessions until it is killed, and writes down what it does: `writer.mjs` over the
//! crate. See `history.mjs` for the lines.
//!
//! `crash_writer work|survey|sweep NAME SEED FOLDER JOURNAL relaxed|strict IO ID...`; natively `IO` says nothing.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod content;

use std::{
    fmt::Display,
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::process::parent_id,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use futures::{AsyncReadExt, AsyncWriteExt, executor::block_on, poll};
use sessile::{
    Clock, DirectoryOptions, DirectoryStorage, Durability, Error, ErrorKind, Failure, Revision, SessionId,
    SessionStorage, SessionStorageExt, SystemClock, Tags, WriteOptions,
};

use crate::content::{Random, check, content};

const LANES: u64 = 2;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60 * 60);
const SWEEPS_OF_ALL: usize = 300;

fn main() {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().unwrap();
    let (mode, name) = (word(), word());
    let seed = word().parse().unwrap();
    let (folder, journal) = (word(), word());
    let durability = if word() == "strict" { Durability::Strict } else { Durability::Relaxed };
    let _io = word();
    let ids: Vec<String> = words.collect();
    let options = DirectoryOptions::new().durability(durability).idle_timeout(IDLE_TIMEOUT);
    let writer = Writer {
        name,
        storage: DirectoryStorage::new(folder, options).unwrap(),
        journal: OpenOptions::new().append(true).open(journal).unwrap(),
        calls: AtomicU64::new(0),
        ids,
    };
    writer.say("ready");
    match mode.as_str() {
        "work" => thread::scope(|scope| {
            for lane in 0..LANES {
                let writer = &writer;
                scope.spawn(move || block_on(writer.work(Random::new(seed + (lane << 32)))));
            }
        }),
        "survey" => block_on(writer.survey(&mut Random::new(seed))),
        "sweep" => block_on(async {
            for _ in 0..SWEEPS_OF_ALL {
                writer.sweep().await;
            }
        }),
        other => panic!("there is no mode {other}"),
    }
}

struct Writer {
    name: String,
    storage: DirectoryStorage,
    journal: File,
    calls: AtomicU64,
    ids: Vec<String>,
}

impl Writer {
    /// In one call each: so the system puts the lines of all processes in one order, and a kill loses none.
    fn say(&self, line: impl Display) {
        (&self.journal).write_all(format!("{} {line}\n", self.name).as_bytes()).unwrap();
    }

    async fn work(&self, mut random: Random) {
        // Whoever started this process may have died.
        let parent = parent_id();
        while parent_id() == parent {
            self.step(&mut random).await;
        }
    }

    async fn survey(&self, random: &mut Random) {
        for id in &self.ids {
            self.read(id, random).await;
        }
        for tag in ["crash", "odd"] {
            self.list(tag).await;
        }
    }

    async fn step(&self, random: &mut Random) {
        let chance = random.below(100);
        let id = &self.ids[random.index(self.ids.len())];
        match chance {
            0..3 => self.list(if random.below(2) == 0 { "crash" } else { "odd" }).await,
            3 => self.sweep().await,
            4..20 => drop(self.read(id, random).await),
            20..30 => self.touch(id).await,
            _ if id.starts_with("chain") => self.link(id, random).await,
            _ if id.starts_with("life") => self.live(id, random).await,
            _ if id.starts_with("touched") && random.below(10) > 0 => self.touch(id).await,
            _ => {
                let tags = if random.below(2) == 0 { "crash" } else { "crash+odd" };
                let text = Text { number: 0, previous: "-", tags, is_streamed: random.below(10) == 0 };
                self.write(id, text, "any", random).await;
            }
        }
    }

    /// One step of a chain: what is written names the revision that it follows.
    async fn link(&self, id: &str, random: &mut Random) {
        let found = self.read(id, random).await;
        let mut words = found.split(' ');
        match words.next() {
            Some("missing") => {
                let text = Text { number: 1, previous: "-", tags: "crash", is_streamed: false };
                self.write(id, text, "none", random).await;
            }
            Some("ok") => {
                let revision = words.next().unwrap();
                let number = words.nth(2).unwrap().parse::<u64>().unwrap() + 1;
                let is_streamed = random.below(10) == 0;
                let text = Text { number, previous: revision, tags: "crash", is_streamed };
                self.write(id, text, revision, random).await;
            }
            _ => {}
        }
    }

    async fn live(&self, id: &str, random: &mut Random) {
        let chance = random.below(100);
        if chance < 35 {
            return self.invalidate(id).await;
        }
        let tags = ["odd", "crash", "crash+odd"][random.index(3)];
        let text = Text { number: 0, previous: "-", tags, is_streamed: random.below(6) == 0 };
        self.write(id, text, if chance < 80 { "none" } else { "any" }, random).await;
    }

    async fn read(&self, id: &str, random: &mut Random) -> String {
        self.call(format_args!("read {id}"), |_| async {
            let own = SessionId::new(id)?;
            if random.below(3) > 0 {
                let found = self.storage.get(&own).await?;
                return Ok(found.map_or("missing".into(), |(bytes, info)| check(&bytes, &info)));
            }
            let read = self.storage.read(&own, async |channel| {
                let mut bytes = Vec::new();
                channel.read_to_end(&mut bytes).await?;
                Ok::<_, Error>(check(&bytes, channel.info()))
            });
            match read.await {
                Err(Failure::Storage(error)) if error.kind() == ErrorKind::NotFound => Ok("missing".into()),
                read => Ok(read?),
            }
        })
        .await
    }

    /// `condition` is a revision, "none" or "any".
    async fn write(&self, id: &str, text: Text<'_>, condition: &str, random: &mut Random) {
        let Text { number, previous, tags, is_streamed } = text;
        let words = format!("write {id} {number} {previous} {tags} {condition} {}", now());
        self.call(words, |attempt| async move {
            let own = SessionId::new(id)?;
            let mut options = WriteOptions::new().tags(Tags::new(tags.split('+'))?);
            options = match condition {
                "any" => options,
                "none" => options.if_absent(),
                revision => options.if_revision(Revision::new(revision)),
            };
            let length = match random.below(100) {
                _ if is_streamed => 100_000 + random.index(300_000),
                0..2 => 0,
                _ => 200 + random.index(3_800),
            };
            let bytes = content(&format!("{id} {attempt} {number} {previous} {tags}"), length, random);
            let committed = if is_streamed {
                let write = self.storage.write(&own, options, async |channel| {
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let (piece, more) = rest.split_at(rest.len().min(1 + random.index(64 * 1024)));
                        channel.write_all(piece).await?;
                        rest = more;
                    }
                    Ok::<_, Error>(())
                });
                write.await?
            } else {
                self.storage.set(&own, bytes.into(), options).await?
            };
            Ok(format!("ok {}", committed.revision))
        })
        .await;
    }

    async fn touch(&self, id: &str) {
        let touch = async |_| Ok(format!("ok {}", self.storage.touch(&SessionId::new(id)?).await?));
        self.call(format_args!("touch {id} {}", now()), touch).await;
    }

    async fn invalidate(&self, id: &str) {
        let invalidate = async |_| Ok(format!("ok {}", self.storage.invalidate(&SessionId::new(id)?).await?));
        self.call(format_args!("invalidate {id} {}", now()), invalidate).await;
    }

    async fn sweep(&self) {
        self.call("sweep", async |_| Ok(format!("ok {}", self.storage.sweep().await?))).await;
    }

    async fn list(&self, tag: &str) {
        let list = async |_| {
            let infos = self.storage.list_tagged(tag).await?;
            Ok(infos.iter().fold("ok".to_owned(), |line, info| format!("{line} {}", info.revision)))
        };
        self.call(format_args!("list {tag}"), list).await;
    }

    /// Makes a call, and says when it is about to begin, has begun, and has ended how.
    async fn call<F>(&self, words: impl Display, begin: impl FnOnce(String) -> F) -> String
    where
        F: Future<Output = Result<String, Error>>,
    {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        self.say(format_args!("begin {number} {words}"));
        let since = Instant::now();
        let mut call = pin!(begin(format!("{}.{number}", self.name)));
        let first = poll!(call.as_mut());
        self.say(format_args!("under {number} {}", now()));
        let ended = match first {
            Poll::Ready(ended) => ended,
            Poll::Pending => call.await,
        };
        let outcome = match ended {
            Ok(outcome) => outcome,
            Err(error) if error.kind() == ErrorKind::Conflict => "conflict".into(),
            Err(error) => {
                format!("failed {}", format!("{:?} {error}", error.kind()).replace(char::is_whitespace, "_"))
            }
        };
        self.say(format_args!("end {number} {} {outcome}", since.elapsed().as_millis()));
        outcome
    }
}

/// What a write is about.
struct Text<'a> {
    number: u64,
    previous: &'a str,
    tags: &'a str,
    is_streamed: bool,
}

fn now() -> u64 {
    SystemClock.now().unwrap().as_millis()
}
