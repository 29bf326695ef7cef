//! Replies of the script become the `profile_…` part of outputs; see `profiler.profiles.reply`.

use crate::chunks::{Out, Padded};
use crate::scan::write_char;

/// A part of a reply, as the client has parsed it. What is none of these the script never answers.
pub trait Part: Sized {
    fn text(&self) -> Option<&[u8]>;

    fn integer(&self) -> Option<i64>;

    fn is_nil(&self) -> bool;

    fn items(&self) -> Option<impl ExactSizeIterator<Item = Self>>;
}

/// How texts are written.
#[derive(Clone, Copy)]
pub enum Texts {
    /// Whoever writes them checks what is written: it is UTF-8 only if every text is.
    AsTheyAre,
    /// Bytes that are no UTF-8 are replaced as Python does.
    Mended,
}

/// The answer is not an ordinary one: Python does it, or says why it is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Odd;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    String,
    Integer,
    Boolean,
    Decimal,
    List,
    Counts,
}

impl Type {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "integer" => Self::Integer,
            "boolean" => Self::Boolean,
            "decimal" => Self::Decimal,
            "list" => Self::List,
            "counts" => Self::Counts,
            _ => return None,
        })
    }
}

pub struct Field {
    /// The output's name of it, with quotes and colon.
    pub member: Padded,
    pub kind: Type,
}

/// What all answers with the same flags have in common.
pub struct Shape {
    written: Vec<u8>,
    pub flags: Vec<String>,
    is_forgotten: bool,
    /// What stands behind the fields.
    tail: Vec<u8>,
}

/// The answers of one set of rules.
pub struct Answers {
    pub fields: Vec<Field>,
    pub known_flags: Vec<String>,
    /// Flags that leave, with the names of their members.
    pub metadata: Vec<(String, String)>,
    /// The member that names the rules' version; None where unknown fields are left out.
    pub version: Option<Vec<u8>>,
    /// Whether something stands behind the fields that tells of triggers.
    pub has_triggers: bool,
}

/// The flag of an event that brings nobody back.
const FORGOTTEN: &str = "forgotten";

impl Answers {
    /// Append an answer's JSON, nothing of one that is forgotten; returns the place of its shape.
    ///
    /// One that is odd may leave a part of it.
    #[inline]
    pub fn write(
        &self,
        answer: &impl Part,
        texts: Texts,
        shapes: &mut Vec<Shape>,
        out: &mut Out,
    ) -> Result<u16, Odd> {
        let mut parts = answer.items().ok_or(Odd)?;
        if parts.len() != 1 + self.fields.len() + usize::from(self.has_triggers) {
            return Err(Odd);
        }
        let place = self.shape(parts.next().as_ref().and_then(Part::text).ok_or(Odd)?, shapes)?;
        let shape = &shapes[usize::from(place)];
        if shape.is_forgotten {
            return Ok(place);
        }
        out.push(b'{');
        let begin = out.len();
        for (field, value) in self.fields.iter().zip(&mut parts) {
            if value.is_nil() {
                if self.version.is_none() {
                    continue;
                }
                out.put_padded(&field.member);
                out.copy(b"null");
            } else {
                out.put_padded(&field.member);
                write_value(field.kind, &value, texts, out)?;
            }
            out.push(b',');
        }
        if self.has_triggers {
            // What triggers did is rare, and for Python.
            let told = parts.next().ok_or(Odd)?;
            if told.items().is_none_or(|items| items.len() > 0) {
                return Err(Odd);
            }
        }
        if shape.tail.is_empty() {
            out.truncate(out.len() - usize::from(out.len() > begin));
        } else {
            out.copy(&shape.tail);
        }
        out.push(b'}');
        Ok(place)
    }

    fn shape(&self, written: &[u8], shapes: &mut Vec<Shape>) -> Result<u16, Odd> {
        match shapes.iter().position(|shape| shape.written == written) {
            Some(place) => Ok(place as u16),
            None => self.new_shape(written, shapes),
        }
    }

    #[cold]
    fn new_shape(&self, written: &[u8], shapes: &mut Vec<Shape>) -> Result<u16, Odd> {
        let place = u16::try_from(shapes.len()).map_err(|_| Odd)?;
        let text = str::from_utf8(written).map_err(|_| Odd)?;
        let mut flags: Vec<String> = Vec::new();
        // A space stands before each of them.
        let mut words = text.split(' ');
        if words.next() != Some("") {
            return Err(Odd);
        }
        for flag in words {
            if flags.iter().any(|other| other == flag)
                || !self.known_flags.iter().any(|f| f == flag)
            {
                return Err(Odd);
            }
            flags.push(flag.to_owned());
        }
        let mut tail = Vec::new();
        if let Some(version) = &self.version {
            for (flag, name) in &self.metadata {
                let is_set = flags.contains(flag);
                tail.extend_from_slice(format!("\"{name}\":{is_set},").as_bytes());
            }
            tail.extend_from_slice(version);
        }
        let is_forgotten = flags.iter().any(|flag| flag == FORGOTTEN);
        shapes.push(Shape { written: written.to_vec(), flags, is_forgotten, tail });
        Ok(place)
    }
}

#[inline(always)]
fn write_value(kind: Type, value: &impl Part, texts: Texts, out: &mut Out) -> Result<(), Odd> {
    match kind {
        Type::String => write_string(value.text().ok_or(Odd)?, texts, out),
        Type::Integer => write_integer(value.integer().ok_or(Odd)?, out),
        Type::Boolean => match value.integer() {
            Some(0) => out.copy(b"false"),
            Some(1) => out.copy(b"true"),
            _ => return Err(Odd),
        },
        Type::Decimal => {
            out.copy(value.text().filter(|text| is_decimal(text)).ok_or(Odd)?);
        }
        Type::List => return write_list(value, texts, out),
        Type::Counts => return write_counts(value, texts, out),
    }
    Ok(())
}

fn write_integer(number: i64, out: &mut Out) {
    out.copy(itoa::Buffer::new().format(number).as_bytes());
}

fn write_list(list: &impl Part, texts: Texts, out: &mut Out) -> Result<(), Odd> {
    out.push(b'[');
    for (place, item) in list.items().ok_or(Odd)?.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_string(item.text().ok_or(Odd)?, texts, out);
    }
    out.push(b']');
    Ok(())
}

fn write_counts(list: &impl Part, texts: Texts, out: &mut Out) -> Result<(), Odd> {
    let mut items = list.items().ok_or(Odd)?;
    out.push(b'{');
    let mut is_first = true;
    while let Some(item) = items.next() {
        let counted = items.next().ok_or(Odd)?;
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        write_string(item.text().ok_or(Odd)?, texts, out);
        out.push(b':');
        write_integer(counted.integer().ok_or(Odd)?, out);
    }
    out.push(b'}');
    Ok(())
}

/// `-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,4})?`
fn is_decimal(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let mut parts = text.splitn(2, |&byte| byte == b'.');
    let is_number = |part: &[u8], most: usize| {
        (1..=most).contains(&part.len()) && part.iter().all(u8::is_ascii_digit)
    };
    let whole = parts.next().unwrap_or_default();
    is_number(whole, 16)
        && (whole[0] != b'0' || whole.len() == 1)
        && parts.next().is_none_or(|decimals| is_number(decimals, 4))
}

/// A string as orjson writes it.
#[inline(always)]
fn write_string(text: &[u8], texts: Texts, out: &mut Out) {
    match texts {
        Texts::AsTheyAre => write_characters(text, out),
        Texts::Mended => write_characters(String::from_utf8_lossy(text).as_bytes(), out),
    }
}

#[inline(always)]
fn write_characters(text: &[u8], out: &mut Out) {
    out.push(b'"');
    let mut at = out.copy_plain(text, 0);
    while let Some(&special) = text.get(at) {
        write_char(char::from(special), out);
        at = out.copy_plain(text, at + 1);
    }
    out.push(b'"');
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use Made::{Integer, List, Nil, Other, Text};

    /// A part of a reply that a test makes.
    #[derive(Clone, Debug)]
    pub enum Made {
        Text(&'static str),
        Bytes(&'static [u8]),
        Integer(i64),
        Nil,
        List(Vec<Made>),
        Other,
    }

    impl Part for Made {
        fn text(&self) -> Option<&[u8]> {
            match self {
                Text(text) => Some(text.as_bytes()),
                Made::Bytes(bytes) => Some(bytes),
                _ => None,
            }
        }

        fn integer(&self) -> Option<i64> {
            if let Integer(number) = self { Some(*number) } else { None }
        }

        fn is_nil(&self) -> bool {
            matches!(self, Nil)
        }

        fn items(&self) -> Option<impl ExactSizeIterator<Item = Self>> {
            if let List(items) = self { Some(items.clone().into_iter()) } else { None }
        }
    }

    fn answers(version: Option<&str>, kinds: &[Type]) -> Answers {
        let member = |(place, &kind): (usize, &Type)| Field {
            member: Padded::new(format!("\"profile_{place}\":").as_bytes()),
            kind,
        };
        Answers {
            fields: kinds.iter().enumerate().map(member).collect(),
            known_flags: vec!["late".to_owned(), "forgotten".to_owned()],
            metadata: vec![("late".to_owned(), "profile_late".to_owned())],
            version: version.map(|version| format!("\"v\":\"{version}\"").into_bytes()),
            has_triggers: false,
        }
    }

    fn written(answers: &Answers, answer: &[Made]) -> Result<String, Odd> {
        let mut out = Out::default();
        answers.write(&List(answer.to_vec()), Texts::AsTheyAre, &mut Vec::new(), &mut out)?;
        Ok(String::from_utf8(out.as_slice().to_vec()).expect("UTF-8 is written"))
    }

    #[test]
    fn every_type_is_written() {
        use Type::{Boolean, Counts, Decimal, Integer as Whole, List as Texts, String};
        let answers =
            answers(Some("r-1"), &[String, Whole, Boolean, Decimal, Texts, Counts, String]);
        let answer = [
            Text(" late"),
            Text("é\"\n"),
            Integer(-7),
            Integer(1),
            Text("-0.50"),
            List(vec![Text("a"), Text("")]),
            List(vec![Text("b"), Integer(2), Text("c"), Integer(3)]),
            Nil,
        ];
        let expected = concat!(
            r#"{"profile_0":"é\"\n","profile_1":-7,"profile_2":true,"profile_3":-0.50,"#,
            r#""profile_4":["a",""],"profile_5":{"b":2,"c":3},"profile_6":null,"#,
            r#""profile_late":true,"v":"r-1"}"#
        );
        assert_eq!(written(&answers, &answer).as_deref(), Ok(expected));
    }

    #[test]
    fn unknown_fields_are_left_out_where_the_order_is_arrival() {
        let answers = answers(None, &[Type::String, Type::String]);
        assert_eq!(
            written(&answers, &[Text(""), Nil, Text("x")]).as_deref(),
            Ok(r#"{"profile_1":"x"}"#)
        );
        assert_eq!(written(&answers, &[Text(""), Nil, Nil]).as_deref(), Ok("{}"));
    }

    #[test]
    fn of_a_forgotten_visitor_nothing_is_written() {
        let answers = answers(Some("r-1"), &[Type::Integer]);
        assert_eq!(written(&answers, &[Text(" forgotten late"), Other]).as_deref(), Ok(""));
    }

    #[test]
    fn an_answer_of_another_form_is_odd() {
        let one = |kind| answers(Some("r-1"), &[kind]);
        let odd = |kind, value| assert_eq!(written(&one(kind), &[Text(""), value]), Err(Odd));
        for kind in [Type::Integer, Type::Boolean, Type::Decimal, Type::List, Type::Counts] {
            odd(kind, Text("x"));
        }
        for kind in [Type::String, Type::Decimal, Type::List] {
            odd(kind, Integer(1));
        }
        odd(Type::Boolean, Integer(2));
        odd(Type::String, Other);
        odd(Type::List, List(vec![Integer(1)]));
        odd(Type::Counts, List(vec![Text("a")]));
        odd(Type::Counts, List(vec![Integer(1), Text("a")]));
        for flags in ["late", " new", " late late", "  late", " late ", " "] {
            assert_eq!(
                written(&one(Type::Integer), &[Text(flags), Integer(1)]),
                Err(Odd),
                "{flags}"
            );
        }
        assert_eq!(written(&one(Type::Integer), &[Text("")]), Err(Odd));
        assert_eq!(written(&one(Type::Integer), &[Nil, Integer(1)]), Err(Odd));
    }

    #[test]
    fn what_triggers_did_is_for_python() {
        let mut answers = answers(Some("r-1"), &[Type::Integer]);
        answers.has_triggers = true;
        assert!(written(&answers, &[Text(""), Integer(1), List(vec![])]).is_ok());
        assert_eq!(written(&answers, &[Text(""), Integer(1), List(vec![Text("t")])]), Err(Odd));
        assert_eq!(written(&answers, &[Text(""), Integer(1), Nil]), Err(Odd));
    }

    #[test]
    fn decimals_are_those_of_the_script() {
        for text in ["0", "-0", "12.5", "1234567890123456.1234"] {
            assert!(is_decimal(text.as_bytes()), "{text}");
        }
        for text in ["", "-", "01", "1.", ".5", "1.12345", "12345678901234567", "1e5", "1.2.3", "٣"]
        {
            assert!(!is_decimal(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_replaced() {
        let mut out = Out::default();
        write_string(b"a\xff\xe2\x82b\x1f", Texts::Mended, &mut out);
        assert_eq!(out.as_slice(), "\"a\u{fffd}\u{fffd}b\\u001f\"".as_bytes());
    }
}
