//! Options and infos on their way between the two languages. TypeScript has checked the shapes and turned
//! durations into milliseconds; bytes never pass through here.

use std::time::Duration;

use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::JsValue;

use super::window::Window;
use crate::{
    cache::CacheStats,
    error::Error,
    expiry::Timeout,
    session::{Revision, SessionInfo, StorageStats, WriteOptions},
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InfoObject<'a> {
    revision: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte_length: Option<f64>,
    created_at: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_timeout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    absolute_timeout: Option<f64>,
    tags: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct CacheStatsObject {
    hits: f64,
    misses: f64,
    fills: f64,
    evicted: f64,
    sessions: f64,
    bytes: f64,
}

#[derive(Debug, Serialize)]
struct StatsObject {
    sessions: f64,
    bytes: f64,
    evicted: f64,
    expired: f64,
}

/// A write's options. Timeouts in milliseconds: NaN keeps what was, infinity is none. Of the conditions, a
/// revision comes before "no session". Tags wait in the [`Window`].
pub(super) fn write_options(
    idle: f64,
    absolute: f64,
    if_absent: bool,
    if_revision: Option<String>,
    tagged: bool,
) -> Result<WriteOptions, Error> {
    let mut options = WriteOptions::new().idle_timeout(timeout(idle)).absolute_timeout(timeout(absolute));
    if let Some(revision) = if_revision {
        options = options.if_revision(Revision::new(revision));
    } else if if_absent {
        options = options.if_absent();
    }
    if tagged {
        options = options.tags(Window::take_tags()?);
    }
    Ok(options)
}

/// A timeout in milliseconds; one below zero comes to no time, which every storage refuses.
pub(super) fn timeout(millis: f64) -> Timeout {
    if millis.is_nan() {
        Timeout::Keep
    } else if millis == f64::INFINITY {
        Timeout::Never
    } else {
        Timeout::After(Duration::from_millis(limit(millis.ceil())))
    }
}

/// A limit; infinity is none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates at both ends
pub(super) fn limit(number: f64) -> u64 {
    number as u64
}

pub(super) fn info(info: &SessionInfo) -> JsValue {
    let tags = info.tags.iter().collect();
    serialize(&InfoObject {
        revision: info.revision.as_str(),
        byte_length: info.byte_length.map(number),
        created_at: number(info.created_at.as_millis()),
        expires_at: info.expires_at.map(|at| number(at.as_millis())),
        idle_timeout: info.idle_timeout.map(|timeout| millis(Some(timeout))),
        absolute_timeout: info.absolute_timeout.map(|timeout| millis(Some(timeout))),
        tags,
    })
}

pub(super) fn stats(stats: &StorageStats) -> JsValue {
    serialize(&StatsObject {
        sessions: number(stats.sessions),
        bytes: number(stats.bytes),
        evicted: number(stats.evicted),
        expired: number(stats.expired),
    })
}

/// A timeout in milliseconds; NaN for none.
pub(super) fn millis(timeout: Option<Duration>) -> f64 {
    timeout.map_or(f64::NAN, |timeout| number(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)))
}

pub(super) fn cache_stats(stats: &CacheStats) -> JsValue {
    serialize(&CacheStatsObject {
        hits: number(stats.hits),
        misses: number(stats.misses),
        fills: number(stats.fills),
        evicted: number(stats.evicted),
        sessions: number(stats.sessions),
        bytes: number(stats.bytes),
    })
}

#[allow(clippy::cast_precision_loss)] // times, lengths and counts stay below 2^53
pub(super) fn number(number: u64) -> f64 {
    number as f64
}

/// Plain structs of numbers and strings: there is nothing that could fail to serialize.
fn serialize<T: Serialize>(value: &T) -> JsValue {
    value.serialize(&Serializer::json_compatible()).unwrap_or_else(JsValue::from)
}
