//! Redis servers of the tests' own: on ports of their own, gone when the tests end, however they end.

use std::{
    env,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use redis::{Client, Connection, FromRedisValue};

use crate::subjects::folders::TempFolder;

/// Starts a server, says which process it is, and ends it when whoever has asked for it is gone.
const KEEPER: &str = r#""$@" > /dev/null & echo $!; read over; kill -KILL $! 2> /dev/null"#;

pub(crate) struct Server {
    pub(crate) port: u16,
    settings: Vec<String>,
    keepers: Vec<Child>,
    process: String,
    folder: Option<TempFolder>,
}

impl Server {
    /// One that is ready. `settings` are those of redis.conf, in pairs; without any it keeps nothing on the disk.
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::start_on(free_port(), settings)
    }

    pub(crate) fn start_on(port: u16, settings: &[&str]) -> Self {
        let settings = settings.iter().map(ToString::to_string).collect();
        let folder = TempFolder::new();
        let (keepers, process) = (Vec::new(), String::new());
        let mut server = Self { port, settings, keepers, process, folder: Some(folder) };
        server.start_again();
        server
    }

    /// Until the process ends.
    pub(crate) fn start_for_all() -> Self {
        let mut server = Self::start(&[]);
        // It writes nothing, so its folder need not wait for it.
        server.folder = None;
        server
    }

    /// On the same port, with what it has kept.
    pub(crate) fn start_again(&mut self) {
        let program =
            env::var_os("REDIS_SERVER").map_or_else(|| PathBuf::from("redis-server"), PathBuf::from);
        let folder = self.folder.as_ref().unwrap().path();
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(program).args(["--port", &self.port.to_string()]);
        keeper.args(["--bind", "127.0.0.1", "--save", "", "--dir"]).arg(folder).args(&self.settings);
        let mut keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut process = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut process).unwrap();
        process.trim().clone_into(&mut self.process);
        self.keepers.push(keeper);
        until("the server answers", || self.client().get_connection().is_ok());
        // One that has a log reads it first.
        until("the server is ready", || {
            let mut connection = self.client().get_connection().unwrap();
            redis::cmd("PING").query::<String>(&mut connection).is_ok()
        });
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn client(&self) -> Client {
        Client::open(self.url()).unwrap()
    }

    pub(crate) fn connection(&self) -> Connection {
        self.client().get_connection().unwrap()
    }

    /// One command, beside the storage.
    pub(crate) fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.query(&mut self.connection()).unwrap()
    }

    /// Such as `KILL`, `STOP` and `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([&format!("-{signal}"), &self.process]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn kill(&self) {
        self.signal("KILL");
        until("the server is gone", || self.client().get_connection().is_err());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for mut keeper in self.keepers.drain(..) {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// Servers that share the slots of a cluster evenly, without replicas.
pub(crate) fn start_cluster(size: u16) -> Vec<Server> {
    let settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
    let servers: Vec<_> = (0..size).map(|_| Server::start(&settings)).collect();
    for (number, server) in (0_u32..).zip(&servers) {
        let first = |number: u32| (number * 16_384).div_ceil(u32::from(size));
        let (first, last) = (first(number).to_string(), (first(number + 1) - 1).to_string());
        server.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        server.ask::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        let port = server.port.to_string();
        servers[0].ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port]);
    }
    for server in &servers {
        until("the cluster is ready", || {
            let info: String = server.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains(&format!("cluster_known_nodes:{size}"))
        });
    }
    servers
}

/// Asks again and again, for at most twenty seconds.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come to pass that {what}");
}

/// A port that nobody listens on, nor on a cluster's second one; below those that systems give to clients.
pub(crate) fn free_port() -> u16 {
    let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    loop {
        let port = u16::try_from(10_000 + RandomState::new().hash_one(0) % 12_000).unwrap();
        if is_free(port) && is_free(port + 10_000) {
            return port;
        }
    }
}
