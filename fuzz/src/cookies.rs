//! A `Cookie` header as RFC 6265bis has it (4.2.1, and 5.6 for what a browser strips), read byte by byte by nothing of the
//! crate's own.

/// So many of one name are looked at.
const MOST: usize = 16;

/// The values of the cookies of a name, in their order, each without its quotes and escapes.
pub fn cookie_values(header: &[u8], name: &str) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    for pair in header.split(|byte| *byte == b';') {
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
        if stripped(&pair[..equals]) == name.as_bytes() {
            values.push(plain(stripped(&pair[equals + 1..])));
        }
    }
    values.truncate(MOST);
    values
}

/// Without spaces and tabs, and nothing else, on both sides.
fn stripped(mut part: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = part {
        part = rest;
    }
    part
}

/// As it is, where an escape is none or what it makes is not Unicode.
fn plain(value: &[u8]) -> Vec<u8> {
    let bare = match value {
        [b'"', bare @ .., b'"'] => bare,
        other => other,
    };
    match unescaped(bare) {
        Some(plain) if std::str::from_utf8(&plain).is_ok() => plain,
        _ => bare.to_vec(),
    }
}

fn unescaped(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    while let [first, behind @ ..] = rest {
        rest = behind;
        plain.push(*first);
        if *first == b'%' {
            let [high, low, behind @ ..] = rest else { return None };
            *plain.last_mut()? = digit(*high)? << 4 | digit(*low)?;
            rest = behind;
        }
    }
    Some(plain)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
