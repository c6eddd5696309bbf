//! Sessions for the servers of `tower`.

mod layer;
mod request;

#[cfg(feature = "axum")]
mod axum;

#[cfg(feature = "axum")]
pub use self::axum::MissingSessionLayer;
pub use self::layer::{SessionLayer, SessionService};
