//! Many records at once.

use std::ops::Range;

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbKeyRange, IdbObjectStore, IdbRequest};

use super::sys::{Failed, Transaction};

/// So many keys, in their order, make a page that may be read in one request.
pub(super) const PAGE: usize = 100;
/// A page that has more than so many records between its ends is read key by key.
const SPARSE: u32 = 200;

/// The values under these keys, which are in order and differ; `undefined` where there is none.
///
/// A request costs the engine more than a record does. Where the keys lie close together, as they do when a page asks for most of
/// what is there, a page of them is one request; the first page shows whether they do.
pub(super) async fn fetch(
    transaction: &Transaction,
    store: &IdbObjectStore,
    keys: &[String],
) -> Result<Vec<JsValue>, Failed> {
    let mut values = vec![JsValue::UNDEFINED; keys.len()];
    let mut single = Vec::new();
    if keys.len() < PAGE {
        single.push(0..keys.len());
    } else {
        let first = Page::ask(store, 0..PAGE, keys)?;
        transaction.result(&first.values).await?;
        if first.take(keys, &mut values)? {
            let mut pages = Vec::new();
            for at in (PAGE..keys.len()).step_by(PAGE) {
                pages.push(Page::ask(store, at..(at + PAGE).min(keys.len()), keys)?);
            }
            if let Some(last) = pages.last() {
                transaction.result(&last.values).await?;
            }
            for page in pages {
                if !page.take(keys, &mut values)? {
                    single.push(page.at);
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
        transaction.result(last).await?;
    }
    for (at, request) in requests {
        values[at] = request.result()?;
    }
    Ok(values)
}

/// All that lies between the first and the last of some keys.
struct Page {
    at: Range<usize>,
    keys: IdbRequest,
    values: IdbRequest,
}

impl Page {
    fn ask(store: &IdbObjectStore, at: Range<usize>, keys: &[String]) -> Result<Self, Failed> {
        let (first, last) = (keys[at.start].as_str(), keys[at.end - 1].as_str());
        let range = IdbKeyRange::bound(&first.into(), &last.into())?;
        let keys = store.get_all_keys_with_key_and_limit(&range, SPARSE)?;
        Ok(Self { at, keys, values: store.get_all_with_key_and_limit(&range, SPARSE)? })
    }

    /// Takes the values of the page's keys out of all that lie between them. False where those were too many.
    fn take(&self, keys: &[String], values: &mut [JsValue]) -> Result<bool, Failed> {
        let (found, found_keys) = (self.values.result()?, self.keys.result()?);
        let (found, found_keys): (&Array, &Array) = (found.unchecked_ref(), found_keys.unchecked_ref());
        if found.length() >= SPARSE {
            return Ok(false);
        }
        let mut places = keys[self.at.clone()].iter().zip(&mut values[self.at.clone()]).peekable();
        for (key, value) in found_keys.iter().zip(found.iter()) {
            let Some(key) = key.as_string() else { continue };
            while places.next_if(|(wanted, _)| **wanted < key).is_some() {}
            if let Some((_, place)) = places.next_if(|(wanted, _)| **wanted == key) {
                *place = value;
            }
        }
        Ok(true)
    }
}
