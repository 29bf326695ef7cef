//! Sixteen bytes at a time: where a plain text ends, without unsafe code.

/// So many bytes.
pub const CHUNK: usize = 16;

/// The bytes from a place on; behind the end of the text they are zero.
#[inline(always)]
pub fn chunk_at(text: &[u8], at: usize) -> u128 {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(chunk) => u128::from_le_bytes(*chunk),
        None => few(rest),
    }
}

/// Fewer bytes than a chunk has, by two words that may overlap.
#[inline(always)]
fn few(text: &[u8]) -> u128 {
    let count = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let last = u128::from(u64::from_le_bytes(*last)) << (8 * count - 64);
        return u128::from(u64::from_le_bytes(*first)) | last;
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * count - 32);
        return u128::from(u64::from(u32::from_le_bytes(*first)) | last);
    }
    text.iter().rev().fold(0, |word, &byte| word << 8 | u128::from(byte))
}

/// The place of the first quote, backslash or control character; that of the end if none is there.
#[inline(always)]
pub fn first_special(chunk: u128) -> usize {
    // Most texts are short.
    match specials(chunk as u64) {
        0 => 8 + specials((chunk >> 64) as u64).trailing_zeros() as usize / 8,
        found => found.trailing_zeros() as usize / 8,
    }
}

/// The lowest bit that is set is the highest one of the first such byte.
#[inline(always)]
fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    // With one bit turned over, a quote follows the control characters, and a space does not. Of
    // each test the lowest bit that is set is right; those above it may not be.
    let quote_or_control = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    // A byte above 127 is none of them.
    (quote_or_control | backslash) & !word & HIGH
}

/// Where the plain characters from a place on end: at a quote, a backslash, a control character or
/// the end of the text.
#[inline(always)]
pub fn end_of_plain(text: &[u8], mut at: usize) -> usize {
    loop {
        let found = first_special(chunk_at(text, at));
        at += found;
        if found < CHUNK {
            return at;
        }
    }
}

/// Bytes that are written one behind the other.
///
/// There is room for a chunk behind them, so that a short text is copied as a whole chunk.
#[derive(Default)]
pub struct Out {
    bytes: Vec<u8>,
    length: usize,
}

impl Out {
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.length
    }

    #[inline(always)]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// How many bytes it holds on to.
    pub fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Make room for so many bytes more.
    pub fn reserve(&mut self, more: usize) {
        let wanted = self.length + more + CHUNK;
        if wanted > self.bytes.len() {
            self.bytes.resize(wanted.max(2 * self.bytes.len()), 0);
        }
    }

    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    #[inline(always)]
    pub fn push(&mut self, byte: u8) {
        if self.length == self.bytes.len() {
            self.grow();
        }
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// Append the first bytes of a chunk.
    #[inline(always)]
    pub fn put(&mut self, chunk: u128, count: usize) {
        if self.bytes.len() - self.length < CHUNK {
            self.grow();
        }
        self.bytes[self.length..][..CHUNK].copy_from_slice(&chunk.to_le_bytes());
        self.length += count;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.bytes.resize(2 * self.bytes.len() + 8 * CHUNK, 0);
    }

    /// Append a text; made for short ones.
    #[inline(always)]
    pub fn copy(&mut self, text: &[u8]) {
        self.copy_part(text, 0, text.len());
    }

    /// Append a text of any length.
    pub fn extend(&mut self, text: &[u8]) {
        self.reserve(text.len());
        self.bytes[self.length..][..text.len()].copy_from_slice(text);
        self.length += text.len();
    }

    /// Append a part of a text, by chunks that reach beyond it.
    #[inline(always)]
    pub fn copy_part(&mut self, text: &[u8], mut start: usize, end: usize) {
        while start < end {
            let count = (end - start).min(CHUNK);
            self.put(chunk_at(text, start), count);
            start += count;
        }
    }

    #[inline(always)]
    pub fn put_padded(&mut self, text: &Padded) {
        let end = self.length + text.length;
        text.chunks.iter().for_each(|chunk| self.put(*chunk, CHUNK));
        self.length = end;
    }

    /// Write over a byte.
    pub fn set(&mut self, at: usize, byte: u8) {
        self.bytes[at] = byte;
    }

    /// Append plain characters from a place on; returns where they end, as `end_of_plain` does.
    #[inline(always)]
    pub fn copy_plain(&mut self, text: &[u8], at: usize) -> usize {
        let (chunks, _) = text.get(at..).unwrap_or_default().as_chunks();
        let (slots, _) = self.bytes[self.length..].as_chunks_mut();
        let mut count = 0;
        for (slot, chunk) in slots.iter_mut().zip(chunks) {
            *slot = *chunk;
            let found = first_special(u128::from_le_bytes(*chunk));
            count += found;
            if found < CHUNK {
                self.length += count;
                return at + count;
            }
        }
        self.length += count;
        self.copy_last(text, at + count)
    }

    /// The same where text or room may end within a chunk.
    #[inline(never)]
    fn copy_last(&mut self, text: &[u8], mut at: usize) -> usize {
        loop {
            let chunk = chunk_at(text, at);
            let found = first_special(chunk);
            self.put(chunk, found);
            at += found;
            if found < CHUNK {
                return at;
            }
        }
    }
}

/// A text that is appended often, with what fills its last chunk.
pub struct Padded {
    chunks: Box<[u128]>,
    length: usize,
}

impl Padded {
    pub fn new(text: &[u8]) -> Self {
        let chunks = text.chunks(CHUNK).map(|chunk| chunk_at(chunk, 0)).collect();
        Self { chunks, length: text.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_the_bytes_from_a_place_on() {
        let text: Vec<u8> = (1..=40).collect();
        for length in 0..=40 {
            for at in 0..=42 {
                let mut expected = [0; CHUNK];
                let rest = text[..length].get(at..).unwrap_or_default();
                let count = rest.len().min(CHUNK);
                expected[..count].copy_from_slice(&rest[..count]);
                assert_eq!(chunk_at(&text[..length], at).to_le_bytes(), expected, "{length} {at}");
            }
        }
    }

    #[test]
    fn a_plain_text_ends_at_what_is_special_wherever_it_stands() {
        for length in 0..40 {
            for place in 0..length {
                for byte in 0..=255 {
                    let mut text = vec![b'~'; length];
                    text[place] = byte;
                    let is_special = byte < 0x20 || byte == b'"' || byte == b'\\';
                    let end = if is_special { place } else { length };
                    assert_eq!(end_of_plain(&text, 0), end, "{byte} at {place} of {length}");
                    let mut out = Out::default();
                    assert_eq!(out.copy_plain(&text, 0), end);
                    assert_eq!(out.as_slice(), &text[..end]);
                }
            }
            assert_eq!(end_of_plain(&vec![b'~'; length], length), length);
        }
        assert_eq!(end_of_plain(b"\"\"a\x1f", 2), 3);
    }

    #[test]
    fn what_is_written_is_what_came() {
        let text: Vec<u8> = (0..=99).collect();
        let mut out = Out::default();
        let mut expected = Vec::new();
        for start in 0..100 {
            for end in start..100 {
                out.copy_part(&text, start, end);
                out.copy(&text[start..end]);
                expected.extend_from_slice(&text[start..end]);
                expected.extend_from_slice(&text[start..end]);
                out.push(7);
                expected.push(7);
            }
        }
        assert_eq!(out.as_slice(), expected);
        out.truncate(3);
        out.truncate(5);
        out.reserve(1);
        assert_eq!(out.as_slice(), &expected[..3]);
    }
}
