//! `Sealer::open`: what opens is what was sealed, under the same name, letter by letter.
#![no_main]

use std::sync::LazyLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use libfuzzer_sys::fuzz_target;
use sessile::{Sealer, Secrets};
use sessile_fuzz::{Input, NEW, OLD};

static SEALERS: LazyLock<[Sealer; 3]> = LazyLock::new(|| {
    [&[NEW, OLD][..], &[NEW], &[OLD]]
        .map(|secrets| Sealer::new(&Secrets::new(secrets.iter().copied()).unwrap()).unwrap())
});

/// What stands around the content: key id, nonce, seal.
const ADDED: usize = 8 + 24 + 16;

fuzz_target!(|bytes: &[u8]| {
    let [both, new, old] = &*SEALERS;
    let mut input = Input::new(bytes);
    let (mode, at, letter) = (input.byte(), input.number(), input.byte());
    let length = usize::from(input.byte());
    let name = input.text(length);
    let content = input.rest();

    // As it comes. Of all texts only those of the seeds may open: nobody else has the key.
    if let Ok(text) = std::str::from_utf8(content)
        && let Some(opened) = both.open(name, text)
    {
        let sealed = Base64UrlUnpadded::decode_vec(&text["v1.".len()..]).unwrap();
        assert_eq!(text["v1.".len()..], Base64UrlUnpadded::encode_string(&sealed));
        assert_eq!(opened.content.len() + ADDED, sealed.len());
        let alone = if opened.by_newest { new } else { old };
        assert_eq!(alone.open(name, text).map(|alone| alone.content), Some(opened.content));
    }

    // Sealed, and then changed at one place, cut there, or made longer.
    let by_newest = mode & 1 == 0;
    let Ok(text) = if by_newest { new } else { old }.seal(name, content) else {
        return assert!(content.len() > Sealer::MAX_BYTES);
    };
    let opened = both.open(name, &text).unwrap();
    assert!(opened.content == content && opened.by_newest == by_newest);
    let mut changed = text.clone().into_bytes();
    let at = at % changed.len();
    match mode >> 1 & 3 {
        0 => changed[at] = letter,
        1 => drop(changed.remove(at)),
        2 => changed.insert(at, letter),
        _ => changed.truncate(at),
    }
    if let Ok(changed) = String::from_utf8(changed)
        && changed != text
    {
        assert_eq!(both.open(name, &changed), None);
    }
    assert_eq!(both.open(&format!("{name}{}", char::from(letter)), &text), None);
});
