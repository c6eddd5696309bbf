//! Browsers and their drivers, as the machine has them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use serde_json::json;

use crate::{
    process::{command, on_path, read},
    programs::{file, found_or_installed, named},
};

const CHROMIUMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const CHROMIUM_ON_MAC: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

const FIREFOXES: [&str; 2] = ["firefox-esr", "firefox"];
const FIREFOX_ON_MAC: &str = "/Applications/Firefox.app/Contents/MacOS/firefox";

/// Where `tests/package/webkit.mjs` starts it.
const GJS: &str = "/usr/bin/gjs";

/// As chromedriver starts it. Without a network of its own, since the tests need none.
const FLAGS: [&str; 8] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

pub struct Chromium {
    pub browser: PathBuf,
    pub driver: PathBuf,
}

impl Chromium {
    /// `CHROMIUM` and `CHROMEDRIVER` come first, then what is on the `PATH`, then Debian's packages.
    pub fn find() -> Result<Self> {
        found_or_installed(
            Self::installed,
            &["chromium", "chromium-driver"],
            "Chromium or its chromedriver is missing",
        )
    }

    fn installed() -> Option<Self> {
        let browser = named("CHROMIUM", &CHROMIUMS).or_else(|| file(CHROMIUM_ON_MAC))?;
        let driver = named("CHROMEDRIVER", &["chromedriver"])?;
        Some(Self { browser, driver })
    }

    /// Writes how chromedriver shall start the browser, for `wasm-bindgen-test-runner`.
    pub fn write_capabilities(&self, path: &Path) -> Result<()> {
        let options = json!({ "binary": self.browser, "args": FLAGS });
        // Looking at a page that computes counts as a script, whose 30 s are soon over on a machine that does much else.
        let timeouts = json!({ "script": 600_000 });
        let capabilities = json!({ "goog:chromeOptions": options, "timeouts": timeouts });
        Ok(fs::write(path, capabilities.to_string())?)
    }
}

/// `FIREFOX` comes first, then what is on the `PATH`, then Debian's package.
pub fn firefox() -> Result<PathBuf> {
    found_or_installed(
        || named("FIREFOX", &FIREFOXES).or_else(|| file(FIREFOX_ON_MAC)),
        &["firefox-esr"],
        "Firefox is missing",
    )
}

/// The driver of WebKitGTK: `WEBKITWEBDRIVER` comes first, then the one on the `PATH`, then Debian's packages.
pub fn webkit() -> Result<PathBuf> {
    if !cfg!(target_os = "linux") {
        bail!("WebKitGTK is for Linux alone; run this stage there, or name the other stages by --only");
    }
    found_or_installed(
        || named("WEBKITWEBDRIVER", &["WebKitWebDriver"]).filter(|_| window_can_be_opened()),
        &["webkit2gtk-driver", "gir1.2-webkit2-4.1", "gjs", "xvfb"],
        "WebKitGTK's driver, its bindings for gjs, gjs itself or Xvfb is missing",
    )
}

fn window_can_be_opened() -> bool {
    const IMPORT: &str = "imports.gi.versions.WebKit2 = '4.1'; imports.gi.WebKit2";
    on_path("Xvfb").is_some() && read(command(GJS).args(["-c", IMPORT])).is_ok()
}
