//! A record becomes a flat object, and the fields that are wanted of it.

use crate::chunks::{CHUNK, Out};
use crate::members::Members;
use crate::names::Wanted;
use crate::scan::{Declined, Kind, Scan, Scanner};

/// What one record may be at most; see `profiler.records.json_objects.Limits`.
#[derive(Clone, Copy)]
pub struct Limits {
    pub record_bytes: usize,
    pub depth: usize,
    pub fields: usize,
}

/// Where in the flat object a wanted field's encoded value lies.
#[derive(Clone, Copy, Default)]
pub struct Pick {
    pub start: u32,
    pub end: u32,
    pub kind: Kind,
}

impl Pick {
    /// The value as it is encoded; nothing where the field is not there.
    #[inline(always)]
    pub fn of<'a>(&self, flat: &'a [u8]) -> &'a [u8] {
        &flat[self.start as usize..self.end as usize]
    }
}

/// What a value of a record is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `{section: [{"name": n, "value": v}, ...], ...}`
    Processed,
    /// `{"section-n": v, ...}`
    Flattened,
}

/// A record with more sections is declined: their names are compared in pairs.
const MOST_SECTIONS: usize = 32;

/// How a name that only the profiler may give begins: what is to become of it is for Python.
const OURS: &[u8] = b"profile_";

/// Flattens record after record; holds tables that are used again.
pub struct Flattener<'w> {
    limits: Limits,
    shape: Shape,
    wanted: &'w Wanted,
    members: &'w mut Members,
    /// `,"section-`, with what fills a chunk behind it.
    prefix: Vec<u8>,
    prefix_length: usize,
    scratch: Out,
}

/// One record on its way.
struct Flat<'a> {
    /// Of all records; this one's begins at `begin`.
    out: &'a mut Out,
    begin: usize,
    picks: &'a mut [Pick],
    fields: usize,
    /// How many levels a value may have.
    room: usize,
}

impl<'w> Flattener<'w> {
    pub fn new(
        mut limits: Limits,
        shape: Shape,
        wanted: &'w Wanted,
        members: &'w mut Members,
    ) -> Self {
        // Places in a flat object are told by 32 bits, and one value is written at most six times
        // as long as it comes.
        limits.record_bytes = limits.record_bytes.min((u32::MAX / 8) as usize);
        Self {
            limits,
            shape,
            wanted,
            members,
            prefix: Vec::new(),
            prefix_length: 0,
            scratch: Out::default(),
        }
    }

    /// Append a record's flat object to `out`. A record that is declined may leave a part of it.
    ///
    /// `picks` has a place for each wanted name, and comes empty.
    pub fn flatten(&mut self, value: &[u8], picks: &mut [Pick], out: &mut Out) -> Scan<()> {
        if value.len() > self.limits.record_bytes || simdutf8::basic::from_utf8(value).is_err() {
            return Err(Declined);
        }
        out.reserve(value.len() + 256);
        self.members.begin();
        let begin = out.len();
        let mut scanner = Scanner::new(value);
        // The record, the list of a section and the element stand around a processed value.
        let around = if self.shape == Shape::Processed { 3 } else { 1 };
        let room = self.limits.depth.saturating_sub(around);
        let mut flat = Flat { out, begin, picks, fields: 0, room };
        scanner.byte(b'{')?;
        if !scanner.takes(b'}') {
            match self.shape {
                Shape::Processed => self.sections(&mut scanner, &mut flat)?,
                Shape::Flattened => self.members(&mut scanner, &mut flat)?,
            }
        }
        scanner.end()?;
        // A comma stands before each member.
        match flat.fields {
            0 => flat.out.push(b'{'),
            _ => flat.out.set(begin, b'{'),
        }
        flat.out.push(b'}');
        if out.len() - begin > self.limits.record_bytes {
            return Err(Declined);
        }
        Ok(())
    }

    fn sections(&mut self, scanner: &mut Scanner, flat: &mut Flat) -> Scan<()> {
        let mut sections: [&[u8]; MOST_SECTIONS] = [b""; MOST_SECTIONS];
        let mut count = 0;
        loop {
            let section = scanner.plain_string()?;
            if count == MOST_SECTIONS
                || sections[..count].contains(&section)
                || section.starts_with(OURS)
            {
                return Err(Declined);
            }
            sections[count] = section;
            count += 1;
            scanner.byte(b':')?;
            scanner.byte(b'[')?;
            if !scanner.takes(b']') {
                self.members.begin_section(section);
                self.set_prefix(&[section, b"-"]);
                loop {
                    self.element(scanner, flat)?;
                    if !scanner.more(b']')? {
                        break;
                    }
                }
            }
            if !scanner.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// `{"name": n, "value": v}`, with both written where they belong at once.
    #[inline(always)]
    fn element(&mut self, scanner: &mut Scanner, flat: &mut Flat) -> Scan<()> {
        self.count(flat)?;
        let begin = scanner.place();
        let wanted = match self.members.expected(scanner, flat.out)? {
            Some(wanted) => wanted,
            None => {
                let length = flat.out.len();
                match self.another(scanner, flat)? {
                    Some(wanted) => wanted,
                    None => {
                        scanner.go_back(begin);
                        flat.out.truncate(length);
                        return self.any_order(scanner, flat);
                    }
                }
            }
        };
        let start = flat.out.len();
        let kind = scanner.value(flat.out, flat.room)?;
        flat.pick(wanted, start, kind);
        while scanner.more(b'}')? {
            let member = scanner.plain_string()?;
            self.dropped(member, scanner, flat.room)?;
        }
        Ok(())
    }

    /// The beginning of an element that is not expected; None where it is an unusual one.
    fn another(&mut self, scanner: &mut Scanner, flat: &mut Flat) -> Scan<Option<Option<usize>>> {
        let begin = scanner.place();
        // As it is written without blanks, or as Python writes it.
        if scanner.skips(br#"{"name":""#) || scanner.skips(br#"{"name": ""#) {
            let name = self.open(flat);
            scanner.plain_rest(flat.out)?;
            if scanner.skips(br#","value":"#) || scanner.skips(br#", "value": "#) {
                return self.close(name, scanner.since(begin), flat).map(Some);
            }
        }
        Ok(None)
    }

    /// An element that is written in another way.
    #[cold]
    fn any_order(&mut self, scanner: &mut Scanner, flat: &mut Flat) -> Scan<()> {
        scanner.byte(b'{')?;
        let mut name = None;
        let mut value = None;
        loop {
            match scanner.plain_string()? {
                b"name" if name.is_none() => {
                    scanner.byte(b':')?;
                    name = Some(scanner.plain_string()?);
                }
                b"value" if value.is_none() => {
                    scanner.byte(b':')?;
                    let mut encoded = Out::default();
                    let kind = scanner.value(&mut encoded, flat.room)?;
                    value = Some((encoded, kind));
                }
                member => self.dropped(member, scanner, flat.room)?,
            }
            if !scanner.more(b'}')? {
                break;
            }
        }
        let (Some(name), Some((encoded, kind))) = (name, value) else { return Err(Declined) };
        let start = self.open(flat);
        flat.out.copy(name);
        let wanted = self.close(start, b"", flat)?;
        let start = flat.out.len();
        flat.out.copy(encoded.as_slice());
        flat.pick(wanted, start, kind);
        Ok(())
    }

    /// Step over a member of an element that flattening drops; of two names the last one wins.
    #[cold]
    fn dropped(&mut self, member: &[u8], scanner: &mut Scanner, room: usize) -> Scan<()> {
        if matches!(member, b"name" | b"value") {
            return Err(Declined);
        }
        scanner.byte(b':')?;
        self.scratch.truncate(0);
        scanner.value(&mut self.scratch, room).map(|_| ())
    }

    fn members(&mut self, scanner: &mut Scanner, flat: &mut Flat) -> Scan<()> {
        self.members.begin_section(b"");
        self.set_prefix(&[]);
        loop {
            self.count(flat)?;
            let wanted = match self.members.expected(scanner, flat.out)? {
                Some(wanted) => wanted,
                None => self.another_member(scanner, flat)?,
            };
            let start = flat.out.len();
            let kind = scanner.value(flat.out, flat.room)?;
            flat.pick(wanted, start, kind);
            if !scanner.more(b'}')? {
                return Ok(());
            }
        }
    }

    fn another_member(&mut self, scanner: &mut Scanner, flat: &mut Flat) -> Scan<Option<usize>> {
        let begin = scanner.place();
        scanner.byte(b'"')?;
        let name = self.open(flat);
        scanner.plain_rest(flat.out)?;
        if flat.out.as_slice()[name..].starts_with(OURS) {
            return Err(Declined);
        }
        scanner.byte(b':')?;
        self.close(name, scanner.since(begin), flat)
    }

    /// Say what stands before the names that follow.
    fn set_prefix(&mut self, parts: &[&[u8]]) {
        self.prefix.clear();
        self.prefix.extend(b",\"");
        parts.iter().for_each(|part| self.prefix.extend(*part));
        self.prefix_length = self.prefix.len();
        self.prefix.extend([0; CHUNK]);
    }

    /// Count a member that follows.
    #[inline(always)]
    fn count(&self, flat: &mut Flat) -> Scan<()> {
        flat.fields += 1;
        // The name of a section is repeated for each of its elements.
        let is_long = flat.out.len() - flat.begin > self.limits.record_bytes;
        if flat.fields > self.limits.fields || is_long { Err(Declined) } else { Ok(()) }
    }

    /// Begin a member with what stands before its name in the section; returns where all that is
    /// its name in the flat object begins.
    fn open(&self, flat: &mut Flat) -> usize {
        let start = flat.out.len() + 2;
        flat.out.copy_part(&self.prefix, 0, self.prefix_length);
        start
    }

    /// End a name that is written from a place on; returns which wanted one it is.
    fn close(&mut self, start: usize, source: &[u8], flat: &mut Flat) -> Scan<Option<usize>> {
        let written = &flat.out.as_slice()[flat.begin..];
        // Of two fields with one name the last wins, in the place of the first.
        let wanted = self.members.meet(written, start - flat.begin, source, self.wanted)?;
        flat.out.copy(b"\":");
        Ok(wanted)
    }
}

impl Flat<'_> {
    #[inline(always)]
    fn pick(&mut self, wanted: Option<usize>, start: usize, kind: Kind) {
        if let Some(index) = wanted {
            let start = (start - self.begin) as u32;
            let end = (self.out.len() - self.begin) as u32;
            self.picks[index] = Pick { start, end, kind };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { record_bytes: 200, depth: 5, fields: 3 };

    fn flattened(shape: Shape, value: &str) -> Scan<(String, Vec<(Kind, String)>)> {
        let wanted = Wanted::new(vec![b"q-a".to_vec(), b"q-b".to_vec()]);
        let mut picks = [Pick::default(); 2];
        // What is there of the record before moves nothing.
        let mut out = Out::default();
        out.copy(b"{}");
        let mut members = Members::default();
        Flattener::new(LIMITS, shape, &wanted, &mut members).flatten(
            value.as_bytes(),
            &mut picks,
            &mut out,
        )?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8 goes in");
        let flat = &out.as_slice()[2..];
        let found = picks.iter().map(|pick| (pick.kind, text(pick.of(flat)))).collect();
        Ok((text(flat), found))
    }

    fn flat_of(shape: Shape, value: &str) -> Option<String> {
        flattened(shape, value).ok().map(|(flat, _)| flat)
    }

    #[test]
    fn sections_and_names_become_fields() {
        let value = r#" {"q" : [ {"name":"a","value":1}, {"value":[ "x" ],"name":"c"} ], "e":[]} "#;
        let (flat, picks) = flattened(Shape::Processed, value).expect("it is ordinary");
        assert_eq!(flat, r#"{"q-a":1,"q-c":["x"]}"#);
        assert_eq!(picks[0], (Kind::Integer, "1".to_owned()));
        assert_eq!(picks[1], (Kind::Absent, String::new()));
        assert_eq!(flat_of(Shape::Processed, "{}").as_deref(), Some("{}"));
    }

    #[test]
    fn further_members_are_dropped_wherever_they_stand() {
        let value = r#"{"q":[{"name":"a","value":1,"x":{"value":[]},"y":2},
            {"x":0,"value":"t","name":"b"},{"name":"c","x":"n","value":null}]}"#;
        let (flat, picks) = flattened(Shape::Processed, value).expect("it is ordinary");
        assert_eq!(flat, r#"{"q-a":1,"q-b":"t","q-c":null}"#);
        assert_eq!(picks[1], (Kind::Text, "\"t\"".to_owned()));
    }

    #[test]
    fn a_flat_object_is_written_compactly() {
        let (flat, picks) =
            flattened(Shape::Flattened, r#"{"q-b": "t", "": null}"#).expect("it is");
        assert_eq!(flat, r#"{"q-b":"t","":null}"#);
        assert_eq!(picks[1], (Kind::Text, "\"t\"".to_owned()));
    }

    #[test]
    fn what_python_must_judge_is_declined() {
        for value in [
            "",
            "[]",
            "{} x",
            r#"{"q":{}}"#,
            r#"{"q":[{"name":"a"}]}"#,
            r#"{"q":[{"value":1}]}"#,
            r#"{"q":[{"name":1,"value":1}]}"#,
            r#"{"q":[{"name":"a","value":1,"value":2}]}"#,
            r#"{"q":[{"name":"a","value":1,"name":"b"}]}"#,
            r#"{"q":[{"value":1,"name":"a","name":"b"}]}"#,
            r#"{"q":[{"value":1,"more":2}]}"#,
            r#"{"q":[{}]}"#,
            r#"{"q":[{"name":"a","value":1,"more":2,}]}"#,
            r#"{"q":[{"name":"a","value":1,"more":1e999}]}"#,
            r#"{"q":[{"name":"a","value":1},{"name":"a","value":2}]}"#,
            r#"{"q":[],"q":[]}"#,
            r#"{"q-a":[{"name":"b","value":1}],"q":[{"name":"a-b","value":2}]}"#,
            r#"{"profile_q":[]}"#,
            r#"{"q\u0061":[]}"#,
        ] {
            assert_eq!(flat_of(Shape::Processed, value), None, "{value}");
        }
        for value in [r#"{"a":1,"a":2}"#, r#"{"profile_x":1}"#, "{\"a\":1", "[1]"] {
            assert_eq!(flat_of(Shape::Flattened, value), None, "{value}");
        }
    }

    #[test]
    fn every_limit_is_held() {
        let fields = |n| (0..n).map(|at| format!("\"{at}\":0")).collect::<Vec<_>>().join(",");
        assert!(flat_of(Shape::Flattened, &format!("{{{}}}", fields(3))).is_some());
        assert!(flat_of(Shape::Flattened, &format!("{{{}}}", fields(4))).is_none());
        assert!(flat_of(Shape::Flattened, r#"{"a":[[[[]]]]}"#).is_some());
        assert!(flat_of(Shape::Flattened, r#"{"a":[[[[[]]]]]}"#).is_none());
        assert!(flat_of(Shape::Processed, r#"{"q":[{"name":"a","value":[[]]}]}"#).is_some());
        assert!(flat_of(Shape::Processed, r#"{"q":[{"name":"a","value":[[[]]]}]}"#).is_none());
        let long = |n| format!("{{\"a\":\"{}\"}}", "x".repeat(n));
        assert!(flat_of(Shape::Flattened, &long(192)).is_some());
        assert!(flat_of(Shape::Flattened, &long(193)).is_none());
        // What is within the limit as it came may be beyond it as it is written.
        assert!(
            flat_of(Shape::Flattened, &format!("{{\"a\":[{}1e15]}}", "1e15,".repeat(30))).is_none()
        );
    }
}
