//! Replies become the profiles of events.

use super::{Batch, Fate, Span};
use crate::reply::{Answers, Part, Shape, Texts};

impl Batch {
    /// Take the replies to a round, each with an answer for each event; returns the calls whose
    /// reply is for Python, all of it.
    pub fn fold<P: Part>(
        &mut self,
        round: usize,
        replies: impl Iterator<Item = P>,
        answers: &Answers,
        shapes: &mut Vec<Shape>,
    ) -> Vec<usize> {
        if round == 0 {
            // After a fault of Redis everything is folded again.
            self.profiles.truncate(0);
        }
        let mut odd = Vec::new();
        for (call, reply) in replies.enumerate() {
            let before = self.profiles.len();
            let mut found = self.fold_one(round, call, &reply, Texts::AsTheyAre, answers, shapes);
            // One look at all of them costs less than one at each text.
            let written = &self.profiles.as_slice()[before..];
            if found.is_some() && simdutf8::basic::from_utf8(written).is_err() {
                self.profiles.truncate(before);
                found = self.fold_one(round, call, &reply, Texts::Mended, answers, shapes);
            }
            if found.is_none() {
                self.profiles.truncate(before);
                for place in self.places_of(round, call) {
                    self.entries[place].fate = Fate::Called;
                }
                odd.push(call);
            }
        }
        odd
    }

    fn fold_one(
        &mut self,
        round: usize,
        call: usize,
        reply: &impl Part,
        texts: Texts,
        answers: &Answers,
        shapes: &mut Vec<Shape>,
    ) -> Option<()> {
        let events = reply.items()?;
        let call = &self.rounds[round][call];
        if events.len() != call.events {
            return None;
        }
        let mut next = Some(call.first);
        for answer in events {
            let start = self.profiles.len();
            let shape = answers.write(&answer, texts, shapes, &mut self.profiles).ok()?;
            let entry = &mut self.entries[next?];
            entry.profile = Span { start, end: self.profiles.len() };
            entry.shape = shape;
            entry.fate = Fate::Answered;
            next = entry.next;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::batch;
    use crate::chunks::Padded;
    use crate::reply::tests::Made;
    use crate::reply::{Field, Type};

    fn answers() -> Answers {
        Answers {
            fields: vec![Field { member: Padded::new(b"\"p\":"), kind: Type::Integer }],
            known_flags: vec!["late".to_owned()],
            metadata: Vec::new(),
            version: None,
            has_triggers: false,
        }
    }

    fn answer(flags: &'static str, number: i64) -> Made {
        Made::List(vec![Made::Text(flags), Made::Integer(number)])
    }

    #[test]
    fn replies_are_folded_and_what_is_odd_is_left_to_python() {
        let mut batch = batch(&["a", "b", "a"], false);
        let mut shapes = Vec::new();
        let replies = [
            Made::List(vec![answer("", 1), answer(" late", 2)]),
            Made::List(vec![answer(" unknown", 3)]),
        ];
        assert_eq!(batch.fold(0, replies.into_iter(), &answers(), &mut shapes), [1]);
        assert_eq!(batch.answer(0), Some((0, &b"{\"p\":1}"[..])));
        assert_eq!(batch.answer(2), Some((1, &b"{\"p\":2}"[..])));
        assert_eq!(batch.answer(1), None);
        assert_eq!(batch.by_hand(true, true, 99), [1]);
        assert_eq!(batch.by_hand(true, true, 6), [0, 1, 2]);
        // Again, after a fault: what was answered may not be any more.
        let replies = [Made::List(vec![answer("", 1), Made::Nil]), Made::Other];
        assert_eq!(batch.fold(0, replies.into_iter(), &answers(), &mut shapes), [0, 1]);
        assert_eq!(batch.by_hand(true, true, 99), [0, 1, 2]);
        assert_eq!(batch.answer(0), None);
    }

    #[test]
    fn a_text_that_is_no_utf_8_is_mended_and_none_beside_it() {
        let mut batch = batch(&["a", "b"], false);
        let answers = Answers {
            fields: vec![Field { member: Padded::new(b"\"p\":"), kind: Type::String }],
            ..answers()
        };
        let replies = [&b"\xff\x80"[..], "é".as_bytes()]
            .map(|text| Made::List(vec![Made::List(vec![Made::Text(""), Made::Bytes(text)])]));
        assert!(batch.fold(0, replies.into_iter(), &answers, &mut Vec::new()).is_empty());
        assert_eq!(batch.answer(0), Some((0, "{\"p\":\"\u{fffd}\u{fffd}\"}".as_bytes())));
        assert_eq!(batch.answer(1), Some((0, "{\"p\":\"é\"}".as_bytes())));
    }
}
