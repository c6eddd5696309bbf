//! Sessions as web code sees them: loaded when they are asked for, stored before the response goes out.

mod carried;
mod carrier;
mod commit;
mod cookie;
mod counters;
mod definition;
mod draft;
mod flash;
mod flash_draft;
mod json;
mod lifetime;
mod merge;
mod moved;
mod options;
mod request_session;
mod revocation;
mod session;
mod stored;
mod tickets;
mod turns;

#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "axum")]
pub use self::tower::MissingSessionLayer;
#[cfg(feature = "tower")]
pub use self::tower::{SessionLayer, SessionService};
pub use self::{
    carrier::{RequestHeaders, SentHeader},
    commit::CommitOutcome,
    cookie::{SameSite, SessionCookie},
    counters::SessionCounters,
    definition::Sessions,
    options::{InvalidReason, InvalidSession, OnConflict, SessionEvent, SessionsOptions},
    session::Session,
};
