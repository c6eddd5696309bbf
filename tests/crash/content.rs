//! Contents of which each byte can be told, as `writer.mjs` makes them.

use sessile::SessionInfo;

/// A content that begins with these words and goes on for a length.
pub(crate) fn content(words: &str, length: usize, random: &mut Random) -> Vec<u8> {
    let from = u32::try_from(random.below(u64::from(u32::MAX)) + 1).unwrap();
    let mut bytes = format!("{words} {from} {length}\n").into_bytes();
    bytes.extend(fill(from).take(length));
    bytes
}

/// What a content says of itself, or that it is not as it was written.
pub(crate) fn check(bytes: &[u8], info: &SessionInfo) -> String {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let head = String::from_utf8_lossy(&bytes[..end]);
    let words: Vec<&str> = head.split(' ').collect();
    let [id, attempt, number, previous, tags, from, length] = words[..] else {
        return format!("torn no-header {}", info.revision);
    };
    let rest = &bytes[end + 1..];
    if rest.len().to_string() != length {
        return format!("torn {}-of-{length}-bytes {attempt}", rest.len());
    }
    if let Some(at) = fill(from.parse().unwrap_or(1)).zip(rest).position(|(expected, own)| expected != *own) {
        return format!("torn at-{at}-of-{length} {attempt}");
    }
    if info.byte_length != Some(bytes.len() as u64) {
        return format!("torn info-says-{:?}-bytes {attempt}", info.byte_length);
    }
    let own_tags = info.tags.iter().collect::<Vec<_>>().join("+");
    let expires = info.expires_at.map_or(0, sessile::Timestamp::as_millis);
    format!("ok {} {id} {attempt} {number} {previous} {tags} {own_tags} {expires}", info.revision)
}

fn fill(from: u32) -> impl Iterator<Item = u8> {
    let mut word = from;
    std::iter::repeat_with(move || {
        word ^= word << 13;
        word ^= word >> 17;
        word ^= word << 5;
        word.to_le_bytes()[0]
    })
}

/// Numbers that look random, the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    pub(crate) fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }
}
