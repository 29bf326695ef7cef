//! The records of a batch on their way: flat objects, calls by visitor, profiles. No Python here.

use std::borrow::Cow;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::arguments::{Arguments, BEFORE_INPUTS, Event, Unwritten};
use crate::chunks::Out;
use crate::derived::{DerivedWords, Memory, Question, Sources};
use crate::flatten::{Flattener, Pick};
use crate::ids::{KeyPattern, sidecar_of};
use crate::reply::{Answers, Part, Shape};
use crate::resp::{bulk, command, number};

/// How the calls of one set of rules are made.
pub struct Calls {
    pub sha: String,
    pub key: KeyPattern,
    /// Whether Redis gets keyed hashes of visitors' ids.
    pub hashes_ids: bool,
    /// A call has at most so many events.
    pub most_events: usize,
    pub arguments: Arguments,
    pub sources: Sources,
}

impl Calls {
    /// The id that Redis has for a visitor's.
    fn stored<'a>(&self, visitor: &'a [u8]) -> Cow<'a, [u8]> {
        match &self.arguments.keyed_hash {
            Some(keyed_hash) if self.hashes_ids => keyed_hash.of(visitor).into_bytes().into(),
            _ => visitor.into(),
        }
    }

    fn words_of_event(&self) -> usize {
        BEFORE_INPUTS + self.arguments.fields.len() + self.arguments.derived
    }
}

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
struct Call {
    first: usize,
    last: usize,
    events: usize,
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

/// What the outputs of a call are stored under.
pub struct Stored {
    pub sidecar: Vec<u8>,
    pub field: String,
}

#[derive(Default)]
pub struct Batch {
    streams: Vec<Stream>,
    entries: Vec<Entry>,
    /// Of each entry as many as there are wanted names.
    picks: Vec<Pick>,
    wanted: usize,
    flats: Out,
    words: Vec<u8>,
    profiles: Out,
    rounds: Vec<Vec<Call>>,
    stores_outputs: bool,
}

impl Batch {
    /// An empty batch, for so many wanted names. With `stores_outputs` calls have sidecars.
    pub fn new(streams: Vec<Stream>, wanted: usize, stores_outputs: bool) -> Self {
        Self { streams, wanted, stores_outputs, ..Self::default() }
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
            words.extend_from_slice(&visitor);
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
        self.words.extend_from_slice(visitor);
        entry.visitor = Span { start, end: self.words.len() };
        entry.fate = Fate::Called;
    }

    /// Gather the calls by rounds, as `profiler.profiles.packing.Packer.rounds` does.
    pub fn gather(&mut self, most_events: usize) {
        // By visitor: round, stream and place of the latest call.
        let mut latest: HashMap<&[u8], (usize, usize, usize), FxBuildHasher> =
            HashMap::with_capacity_and_hasher(self.entries.len(), FxBuildHasher);
        let rounds = &mut self.rounds;
        for place in 0..self.entries.len() {
            let Entry { fate: Fate::Called, visitor, stream, .. } = self.entries[place] else {
                continue;
            };
            let known = latest.get(visitor.of(&self.words)).copied();
            if let Some((round, last_stream, at)) = known
                && last_stream == stream
                && rounds[round][at].events < most_events
            {
                let call = &mut rounds[round][at];
                self.entries[call.last].next = Some(place);
                call.last = place;
                call.events += 1;
                continue;
            }
            let round = known.map_or(0, |(round, _, _)| round + 1);
            if round == rounds.len() {
                rounds.push(Vec::new());
            }
            latest.insert(visitor.of(&self.words), (round, stream, rounds[round].len()));
            rounds[round].push(Call { first: place, last: place, events: 1 });
        }
    }

    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    pub fn calls(&self, round: usize) -> usize {
        self.rounds[round].len()
    }

    /// The visitor's own id and key.
    pub fn visitor_of(&self, round: usize, call: usize, calls: &Calls) -> (&[u8], Vec<u8>) {
        let visitor = self.entries[self.rounds[round][call].first].visitor.of(&self.words);
        let mut key = Vec::with_capacity(visitor.len() + 32);
        calls.key.key_of(&calls.stored(visitor), &mut key);
        (visitor, key)
    }

    /// Whether what a call answers is stored for a redelivery.
    fn is_stored(&self, call: &Call) -> bool {
        let last = &self.entries[call.last];
        let stream = &self.streams[last.stream];
        let is_committed = stream.floor.is_some_and(|floor| last.offset < floor);
        self.stores_outputs && !stream.name.is_empty() && !is_committed
    }

    /// Write a call as it goes over the wire; returns its key.
    pub fn write_call(&self, round: usize, at: usize, calls: &Calls, out: &mut Vec<u8>) -> Vec<u8> {
        let call = &self.rounds[round][at];
        let (visitor, key) = self.visitor_of(round, at, calls);
        let stored = calls.stored(visitor);
        let stream = &self.streams[self.entries[call.first].stream];
        let is_stored = self.is_stored(call);
        let keys = 1 + usize::from(is_stored);
        // EVALSHA, the script's name, the number of keys, and what stands before the events.
        command(3 + keys + 4 + call.events * calls.words_of_event(), out);
        bulk(b"EVALSHA", out);
        bulk(calls.sha.as_bytes(), out);
        number(keys, out);
        bulk(&key, out);
        if is_stored {
            bulk(&sidecar_of(&key), out);
        }
        bulk(&stored, out);
        bulk(stream.name.as_bytes(), out);
        match stream.floor.filter(|_| is_stored) {
            Some(floor) => number(floor, out),
            None => bulk(b"", out),
        }
        number(call.events, out);
        for entry in self.events_of(call) {
            out.extend_from_slice(self.entries[entry].arguments.of(&self.words));
        }
        key
    }

    /// What the calls may have left in sidecars.
    pub fn stored(&self, calls: &Calls) -> Vec<Stored> {
        let mut found = Vec::new();
        for (round, made) in self.rounds.iter().enumerate() {
            for (at, call) in made.iter().enumerate().filter(|(_, call)| self.is_stored(call)) {
                let last = &self.entries[call.last];
                found.push(Stored {
                    sidecar: sidecar_of(&self.visitor_of(round, at, calls).1),
                    field: format!("{}:{}", self.streams[last.stream].name, last.offset),
                });
            }
        }
        found
    }

    fn events_of(&self, call: &Call) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(call.first), |&place| self.entries[place].next)
    }

    /// The places of a call's events.
    pub fn places_of(&self, round: usize, call: usize) -> Vec<usize> {
        self.events_of(&self.rounds[round][call]).collect()
    }

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
            if self.fold_one(round, call, &reply, answers, shapes).is_none() {
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
            let shape = answers.write(&answer, shapes, &mut self.profiles).ok()?;
            let entry = &mut self.entries[next?];
            entry.profile = Span { start, end: self.profiles.len() };
            entry.shape = shape;
            entry.fate = Fate::Answered;
            next = entry.next;
        }
        Some(())
    }

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
    use crate::chunks::Padded;
    use crate::flatten::{Limits, Shape as RecordShape};
    use crate::ids::{KeyedHash, Nobody};
    use crate::members::Members;
    use crate::names::Wanted;
    use crate::reply::tests::Made;
    use crate::reply::{Field, Type};

    fn calls() -> Calls {
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

    fn answers() -> Answers {
        Answers {
            fields: vec![Field { member: Padded::new(b"\"p\":"), kind: Type::Integer }],
            known_flags: vec!["late".to_owned()],
            metadata: Vec::new(),
            version: None,
            has_triggers: false,
        }
    }

    /// A batch of records by visitor, all of stream `s:0`, or `s:1` where the visitor is in capitals.
    fn batch(visitors: &[&str], stores_outputs: bool) -> Batch {
        let stream = |partition, floor| Stream { partition, name: format!("s:{partition}"), floor };
        let mut batch = Batch::new(vec![stream(0, Some(1)), stream(1, None)], 1, stores_outputs);
        let wanted = Wanted::new(vec![b"v".to_vec()]);
        let limits = Limits { record_bytes: 99, depth: 9, fields: 9 };
        let mut members = Members::default();
        let mut flattener = Flattener::new(limits, RecordShape::Flattened, &wanted, &mut members);
        for (offset, visitor) in (0..).zip(visitors) {
            let stream =
                usize::from(visitor.chars().all(char::is_uppercase) && !visitor.is_empty());
            let value = format!("{{\"v\":\"{}\"}}", visitor.to_lowercase());
            let origin = Origin { stream, offset, timestamp: -1, room: 99 };
            batch.add(Some(value.as_bytes()), origin, &mut flattener);
        }
        batch.make_arguments(&calls().arguments, &[], 0);
        batch.gather(calls().most_events);
        batch
    }

    fn places(batch: &Batch) -> Vec<Vec<Vec<usize>>> {
        let calls =
            |round| (0..batch.calls(round)).map(|call| batch.places_of(round, call)).collect();
        (0..batch.rounds()).map(calls).collect()
    }

    #[test]
    fn a_visitor_has_one_call_a_round() {
        let batch = batch(&["a", "b", "a", "", "a", "A", "b"], false);
        assert_eq!(places(&batch), [vec![vec![0, 2], vec![1, 6]], vec![vec![4]], vec![vec![5]]]);
        assert!(batch.is_anonymous(3));
    }

    #[test]
    fn a_call_is_written_as_it_goes_over_the_wire() {
        let batch = batch(&["a b", "a b"], false);
        let mut out = Vec::new();
        assert_eq!(batch.write_call(0, 0, &calls(), &mut out), b"v:{a%20b}");
        let text = String::from_utf8(out).expect("all of it is text");
        let words: Vec<&str> = text.split("\r\n").skip(2).step_by(2).collect();
        let event = ["0", "", "", "", "", "", "1", "", "", "", "", ""];
        let head = ["EVALSHA", "abc", "1", "v:{a%20b}", "a b", "s:0", "", "2"];
        assert_eq!(words, [&head[..], &event[..], &[""]].concat()[..words.len()]);
        assert!(text.starts_with("*20\r\n$7\r\nEVALSHA\r\n"));
    }

    #[test]
    fn outputs_are_stored_of_calls_that_may_come_again() {
        let batch = batch(&["a", "b", "A"], true);
        let mut out = Vec::new();
        batch.write_call(0, 0, &calls(), &mut out);
        assert!(!String::from_utf8_lossy(&out).contains("outputs"), "it is committed");
        batch.write_call(0, 1, &calls(), &mut out);
        assert!(String::from_utf8_lossy(&out).contains(
            "$1\r\n2\r\n$5\r\nv:{b}\r\n$13\r\nv:{b}:outputs\r\n$1\r\nb\r\n$3\r\ns:0\r\n$1\r\n1\r\n"
        ));
        let stored = batch.stored(&calls());
        let found: Vec<(&[u8], &str)> =
            stored.iter().map(|each| (&each.sidecar[..], &each.field[..])).collect();
        assert_eq!(found, [(&b"v:{b}:outputs"[..], "s:0:1"), (&b"v:{a}:outputs"[..], "s:1:2")]);
    }

    #[test]
    fn a_hashed_id_is_hashed_in_key_and_argument() {
        let batch = batch(&["a"], false);
        let mut calls = calls();
        calls.arguments.keyed_hash = Some(KeyedHash::new(b"key"));
        calls.hashes_ids = true;
        let mut out = Vec::new();
        let hash = KeyedHash::new(b"key").of(b"a");
        assert_eq!(batch.write_call(0, 0, &calls, &mut out), format!("v:{{{hash}}}").as_bytes());
        assert_eq!(String::from_utf8_lossy(&out).matches(&hash).count(), 2);
        assert_eq!(batch.visitor_of(0, 0, &calls).0, b"a");
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
    fn what_is_declined_can_be_put_back_in_its_place() {
        let mut batch = batch(&[], false);
        let wanted = Wanted::new(vec![b"v".to_vec()]);
        let limits = Limits { record_bytes: 99, depth: 9, fields: 9 };
        let mut members = Members::default();
        let mut flattener = Flattener::new(limits, RecordShape::Flattened, &wanted, &mut members);
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
        batch.gather(2);
        assert_eq!(places(&batch), [vec![vec![0, 2]]]);
    }

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
