//! What the fuzz targets share.

mod cookies;
mod format;
mod input;

pub use self::{
    cookies::cookie_values,
    format::{Kind, Model, seal_checksums},
    input::Input,
};

pub const NEW: &str = "the newest secret, of 32 or more bytes";
pub const OLD: &str = "the older secret, of 32 or more bytes";
