//! A session's value as JSON.

use std::sync::Arc;

use bytes::Bytes;
use serde::{
    Deserialize as _, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Deserializer, Value};

use super::merge::merge;
use crate::error::{Error, ErrorKind};

/// A JSON value that several hold.
pub(super) type Json = Arc<Value>;

/// More nesting than anybody means; recursion stays far from the stack's end. The npm package draws the same line.
const DEEPEST: usize = 200;

/// # Errors
/// [`ErrorKind::InvalidOption`] for what has no JSON, or is nested too deep.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Value, Error> {
    // What serde says may quote the value.
    let json = serde_json::to_value(value)
        .map_err(|_| Error::new(ErrorKind::InvalidOption, "the session's value has no JSON"))?;
    if depth(&json) > DEEPEST {
        return Err(Error::new(ErrorKind::InvalidOption, "a session cannot be nested deeper than 200"));
    }
    Ok(json)
}

pub(super) fn decode<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    T::deserialize(value).map_err(|_| unfit())
}

/// Whether a value is one of the type, as the next request will load it.
pub(super) fn check<T: DeserializeOwned>(value: &Value) -> Result<(), serde_json::Error> {
    T::deserialize(value).map(drop)
}

pub(super) fn unfit() -> Error {
    Error::new(ErrorKind::InvalidOption, "the session's value would not come back as its type")
}

/// What is stored, as the npm package would read it. A value beside messages may be nested once more.
pub(super) fn parse(content: &Bytes) -> Result<Value, serde_json::Error> {
    let mut deserializer = Deserializer::from_slice(content);
    // The limit of serde_json is lower.
    if !opens_more(content, DEEPEST + 1) {
        deserializer.disable_recursion_limit();
    }
    let value = Value::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Refuses a value, out of that content, that is nested deeper than a session's.
pub(super) fn check_depth(value: &Value, content: &Bytes) -> Result<(), serde_json::Error> {
    // Few need be looked at a second time.
    if opens_more(content, DEEPEST) && depth(value) > DEEPEST {
        return Err(serde_json::Error::custom("it is nested deeper than a session can be"));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Whether more brackets than these are open anywhere in a text, those in strings too where it is no JSON.
fn opens_more(text: &[u8], most: usize) -> bool {
    let (mut open, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => open += 1,
            b']' | b'}' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
        if open > most {
            return true;
        }
    }
    false
}

/// What replaces `current`, where a program of another version, or in another language, has stored keys that `T` does not
/// know: they stay as they are.
///
/// `seen` is what `T` makes of `current`, and `after` what it shall be.
pub(super) fn carry<T: Serialize + DeserializeOwned>(
    current: Option<&Value>,
    seen: Option<&Value>,
    after: Value,
) -> Value {
    let (Some(current), Some(seen)) = (current, seen) else { return after };
    if current == seen {
        return after;
    }
    let Some(merged) = merge(Some(seen), Some(&after), Some(current)) else { return after };
    // A key that `T` knows by another name would contradict the new one.
    let comes_back = project::<T>(&merged)
        .is_some_and(|projected| projected == after || unordered(&projected) == unordered(&after));
    if comes_back { merged } else { after }
}

/// The value with its arrays sorted: a set of Rust comes in another order each time.
fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(unordered).collect();
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), unordered(value))).collect())
        }
        _ => value.clone(),
    }
}

/// What `T` makes of a value.
pub(super) fn project<T: Serialize + DeserializeOwned>(value: &Value) -> Option<Value> {
    serde_json::to_value(T::deserialize(value).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Named {
        #[serde(alias = "title")]
        name: String,
    }

    #[derive(Serialize, Deserialize)]
    struct Roles {
        roles: HashSet<u32>,
    }

    #[test]
    fn keys_stay_beside_a_set_whatever_its_order() {
        let stored = json!({ "roles": (0..100).collect::<Vec<u32>>(), "cart": [1] });
        let seen = project::<Roles>(&stored);
        let after = Roles { roles: (0..101).collect() };
        let carried = carry::<Roles>(Some(&stored), seen.as_ref(), json!(after));
        assert_eq!(
            (carried["cart"].clone(), carried["roles"].as_array().map(Vec::len)),
            (json!([1]), Some(101))
        );
    }

    #[derive(Serialize, Deserialize)]
    struct Renamed {
        #[serde(rename(serialize = "new", deserialize = "old"))]
        name: String,
    }

    #[test]
    fn a_key_that_is_read_by_another_name_than_it_is_written_is_not_read_as_it_was() {
        let stored = json!({ "old": "Ada" });
        let seen = project::<Renamed>(&stored);
        assert_eq!(
            carry::<Renamed>(Some(&stored), seen.as_ref(), json!({ "new": "Bob" })),
            json!({ "new": "Bob" })
        );
    }

    fn carried(current: &Value, after: Value) -> Value {
        carry::<Named>(Some(current), project::<Named>(current).as_ref(), after)
    }

    #[test]
    fn keys_that_a_type_does_not_know_stay() {
        let stored = json!({ "name": "Ada", "cart": [1], "deep": { "a": 1 } });
        let expected = json!({ "name": "Bob", "cart": [1], "deep": { "a": 1 } });
        assert_eq!(carried(&stored, json!({ "name": "Bob" })), expected);
    }

    #[test]
    fn a_key_by_its_older_name_does_not_contradict_the_new_one() {
        let stored = json!({ "title": "Ada" });
        assert_eq!(carried(&stored, json!({ "name": "Bob" })), json!({ "name": "Bob" }));
    }

    #[test]
    fn nesting_is_bounded_when_it_is_read_and_when_it_is_written() {
        let nested = |depth: usize| Bytes::from(format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        assert!(parse(&nested(200)).is_ok_and(|value| encode(&value).is_ok()));
        assert!(parse(&nested(201)).is_ok_and(|value| check_depth(&value, &nested(201)).is_err()));
        assert!(parse(&nested(202)).is_err());
        assert!(parse(&nested(1_000_000)).is_err());
        assert!(parse(&Bytes::from(format!("\"{}\"", "[".repeat(300)))).is_ok());
        let deeper = parse(&nested(200)).map(|value| Value::Array(vec![value])).ok();
        assert_eq!(encode(&deeper).err().map(|error| error.kind()), Some(ErrorKind::InvalidOption));
    }
}
