//! The records of a batch on their way: flat objects, calls by visitor, profiles. No Python here.

mod arguments;
mod calls;
mod finish;
mod fold;

pub use calls::Calls;
pub use finish::spliced;

use crate::arguments::Event;
use crate::chunks::Out;
use crate::flatten::{Flattener, Pick};

/// A part of one of the batch's buffers.
#[derive(Clone, Copy, Default)]
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    #[inline(always)]
    fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start..self.end]
    }
}

/// Where offsets count.
pub struct Stream {
    pub partition: i64,
    /// Empty where they do not.
    pub name: String,
    /// The oldest offset that is not committed, as far as it is known.
    pub floor: Option<i64>,
}

/// How far an event has come in its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// In no call: not packed, rejected, or at its end already.
    Apart,
    /// In no call, for it has no visitor id.
    Anonymous,
    /// In a call whose reply is not there, or is for Python.
    Called,
    Answered,
}

struct Entry {
    /// Whether Python decodes it, and makes its outputs.
    is_declined: bool,
    fate: Fate,
    flat: Span,
    profile: Span,
    shape: u16,
    visitor: Span,
    arguments: Span,
    /// By its place.
    stream: usize,
    offset: i64,
    timestamp: i64,
    /// The next event of its call.
    next: Option<usize>,
}

/// The events of one visitor and one stream, chained by their entries.
#[derive(Default)]
struct Call {
    first: usize,
    last: usize,
    events: usize,
    key: Span,
    words: Span,
}

/// What of a record is needed beside its value.
#[derive(Clone, Copy)]
pub struct Origin {
    /// Of its stream.
    pub stream: usize,
    pub offset: i64,
    pub timestamp: i64,
    /// What the flat object may have at most, for the output to fit.
    pub room: usize,
}

#[derive(Default)]
pub struct Batch {
    streams: Vec<Stream>,
    entries: Vec<Entry>,
    /// Of each entry as many as there are wanted names.
    picks: Vec<Pick>,
    wanted: usize,
    flats: Out,
    words: Out,
    packed: Out,
    profiles: Out,
    rounds: Vec<Vec<Call>>,
    stores_outputs: bool,
}

impl Batch {
    /// Begin a batch, for so many wanted names. With `stores_outputs` calls have sidecars.
    ///
    /// The memory of a batch before is used again: to get it anew from the system costs more than to
    /// write it.
    pub fn begin(&mut self, streams: Vec<Stream>, wanted: usize, stores_outputs: bool) {
        (self.streams, self.wanted, self.stores_outputs) = (streams, wanted, stores_outputs);
        self.entries.clear();
        self.picks.clear();
        self.flats.truncate(0);
        self.words.truncate(0);
        self.packed.truncate(0);
        self.profiles.truncate(0);
        self.rounds.clear();
    }

    /// How many bytes it holds on to.
    pub fn held(&self) -> usize {
        [&self.flats, &self.words, &self.packed, &self.profiles].map(Out::held).iter().sum()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Make room for values of so many bytes.
    pub fn reserve(&mut self, records: usize, bytes: usize) {
        self.entries.reserve(records);
        self.flats.reserve(bytes);
    }

    /// Take the next record; one without a value is declined.
    pub fn add(&mut self, value: Option<&[u8]>, origin: Origin, by: &mut Flattener) {
        let start = self.flats.len();
        let first = self.picks.len();
        self.picks.resize(first + self.wanted, Pick::default());
        let is_flat = value.is_some_and(|value| {
            by.flatten(value, &mut self.picks[first..], &mut self.flats).is_ok()
                && self.flats.len() - start <= origin.room
        });
        if !is_flat {
            self.flats.truncate(start);
        }
        self.entries.push(Entry {
            is_declined: !is_flat,
            fate: Fate::Apart,
            flat: Span { start, end: self.flats.len() },
            profile: Span::default(),
            shape: 0,
            visitor: Span::default(),
            arguments: Span::default(),
            stream: origin.stream,
            offset: origin.offset,
            timestamp: origin.timestamp,
            next: None,
        });
    }

    /// The places of all records that are for Python.
    pub fn declined(&self) -> Vec<usize> {
        self.places(|entry| entry.is_declined)
    }

    fn places(&self, which: impl Fn(&Entry) -> bool) -> Vec<usize> {
        let numbered = self.entries.iter().enumerate();
        numbered.filter(|(_, entry)| which(entry)).map(|(place, _)| place).collect()
    }

    fn event(&self, place: usize, read_at: Option<i64>) -> Event<'_> {
        let entry = &self.entries[place];
        Event {
            flat: entry.flat.of(self.flats.as_slice()),
            picks: &self.picks[place * self.wanted..][..self.wanted],
            is_streamed: !self.streams[entry.stream].name.is_empty(),
            offset: entry.offset,
            timestamp: entry.timestamp,
            read_at,
        }
    }

    fn events_of(&self, call: &Call) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(call.first), |&place| self.entries[place].next)
    }

    /// The places of a call's events.
    pub fn places_of(&self, round: usize, call: usize) -> Vec<usize> {
        self.events_of(&self.rounds[round][call]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Arguments;
    use crate::derived::Sources;
    use crate::flatten::{Limits, Shape};
    use crate::ids::{KeyPattern, Nobody};
    use crate::members::Members;
    use crate::names::Wanted;

    pub const LIMITS: Limits = Limits { record_bytes: 99, depth: 9, fields: 9 };

    pub fn calls() -> Calls {
        Calls {
            sha: "abc".to_owned(),
            key: KeyPattern { before: "v:{".to_owned(), behind: "}".to_owned() },
            hashes_ids: false,
            most_events: 2,
            arguments: Arguments {
                visitor: vec![0],
                visit: None,
                event_id: None,
                received: None,
                created: None,
                sent: None,
                fields: Vec::new(),
                derived_at: 0,
                derived: 0,
                nobody: Nobody::new(&[]),
                max_id_bytes: 99,
                keyed_hash: None,
                takes_time: false,
                recognises_events: false,
            },
            sources: Sources {
                url: None,
                referrer: None,
                user_agent: None,
                has_pages: false,
                bot_at: None,
            },
        }
    }

    /// A batch of records by visitor, all of stream `s:0`, or `s:1` where the visitor is in capitals.
    pub fn batch(visitors: &[&str], stores_outputs: bool) -> Batch {
        let stream = |partition, floor| Stream { partition, name: format!("s:{partition}"), floor };
        let mut batch = Batch::default();
        batch.begin(vec![stream(0, Some(1)), stream(1, None)], 1, stores_outputs);
        let wanted = Wanted::new(vec![b"v".to_vec()]);
        let mut members = Members::default();
        let mut flattener = Flattener::new(LIMITS, Shape::Flattened, &wanted, &mut members);
        for (offset, visitor) in (0..).zip(visitors) {
            let stream =
                usize::from(visitor.chars().all(char::is_uppercase) && !visitor.is_empty());
            let value = format!("{{\"v\":\"{}\"}}", visitor.to_lowercase());
            let origin = Origin { stream, offset, timestamp: -1, room: 99 };
            batch.add(Some(value.as_bytes()), origin, &mut flattener);
        }
        batch.make_arguments(&calls().arguments, &[], 0);
        batch.pack(&calls());
        batch
    }

    #[test]
    fn what_is_declined_can_be_put_back_in_its_place() {
        let mut batch = batch(&[], false);
        let wanted = Wanted::new(vec![b"v".to_vec()]);
        let mut members = Members::default();
        let mut flattener = Flattener::new(LIMITS, Shape::Flattened, &wanted, &mut members);
        for (offset, value) in (0..).zip([&b"{\"v\":\"a\"}"[..], b"no JSON", b"{\"v\":1.5}"]) {
            let origin = Origin { stream: 0, offset, timestamp: -1, room: 9 };
            batch.add(Some(value), origin, &mut flattener);
        }
        batch.add(None, Origin { stream: 0, offset: 3, timestamp: -1, room: 99 }, &mut flattener);
        batch.add(
            Some(b"{\"v\":\"much\"}"),
            Origin { stream: 0, offset: 4, timestamp: -1, room: 9 },
            &mut flattener,
        );
        assert_eq!(batch.declined(), [1, 3, 4]);
        assert_eq!(batch.by_hand(false, true, 9), [1, 3, 4]);
        batch.make_arguments(&calls().arguments, &[], 0);
        assert_eq!(batch.declined(), [1, 2, 3, 4]);
        batch.put(2, b"a", &["2", "", "", "", "", ""]);
        batch.pack(&calls());
        assert_eq!((batch.rounds(), batch.calls(0).count()), (1, 1));
        assert_eq!(batch.places_of(0, 0), [0, 2]);
    }
}
