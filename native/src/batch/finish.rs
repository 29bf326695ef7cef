//! What the outputs of records are made of.

use super::{Batch, Fate};

impl Batch {
    /// The places whose outputs Python makes.
    ///
    /// `called` says whether there were calls at all, `most_added` how long a profile may be without
    /// a look at the output's size.
    pub fn by_hand(&self, called: bool, passes_anonymous: bool, most_added: usize) -> Vec<usize> {
        self.places(|entry| {
            let is_done = match entry.fate {
                Fate::Apart => !called,
                Fate::Anonymous => passes_anonymous,
                Fate::Called => false,
                Fate::Answered => entry.profile.end - entry.profile.start <= most_added,
            };
            entry.is_declined || !is_done
        })
    }

    pub fn flat(&self, place: usize) -> &[u8] {
        self.entries[place].flat.of(self.flats.as_slice())
    }

    /// The answer to an event, if there is one: the place of its shape, and its JSON.
    pub fn answer(&self, place: usize) -> Option<(u16, &[u8])> {
        let entry = &self.entries[place];
        // Of an answer that is odd the profile is gone.
        (entry.fate == Fate::Answered)
            .then(|| (entry.shape, entry.profile.of(self.profiles.as_slice())))
    }

    pub fn is_anonymous(&self, place: usize) -> bool {
        self.entries[place].fate == Fate::Anonymous
    }
}

/// The flat object with the profile's members, in three parts; the profile may be empty.
pub fn spliced<'a>(flat: &'a [u8], profile: &'a [u8]) -> [&'a [u8]; 3] {
    match (flat.len(), profile.len()) {
        (_, 0 | 2) => [flat, b"", b""],
        (2, _) => [profile, b"", b""],
        (length, _) => [&flat[..length - 1], b",", &profile[1..]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_put_behind_the_fields() {
        let text = |flat: &'static str, profile: &'static str| {
            String::from_utf8(spliced(flat.as_bytes(), profile.as_bytes()).concat()).expect("text")
        };
        assert_eq!(text(r#"{"a":1}"#, r#"{"b":2}"#), r#"{"a":1,"b":2}"#);
        assert_eq!(text("{}", r#"{"b":2}"#), r#"{"b":2}"#);
        assert_eq!(text(r#"{"a":1}"#, "{}"), r#"{"a":1}"#);
        assert_eq!(text(r#"{"a":1}"#, ""), r#"{"a":1}"#);
        assert_eq!(text("{}", "{}"), "{}");
    }
}
