//! Members of the records before: most of the next record's are the same, in the same order.
//!
//! What came behind a member the last time is compared with the record first, as a whole. Where it
//! is there, its name need be neither looked for nor written by its parts.

use crate::chunks::{Out, Padded};
use crate::names::{Seen, Wanted, hash};
use crate::scan::{Declined, Scan, Scanner};

/// So many are remembered. When as many unknown ones came as `PATIENCE`, all are forgotten.
const MOST: usize = 1_024;
const PATIENCE: usize = 16 * MOST;

/// None of these is remembered: a longer name, or a member of a further section.
const LONGEST: usize = 128;
const MOST_SECTIONS: usize = 32;

/// A source has at most so much beside the name.
const BESIDE_NAME: usize = 32;

/// Stands for a member or a section that is not remembered.
const NONE: usize = usize::MAX;

/// Stands for the section of a member that is never expected.
const UNEXPECTED: usize = NONE - 1;

struct Member {
    hash: u32,
    /// The name in the flat object, behind a comma and with a colon.
    written: Padded,
    name: Box<[u8]>,
    /// As it came, until the value begins.
    source: Box<[u8]>,
    section: usize,
    wanted: Option<usize>,
    /// The latest record that had it.
    round: u32,
    /// What came behind it the last time.
    next: usize,
}

/// Those of any records, and which of them the present record has.
pub struct Members {
    known: Vec<Member>,
    /// By hash: index + 1; 0 is free.
    slots: Vec<u16>,
    sections: Vec<Box<[u8]>>,
    section: usize,
    round: u32,
    /// The latest one of the present record, and the first one of the record before.
    last: usize,
    first: usize,
    /// Those that are not remembered.
    seen: Seen,
    unknown: usize,
}

impl Default for Members {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            slots: vec![0; 4 * MOST],
            sections: Vec::new(),
            section: NONE,
            round: 0,
            last: NONE,
            first: NONE,
            seen: Seen::default(),
            unknown: 0,
        }
    }
}

impl Members {
    /// Begin a record.
    pub fn begin(&mut self) {
        if self.unknown > PATIENCE || self.round == u32::MAX {
            *self = Self::default();
        }
        self.round += 1;
        self.last = NONE;
        self.seen.begin();
    }

    /// Begin a section of it, or what has no sections.
    pub fn begin_section(&mut self, name: &[u8]) {
        let known = self.sections.iter().position(|section| **section == *name);
        self.section = known.unwrap_or_else(|| match self.sections.len() {
            MOST_SECTIONS => NONE,
            free => {
                self.sections.push(name.into());
                free
            }
        });
    }

    /// Step over the beginning of a member, and write its name, if it is the one that is expected.
    ///
    /// Returns which wanted name it has, if it is that one.
    #[inline(always)]
    pub fn expected(
        &mut self,
        scanner: &mut Scanner,
        out: &mut Out,
    ) -> Scan<Option<Option<usize>>> {
        let place = self.known.get(self.last).map_or(self.first, |last| last.next);
        let Some(member) = self.known.get_mut(place) else { return Ok(None) };
        if member.section != self.section || !scanner.skips_text(&member.source) {
            return Ok(None);
        }
        if member.round == self.round {
            return Err(Declined);
        }
        member.round = self.round;
        self.last = place;
        out.put_padded(&member.written);
        Ok(Some(member.wanted))
    }

    /// Take another member; returns which wanted name it has. Declined is one that was there.
    ///
    /// The name lies in the flat object, from `start` on until its end. The source is nothing where
    /// the member is written in an unusual way.
    #[inline(always)]
    pub fn meet(
        &mut self,
        flat: &[u8],
        start: usize,
        source: &[u8],
        wanted: &Wanted,
    ) -> Scan<Option<usize>> {
        let name = &flat[start..];
        let hash = hash(name);
        let mut at = hash as usize % self.slots.len();
        while let Some(place) = usize::from(self.slots[at]).checked_sub(1) {
            let member = &mut self.known[place];
            if member.hash == hash && *member.name == *name {
                if member.round == self.round {
                    return Err(Declined);
                }
                member.round = self.round;
                let wanted = member.wanted;
                self.follow(place);
                return Ok(wanted);
            }
            at = (at + 1) % self.slots.len();
        }
        let wanted = wanted.find(hash, name);
        if self.known.len() < MOST && name.len() <= LONGEST {
            self.learn(at, hash, name, source, wanted);
        } else {
            self.unknown += 1;
            if !self.seen.add(hash, flat, start, flat.len()) {
                return Err(Declined);
            }
        }
        Ok(wanted)
    }

    #[cold]
    fn learn(&mut self, slot: usize, hash: u32, name: &[u8], source: &[u8], wanted: Option<usize>) {
        let place = self.known.len();
        let is_usual = (1..=LONGEST + BESIDE_NAME).contains(&source.len());
        let section = if is_usual && self.section != NONE { self.section } else { UNEXPECTED };
        self.known.push(Member {
            hash,
            written: Padded::new(&[b",\"", name, b"\":"].concat()),
            name: name.into(),
            source: source.into(),
            section,
            wanted,
            round: self.round,
            next: NONE,
        });
        self.slots[slot] = place as u16 + 1;
        self.follow(place);
    }

    /// Remember that a member came behind the latest one.
    #[inline(always)]
    fn follow(&mut self, place: usize) {
        match self.known.get_mut(self.last) {
            Some(last) => last.next = place,
            None => self.first = place,
        }
        self.last = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flatten::{Flattener, Limits, Pick, Shape};

    const LIMITS: Limits = Limits { record_bytes: 9_999, depth: 9, fields: 99 };

    /// The flat object, and what was found of the wanted `q-a` and `q-b`.
    fn flattened(members: &mut Members, shape: Shape, record: &str) -> Scan<(String, [String; 2])> {
        let wanted = Wanted::new(vec![b"q-a".to_vec(), b"q-b".to_vec()]);
        let mut picks = [Pick::default(); 2];
        let mut out = Out::default();
        let mut flattener = Flattener::new(LIMITS, shape, &wanted, members);
        flattener.flatten(record.as_bytes(), &mut picks, &mut out)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8 goes in");
        Ok((text(out.as_slice()), picks.map(|pick| text(pick.of(out.as_slice())))))
    }

    /// What is remembered of the records before may change nothing.
    fn same_in_any_company(shape: Shape, records: &[&str]) {
        let mut members = Members::default();
        for _ in 0..3 {
            for first in records {
                for second in records {
                    for record in [first, second, first] {
                        let alone = flattened(&mut Members::default(), shape, record);
                        assert_eq!(flattened(&mut members, shape, record), alone, "{record}");
                    }
                }
            }
        }
    }

    #[test]
    fn records_are_flat_in_the_same_way_whatever_came_before() {
        let element = |name: &str, value: &str| format!(r#"{{"name":"{name}","value":{value}}}"#);
        let section =
            |name: &str, elements: &[String]| format!(r#""{name}":[{}]"#, elements.join(","));
        let record = |sections: &[String]| format!("{{{}}}", sections.join(","));
        let (a, b) = (element("a", "1"), element("b", r#""x""#));
        let long = element(&"n".repeat(LONGEST + 1), "2");
        let records = [
            record(&[section("q", &[a.clone(), b.clone()])]),
            record(&[section("q", &[b.clone(), a.clone()])]),
            record(&[section("q", &[a.clone(), b.clone(), a.clone()])]),
            record(&[section("q", &[a.clone(), a.clone()])]),
            record(&[
                section("r", &[a.clone(), b.clone()]),
                section("q", std::slice::from_ref(&a)),
            ]),
            record(&[
                section("q", std::slice::from_ref(&a)),
                section("r", &[a.clone(), b.clone()]),
            ]),
            record(&[
                section("q-a", std::slice::from_ref(&b)),
                section("q", &[element("a-b", "3")]),
            ]),
            record(&[section("q-a", std::slice::from_ref(&b))]),
            record(&[section("q", &[element("a-b", "3")])]),
            record(&[section("q", &[long.clone(), a.clone(), long.clone()])]),
            record(&[section("q", &[long, a.clone()])]),
            record(&[section("q", &[r#"{"name": "a", "value": 4}"#.to_owned(), b.clone()])]),
            record(&[section("q", &[r#"{"value":5,"name":"a"}"#.to_owned(), b.clone()])]),
            record(&[section("q", &[r#"{"name":"a","value":}"#.to_owned()])]),
            record(&[section("profile_q", &[a])]),
            record(&[]),
        ];
        same_in_any_company(Shape::Processed, &records.each_ref().map(|record| &record[..]));
    }

    #[test]
    fn flat_records_too() {
        same_in_any_company(
            Shape::Flattened,
            &[
                r#"{"q-a":1,"q-b":2}"#,
                r#"{"q-b":2,"q-a":1}"#,
                r#"{"q-a":1,"q-a":2}"#,
                r#"{ "q-a" : 1 , "q-b":2}"#,
                r#"{"q-a":1,"profile_b":2}"#,
                r#"{"q-a":"profile_b"}"#,
                "{}",
            ],
        );
    }

    #[test]
    fn a_member_that_is_expected_is_not_met_again() {
        let mut members = Members::default();
        let record = r#"{"q":[{"name":"a","value":1},{"name":"b","value":2}]}"#;
        flattened(&mut members, Shape::Processed, record).expect("it is ordinary");
        let wanted = Wanted::new(Vec::new());
        members.begin();
        members.begin_section(b"q");
        let mut scanner = Scanner::new(br#"{"name":"a","value":{"name":"b","value":"#);
        let mut out = Out::default();
        assert_eq!(members.expected(&mut scanner, &mut out), Ok(Some(Some(0))));
        assert_eq!(members.expected(&mut scanner, &mut out), Ok(Some(Some(1))));
        assert_eq!(members.expected(&mut scanner, &mut out), Ok(None));
        assert_eq!(out.as_slice(), br#","q-a":,"q-b":"#);
        assert_eq!(members.meet(b"q-a", 0, b"", &wanted), Err(Declined));
    }

    #[test]
    fn the_memory_is_bounded_and_new_members_come_in_again() {
        let mut members = Members::default();
        for number in 0..PATIENCE + 2 * MOST {
            let record = format!(r#"{{"{number}":0,"x{number}":1,"{number}x":2}}"#);
            assert!(flattened(&mut members, Shape::Flattened, &record).is_ok());
            assert!(members.known.len() <= MOST);
        }
        assert!(members.unknown < PATIENCE);
        for number in 0..2 * MOST_SECTIONS {
            let record = format!(r#"{{"{number}":[{{"name":"a","value":1}}]}}"#);
            let flat = format!(r#"{{"{number}-a":1}}"#);
            for _ in 0..2 {
                let found = flattened(&mut members, Shape::Processed, &record);
                assert_eq!(found.map(|(flat, _)| flat).as_deref(), Ok(&flat[..]));
            }
            assert!(members.sections.len() <= MOST_SECTIONS);
        }
    }
}
