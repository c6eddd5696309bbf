//! What the server runs, each in one step. All of a session's keys lie in one slot of a cluster.
//!
//! The texts are those of the npm package, joined as it joins them: a server keeps them once for both.

use std::sync::LazyLock;

use sha1::{Digest, Sha1};

/// A script, and what the server knows it by once it has seen it.
pub(super) struct Script {
    pub(super) source: &'static str,
    pub(super) sha: String,
}

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, sha: base16ct::lower::encode_string(&Sha1::digest(source)) }
    }
}

macro_rules! script {
    ($first:literal $(, $next:literal)*) => {
        LazyLock::new(|| Script::new(concat!(include_str!($first) $(, "\n", include_str!($next))*)))
    };
}

pub(super) static COMMIT: LazyLock<Script> = script!("times.lua", "record.lua", "each.lua", "commit.lua");
pub(super) static INVALIDATE: LazyLock<Script> = script!("times.lua", "record.lua", "invalidate.lua");
pub(super) static TOUCH: LazyLock<Script> = script!("times.lua", "record.lua", "each.lua", "touch.lua");
pub(super) static BEGIN: LazyLock<Script> = script!("begin.lua");
pub(super) static STAGE: LazyLock<Script> = script!("times.lua", "stage.lua");
pub(super) static HOLD: LazyLock<Script> = script!("times.lua", "hold.lua");
pub(super) static INDEX: LazyLock<Script> = script!("index.lua");
pub(super) static UNINDEX: LazyLock<Script> = script!("times.lua", "unindex.lua");

/// The server's time in milliseconds: by a script, which a cluster sends where its key is.
pub(super) const TIME: &str = "local t = redis.call('TIME') return t[1] * 1000 + math.floor(t[2] / 1000)";
