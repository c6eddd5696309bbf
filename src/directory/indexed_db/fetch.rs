//! Many records at once.

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbKeyRange, IdbObjectStore, IdbRequest};

use super::{
    sys::{Failed, result},
    value::Value,
};

/// So many keys, in their order, make a page that may be read in one request.
const PAGE: usize = 100;
/// A page that has more than so many records between its ends is read key by key.
const SPARSE: u32 = 200;

/// The values under these keys, which are in order and differ; `undefined` where there is none.
///
/// A request costs the engine more than a record does. Where the keys lie close together, as they do when a page asks for most of
/// what is there, a page of them is one request; the first page shows whether they do.
pub(super) async fn fetch(store: &IdbObjectStore, keys: &[String]) -> Result<Vec<JsValue>, Failed> {
    let mut values = vec![JsValue::UNDEFINED; keys.len()];
    let mut single = Vec::new();
    if keys.len() < PAGE {
        single.push(0..keys.len());
    } else {
        let first = read_page(store, &keys[..PAGE])?;
        if take_page(&result(&first).await?, &keys[..PAGE], &mut values[..PAGE]) {
            let pages = (PAGE..keys.len()).step_by(PAGE).map(|at| at..(at + PAGE).min(keys.len()));
            let mut requests = Vec::new();
            for page in pages {
                requests.push((read_page(store, &keys[page.clone()])?, page));
            }
            if let Some((last, _)) = requests.last() {
                result(last).await?;
            }
            for (request, page) in requests {
                let found = request.result()?;
                if !take_page(&found, &keys[page.clone()], &mut values[page.clone()]) {
                    single.push(page);
                }
            }
        } else {
            single.push(0..keys.len());
        }
    }
    let mut requests: Vec<(usize, IdbRequest)> = Vec::new();
    for at in single.into_iter().flatten() {
        requests.push((at, store.get(&keys[at].as_str().into())?));
    }
    // Requests end in their order: when the last one has, all have.
    if let Some((_, last)) = requests.last() {
        result(last).await?;
    }
    for (at, request) in requests {
        values[at] = request.result()?;
    }
    Ok(values)
}

fn read_page(store: &IdbObjectStore, keys: &[String]) -> Result<IdbRequest, Failed> {
    let (first, last) = (keys.first().map(String::as_str), keys.last().map(String::as_str));
    let range = IdbKeyRange::bound(&first.unwrap_or_default().into(), &last.unwrap_or_default().into())?;
    Ok(store.get_all_with_key_and_limit(&range, SPARSE)?)
}

/// Takes the values of a page's keys out of all that lie between them. False where those were too many.
fn take_page(found: &JsValue, keys: &[String], values: &mut [JsValue]) -> bool {
    let found: &Array = found.unchecked_ref();
    if found.length() >= SPARSE {
        return false;
    }
    let mut places = keys.iter().zip(values).peekable();
    for value in found.iter() {
        let Some(key) = value.unchecked_ref::<Value>().key().as_string() else { continue };
        while places.next_if(|(wanted, _)| **wanted < key).is_some() {}
        if let Some((_, place)) = places.next_if(|(wanted, _)| **wanted == key) {
            *place = value;
        }
    }
    true
}
