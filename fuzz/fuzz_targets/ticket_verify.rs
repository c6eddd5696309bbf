//! `Signer::verify`: a text is a signed id if, and only if, it is the one that signing this id makes.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sessile::{Secrets, SessionId, Signer};
use sessile_fuzz::{Input, NEW, OLD};

struct Signers {
    both: Signer,
    new: Signer,
    old: Signer,
}

static SIGNERS: LazyLock<Signers> = LazyLock::new(|| {
    let signer = |secrets: &[&str]| Signer::new(&Secrets::new(secrets.iter().copied()).unwrap()).unwrap();
    Signers { both: signer(&[NEW, OLD]), new: signer(&[NEW]), old: signer(&[OLD]) }
});

/// A dot, and the signature.
const BEHIND: usize = 44;

/// What `verify` must answer: the id, and whether the newest secret has signed it.
fn expected(text: &str) -> Option<(SessionId, bool)> {
    let end = text.len().checked_sub(BEHIND)?;
    let id = SessionId::new(text.get(2..end)?).ok()?;
    if text == SIGNERS.new.sign(&id) {
        Some((id, true))
    } else if text == SIGNERS.old.sign(&id) {
        Some((id, false))
    } else {
        None
    }
}

fn check(text: &str) {
    let found = SIGNERS.both.verify(text);
    let expected = expected(text);
    assert_eq!(found.map(|found| found.id), expected.as_ref().map(|(id, _)| id.as_str()));
    assert_eq!(found.map(|found| found.by_newest), expected.as_ref().map(|(_, newest)| *newest));
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let (mode, at) = (input.byte(), input.number());
    let letter = input.byte();
    let text = input.text(4096);
    check(text);
    // Signed, and then changed at one place, cut there, or made longer.
    let Ok(id) = SessionId::new(text) else { return };
    let signer = if mode & 1 == 0 { &SIGNERS.new } else { &SIGNERS.old };
    let signed = signer.sign(&id);
    check(&signed);
    assert!(SIGNERS.both.verify(&signed).is_some_and(|found| found.id == text));
    let mut changed = signed.clone().into_bytes();
    let at = changed.len() - 1 - at % changed.len();
    match mode >> 1 & 3 {
        0 => changed[at] = letter,
        1 => drop(changed.remove(at)),
        2 => changed.insert(at, letter),
        _ => changed.truncate(at),
    }
    if let Ok(changed) = String::from_utf8(changed) {
        check(&changed);
    }
});
