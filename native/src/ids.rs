//! Ids: who is nobody, what stands for an id in Redis, and under which key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::scan::{Declined, Scan};

/// A longer id is hashed in its key.
const LONGEST_PLAIN_ID: usize = 128;

/// An event's id has so many bytes.
pub const EVENT_ID_BYTES: usize = 6;

/// So many bytes of a keyed hash are kept.
const HASH_BYTES: usize = 16;

/// Texts that stand for nobody; see `profiler.profiles.ids.Nobody`.
pub struct Nobody {
    texts: Vec<String>,
    zeros: usize,
    beginnings: [bool; 128],
    /// Whether one begins with another character than those of ASCII.
    is_foreign: bool,
}

impl Nobody {
    pub fn new(texts: &[String]) -> Self {
        let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
        let zeros = texts.iter().filter(|text| text.bytes().all(|byte| byte == b'0'));
        let mut beginnings = [false; 128];
        let mut is_foreign = false;
        for first in texts.iter().filter_map(|text| text.chars().next()) {
            if first.is_ascii() {
                beginnings[first as usize] = true;
                beginnings[first.to_ascii_uppercase() as usize] = true;
            } else {
                is_foreign = true;
            }
        }
        Self { zeros: zeros.map(String::len).min().unwrap_or(0), texts, beginnings, is_foreign }
    }

    /// Whether an id is one of these texts; declined where that takes more than ASCII.
    #[inline]
    pub fn includes(&self, id: &[u8]) -> Scan<bool> {
        match id.first() {
            None => Ok(false),
            Some(&first) if first.is_ascii() && !self.beginnings[usize::from(first)] => Ok(false),
            Some(first) if !first.is_ascii() && !self.is_foreign => Ok(false),
            Some(_) if !id.is_ascii() => Err(Declined),
            Some(_) => Ok(self.is_listed(id)),
        }
    }

    fn is_listed(&self, id: &[u8]) -> bool {
        self.texts.iter().any(|text| text.as_bytes().eq_ignore_ascii_case(id))
            || (self.zeros > 0 && id.len() > self.zeros && id.iter().all(|&byte| byte == b'0'))
    }
}

/// The pattern of keys, around the id.
pub struct KeyPattern {
    pub before: String,
    pub behind: String,
}

impl KeyPattern {
    /// The key of an id.
    pub fn key_of(&self, id: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.before.as_bytes());
        if id.len() > LONGEST_PLAIN_ID {
            out.extend_from_slice(b"sha256:");
            Sha256::digest(id).iter().for_each(|&byte| hex(byte, b"0123456789abcdef", out));
        } else {
            for &byte in id {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'~') {
                    out.push(byte);
                } else {
                    out.push(b'%');
                    hex(byte, b"0123456789ABCDEF", out);
                }
            }
        }
        out.extend_from_slice(self.behind.as_bytes());
    }
}

fn hex(byte: u8, digits: &[u8; 16], out: &mut Vec<u8>) {
    out.extend_from_slice(&[digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
}

/// The key of what is stored for redeliveries, in the slot of the visitor's own key.
pub fn sidecar_of(key: &[u8]) -> Vec<u8> {
    let place = |sign, from: usize| key[from..].iter().position(|&byte| byte == sign);
    // As a cluster finds a hash tag: from the first { to the first } behind it, if not empty.
    let tag = place(b'{', 0).and_then(|opens| place(b'}', opens + 1));
    if tag.is_some_and(|bytes| bytes > 0) {
        return [key, b":outputs"].concat();
    }
    [b"{", key, b"}:outputs"].concat()
}

/// The keyed hash of `profiler.profiles.keyed_hash`.
pub struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    pub fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("a key may have any length"))
    }

    /// The hash of a text; of the empty text nothing.
    pub fn of(&self, text: &[u8]) -> String {
        if text.is_empty() {
            return String::new();
        }
        let digest = self.0.clone().chain_update(text).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode(&digest[..HASH_BYTES])
    }
}

/// The first bytes of the digest of some parts.
pub fn short_digest(parts: &[&[u8]]) -> [u8; EVENT_ID_BYTES] {
    let mut digest = Sha1::new();
    parts.iter().for_each(|part| digest.update(part));
    let mut short = [0; EVENT_ID_BYTES];
    short.copy_from_slice(&digest.finalize()[..EVENT_ID_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody(texts: &[&str]) -> Nobody {
        Nobody::new(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn nobody_is_listed_in_any_case_and_zeros_in_any_number() {
        let listed = nobody(&["Null", "(null)", "0000"]);
        for id in ["null", "NULL", "(Null)", "0000", "00000", "0000000000000000000000000000"] {
            assert_eq!(listed.includes(id.as_bytes()), Ok(true), "{id}");
        }
        for id in ["", "nul", "nulls", "000", "00001", "x", "ünull"] {
            assert_eq!(listed.includes(id.as_bytes()), Ok(false), "{id}");
        }
        assert_eq!(listed.includes("nullé".as_bytes()), Err(Declined));
        assert_eq!(nobody(&["é"]).includes("É".as_bytes()), Err(Declined));
        assert_eq!(nobody(&[]).includes(b"0"), Ok(false));
    }

    #[test]
    fn keys_hold_ids_that_are_quoted_or_hashed() {
        let pattern = KeyPattern { before: "v:{".to_owned(), behind: "}".to_owned() };
        let key = |id: &str| {
            let mut out = Vec::new();
            pattern.key_of(id.as_bytes(), &mut out);
            String::from_utf8(out).expect("quoted")
        };
        assert_eq!(key("aZ9-_.~"), "v:{aZ9-_.~}");
        assert_eq!(key("a b{é}"), "v:{a%20b%7B%C3%A9%7D}");
        assert_eq!(key(&"a".repeat(128)).len(), 128 + 4);
        let digest = "c12cb024a2e5551cca0e08fce8f1c5e314555cc3fef6329ee994a3db752166ae";
        assert_eq!(key(&"a".repeat(129)), format!("v:{{sha256:{digest}}}"));
    }

    #[test]
    fn a_sidecar_is_in_the_slot_of_its_key() {
        assert_eq!(sidecar_of(b"v:{ada}"), b"v:{ada}:outputs");
        assert_eq!(sidecar_of(b"v:ada"), b"{v:ada}:outputs");
        assert_eq!(sidecar_of(b"v:{}ada"), b"{v:{}ada}:outputs");
        assert_eq!(sidecar_of(b"v:}{ada}"), b"v:}{ada}:outputs");
    }

    #[test]
    fn hashes_are_those_of_other_programs() {
        let hash = KeyedHash::new(b"key");
        // printf "The quick ... dog" | openssl dgst -sha256 -hmac key
        let text = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(hash.of(text), "97yD9DBThCSxMpjmqm-xQw");
        assert_eq!(hash.of(b""), "");
        // printf abc | sha1sum
        assert_eq!(short_digest(&[b"a", b"bc"]), [0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06]);
    }
}
