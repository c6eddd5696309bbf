//! What a client holds: signed ids and sealed contents.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sessile::{ErrorKind, Opened, Sealer, Secrets, SessionId, Signer};

const OLD: &str = "the older secret, of 32 or more bytes";
const NEW: &str = "the newest secret, of 32 or more bytes";

fn signer(secrets: &[&str]) -> Signer {
    Signer::new(&Secrets::new(secrets.iter().copied()).unwrap()).unwrap()
}

fn sealer(secrets: &[&str]) -> Sealer {
    Sealer::new(&Secrets::new(secrets.iter().copied()).unwrap()).unwrap()
}

/// The id, and whether the newest secret has signed it.
fn verified(signer: &Signer, text: &str) -> Option<(String, bool)> {
    signer.verify(text).map(|found| (found.id.to_owned(), found.by_newest))
}

/// Made with the npm package `cookie-signature` 1.2.2: secret, id, `"s:" + sign(id, secret)`.
const SIGNED: [(&str, &str, &str); 6] = [
    (
        "keyboard cat",
        "5L3LNkWHzAcSQDvWbeVzjKnCSx6UkP7b",
        "s:5L3LNkWHzAcSQDvWbeVzjKnCSx6UkP7b.KYnpNP2xr1D6brEG6VnfSnM1M0965FtFPiKTaDtfmuU",
    ),
    (
        "keyboard cat",
        "with.dots.and spaces",
        "s:with.dots.and spaces.DCbnl2igfWRn/wpvI/eC+iUYfgHoBLoHny9pwpGM9hk",
    ),
    ("clé secrète", "é🦀", "s:é🦀.S9Ya8hfjAo8s9hRt0w3Y0EvWMnkjwMWD0tjhWrm87Gk"),
    (
        "a secret that is much longer than one block of sixty-four bytes, so that HMAC hashes it first",
        "x",
        "s:x.sfDaQPWRyE5FiE/XLubfYP17AUokqRzswLNi/X0WeHs",
    ),
    ("s", "s:nested.sig", "s:s:nested.sig.A6pgoe9JWGuB7xZJJiSwsUsu7Kgtv6E3v37w0hnluXE"),
    (
        "newest",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "s:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.6HmQNkri/TznMP6vBxRPV373VBZK7bOgy9no1A8Zip8",
    ),
];

#[test]
fn signatures_are_those_of_cookie_signature() {
    for (secret, id, text) in SIGNED {
        let signer = signer(&[secret]);
        assert_eq!(signer.sign(&SessionId::new(id).unwrap()), text);
        assert_eq!(verified(&signer, text), Some((id.to_owned(), true)));
    }
    let longest = "i".repeat(SessionId::MAX_BYTES);
    let text = format!("s:{longest}.+DPAXviDTk/VQ0MyD6LNtYi68T3cNLKkMn8PTDDMNUg");
    assert_eq!(text.len(), Signer::MAX_BYTES);
    assert_eq!(signer(&["keyboard cat"]).sign(&SessionId::new(longest.as_str()).unwrap()), text);
    assert_eq!(verified(&signer(&["keyboard cat"]), &text), Some((longest, true)));
}

#[test]
fn the_first_secret_signs_and_all_verify() {
    let id = SessionId::new("id").unwrap();
    let (old, both, new) = (signer(&[OLD]), signer(&[NEW, OLD]), signer(&[NEW]));
    let (by_old, by_new) = (old.sign(&id), new.sign(&id));
    assert_eq!(both.sign(&id), by_new);
    assert_eq!(verified(&both, &by_new), Some(("id".into(), true)));
    assert_eq!(verified(&both, &by_old), Some(("id".into(), false)));
    assert_eq!(verified(&new, &by_old), None);
    let many: Vec<_> = (0..20).map(|number| number.to_string()).chain([OLD.into()]).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(verified(&signer(&many), &by_old), Some(("id".into(), false)));
}

#[test]
fn every_changed_bit_and_every_cut_of_a_signed_id_is_found() {
    let signer = signer(&[NEW, OLD]);
    for secret in [OLD, NEW] {
        let text = self::signer(&[secret]).sign(&SessionId::new("an.id").unwrap());
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Ok(changed) = String::from_utf8(changed) {
                assert_eq!(signer.verify(&changed), None, "bit {bit}");
            }
        }
        for at in 0..text.len() {
            assert_eq!(signer.verify(&text[..at]), None, "cut before {at}");
            assert_eq!(signer.verify(&text[at + 1..]), None, "cut behind {at}");
        }
        for more in ["", " ", "=", ".", "A", "\0"] {
            let longer = [format!("{text}{more}"), format!("{more}{text}")];
            for longer in longer.iter().filter(|longer| **longer != text) {
                assert_eq!(signer.verify(longer), None, "{more:?} more");
            }
        }
    }
}

/// Of the last letter of a signature only four bits count: each signature would have four texts.
#[test]
fn a_signature_has_one_text_alone() {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
    let signer = signer(&[NEW]);
    let text = signer.sign(&SessionId::new("id").unwrap());
    let (start, last) = text.split_at(text.len() - 1);
    for letter in letters.chars().filter(|letter| !last.contains(*letter)) {
        assert_eq!(signer.verify(&format!("{start}{letter}")), None, "{letter}");
    }
}

#[test]
fn what_is_no_signed_id_is_refused() {
    let signer = signer(&["secret"]);
    let good = signer.sign(&SessionId::new("id").unwrap());
    let (bare, signature) = (&good[2..], good.rsplit_once('.').unwrap().1);
    let too_long = format!("s:{}.{signature}", "i".repeat(SessionId::MAX_BYTES + 1));
    for text in ["", "s:", ".", "s:.", bare, signature, &format!("s:.{signature}"), &format!("S:{bare}")] {
        assert_eq!(signer.verify(text), None, "{text}");
    }
    assert_eq!(signer.verify(&too_long), None);
    assert_eq!(signer.verify(&"s:a.".repeat(1 << 20)), None);
    // No id is empty, though its signature is right: that of `cookie-signature` for this secret.
    let empty = "s:.+eZuF5tnR65UEI+C+K3os8Jddv0wr95sOVgixTAZYWk";
    assert_eq!(signer.verify(empty), None);
}

#[test]
fn secrets_that_are_none_are_refused() {
    let kind = |secrets: Vec<&str>| Secrets::new(secrets).err().map(|error| error.kind());
    assert_eq!(kind(vec![]), Some(ErrorKind::InvalidOption));
    assert_eq!(kind(vec![""]), Some(ErrorKind::InvalidOption));
    assert_eq!(kind(vec![NEW, ""]), Some(ErrorKind::InvalidOption));
    assert_eq!(kind(vec!["s"]), None);
    for short in [vec!["s"], vec![NEW, "s"], vec!["31 bytes, which is one too few.", NEW]] {
        let refused = Sealer::new(&Secrets::new(short).unwrap()).err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::InvalidOption));
    }
    assert!(Sealer::new(&Secrets::new([[7; Secrets::MIN_SEALING_BYTES]]).unwrap()).is_ok());
}

#[test]
fn secrets_and_contents_show_in_no_debug_and_no_error() {
    let secrets = Secrets::new([NEW]).unwrap();
    let (signer, sealer) = (signer(&[NEW]), sealer(&[NEW]));
    let text = signer.sign(&SessionId::new("the id").unwrap());
    let opened = sealer.open("name", &sealer.seal("name", b"private words").unwrap());
    let shown = format!("{secrets:?} {signer:?} {sealer:?} {:?} {opened:?}", signer.verify(&text));
    let short = Sealer::new(&Secrets::new(["short secret"]).unwrap()).unwrap_err();
    let large = sealer.seal("name", &vec![b'c'; Sealer::MAX_BYTES + 1]).unwrap_err();
    let shown = format!("{shown} {short:?} {short} {large:?} {large}");
    for hidden in ["newest secret", "the id", "private words", "112, 114, 105", "short secret", "cccc"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

/// Made by another implementation (libsodium, through `PyNaCl`): the nonce counts from 0 to 23.
const SEALED: &str =
    "v1.43d2vNzT-JMAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhdQ5z6pUpxJDIudzRnbscfsfcW-mGamrFeD8xX8TYQGMBYL2g";

#[test]
fn sealed_texts_are_those_of_another_implementation() {
    let opened = sealer(&[NEW]).open("__Host-user", SEALED);
    assert_eq!(opened, Some(Opened { content: b"a session's content".to_vec(), by_newest: true }));
    let text = sealer(&[NEW]).seal("__Host-user", b"a session's content").unwrap();
    assert_eq!(text.len(), SEALED.len());
    // The same key's name; then everything differs.
    assert_eq!(text[..13], SEALED[..13]);
}

#[test]
fn the_first_secret_seals_and_all_open() {
    let (old, both, new) = (sealer(&[OLD]), sealer(&[NEW, OLD]), sealer(&[NEW]));
    let by_old = old.seal("name", b"content").unwrap();
    let content = b"content".to_vec();
    assert_eq!(both.open("name", &by_old), Some(Opened { content: content.clone(), by_newest: false }));
    assert_eq!(new.open("name", &by_old), None);
    let by_both = both.seal("name", b"content").unwrap();
    assert_eq!(new.open("name", &by_both), Some(Opened { content, by_newest: true }));
    assert_eq!(old.open("name", &by_both), None);
}

#[test]
fn a_sealed_text_of_one_name_is_none_of_another() {
    let sealer = sealer(&[NEW]);
    for name in ["", "user", "__Host-user", "é"] {
        let text = sealer.seal(name, b"content").unwrap();
        for other in ["", "use", "user", "users", "__Host-user", "é", "user\0"] {
            assert_eq!(sealer.open(other, &text).is_some(), other == name, "{name:?} as {other:?}");
        }
    }
}

#[test]
fn every_changed_letter_and_every_cut_of_a_sealed_text_is_found() {
    let sealer = sealer(&[NEW, OLD]);
    for content in [&b""[..], b"c", b"co", b"a session's content"] {
        let text = sealer.seal("name", content).unwrap();
        for at in 0..text.len() {
            for letter in ['A', 'B', '-', '_', '=', '+', '.', ' ', '1'] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, &letter.to_string());
                assert!(changed == text || sealer.open("name", &changed).is_none(), "{letter} at {at}");
            }
            for cut in [&text[..at], &text[at + 1..], &format!("{}{}", &text[..at], &text[at + 1..])] {
                assert_eq!(sealer.open("name", cut), None, "cut at {at}");
            }
        }
        for longer in [format!("{text}A"), format!("{text}="), format!(" {text}"), format!("{text}{text}")] {
            assert_eq!(sealer.open("name", &longer), None);
        }
    }
}

#[test]
fn no_two_sealed_texts_are_the_same() {
    let sealer = sealer(&[NEW]);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1_000 {
        // Behind the key's name.
        let text = sealer.seal("name", b"content").unwrap();
        assert!(seen.insert(text[14..46].to_owned()), "a nonce came twice");
    }
}

#[test]
fn what_is_too_long_is_not_sealed_and_not_looked_at() {
    let sealer = sealer(&[NEW]);
    for length in Sealer::MAX_BYTES - 3..=Sealer::MAX_BYTES {
        let most = vec![7; length];
        let text = sealer.seal("name", &most).unwrap();
        assert!(sealer.open("name", &text).is_some_and(|opened| opened.content == most));
    }
    let more = sealer.seal("name", &vec![7; Sealer::MAX_BYTES + 1]).err().map(|error| error.kind());
    assert_eq!(more, Some(ErrorKind::TooLarge));
    assert_eq!(sealer.open("name", &format!("v1.{}", "A".repeat(64 << 20))), None);
}

/// Texts that are nearly right.
fn ticket() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "s:[a-z.]{0,50}\\.[A-Za-z0-9+/=]{40,46}",
        "v1\\.[A-Za-z0-9_=-]{0,200}",
        "[s:v1.]{0,8}[ -~]{0,80}",
    ]
}

proptest! {
    #[test]
    fn any_id_comes_back(id in any::<String>(), secret in any::<Vec<u8>>()) {
        prop_assume!(!secret.is_empty());
        let Ok(id) = SessionId::new(id) else { return Ok(()) };
        let signer = Signer::new(&Secrets::new([secret]).unwrap()).unwrap();
        let text = signer.sign(&id);
        prop_assert_eq!(verified(&signer, &text), Some((id.as_str().to_owned(), true)));
    }

    #[test]
    fn any_content_comes_back(content in any::<Vec<u8>>(), name in any::<String>()) {
        let sealer = sealer(&[NEW]);
        let text = sealer.seal(&name, &content).unwrap();
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
        prop_assert_eq!(sealer.open(&name, &text), Some(Opened { content, by_newest: true }));
    }

    #[test]
    fn what_nobody_signed_or_sealed_is_refused(text in ticket()) {
        prop_assert_eq!(signer(&[NEW, OLD]).verify(&text), None);
        prop_assert_eq!(sealer(&[NEW, OLD]).open("name", &text), None);
    }
}
