//! A strict scanner of JSON for the ordinary record.
//!
//! It accepts a value and writes it as orjson does, or it declines. It never explains: what it
//! declines is done by the Python engine, which alone knows codes and reasons.

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
#[derive(Clone)]
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

    /// Where the run of plain characters ends: at a quote, a backslash or a control character.
    #[inline(always)]
    fn plain_end(&self, from: usize) -> Scan<usize> {
        end_of_plain(self.text, from).ok_or(Declined)
    }

    /// A string without escapes, between its quotes.
    #[inline(always)]
    pub fn plain_string(&mut self) -> Scan<&'a [u8]> {
        self.byte(b'"')?;
        let start = self.at;
        let end = self.plain_end(start)?;
        if self.text[end] != b'"' {
            return Err(Declined);
        }
        self.at = end + 1;
        Ok(&self.text[start..end])
    }

    #[inline(always)]
    fn string(&mut self, out: &mut Vec<u8>) -> Scan<Kind> {
        let start = self.at; // the quote
        let end = self.plain_end(start + 1)?;
        if self.text[end] == b'"' {
            self.at = end + 1;
            out.extend_from_slice(&self.text[start..=end]);
            return Ok(Kind::Text);
        }
        self.escaped(start, end, out)
    }

    #[cold]
    fn escaped(&mut self, mut from: usize, mut at: usize, out: &mut Vec<u8>) -> Scan<Kind> {
        loop {
            out.extend_from_slice(&self.text[from..at]);
            match self.text[at] {
                b'"' => {
                    out.push(b'"');
                    self.at = at + 1;
                    return Ok(Kind::EscapedText);
                }
                b'\\' => at = self.escape(at + 1, out)?,
                _ => return Err(Declined),
            }
            from = at;
            at = self.plain_end(at)?;
        }
    }

    /// What stands behind a backslash; returns where it ends.
    fn escape(&self, at: usize, out: &mut Vec<u8>) -> Scan<usize> {
        match self.text.get(at) {
            Some(&letter @ (b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                out.extend_from_slice(&[b'\\', letter]);
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

    fn number(&mut self, out: &mut Vec<u8>) -> Scan<Kind> {
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
            out.extend_from_slice(&self.text[start..end]);
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
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
        Ok(Kind::Float)
    }

    fn some_digits(&self, at: usize) -> Scan<usize> {
        let end = self.digits(at);
        if end > at { Ok(end) } else { Err(Declined) }
    }

    /// Any value, written compactly; `room` is how many more levels it may have.
    #[inline(always)]
    pub fn value(&mut self, out: &mut Vec<u8>, room: usize) -> Scan<Kind> {
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

    fn word(&mut self, word: &[u8], kind: Kind, out: &mut Vec<u8>) -> Scan<Kind> {
        if !self.text[self.at..].starts_with(word) {
            return Err(Declined);
        }
        self.at += word.len();
        out.extend_from_slice(word);
        Ok(kind)
    }

    fn list(&mut self, out: &mut Vec<u8>, room: usize) -> Scan<Kind> {
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

    fn object(&mut self, out: &mut Vec<u8>, room: usize) -> Scan<Kind> {
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
                out.extend_from_slice(name);
                out.extend_from_slice(b"\":");
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

/// The first quote, backslash or control character from a place on; eight bytes at a time.
#[inline(always)]
pub fn end_of_plain(text: &[u8], mut at: usize) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        // Of each test the lowest bit that is set is right; those above it may not be.
        let zero = |x: u64| x.wrapping_sub(ONES) & !x;
        let quote = zero(word ^ (ONES * 0x22));
        let backslash = zero(word ^ (ONES * 0x5c));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (quote | backslash | control) & HIGH;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = text.get(at..)?;
    let is_end = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    rest.iter().position(is_end).map(|found| at + found)
}

/// One character inside a JSON string, as orjson writes it.
pub fn write_char(c: char, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\0'..='\u{1f}' => {
            let byte = c as usize;
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[byte >> 4], HEX[byte & 15]]);
        }
        _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
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
        let mut out = Vec::new();
        let kind = scanner.value(&mut out, room)?;
        scanner.end()?;
        Ok((String::from_utf8(out).expect("UTF-8 goes in"), kind))
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
    fn the_end_of_plain_characters_is_found_at_every_place() {
        for stop in [b'"', b'\\', 0, 0x1f] {
            for at in 0..40 {
                let mut text = vec![b'\x7f'; 40];
                text[at] = stop;
                text.extend_from_slice("é\"".as_bytes());
                assert_eq!(end_of_plain(&text, 0), Some(at));
                assert_eq!(end_of_plain(&text, at + 1), Some(42));
            }
        }
        assert_eq!(end_of_plain("ÿ é!#[]".as_bytes(), 0), None);
        assert_eq!(end_of_plain(b"", 1), None);
    }

    #[test]
    fn a_written_text_is_read_again() {
        let text: String = ('\0'..='\u{ff}').chain(['\u{2028}', '😀']).collect();
        let mut encoded = vec![b'"'];
        text.chars().for_each(|c| write_char(c, &mut encoded));
        encoded.push(b'"');
        let mut read = Vec::new();
        unescape(&encoded, &mut read);
        assert_eq!(read, text.as_bytes());
    }
}
