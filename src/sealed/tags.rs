//! Tags that a storage can find and nobody can read.
//!
//! The same tag is always sealed to the same text, so that the delegate keeps, replaces and finds tags as ever, and nothing
//! has to be read before it is written. Its nonce is a keyed hash of the tag; two tags never share one.

use base64ct::{Base64UrlUnpadded, Encoding};

use super::corrupt;
use crate::{
    error::{Error, ErrorKind},
    session::Tags,
    ticket::{Derivation, MacKey, NONCE, SealingKey, SealingKeys},
};

/// Where a sealed tag that is longer than a tag may be was cut in two: at the end of the first part, and at the start of
/// the second. No sealed tag has it.
const CUT: char = '+';

/// For each secret, newest first.
pub(super) struct TagKeys {
    keys: SealingKeys,
    nonces: Vec<MacKey>,
}

impl TagKeys {
    pub(super) fn derive(secrets: &[Derivation]) -> Result<Self, Error> {
        let nonces = secrets.iter().map(|secret| MacKey::new(&*secret.key::<32>(b"sessile tag nonce v1")));
        let nonces = nonces.collect::<Result<_, _>>()?;
        Ok(Self { keys: SealingKeys::derive(secrets, b"sessile tag v1")?, nonces })
    }

    /// Whether there are older secrets.
    pub(super) fn are_many(&self) -> bool {
        self.nonces.len() > 1
    }

    /// The tags as the delegate keeps them, by the newest key.
    pub(super) fn seal(&self, tags: &Tags) -> Result<Tags, Error> {
        let mut sealed = Vec::new();
        for tag in tags.iter() {
            let (first, second) = parts(seal(self.keys.newest(), &self.nonces[0], tag)?);
            sealed.push(first);
            sealed.extend(second);
        }
        if sealed.len() > Tags::MAX_COUNT {
            return Err(Error::new(
                ErrorKind::InvalidOption,
                "a session has more than 64 tags, of which a sealed storage counts those of more than 720 bytes twice",
            ));
        }
        Tags::new(sealed)
    }

    /// What was sealed, and whether all of it by the newest key.
    pub(super) fn open(&self, sealed: &Tags) -> Result<(Tags, bool), Error> {
        let mut tags = Vec::new();
        let mut all_by_newest = true;
        let mut texts = sealed.iter();
        while let Some(text) = texts.next() {
            let bytes = match text.strip_suffix(CUT) {
                None => Base64UrlUnpadded::decode_vec(text),
                Some(first) => {
                    let second = texts.next().and_then(|second| second.strip_prefix(CUT));
                    Base64UrlUnpadded::decode_vec(&[first, second.ok_or_else(corrupt)?].concat())
                }
            };
            let bytes = bytes.map_err(|_| corrupt())?;
            let (tag, by_newest) = self.keys.open(b"", &bytes).ok_or_else(corrupt)?;
            tags.push(String::from_utf8(tag).map_err(|_| corrupt())?);
            all_by_newest &= by_newest;
        }
        Ok((Tags::new(tags).map_err(|_| corrupt())?, all_by_newest))
    }

    /// The texts by which the delegate finds a tag, oldest key first: a session whose tags are sealed anew meanwhile moves
    /// from an older one to the newest, which is asked for last.
    pub(super) fn names_of(&self, tag: &str) -> Result<Vec<String>, Error> {
        let keys = self.keys.iter().zip(&self.nonces);
        let names = keys.map(|(key, nonces)| Ok(parts(seal(key, nonces, tag)?).0));
        let mut names: Vec<_> = names.collect::<Result<_, Error>>()?;
        names.reverse();
        Ok(names)
    }
}

fn seal(key: &SealingKey, nonces: &MacKey, tag: &str) -> Result<String, Error> {
    let hash = nonces.code(tag.as_bytes()).into_bytes();
    let mut nonce = [0; NONCE];
    nonce.copy_from_slice(&hash[..NONCE]);
    Ok(Base64UrlUnpadded::encode_string(&key.seal(&nonce, b"", tag.as_bytes())?))
}

/// A sealed tag in one part, or in two where it is too long. The first tells the nonce and so is of this tag alone.
fn parts(mut sealed: String) -> (String, Option<String>) {
    if sealed.len() <= Tags::MAX_BYTES {
        return (sealed, None);
    }
    let second = format!("{CUT}{}", sealed.split_off(Tags::MAX_BYTES - 1));
    sealed.push(CUT);
    (sealed, Some(second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::Secrets;

    fn keys() -> Result<TagKeys, Error> {
        TagKeys::derive(&Secrets::new(["the newest secret, of 32 or more bytes"])?.derivations()?)
    }

    /// Made by another implementation (libsodium, through `PyNaCl`).
    #[test]
    fn the_format_is_that_of_version_1() -> Result<(), Error> {
        let keys = keys()?;
        let tags = Tags::new(["user:17".to_owned(), "t".repeat(1_024)])?;
        let sealed = keys.seal(&tags)?;
        let texts: Vec<_> = sealed.iter().collect();
        assert_eq!(texts[0], "qD-MXp7i6aD5DQKufxh32-6ejA0MpToA_H4m9749SHqeM77wHx25z2giV-eDUz_4p7mpVkdMEw");
        assert_eq!(texts[1].len(), Tags::MAX_BYTES);
        assert!(texts[1].starts_with("qD-MXp7i6aAHejp-9TPf4FFDkwymQz0v") && texts[1].ends_with(CUT));
        assert!(texts[2].starts_with(CUT) && texts[2].ends_with("hyX5_F3fAgt0wOlRfg"));
        assert_eq!(texts.len(), 3);
        assert_eq!(keys.open(&sealed)?, (tags, true));
        Ok(())
    }

    #[test]
    fn a_tag_of_720_bytes_is_the_longest_that_counts_once() -> Result<(), Error> {
        let keys = keys()?;
        for (length, count) in [(1, 1), (719, 1), (720, 1), (721, 2), (1_024, 2)] {
            let tags = Tags::new(["t".repeat(length)])?;
            let sealed = keys.seal(&tags)?;
            assert_eq!(sealed.iter().count(), count, "{length} bytes");
            assert_eq!(keys.open(&sealed)?, (tags, true), "{length} bytes");
        }
        let many = |count: usize| Tags::new((0..count).map(|number| format!("{number:01000}")));
        assert!(keys.seal(&many(32)?).is_ok());
        let refused = keys.seal(&many(33)?).err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::InvalidOption));
        Ok(())
    }

    #[test]
    fn tags_that_nobody_sealed_are_damage() -> Result<(), Error> {
        let keys = keys()?;
        let sealed = keys.seal(&Tags::new(["user:17".to_owned(), "t".repeat(1_024)])?)?;
        let texts: Vec<_> = sealed.iter().map(str::to_owned).collect();
        let mut damaged = vec![
            vec!["user:17".to_owned()],
            vec![texts[0][1..].to_owned()],
            vec![texts[1].clone()],
            vec![texts[2].clone()],
            vec![texts[2].clone(), texts[1].clone()],
            vec![texts[1].clone(), texts[0].clone(), texts[2].clone()],
        ];
        for at in 0..texts[0].len() {
            let mut changed = texts[0].clone();
            changed.replace_range(at..=at, if texts[0].as_bytes()[at] == b'A' { "B" } else { "A" });
            damaged.push(vec![changed]);
        }
        for texts in damaged {
            let opened = keys.open(&Tags::new(texts.clone())?).err().map(|error| error.kind());
            assert_eq!(opened, Some(ErrorKind::Corrupt), "{texts:?}");
        }
        Ok(())
    }
}
