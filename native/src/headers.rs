//! Record headers: where a record came from; the meaning is that of `profiler.records.headers`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::scan::{Declined, Scan};

const TOPIC: &str = "source-topic";
const PARTITION: &str = "source-partition";
const OFFSET: &str = "source-offset";
/// Only we may say which timestamp a record had.
const TIMESTAMP: &str = "source-timestamp";

/// Bytes that a header has in a record beside name and value, or a few more.
const OVERHEAD: usize = 10;

/// Numbers of 64 bits, as Kafka's offsets are.
const MOST_DIGITS: usize = 19;

type Header<'py> = Bound<'py, PyTuple>;

/// Headers of outputs, and how many bytes they take.
pub struct Headers<'py> {
    pub all: Bound<'py, PyTuple>,
    pub bytes: usize,
}

/// Says where the records of one partition were read.
pub struct Source<'py> {
    topic: Header<'py>,
    partition: Header<'py>,
    offset_name: Bound<'py, PyString>,
    /// Without the digits of the offset.
    bytes: usize,
}

impl<'py> Source<'py> {
    pub fn new(py: Python<'py>, topic: &str, partition: i64) -> PyResult<Self> {
        let partition = partition.to_string();
        let header = |name: &str, value: &str| {
            let name = PyString::intern(py, name).into_any();
            PyTuple::new(py, [name, PyBytes::new(py, value.as_bytes()).into_any()])
        };
        let names = TOPIC.len() + PARTITION.len() + OFFSET.len();
        Ok(Self {
            topic: header(TOPIC, topic)?,
            partition: header(PARTITION, &partition)?,
            offset_name: PyString::intern(py, OFFSET),
            bytes: 3 * OVERHEAD + names + topic.len() + partition.len(),
        })
    }

    /// The headers of a record with those that say where it was read.
    ///
    /// With `forward` a source that is named already stays. Headers that Python must judge are
    /// declined: a name that is not UTF-8 makes a dead letter.
    pub fn with(
        &self,
        headers: &Bound<'py, PyTuple>,
        offset: i64,
        forward: bool,
    ) -> PyResult<Scan<Headers<'py>>> {
        if headers.is_empty() {
            return self.behind(Vec::new(), 0, offset).map(Ok);
        }
        let Ok(read) = headers.iter().map(read).collect::<Result<Vec<_>, _>>() else {
            return Ok(Err(Declined));
        };
        if forward && has_source(&read) {
            let bytes = read.iter().map(Read::bytes).sum();
            return Ok(Ok(Headers { all: headers.clone(), bytes }));
        }
        let foreign = |each: &Read| {
            let name = each.name();
            name != TIMESTAMP && !is_source(name)
        };
        let kept: Vec<Read> = read.into_iter().filter(foreign).collect();
        let bytes = kept.iter().map(Read::bytes).sum();
        let kept = kept.into_iter().map(|each| each.header).collect();
        self.behind(kept, bytes, offset).map(Ok)
    }

    fn behind(
        &self,
        mut headers: Vec<Header<'py>>,
        bytes: usize,
        offset: i64,
    ) -> PyResult<Headers<'py>> {
        let py = self.topic.py();
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(offset).as_bytes();
        let value = PyBytes::new(py, digits).into_any();
        headers.push(self.topic.clone());
        headers.push(self.partition.clone());
        headers.push(PyTuple::new(py, [self.offset_name.clone().into_any(), value])?);
        let bytes = bytes + self.bytes + digits.len();
        Ok(Headers { all: PyTuple::new(py, headers)?, bytes })
    }
}

/// A header that is read, and the parts of it.
struct Read<'py> {
    header: Header<'py>,
    name: pyo3::pybacked::PyBackedStr,
    value: Option<pyo3::pybacked::PyBackedBytes>,
}

impl Read<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn value(&self) -> &[u8] {
        self.value.as_deref().unwrap_or_default()
    }

    fn bytes(&self) -> usize {
        OVERHEAD + self.name.len() + self.value().len()
    }
}

/// Fails where a name has no UTF-8, or it is no header.
fn read(header: Bound<'_, PyAny>) -> PyResult<Read<'_>> {
    let header = header.cast_into::<PyTuple>()?;
    let name = header.get_item(0)?.extract()?;
    let value = header.get_item(1)?.extract()?;
    Ok(Read { header, name, value })
}

fn is_source(name: &str) -> bool {
    matches!(name, TOPIC | PARTITION | OFFSET)
}

/// Whether a complete source is named: each name once, the numbers in decimal.
fn has_source(headers: &[Read]) -> bool {
    let values = |name: &str| {
        let mut found = headers.iter().filter(|each| each.name() == name);
        let value = found.next().and_then(|each| each.value.as_deref());
        value.filter(|_| found.next().is_none()).map(<[u8]>::to_vec)
    };
    let is_number = |value: Option<Vec<u8>>| {
        value.is_some_and(|digits| {
            (1..=MOST_DIGITS).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        })
    };
    values(TOPIC).is_some_and(|topic| !topic.is_empty())
        && is_number(values(PARTITION))
        && is_number(values(OFFSET))
}
