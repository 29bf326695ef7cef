//! Events become calls by visitor and round, as they go over the wire.

use std::borrow::Cow;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::{Batch, Call, Entry, Fate, Span};
use crate::arguments::{Arguments, BEFORE_INPUTS};
use crate::chunks::Out;
use crate::derived::Sources;
use crate::ids::{KeyPattern, sidecar_of};
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

/// What the outputs of a call are stored under.
pub struct Stored {
    pub sidecar: Vec<u8>,
    pub field: String,
}

impl Batch {
    /// Make the calls.
    pub fn pack(&mut self, calls: &Calls) {
        self.gather(calls.most_events);
        let mut out = std::mem::take(&mut self.packed);
        for round in 0..self.rounds.len() {
            for at in 0..self.rounds[round].len() {
                let start = out.len();
                let call = &self.rounds[round][at];
                let end_of_key = self.write_call(call, calls, &mut out);
                let call = &mut self.rounds[round][at];
                call.key = Span { start, end: end_of_key };
                call.words = Span { start: end_of_key, end: out.len() };
            }
        }
        self.packed = out;
    }

    /// Visitor's own id, key and words of each call of a round.
    pub fn calls(&self, round: usize) -> impl Iterator<Item = (&[u8], &[u8], &[u8])> {
        let packed = self.packed.as_slice();
        let made =
            |call: &Call| (self.visitor_of(call), call.key.of(packed), call.words.of(packed));
        self.rounds[round].iter().map(made)
    }

    /// Gather the calls by rounds, as `profiler.profiles.packing.Packer.rounds` does.
    fn gather(&mut self, most_events: usize) {
        // By visitor: round, stream and place of the latest call.
        let mut latest: HashMap<&[u8], (usize, usize, usize), FxBuildHasher> =
            HashMap::with_capacity_and_hasher(self.entries.len(), FxBuildHasher);
        let rounds = &mut self.rounds;
        for place in 0..self.entries.len() {
            let Entry { fate: Fate::Called, visitor, stream, .. } = self.entries[place] else {
                continue;
            };
            let known = latest.get(visitor.of(self.words.as_slice())).copied();
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
            latest.insert(visitor.of(self.words.as_slice()), (round, stream, rounds[round].len()));
            rounds[round].push(Call { first: place, last: place, events: 1, ..Call::default() });
        }
    }

    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The visitor's own id.
    fn visitor_of(&self, call: &Call) -> &[u8] {
        self.entries[call.first].visitor.of(self.words.as_slice())
    }

    /// Whether what a call answers is stored for a redelivery.
    fn is_stored(&self, call: &Call) -> bool {
        let last = &self.entries[call.last];
        let stream = &self.streams[last.stream];
        let is_committed = stream.floor.is_some_and(|floor| last.offset < floor);
        self.stores_outputs && !stream.name.is_empty() && !is_committed
    }

    /// Write a call's key, and the call as it goes over the wire; returns where the key ends.
    fn write_call(&self, call: &Call, calls: &Calls, out: &mut Out) -> usize {
        let stored = calls.stored(self.visitor_of(call));
        let mut key = Vec::with_capacity(stored.len() + 32);
        calls.key.key_of(&stored, &mut key);
        let stream = &self.streams[self.entries[call.first].stream];
        let is_stored = self.is_stored(call);
        let keys = 1 + usize::from(is_stored);
        out.copy(&key);
        let end_of_key = out.len();
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
            out.extend(self.entries[entry].arguments.of(self.words.as_slice()));
        }
        end_of_key
    }

    /// What the calls may have left in sidecars.
    pub fn stored(&self) -> Vec<Stored> {
        let stored = self.rounds.iter().flatten().filter(|call| self.is_stored(call));
        let made = stored.map(|call| {
            let last = &self.entries[call.last];
            Stored {
                sidecar: sidecar_of(call.key.of(self.packed.as_slice())),
                field: format!("{}:{}", self.streams[last.stream].name, last.offset),
            }
        });
        made.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::{batch, calls};
    use crate::ids::KeyedHash;

    fn places(batch: &Batch) -> Vec<Vec<Vec<usize>>> {
        let calls = |round: usize| {
            (0..batch.rounds[round].len()).map(|call| batch.places_of(round, call)).collect()
        };
        (0..batch.rounds()).map(calls).collect()
    }

    /// Visitor, key and words of a call of the first round.
    fn written(batch: &Batch, call: usize) -> (String, String, String) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("all of it is text");
        let (visitor, key, words) = batch.calls(0).nth(call).expect("there are so many");
        (text(visitor), text(key), text(words))
    }

    #[test]
    fn a_visitor_has_one_call_a_round() {
        let batch = batch(&["a", "b", "a", "", "a", "A", "b"], false);
        assert_eq!(places(&batch), [vec![vec![0, 2], vec![1, 6]], vec![vec![4]], vec![vec![5]]]);
        assert!(batch.is_anonymous(3));
        let keys: Vec<&[u8]> =
            (0..3).flat_map(|at| batch.calls(at)).map(|(_, key, _)| key).collect();
        assert_eq!(keys, [b"v:{a}", b"v:{b}", b"v:{a}", b"v:{a}"]);
    }

    #[test]
    fn a_call_is_written_as_it_goes_over_the_wire() {
        let batch = batch(&["a b", "a b"], false);
        let (visitor, key, text) = written(&batch, 0);
        assert_eq!(visitor, "a b");
        assert_eq!(key, "v:{a%20b}");
        let words: Vec<&str> = text.split("\r\n").skip(2).step_by(2).collect();
        let event = ["0", "", "", "", "", "", "1", "", "", "", "", ""];
        let head = ["EVALSHA", "abc", "1", "v:{a%20b}", "a b", "s:0", "", "2"];
        assert_eq!(words, [&head[..], &event[..], &[""]].concat()[..words.len()]);
        assert!(text.starts_with("*20\r\n$7\r\nEVALSHA\r\n"));
    }

    #[test]
    fn outputs_are_stored_of_calls_that_may_come_again() {
        let batch = batch(&["a", "b", "A"], true);
        let (_, _, text) = written(&batch, 0);
        assert!(!text.contains("outputs"), "it is committed");
        let (_, _, text) = written(&batch, 1);
        assert!(text.contains(
            "$1\r\n2\r\n$5\r\nv:{b}\r\n$13\r\nv:{b}:outputs\r\n$1\r\nb\r\n$3\r\ns:0\r\n$1\r\n1\r\n"
        ));
        let stored = batch.stored();
        let found: Vec<(&[u8], &str)> =
            stored.iter().map(|each| (&each.sidecar[..], &each.field[..])).collect();
        assert_eq!(found, [(&b"v:{b}:outputs"[..], "s:0:1"), (&b"v:{a}:outputs"[..], "s:1:2")]);
    }

    #[test]
    fn a_hashed_id_is_hashed_in_key_and_argument() {
        let mut batch = batch(&["a"], false);
        let mut calls = calls();
        calls.arguments.keyed_hash = Some(KeyedHash::new(b"key"));
        calls.hashes_ids = true;
        let hash = KeyedHash::new(b"key").of(b"a");
        batch.rounds.clear();
        batch.pack(&calls);
        let (visitor, key, text) = written(&batch, 0);
        assert_eq!(visitor, "a");
        assert_eq!(key, format!("v:{{{hash}}}"));
        assert_eq!(text.matches(&hash).count(), 2);
    }
}
