//! Two changes of one JSON value.

use serde_json::{Map, Number, Value};

/// Merges by key what two have made of the same value. What only one of them changed is as that one left it; what both
/// changed is as `mine` has it. Objects are merged within; an array is one value. `None` is what is not there.
pub(super) fn merge(base: Option<&Value>, mine: Option<&Value>, theirs: Option<&Value>) -> Option<Value> {
    if is_same(mine, base) {
        return theirs.cloned();
    }
    if is_same(theirs, base) {
        return mine.cloned();
    }
    match (base, mine, theirs) {
        (Some(Value::Object(base)), Some(Value::Object(mine)), Some(Value::Object(theirs))) => {
            Some(merge_keys(Some(base), mine, theirs))
        }
        // Both have made an object where there was nothing; in place of another value, mine is another object.
        (None, Some(Value::Object(mine)), Some(Value::Object(theirs))) => {
            Some(merge_keys(None, mine, theirs))
        }
        _ => mine.cloned(),
    }
}

fn merge_keys(
    base: Option<&Map<String, Value>>,
    mine: &Map<String, Value>,
    theirs: &Map<String, Value>,
) -> Value {
    let own = mine.keys().filter(|key| !theirs.contains_key(*key));
    let merged = theirs.keys().chain(own).filter_map(|key| {
        let value = merge(base.and_then(|base| base.get(key)), mine.get(key), theirs.get(key))?;
        Some((key.clone(), value))
    });
    Value::Object(merged.collect())
}

fn is_same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => is_equal(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// Whether two values are the same to a program in any language: JSON knows no difference between `1` and `1.0`.
pub(super) fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => is_equal_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let equal = |(key, value)| other.get(key).is_some_and(|other| is_equal(value, other));
            one.len() == other.len() && one.iter().all(equal)
        }
        _ => one == other,
    }
}

#[allow(clippy::float_cmp)] // the question is whether they are the same
fn is_equal_number(one: &Number, other: &Number) -> bool {
    if one.is_f64() == other.is_f64() { one == other } else { one.as_f64() == other.as_f64() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn merges(base: &Value, mine: &Value, theirs: &Value, expected: &Value) {
        assert_eq!(merge(Some(base), Some(mine), Some(theirs)).as_ref(), Some(expected));
    }

    #[test]
    fn s1_what_one_changed_stays_and_what_both_changed_is_mine() {
        merges(
            &json!({ "both": 0, "gone": 1, "deep": { "mine": 0, "theirs": 0 }, "list": [1] }),
            &json!({ "both": "mine", "deep": { "mine": 1, "theirs": 0 }, "list": [1] }),
            &json!({ "both": "theirs", "gone": 1, "deep": { "mine": 0, "theirs": 1 }, "list": [1, 2], "new": true }),
            &json!({ "both": "mine", "deep": { "mine": 1, "theirs": 1 }, "list": [1, 2], "new": true }),
        );
    }

    #[test]
    fn s1_objects_made_by_both_are_merged_and_those_in_place_of_a_value_are_not() {
        let (mine, theirs) = (json!({ "a": { "mine": 1 } }), json!({ "a": { "theirs": 1 } }));
        merges(&json!({}), &mine, &theirs, &json!({ "a": { "mine": 1, "theirs": 1 } }));
        merges(&json!({ "a": 1 }), &mine, &theirs, &mine);
        assert_eq!(merge(None, Some(&json!([1])), Some(&json!([2]))), Some(json!([1])));
    }

    #[test]
    fn s1_what_one_removed_and_the_other_changed_is_as_mine_has_it() {
        merges(&json!({ "a": 1 }), &json!({}), &json!({ "a": 2 }), &json!({}));
        merges(&json!({ "a": 1 }), &json!({ "a": 2 }), &json!({}), &json!({ "a": 2 }));
        merges(&json!({ "a": 1 }), &json!({ "a": 1 }), &json!({}), &json!({}));
    }

    #[test]
    fn s1_a_number_is_the_same_however_it_is_written() {
        merges(&json!({ "n": 1 }), &json!({ "n": 1.0 }), &json!({ "n": 2 }), &json!({ "n": 2 }));
        assert!(!is_equal(&json!(u64::MAX), &json!(u64::MAX - 1)));
        assert!(!is_equal(&json!(1), &json!("1")) && !is_equal(&json!([1]), &json!([1, 1])));
    }
}
