//! A strict scanner of JSON for the ordinary record.
//!
//! It accepts a value and writes it as orjson does, or it declines. It never explains: what it
//! declines is done by the Python engine, which alone knows codes and reasons.

use crate::chunks::{Out, end_of_plain};

/// The record is unusual, or bad: it is for Python to judge.
#[derive(Debug, PartialEq, Eq)]
pub struct Declined;

pub type Scan<T> = Result<T, Declined>;

/// What a value is, as far as ids, times and the inputs of rules care.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Null, or not there at all.
    #[default]
    Absent,
    Text,
    /// A text in which a backslash stands for another character.
    EscapedText,
    Integer,
    Float,
    /// A boolean, an object or a list.
    Other,
}

/// An object inside a value with more members is declined: they are compared in pairs.
const MOST_INNER_MEMBERS: usize = 24;

/// A longer integer may be out of the bounds of 64 bits.
const MOST_DIGITS: usize = 18;

/// Reads UTF-8 from its place on.
pub struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// `text` must be UTF-8: it is cut at quotes and backslashes alone.
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    #[inline(always)]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// Step over a byte, if it is the next one behind blanks.
    #[inline(always)]
    pub fn takes(&mut self, wanted: u8) -> bool {
        if self.text.get(self.at) != Some(&wanted) {
            self.space();
            if self.text.get(self.at) != Some(&wanted) {
                return false;
            }
        }
        self.at += 1;
        true
    }

    #[inline(always)]
    pub fn byte(&mut self, wanted: u8) -> Scan<()> {
        if self.takes(wanted) { Ok(()) } else { Err(Declined) }
    }

    /// After a member or an item: whether another one follows.
    #[inline(always)]
    pub fn more(&mut self, end: u8) -> Scan<bool> {
        match self.text.get(self.at) {
            Some(b',') => {
                self.at += 1;
                return Ok(true);
            }
            Some(&next) if next == end => {
                self.at += 1;
                return Ok(false);
            }
            _ => {}
        }
        if self.takes(b',') {
            return Ok(true);
        }
        self.byte(end).map(|()| false)
    }

    /// Nothing but blanks may follow.
    pub fn end(&mut self) -> Scan<()> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(Declined) }
    }

    /// Where it is.
    #[inline(always)]
    pub fn place(&self) -> usize {
        self.at
    }

    /// Read again from a place where it was.
    pub fn go_back(&mut self, place: usize) {
        self.at = place;
    }

    /// What was read since a place.
    #[inline(always)]
    pub fn since(&self, place: usize) -> &'a [u8] {
        &self.text[place..self.at]
    }

    /// Step over a text, if it is the next one.
    #[inline(always)]
    pub fn skips_text(&mut self, wanted: &[u8]) -> bool {
        let is_next = self.text[self.at..].starts_with(wanted);
        self.at += if is_next { wanted.len() } else { 0 };
        is_next
    }

    /// Step over these bytes, if they are the next ones.
    #[inline(always)]
    pub fn skips<const N: usize>(&mut self, wanted: &[u8; N]) -> bool {
        let next = self.text.get(self.at..).and_then(<[u8]>::first_chunk);
        let is_next = next == Some(wanted);
        self.at += if is_next { N } else { 0 };
        is_next
    }

    /// A string without escapes, between its quotes.
    #[inline(always)]
    pub fn plain_string(&mut self) -> Scan<&'a [u8]> {
        self.byte(b'"')?;
        let start = self.at;
        let end = end_of_plain(self.text, start);
        if self.text.get(end) != Some(&b'"') {
            return Err(Declined);
        }
        self.at = end + 1;
        Ok(&self.text[start..end])
    }

    /// The rest of a string without escapes, behind its first quote; written as it is.
    #[inline(always)]
    pub fn plain_rest(&mut self, out: &mut Out) -> Scan<()> {
        let end = out.copy_plain(self.text, self.at);
        if self.text.get(end) != Some(&b'"') {
            return Err(Declined);
        }
        self.at = end + 1;
        Ok(())
    }

    #[inline(always)]
    fn string(&mut self, out: &mut Out) -> Scan<Kind> {
        out.push(b'"');
        let end = out.copy_plain(self.text, self.at + 1);
        if self.text.get(end) == Some(&b'"') {
            self.at = end + 1;
            out.push(b'"');
            return Ok(Kind::Text);
        }
        self.escaped(end, out)
    }

    #[cold]
    fn escaped(&mut self, mut at: usize, out: &mut Out) -> Scan<Kind> {
        loop {
            match self.text.get(at) {
                Some(b'"') => {
                    out.push(b'"');
                    self.at = at + 1;
                    return Ok(Kind::EscapedText);
                }
                Some(b'\\') => at = self.escape(at + 1, out)?,
                _ => return Err(Declined),
            }
            at = out.copy_plain(self.text, at);
        }
    }

    /// What stands behind a backslash; returns where it ends.
    fn escape(&self, at: usize, out: &mut Out) -> Scan<usize> {
        match self.text.get(at) {
            Some(&letter @ (b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                out.copy(&[b'\\', letter]);
                Ok(at + 1)
            }
            Some(b'/') => {
                out.push(b'/');
                Ok(at + 1)
            }
            Some(b'u') => {
                let first = self.hex(at + 1)?;
                let (code, end) = match first {
                    0xd800..0xdc00 => {
                        if self.text.get(at + 5..at + 7) != Some(b"\\u") {
                            return Err(Declined);
                        }
                        let low = self.hex(at + 7)?;
                        if !(0xdc00..0xe000).contains(&low) {
                            return Err(Declined);
                        }
                        (0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00), at + 11)
                    }
                    _ => (first, at + 5),
                };
                // A half of a character is none.
                write_char(char::from_u32(code).ok_or(Declined)?, out);
                Ok(end)
            }
            _ => Err(Declined),
        }
    }

    fn hex(&self, at: usize) -> Scan<u32> {
        let digits = self.text.get(at..at + 4).ok_or(Declined)?;
        digits.iter().try_fold(0, |number, &digit| {
            let digit = char::from(digit).to_digit(16).ok_or(Declined)?;
            Ok(number * 16 + digit)
        })
    }

    /// Where the run of digits ends.
    fn digits(&self, mut at: usize) -> usize {
        while self.text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    }

    fn number(&mut self, out: &mut Out) -> Scan<Kind> {
        let start = self.at;
        let is_negative = self.text[start] == b'-';
        let first = start + usize::from(is_negative);
        let mut end = self.digits(first);
        let count = end - first;
        if count == 0 || (count > 1 && self.text[first] == b'0') {
            return Err(Declined);
        }
        if !matches!(self.text.get(end), Some(b'.' | b'e' | b'E')) {
            // -0 is written otherwise.
            if count > MOST_DIGITS || (is_negative && self.text[first] == b'0') {
                return Err(Declined);
            }
            self.at = end;
            out.copy_part(self.text, start, end);
            return Ok(Kind::Integer);
        }
        if self.text[end] == b'.' {
            end = self.some_digits(end + 1)?;
        }
        if matches!(self.text.get(end), Some(b'e' | b'E')) {
            end += 1;
            end += usize::from(matches!(self.text.get(end), Some(b'+' | b'-')));
            end = self.some_digits(end)?;
        }
        let text = str::from_utf8(&self.text[start..end]).map_err(|_| Declined)?;
        let number: f64 = text.parse().map_err(|_| Declined)?;
        if !number.is_finite() {
            return Err(Declined);
        }
        self.at = end;
        out.copy(zmij::Buffer::new().format_finite(number).as_bytes());
        Ok(Kind::Float)
    }

    fn some_digits(&self, at: usize) -> Scan<usize> {
        let end = self.digits(at);
        if end > at { Ok(end) } else { Err(Declined) }
    }

    /// Any value, written compactly; `room` is how many more levels it may have.
    #[inline(always)]
    pub fn value(&mut self, out: &mut Out, room: usize) -> Scan<Kind> {
        if self.text.get(self.at) == Some(&b'"') {
            return self.string(out);
        }
        self.space();
        match self.text.get(self.at) {
            Some(b'"') => self.string(out),
            Some(b'-' | b'0'..=b'9') => self.number(out),
            Some(b't') => self.word(b"true", Kind::Other, out),
            Some(b'f') => self.word(b"false", Kind::Other, out),
            Some(b'n') => self.word(b"null", Kind::Absent, out),
            Some(b'{') => self.object(out, room),
            Some(b'[') => self.list(out, room),
            _ => Err(Declined),
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind, out: &mut Out) -> Scan<Kind> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Declined);
        }
        self.at += word.len();
        out.copy(word);
        Ok(kind)
    }

    fn list(&mut self, out: &mut Out, room: usize) -> Scan<Kind> {
        let room = room.checked_sub(1).ok_or(Declined)?;
        self.at += 1;
        out.push(b'[');
        if !self.takes(b']') {
            loop {
                self.value(out, room)?;
                if !self.more(b']')? {
                    break;
                }
                out.push(b',');
            }
        }
        out.push(b']');
        Ok(Kind::Other)
    }

    fn object(&mut self, out: &mut Out, room: usize) -> Scan<Kind> {
        let room = room.checked_sub(1).ok_or(Declined)?;
        self.at += 1;
        out.push(b'{');
        if !self.takes(b'}') {
            let mut names: [&[u8]; MOST_INNER_MEMBERS] = [b""; MOST_INNER_MEMBERS];
            let mut count = 0;
            loop {
                let name = self.plain_string()?;
                // Of two members with one name the last wins, in the place of the first.
                if count == MOST_INNER_MEMBERS || names[..count].contains(&name) {
                    return Err(Declined);
                }
                names[count] = name;
                count += 1;
                self.byte(b':')?;
                out.push(b'"');
                out.copy(name);
                out.copy(b"\":");
                self.value(out, room)?;
                if !self.more(b'}')? {
                    break;
                }
                out.push(b',');
            }
        }
        out.push(b'}');
        Ok(Kind::Other)
    }
}

/// One character inside a JSON string, as orjson writes it.
pub fn write_char(c: char, out: &mut Out) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match c {
        '"' => out.copy(b"\\\""),
        '\\' => out.copy(b"\\\\"),
        '\u{8}' => out.copy(b"\\b"),
        '\u{c}' => out.copy(b"\\f"),
        '\n' => out.copy(b"\\n"),
        '\r' => out.copy(b"\\r"),
        '\t' => out.copy(b"\\t"),
        '\0'..='\u{1f}' => {
            let byte = c as usize;
            out.copy(b"\\u00");
            out.copy(&[HEX[byte >> 4], HEX[byte & 15]]);
        }
        _ => out.copy(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// The text of a JSON string that was written here: between its quotes, without escapes.
pub fn unescape(encoded: &[u8], out: &mut Vec<u8>) {
    let hex = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
    let mut at = 1;
    while at + 1 < encoded.len() {
        if encoded[at] != b'\\' {
            out.push(encoded[at]);
            at += 1;
            continue;
        }
        let letter = encoded[at + 1];
        at += 2;
        out.push(match letter {
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                at += 4;
                hex(encoded[at - 2]) * 16 + hex(encoded[at - 1])
            }
            other => other,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &str, room: usize) -> Scan<(String, Kind)> {
        let mut scanner = Scanner::new(text.as_bytes());
        let mut out = Out::default();
        let kind = scanner.value(&mut out, room)?;
        scanner.end()?;
        Ok((String::from_utf8(out.as_slice().to_vec()).expect("UTF-8 goes in"), kind))
    }

    fn accepts(text: &str, written: &str, kind: Kind) {
        assert_eq!(scanned(text, 9), Ok((written.to_owned(), kind)), "{text}");
    }

    fn declines(text: &str) {
        assert_eq!(scanned(text, 9), Err(Declined), "{text}");
    }

    #[test]
    fn texts_are_written_as_they_are_or_by_their_characters() {
        accepts(r#""plain é 😀""#, r#""plain é 😀""#, Kind::Text);
        accepts(r#""a\u0041\/""#, r#""aA/""#, Kind::EscapedText);
        accepts(r#""\ud83d\ude00""#, r#""😀""#, Kind::EscapedText);
        accepts(r#""\u0000\u001F\u0022\u005c""#, r#""\u0000\u001f\"\\""#, Kind::EscapedText);
        accepts(r#""\b\f\n\r\t\"\\""#, r#""\b\f\n\r\t\"\\""#, Kind::EscapedText);
        accepts("\"0123456789abcdef\u{7f}\"", "\"0123456789abcdef\u{7f}\"", Kind::Text);
    }

    #[test]
    fn texts_that_are_none_are_declined() {
        for text in [
            r#"""#,
            r#""\"#,
            r#""\x""#,
            r#""\u12""#,
            r#""\ud800""#,
            r#""\ud800\u0041""#,
            r#""\udc00""#,
            r#""\ud800\ud800""#,
            "\"\n\"",
            "\"12345678\u{1f}\"",
        ] {
            declines(text);
        }
    }

    #[test]
    fn numbers_are_written_as_orjson_does() {
        accepts("0", "0", Kind::Integer);
        accepts("-12", "-12", Kind::Integer);
        accepts("123456789012345678", "123456789012345678", Kind::Integer);
        accepts("1.0", "1.0", Kind::Float);
        accepts("-0.0", "-0.0", Kind::Float);
        accepts("1E2", "100.0", Kind::Float);
        accepts("1e16", "1e+16", Kind::Float);
        accepts("5e-324", "5e-324", Kind::Float);
    }

    #[test]
    fn numbers_that_are_none_or_may_lose_digits_are_declined() {
        for text in [
            "-",
            "01",
            "-01",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "-0",
            "1e400",
            "NaN",
            "Infinity",
            "1234567890123456789",
            "0x1",
            "1 2",
        ] {
            declines(text);
        }
    }

    #[test]
    fn objects_and_lists_are_written_compactly() {
        accepts(
            " { \"a\" : [ 1 , true , { } ] , \"b\":null } ",
            r#"{"a":[1,true,{}],"b":null}"#,
            Kind::Other,
        );
        accepts("[ ]", "[]", Kind::Other);
        accepts("null", "null", Kind::Absent);
    }

    #[test]
    fn objects_and_lists_that_are_unusual_are_declined() {
        for text in [
            "",
            "[",
            "[1",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{1:2}",
            "nul",
            "{\"a\":1,\"a\":2}",
            "{\"\\u0061\":1}",
            "True",
            "[1}",
        ] {
            declines(text);
        }
        let many: Vec<String> = (0..=MOST_INNER_MEMBERS).map(|n| format!("\"{n}\":0")).collect();
        declines(&format!("{{{}}}", many.join(",")));
    }

    #[test]
    fn a_value_has_as_many_levels_as_there_is_room_for() {
        assert!(scanned("[[{}]]", 3).is_ok());
        assert_eq!(scanned("[[{}]]", 2), Err(Declined));
    }

    #[test]
    fn a_written_text_is_read_again() {
        let text: String = ('\0'..='\u{ff}').chain(['\u{2028}', '😀']).collect();
        let mut encoded = Out::default();
        encoded.push(b'"');
        text.chars().for_each(|c| write_char(c, &mut encoded));
        encoded.push(b'"');
        let mut read = Vec::new();
        unescape(encoded.as_slice(), &mut read);
        assert_eq!(read, text.as_bytes());
    }
}
