//! Events get their arguments.

use super::{Batch, Fate, Span};
use crate::arguments::{Arguments, Unwritten};
use crate::derived::{DerivedWords, Memory, Question, Sources};
use crate::resp::bulk;

impl Batch {
    /// What is remembered of derived inputs, for each record, and what must be asked.
    pub fn derive(
        &self,
        sources: &Sources,
        memory: &mut Memory,
    ) -> (Vec<DerivedWords>, Vec<Question>) {
        let mut questions = Vec::new();
        let look = |place: usize| match self.entries[place].is_declined {
            true => DerivedWords::default(),
            false => memory.look(self.event(place, None), sources, place, &mut questions),
        };
        ((0..self.len()).map(look).collect(), questions)
    }

    /// Make the arguments of all events; `derived` is empty where no input is.
    ///
    /// Returns the places of those that need the time of their reading, see `read`.
    pub fn make_arguments(
        &mut self,
        arguments: &Arguments,
        derived: &[DerivedWords],
        now_ms: i64,
    ) -> Vec<usize> {
        let none = DerivedWords::default();
        let mut timeless = Vec::new();
        for place in 0..self.entries.len() {
            if self.entries[place].is_declined {
                continue;
            }
            let derived = derived.get(place).unwrap_or(&none);
            match self.make(place, None, arguments, derived, now_ms) {
                Err(Unwritten::Timeless) => timeless.push(place),
                Err(Unwritten::Declined) => self.entries[place].is_declined = true,
                Ok(()) => {}
            }
        }
        if !timeless.is_empty() && self.entries.iter().any(|entry| entry.is_declined) {
            // Times of reading increase from event to event, and Python may give some of them.
            timeless.drain(..).for_each(|place| self.entries[place].is_declined = true);
        }
        timeless
    }

    /// Make the arguments of an event that was read at a time.
    pub fn read(
        &mut self,
        place: usize,
        read_at: i64,
        arguments: &Arguments,
        derived: &[DerivedWords],
        now_ms: i64,
    ) {
        let none = DerivedWords::default();
        let derived = derived.get(place).unwrap_or(&none);
        if self.make(place, Some(read_at), arguments, derived, now_ms).is_err() {
            self.entries[place].is_declined = true;
        }
    }

    fn make(
        &mut self,
        place: usize,
        read_at: Option<i64>,
        arguments: &Arguments,
        derived: &DerivedWords,
        now_ms: i64,
    ) -> Result<(), Unwritten> {
        let mut words = std::mem::take(&mut self.words);
        let start = words.len();
        let event = self.event(place, read_at);
        let made = arguments.write(event, derived, now_ms, &mut words).map(|visitor| {
            let end = words.len();
            words.copy(&visitor);
            (Span { start, end }, Span { start: end, end: words.len() })
        });
        if made.is_err() {
            words.truncate(start);
        }
        self.words = words;
        let (arguments, visitor) = made?;
        let is_anonymous = visitor.start == visitor.end;
        let fate = if is_anonymous { Fate::Anonymous } else { Fate::Called };
        let entry = &mut self.entries[place];
        (entry.arguments, entry.visitor, entry.fate) = (arguments, visitor, fate);
        Ok(())
    }

    /// Take the visitor and the arguments that Python made of an event.
    pub fn put<W: AsRef<[u8]>>(&mut self, place: usize, visitor: &[u8], arguments: &[W]) {
        let entry = &mut self.entries[place];
        let start = self.words.len();
        arguments.iter().for_each(|word| bulk(word.as_ref(), &mut self.words));
        entry.arguments = Span { start, end: self.words.len() };
        let start = self.words.len();
        self.words.copy(visitor);
        entry.visitor = Span { start, end: self.words.len() };
        entry.fate = Fate::Called;
    }
}
