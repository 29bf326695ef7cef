//! The protocol of Redis, as far as a command has it.

use crate::chunks::Out;

/// A word.
#[inline]
pub fn bulk(text: &[u8], out: &mut Out) {
    line(b'$', text.len(), out);
    out.copy(text);
    out.copy(b"\r\n");
}

/// A whole number as a word.
pub fn number(number: impl itoa::Integer, out: &mut Out) {
    bulk(itoa::Buffer::new().format(number).as_bytes(), out);
}

/// The beginning of a command of so many words.
pub fn command(words: usize, out: &mut Out) {
    line(b'*', words, out);
}

#[inline(always)]
fn line(sign: u8, number: usize, out: &mut Out) {
    if number < 100 {
        // Most numbers have a digit or two.
        let (tens, ones) = (b'0' + (number / 10) as u8, b'0' + (number % 10) as u8);
        match number < 10 {
            true => out.copy(&[sign, ones, b'\r', b'\n']),
            false => out.copy(&[sign, tens, ones, b'\r', b'\n']),
        }
        return;
    }
    out.push(sign);
    out.copy(itoa::Buffer::new().format(number).as_bytes());
    out.copy(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_written() {
        let mut out = Out::default();
        command(3, &mut out);
        bulk("é".as_bytes(), &mut out);
        bulk(b"", &mut out);
        number(-12, &mut out);
        assert_eq!(out.as_slice(), "*3\r\n$2\r\né\r\n$0\r\n\r\n$3\r\n-12\r\n".as_bytes());
    }

    #[test]
    fn a_length_is_written_with_all_its_digits() {
        for length in [9, 10, 99, 100, 12_345] {
            let mut out = Out::default();
            bulk(&vec![b'x'; length], &mut out);
            let expected = format!("${length}\r\n{}\r\n", "x".repeat(length));
            assert_eq!(out.as_slice(), expected.as_bytes());
        }
    }
}
