//! What the fuzz targets share.

mod format;
mod input;

pub use self::{
    format::{Kind, Model, seal_checksums},
    input::Input,
};

pub const NEW: &str = "the newest secret, of 32 or more bytes";
pub const OLD: &str = "the older secret, of 32 or more bytes";
