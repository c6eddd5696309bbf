//! Many records at once.

use bytes::Bytes;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbKeyRange, IdbObjectStore, IdbRequest};

use super::{
    connection::RECORDS,
    sys::{Failed, Transaction},
    value::{key_of, stored},
};

/// So many keys, in their order, make a page that may be read in one request.
const PAGE: usize = 100;
/// A page that has more than so many records between its ends is read key by key.
const SPARSE: u32 = 200;

/// The values under these keys, which are in order and differ; nothing where there is none.
///
/// A request costs the engine more than a record does. Where the keys lie close together, as they do when a page asks for most of
/// what is there, a page of them is one request; the first page shows whether they do.
pub(super) async fn fetch(transaction: &Transaction, keys: &[String]) -> Result<Vec<Option<Bytes>>, Failed> {
    let store = transaction.store(RECORDS)?;
    let mut values = vec![None; keys.len()];
    let mut single = Vec::new();
    if keys.len() < PAGE {
        single.push(0..keys.len());
    } else {
        let first = read_page(&store, &keys[..PAGE])?;
        if take_page(&transaction.result(&first).await?, &keys[..PAGE], &mut values[..PAGE]) {
            let mut requests = Vec::new();
            for at in (PAGE..keys.len()).step_by(PAGE) {
                let page = at..(at + PAGE).min(keys.len());
                requests.push((read_page(&store, &keys[page.clone()])?, page));
            }
            if let Some((last, _)) = requests.last() {
                transaction.result(last).await?;
            }
            for (request, page) in requests {
                if !take_page(&request.result()?, &keys[page.clone()], &mut values[page.clone()]) {
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
        transaction.result(last).await?;
    }
    for (at, request) in requests {
        values[at] = stored(&request.result()?);
    }
    Ok(values)
}

/// The next rows of a store behind a key: keys, values, and up to which key they go; an empty one at the end.
pub(super) async fn rows(
    transaction: &Transaction,
    store: &str,
    after: &str,
    limit: u32,
) -> Result<(Array, Array, String), Failed> {
    let range = IdbKeyRange::lower_bound_with_open(&after.into(), true)?;
    let store = transaction.store(store)?;
    let keys = store.get_all_keys_with_key_and_limit(&range, limit)?;
    let values = store.get_all_with_key_and_limit(&range, limit)?;
    let values: Array = transaction.result(&values).await?.unchecked_into();
    let keys: Array = keys.result()?.unchecked_into();
    let is_end = keys.length() < limit;
    let last = if is_end { None } else { keys.get(keys.length() - 1).as_string() };
    Ok((keys, values, last.unwrap_or_default()))
}

fn read_page(store: &IdbObjectStore, keys: &[String]) -> Result<IdbRequest, Failed> {
    let (first, last) = (keys.first().map(String::as_str), keys.last().map(String::as_str));
    let range = IdbKeyRange::bound(&first.unwrap_or_default().into(), &last.unwrap_or_default().into())?;
    Ok(store.get_all_with_key_and_limit(&range, SPARSE)?)
}

/// Takes the values of a page's keys out of all that lie between them. False where those were too many, or one does not say
/// whose it is.
fn take_page(found: &JsValue, keys: &[String], values: &mut [Option<Bytes>]) -> bool {
    let found: &Array = found.unchecked_ref();
    if found.length() >= SPARSE {
        return false;
    }
    let mut places = keys.iter().zip(values).peekable();
    for value in found.iter().filter_map(|value| stored(&value)) {
        let Some(key) = key_of(&value).map(base16ct::lower::encode_string) else { return false };
        while places.next_if(|(wanted, _)| **wanted < key).is_some() {}
        if let Some((_, place)) = places.next_if(|(wanted, _)| **wanted == key) {
            *place = Some(value);
        }
    }
    true
}
