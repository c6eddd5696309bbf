//! Chromium and its driver, as the machine has them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::{apt, process::on_path};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const MAC: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

/// As the tests start it. Without a network of its own, since the tests need none.
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
        if let Some(found) = Self::installed() {
            return Ok(found);
        }
        apt::install(&["chromium", "chromium-driver"], "Chromium or its chromedriver is missing")?;
        Self::installed().context("chromium and chromium-driver are installed, but not on the PATH")
    }

    fn installed() -> Option<Self> {
        let given = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_file());
        let browser = given("CHROMIUM")
            .or_else(|| NAMES.iter().find_map(|name| on_path(name)))
            .or_else(|| Some(PathBuf::from(MAC)).filter(|path| path.is_file()))?;
        let driver = given("CHROMEDRIVER").or_else(|| on_path("chromedriver"))?;
        Some(Self { browser, driver })
    }

    /// Writes how chromedriver shall start the browser, for `wasm-bindgen-test-runner`.
    pub fn write_capabilities(&self, root: &Path) -> Result<PathBuf> {
        let path = root.join("target/webdriver.json");
        let options = json!({ "binary": self.browser, "args": FLAGS });
        fs::write(&path, json!({ "goog:chromeOptions": options }).to_string())?;
        Ok(path)
    }
}
