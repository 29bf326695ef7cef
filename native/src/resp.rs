//! The protocol of Redis, as far as a command has it.

/// A word.
#[inline]
pub fn bulk(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'$');
    line(text.len(), out);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

/// A whole number as a word.
pub fn number(number: impl itoa::Integer, out: &mut Vec<u8>) {
    bulk(itoa::Buffer::new().format(number).as_bytes(), out);
}

/// The beginning of a command of so many words.
pub fn command(words: usize, out: &mut Vec<u8>) {
    out.push(b'*');
    line(words, out);
}

fn line(number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_command_is_written() {
        let mut out = Vec::new();
        super::command(3, &mut out);
        super::bulk("é".as_bytes(), &mut out);
        super::bulk(b"", &mut out);
        super::number(-12, &mut out);
        assert_eq!(out, "*3\r\n$2\r\né\r\n$0\r\n\r\n$3\r\n-12\r\n".as_bytes());
    }
}
