//! The arguments of an event; the meaning and the order are those of `profiler.profiles.arguments`.

use std::borrow::Cow;

use crate::chunks::Out;
use crate::derived::DerivedWords;
use crate::flatten::Pick;
use crate::ids::{EVENT_ID_BYTES, KeyedHash, Nobody, short_digest};
use crate::resp::{bulk, number};
use crate::scan::{Declined, Kind, Scan, unescape};
use crate::times::{is_plausible, read_integer, read_text};

/// The script takes times of up to 15 digits.
const TOO_LATE_MS: i64 = 1_000_000_000_000_000;

/// Stands for a device's time that cannot be used.
const UNUSABLE: &[u8] = b"?";

/// So many arguments of an event stand before its inputs.
pub const BEFORE_INPUTS: usize = 6;

/// What takes the place of a field that is personal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Personal {
    Hashed,
    Dropped,
}

/// An input of the rules that is a field of the event.
pub struct FieldInput {
    pub pick: usize,
    pub is_number: bool,
    pub personal: Option<Personal>,
}

/// Which fields the arguments are taken from, by the places of their picks.
pub struct Arguments {
    pub visitor: Vec<usize>,
    pub visit: Option<usize>,
    pub event_id: Option<usize>,
    pub received: Option<usize>,
    pub created: Option<usize>,
    pub sent: Option<usize>,
    pub fields: Vec<FieldInput>,
    /// How many of the fields stand before the derived inputs.
    pub derived_at: usize,
    /// How many derived inputs there are.
    pub derived: usize,
    pub nobody: Nobody,
    pub max_id_bytes: usize,
    pub keyed_hash: Option<KeyedHash>,
    pub takes_time: bool,
    pub recognises_events: bool,
}

/// Why an event has no arguments.
#[derive(Debug, PartialEq, Eq)]
pub enum Unwritten {
    Declined,
    /// Nothing says when it happened: it needs the time of its reading.
    Timeless,
}

impl From<Declined> for Unwritten {
    fn from(_: Declined) -> Self {
        Self::Declined
    }
}

/// A record that is flat.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    pub flat: &'a [u8],
    pub picks: &'a [Pick],
    /// Whether its offset counts.
    pub is_streamed: bool,
    pub offset: i64,
    pub timestamp: i64,
    /// When it was read, where that was asked.
    pub read_at: Option<i64>,
}

/// When an event happened, and what recognises it.
struct Times {
    received: Option<i64>,
    created: Option<i64>,
    sent: Option<i64>,
    event_id: Option<[u8; EVENT_ID_BYTES]>,
    /// Whether it was received when it was read.
    is_read: bool,
}

impl<'a> Event<'a> {
    fn pick(&self, place: Option<usize>) -> Pick {
        place.map_or_else(Pick::default, |place| self.picks[place])
    }

    /// A text as it is, an integer as its digits; everything else is absent.
    #[inline(always)]
    pub fn text(&self, pick: Pick) -> Cow<'a, [u8]> {
        let encoded = pick.of(self.flat);
        match pick.kind {
            Kind::Text => Cow::Borrowed(&encoded[1..encoded.len() - 1]),
            Kind::Integer => Cow::Borrowed(encoded),
            Kind::EscapedText => {
                let mut text = Vec::with_capacity(encoded.len());
                unescape(encoded, &mut text);
                Cow::Owned(text)
            }
            Kind::Absent | Kind::Float | Kind::Other => Cow::Borrowed(b""),
        }
    }

    fn time(&self, pick: Pick) -> Scan<Option<i64>> {
        match pick.kind {
            Kind::Absent | Kind::Other => Ok(None),
            Kind::Integer => read_integer(pick.of(self.flat)).map(Some),
            Kind::Text => read_text(&self.text(pick)),
            Kind::EscapedText | Kind::Float => Err(Declined),
        }
    }
}

impl Arguments {
    /// Append an event's arguments as words; returns its visitor, who is empty where it has none.
    ///
    /// An event without a visitor has no arguments. One that is declined may leave a part of them.
    pub fn write<'a>(
        &self,
        event: Event<'a>,
        derived: &DerivedWords,
        now_ms: i64,
        out: &mut Out,
    ) -> Result<Cow<'a, [u8]>, Unwritten> {
        let visitor = self.visitor_of(event)?;
        let visit = match self.visit {
            Some(place) => self.id(event, event.picks[place])?,
            None => Cow::Borrowed(&b""[..]),
        };
        if visitor.is_empty() {
            return Ok(visitor);
        }
        let times = self.times(event, now_ms)?;
        match event.is_streamed {
            true => number(event.offset, out),
            false => bulk(b"", out),
        }
        let time = |time: Option<i64>, otherwise: &[u8], out: &mut Out| match time {
            Some(ms) => number(ms, out),
            None => bulk(otherwise, out),
        };
        time(times.received, b"", out);
        let own = event.pick(self.created);
        let is_given = times.is_read || is_given(own);
        time(times.created, if is_given { UNUSABLE } else { b"" }, out);
        time(times.sent, b"", out);
        bulk(times.event_id.as_ref().map_or(b"", |id| &id[..]), out);
        bulk(&visit, out);
        let (before, behind) = self.fields.split_at(self.derived_at);
        self.write_fields(before, event, out)?;
        derived.write(out);
        self.write_fields(behind, event, out)?;
        Ok(visitor)
    }

    fn write_fields(&self, fields: &[FieldInput], event: Event, out: &mut Out) -> Scan<()> {
        for field in fields {
            let pick = event.picks[field.pick];
            let text = if field.is_number && pick.kind == Kind::Float {
                Cow::Borrowed(plain_float(pick.of(event.flat))?)
            } else {
                event.text(pick)
            };
            match field.personal {
                None => bulk(&text, out),
                Some(Personal::Dropped) => bulk(b"", out),
                Some(Personal::Hashed) => {
                    let keyed_hash = self.keyed_hash.as_ref().ok_or(Declined)?;
                    bulk(keyed_hash.of(&text).as_bytes(), out);
                }
            }
        }
        Ok(())
    }

    fn visitor_of<'a>(&self, event: Event<'a>) -> Scan<Cow<'a, [u8]>> {
        for &place in &self.visitor {
            let id = self.id(event, event.picks[place])?;
            if !id.is_empty() {
                return Ok(id);
            }
        }
        Ok(Cow::Borrowed(b""))
    }

    /// An id of a visitor or a visit; one of another type or too long is for Python to reject.
    fn id<'a>(&self, event: Event<'a>, pick: Pick) -> Scan<Cow<'a, [u8]>> {
        if matches!(pick.kind, Kind::Float | Kind::Other) {
            return Err(Declined);
        }
        let id = event.text(pick);
        if id.len() > self.max_id_bytes {
            return Err(Declined);
        }
        Ok(if self.nobody.includes(&id)? { Cow::Borrowed(b"") } else { id })
    }

    fn times(&self, event: Event, now_ms: i64) -> Result<Times, Unwritten> {
        let plausible = |ms: &i64| is_plausible(*ms, now_ms);
        let in_range = |ms: &i64| (0..TOO_LATE_MS).contains(ms);
        let received = event.time(event.pick(self.received))?.filter(plausible);
        let received = received.or_else(|| Some(event.timestamp).filter(plausible));
        let created = event.time(event.pick(self.created))?;
        // The script compares it with the received time; where there is none, only we can.
        let created = match received {
            Some(_) => created.filter(in_range),
            None => created.filter(plausible),
        };
        let sent = event.time(event.pick(self.sent))?.filter(in_range);
        let is_timeless = received.is_none() && created.is_none();
        let is_read = self.takes_time && !event.is_streamed && is_timeless;
        let received = match is_read {
            true => Some(event.read_at.ok_or(Unwritten::Timeless)?),
            false => received,
        };
        let event_id = match self.recognises_events {
            true => self.event_id_of(event, received, created, is_read)?,
            false => None,
        };
        Ok(Times { received, created, sent, event_id, is_read })
    }

    fn event_id_of(
        &self,
        event: Event,
        received: Option<i64>,
        created: Option<i64>,
        is_read: bool,
    ) -> Scan<Option<[u8; EVENT_ID_BYTES]>> {
        let own = event.text(event.pick(self.event_id));
        if !own.is_empty() && !self.nobody.includes(&own)? {
            return Ok(Some(own[..].try_into().unwrap_or_else(|_| short_digest(&[&own]))));
        }
        if created.is_some() {
            return Ok(Some(short_digest(&[event.flat])));
        }
        Ok(received.map(|ms| {
            let (mut received, mut offset) = (itoa::Buffer::new(), itoa::Buffer::new());
            let received = received.format(ms).as_bytes();
            let offset = offset.format(event.offset).as_bytes();
            let parts = [event.flat, b" ", received, b" ", offset];
            // Where its time is ours, only its place says that it is another one.
            short_digest(if is_read { &parts } else { &parts[..3] })
        }))
    }
}

/// Whether a field holds what may be a time, be it one or not.
fn is_given(pick: Pick) -> bool {
    match pick.kind {
        Kind::Absent | Kind::Other => false,
        Kind::Text => pick.end - pick.start > 2,
        Kind::EscapedText | Kind::Integer | Kind::Float => true,
    }
}

/// A float as Python writes it too: one that is very large or very small it writes otherwise.
fn plain_float(text: &[u8]) -> Scan<&[u8]> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.starts_with(b"0.0000") || digits.contains(&b'e') { Err(Declined) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flatten::{Flattener, Limits, Shape};
    use crate::members::Members;
    use crate::names::Wanted;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn arguments() -> Arguments {
        let field = |pick, is_number, personal| FieldInput { pick, is_number, personal };
        Arguments {
            visitor: vec![0, 1],
            visit: Some(2),
            event_id: Some(3),
            received: Some(4),
            created: Some(5),
            sent: Some(6),
            fields: vec![
                field(7, false, None),
                field(8, true, None),
                field(7, false, Some(Personal::Hashed)),
                field(7, false, Some(Personal::Dropped)),
            ],
            derived_at: 1,
            derived: 0,
            nobody: Nobody::new(&["null".to_owned()]),
            max_id_bytes: 8,
            keyed_hash: Some(KeyedHash::new(b"key")),
            takes_time: true,
            recognises_events: true,
        }
    }

    /// Visitor and words of an event of these fields: `ab visit id received created sent text number`.
    fn words_of(
        record: &str,
        timestamp: i64,
        is_streamed: bool,
    ) -> Result<(String, Vec<String>), Unwritten> {
        words_read_at(None, record, timestamp, is_streamed)
    }

    fn words_read_at(
        read_at: Option<i64>,
        record: &str,
        timestamp: i64,
        is_streamed: bool,
    ) -> Result<(String, Vec<String>), Unwritten> {
        let names = ["a", "b", "v", "i", "r", "c", "s", "t", "n"];
        let wanted = Wanted::new(names.iter().map(|name| name.as_bytes().to_vec()).collect());
        let limits = Limits { record_bytes: 999, depth: 9, fields: 99 };
        let mut picks = [Pick::default(); 9];
        let (mut flat, mut out) = (Out::default(), Out::default());
        Flattener::new(limits, Shape::Flattened, &wanted, &mut Members::default())
            .flatten(record.as_bytes(), &mut picks, &mut flat)
            .expect("it is ordinary");
        let event = Event {
            flat: flat.as_slice(),
            picks: &picks,
            is_streamed,
            offset: 7,
            timestamp,
            read_at,
        };
        let visitor = arguments().write(event, &DerivedWords::default(), NOW_MS, &mut out)?;
        let text = String::from_utf8_lossy(out.as_slice()).into_owned();
        let words = text.split("\r\n").skip(1).step_by(2).map(str::to_owned).collect();
        Ok((String::from_utf8_lossy(&visitor).into_owned(), words))
    }

    #[test]
    fn arguments_stand_in_their_order() {
        let record = r#"{"a":"ada","v":12,"i":"123456","r":1700000000,"c":"1700000001000",
            "s":1700000002000,"t":"x\ny","n":1.5}"#;
        let hashed = KeyedHash::new(b"key").of(b"x\ny");
        let (visitor, words) = words_of(record, -1, true).expect("it is ordinary");
        assert_eq!(visitor, "ada");
        let expected = [
            "7",
            "1700000000000",
            "1700000001000",
            "1700000002000",
            "123456",
            "12",
            "x\ny",
            "1.5",
            &hashed,
            "",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn the_first_visitor_that_is_somebody_counts() {
        let visitor = |record: &str| words_of(record, NOW_MS, true).map(|(visitor, _)| visitor);
        assert_eq!(visitor(r#"{"a":"NULL","b":5}"#).as_deref(), Ok("5"));
        assert_eq!(visitor(r#"{"a":null}"#).as_deref(), Ok(""));
        assert_eq!(visitor(r#"{"a":"x","v":"null"}"#).as_deref(), Ok("x"));
        for record in [
            r#"{"a":true,"b":"x"}"#,
            r#"{"a":1.5}"#,
            r#"{"a":"123456789"}"#,
            r#"{"v":[]}"#,
            r#"{"a":"nullé"}"#,
        ] {
            assert_eq!(visitor(record), Err(Unwritten::Declined), "{record}");
        }
    }

    #[test]
    fn what_is_no_time_is_absent_and_a_wrong_device_says_so() {
        let times = |record: &str, timestamp, streamed| {
            words_of(record, timestamp, streamed).map(|(_, words)| words[..4].join(" "))
        };
        assert_eq!(times(r#"{"a":1,"r":5}"#, NOW_MS, true).as_deref(), Ok("7 1800000000000  "));
        assert_eq!(times(r#"{"a":1,"c":-5}"#, -1, true).as_deref(), Ok("7  ? "));
        assert_eq!(times(r#"{"a":1,"c":""}"#, -1, true).as_deref(), Ok("7   "));
        assert_eq!(times(r#"{"a":1,"c":5}"#, NOW_MS, false).as_deref(), Ok(" 1800000000000 5000 "));
        assert_eq!(times(r#"{"a":1,"c":5}"#, -1, true).as_deref(), Ok("7  ? "));
        assert_eq!(times(r#"{"a":1}"#, -1, false), Err(Unwritten::Timeless));
        assert_eq!(times(r#"{"a":1,"r":1.5}"#, NOW_MS, true), Err(Unwritten::Declined));
        assert_eq!(times(r#"{"a":1,"s":"tea time"}"#, NOW_MS, true), Err(Unwritten::Declined));
    }

    #[test]
    fn without_any_time_it_has_that_of_its_reading() {
        let (_, words) = words_read_at(Some(9), r#"{"a":1}"#, -1, false).expect("it has a time");
        let id = String::from_utf8_lossy(&short_digest(&[br#"{"a":1} 9 7"#])).into_owned();
        assert_eq!(words[..5], ["", "9", "?", "", &id]);
        let (_, words) = words_read_at(Some(9), r#"{"a":1}"#, -1, true).expect("it needs none");
        assert_eq!(words[..5], ["7", "", "", "", ""]);
    }

    #[test]
    fn an_event_without_an_id_is_known_by_its_value() {
        let id = |record: &str, timestamp| {
            let (_, words) = words_of(record, timestamp, true).expect("it is ordinary");
            words[4].clone()
        };
        let shown = |parts: &[&[u8]]| String::from_utf8_lossy(&short_digest(parts)).into_owned();
        assert_eq!(id(r#"{"a":1,"i":"1234567"}"#, NOW_MS), shown(&[b"1234567"]));
        assert_eq!(
            id(r#"{"a":1,"i":"null"}"#, 95_000_000_000),
            shown(&[br#"{"a":1,"i":"null"} 95000000000"#])
        );
        assert_eq!(id(r#"{"a":1,"c":1700000000}"#, NOW_MS), shown(&[br#"{"a":1,"c":1700000000}"#]));
        assert_eq!(id(r#"{"a":1}"#, -1), "");
    }

    #[test]
    fn a_number_is_sent_where_both_languages_write_it_alike() {
        for text in [&b"1.5"[..], b"-0.0", b"0.0001", b"1000000000000000.0"] {
            assert_eq!(plain_float(text), Ok(text));
        }
        for text in [&b"1e+16"[..], b"0.00001", b"-0.00001", b"1e-7"] {
            assert_eq!(plain_float(text), Err(Declined));
        }
    }
}
