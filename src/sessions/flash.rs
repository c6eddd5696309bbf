//! What stands beside a session's value in what is stored.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::json::{Json, check_depth, parse};
use crate::error::{Error, ErrorKind};

const FLASH: &str = "$flash";
const VALUE: &str = "$value";

/// Messages that wait to be shown, by their kind: arrays of strings.
pub(super) type Flash = Map<String, Value>;

/// A session as it is stored.
#[derive(Clone, Default)]
pub(super) struct Content {
    /// None where there are only messages.
    pub(super) value: Option<Json>,
    pub(super) flash: Arc<Flash>,
}

impl Content {
    /// The value's own JSON, with the messages as one more key of an object. A value that is no object, has no keys or has
    /// one of these two is a key itself, so that each comes back as it was.
    pub(super) fn join(&self) -> Result<Bytes, Error> {
        let has_messages = !self.flash.is_empty();
        let joined = match self.value.as_deref() {
            Some(Value::Object(entries)) if entries.contains_key(FLASH) || entries.contains_key(VALUE) => {
                self.within()
            }
            Some(value) if !has_messages => return text(value),
            Some(Value::Object(entries)) if !entries.is_empty() => {
                let mut entries = entries.clone();
                entries.insert(FLASH.to_owned(), Value::Object((*self.flash).clone()));
                entries
            }
            _ => self.within(),
        };
        text(&Value::Object(joined))
    }

    fn within(&self) -> Map<String, Value> {
        let mut entries = Map::new();
        if let Some(value) = self.value.as_deref() {
            entries.insert(VALUE.to_owned(), value.clone());
        }
        entries.insert(FLASH.to_owned(), Value::Object((*self.flash).clone()));
        entries
    }

    /// What [`join`](Self::join) has made, here or in the npm package.
    pub(super) fn split(content: &Bytes) -> Result<Self, serde_json::Error> {
        let mut stored = parse(content)?;
        let has_flash = stored.get(FLASH).is_some_and(is_flash);
        let Value::Object(entries) = &mut stored else { return Self::plain(stored, content) };
        if !has_flash {
            return Self::plain(stored, content);
        }
        let flash = match entries.shift_remove(FLASH) {
            Some(Value::Object(flash)) => flash,
            _ => Flash::new(),
        };
        let value = match entries.len() {
            0 => None,
            1 if entries.contains_key(VALUE) => entries.remove(VALUE),
            _ => Some(stored),
        };
        if let Some(value) = &value {
            check_depth(value, content)?;
        }
        Ok(Self { value: value.map(Arc::new), flash: Arc::new(flash) })
    }

    fn plain(value: Value, content: &Bytes) -> Result<Self, serde_json::Error> {
        check_depth(&value, content)?;
        Ok(Self { value: Some(Arc::new(value)), flash: Arc::default() })
    }
}

fn text(value: &Value) -> Result<Bytes, Error> {
    let text = serde_json::to_vec(value)
        .map_err(|_| Error::new(ErrorKind::InvalidOption, "the session's value has no JSON"))?;
    Ok(text.into())
}

fn is_flash(value: &Value) -> bool {
    let is_list = |list: &Value| list.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    value.as_object().is_some_and(|flash| flash.values().all(is_list))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn is_stored_as(value: Option<Value>, messages: &Value, stored: &Value) -> Result<(), Error> {
        let flash = Arc::new(messages.as_object().cloned().unwrap_or_default());
        let content = Content { value: value.map(Arc::new), flash };
        let joined = content.join()?;
        assert_eq!(serde_json::from_slice::<Value>(&joined).ok().as_ref(), Some(stored));
        let split = Content::split(&joined).unwrap_or_default();
        assert_eq!((split.value, split.flash), (content.value, content.flash));
        Ok(())
    }

    #[test]
    fn a_value_comes_back_as_it_was_whatever_stands_beside_it() -> Result<(), Error> {
        let none = json!({});
        let some = json!({ "info": ["Saved"] });
        let beside = |value: &Value| json!({ "$value": value, "$flash": &some });
        is_stored_as(Some(json!({ "a": 1 })), &none, &json!({ "a": 1 }))?;
        is_stored_as(Some(json!({ "a": 1 })), &some, &json!({ "a": 1, "$flash": &some }))?;
        for value in
            [json!([1]), json!({}), json!(null), json!({ "$value": 1 }), json!({ "$flash": 1, "a": 2 })]
        {
            is_stored_as(Some(value.clone()), &some, &beside(&value))?;
        }
        is_stored_as(None, &some, &json!({ "$flash": &some }))?;
        for value in [json!({ "$flash": 1 }), json!({ "$flash": {} }), json!({ "$value": 1 })] {
            is_stored_as(Some(value.clone()), &none, &json!({ "$value": value, "$flash": {} }))?;
        }
        Ok(())
    }

    #[test]
    fn a_key_of_that_name_that_holds_no_messages_is_data() {
        for stored in
            [json!({ "$flash": 1 }), json!({ "$flash": { "a": 1 } }), json!({ "$flash": { "a": [1] } })]
        {
            let split = Content::split(&stored.to_string().into()).unwrap_or_default();
            assert_eq!(split.value.as_deref(), Some(&stored));
        }
    }
}
