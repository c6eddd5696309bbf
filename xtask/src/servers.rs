//! Servers that tests and benches start for themselves, as the machine has them.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{apt, process::on_path};

/// Debian's package, and whether its programs are there.
pub struct Server {
    package: &'static str,
    is_there: fn() -> bool,
}

pub const REDIS: Server = Server { package: "redis-server", is_there: || on_path("redis-server").is_some() };

/// Debian keeps each version's programs in a folder that is not on the `PATH`.
pub const POSTGRESQL: Server = Server {
    package: "postgresql",
    is_there: || Path::new("/usr/lib/postgresql").is_dir() || on_path("initdb").is_some(),
};

/// Those on the machine, else Debian's packages.
pub fn find(servers: &[Server]) -> Result<()> {
    for Server { package, is_there } in servers {
        if is_there() {
            continue;
        }
        apt::install(&[package], &format!("{package} is missing"))?;
        if !is_there() {
            bail!("{package} is missing, also after it was installed");
        }
    }
    Ok(())
}
