//! What Python sees of a client: see `profiler.kafka.librdkafka.compiled`.

use std::collections::VecDeque;
use std::ffi::{CStr, CString, OsStr, OsString, c_int};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::kafka::client::{Client, Error, Event, Header, Room, TopicOf};
use crate::kafka::library::{self, Functions};

/// What a record takes beside its parts, at most about.
const OVERHEAD_BYTES: usize = 32;

/// How long a wait is before its thread looks after signals, and after records that failed.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A producer of librdkafka. Its calls may come from several threads.
#[pyclass(frozen)]
pub struct Producer {
    /// None only while it is dropped.
    client: Option<Client>,
    /// Called with a line of the log.
    log: Py<PyAny>,
    raise: Raise,
    told: Mutex<Told>,
}

/// `KafkaError` and `KafkaException` of confluent-kafka.
struct Raise {
    error: Py<PyAny>,
    exception: Py<PyAny>,
}

/// What the library has told, and nobody has asked for yet.
#[derive(Default)]
struct Told {
    unsent: Vec<(String, Error)>,
    lines: VecDeque<(c_int, String, String)>,
    fatal: Option<Error>,
}

/// A record whose parts are borrowed from Python.
struct Given {
    topic: usize,
    headers: usize,
    key: Option<PyBackedBytes>,
    value: Option<PyBackedBytes>,
    timestamp: i64,
}

/// A topic of a slice, and what the slice has room for.
struct Target<'py, 'c> {
    name: Bound<'py, PyAny>,
    topic: TopicOf<'c>,
    left: usize,
}

#[pymethods]
impl Producer {
    /// Args:
    ///     library: path or name of the librdkafka that is loaded already.
    ///     version: what it must say of itself.
    ///     options: for it.
    ///     log: called with level (of syslog), facility, the client's name and text of each line
    ///         of its log; it must not hold the producer.
    ///     error: makes an error of code, reason, and whether it is fatal, may be tried again, and
    ///         wants the transaction to be aborted.
    ///     exception: makes an exception of an error.
    ///
    /// Raises:
    ///     ImportError: the library is not there, or another one.
    #[new]
    fn new(
        py: Python<'_>,
        library: OsString,
        version: c_int,
        mut options: Vec<(String, String)>,
        log: Py<PyAny>,
        error: Py<PyAny>,
        exception: Py<PyAny>,
    ) -> PyResult<Self> {
        let functions = found(&library, version)?;
        options.push(("log.queue".to_owned(), "true".to_owned()));
        let client = py.detach(|| Client::new(functions, &options));
        let raise = Raise { error, exception };
        match client {
            Ok(client) => Ok(Self { client: Some(client), log, raise, told: Mutex::default() }),
            Err(error) => Err(raise.exception(py, error)),
        }
    }

    /// Look for the library, see above.
    #[staticmethod]
    fn find(library: OsString, version: c_int) -> PyResult<()> {
        found(&library, version).map(|_| ())
    }

    /// Block until a broker answers.
    fn reach(&self, py: Python<'_>, timeout_s: f64) -> PyResult<()> {
        self.blocking(py, |client| client.reach(milliseconds(timeout_s)))
    }

    /// Queue records until so many bytes of one topic are queued.
    ///
    /// A record that the library does not take ends it, and is among the failures.
    ///
    /// Args:
    ///     records: tuples of topic, key, value, headers and timestamp.
    ///     start: the place of the first one.
    ///     slice_bytes: of a topic; one record may have more.
    ///
    /// Returns:
    ///     The place of the next one.
    fn produce(
        &self,
        py: Python<'_>,
        records: &Bound<'_, PyList>,
        start: usize,
        slice_bytes: usize,
    ) -> PyResult<usize> {
        let client = self.client();
        let mut targets: Vec<Target> = Vec::new();
        let mut headers: Vec<Vec<Header<PyBackedBytes>>> = Vec::new();
        let mut names = Names::default();
        let mut last: Option<Bound<'_, PyAny>> = None;
        let mut around = 0;
        let mut given = Vec::new();
        for place in start..records.len() {
            let record = records.get_item(place)?;
            let record = record.cast::<PyTuple>()?;
            let own = record.get_borrowed_item(3)?;
            // Both outputs of an event have the same.
            if !last.as_ref().is_some_and(|last| last.is(own)) {
                let some = headers_of(&*own.cast::<PyTuple>()?, &mut names)?;
                let bytes = |header: &Header<PyBackedBytes>| {
                    header.name.count_bytes() + header.value.as_ref().map_or(0, |v| v.len())
                };
                around = OVERHEAD_BYTES + some.iter().map(bytes).sum::<usize>();
                headers.push(some);
                last = Some(own.to_owned());
            }
            let key = bytes_of(record.get_borrowed_item(1)?)?;
            let value = bytes_of(record.get_borrowed_item(2)?)?;
            let of = |part: &Option<PyBackedBytes>| part.as_ref().map_or(0, |part| part.len());
            let size = of(&key) + of(&value) + around;
            let name = record.get_borrowed_item(0)?;
            let known = match targets.iter().position(|target| target.name.is(name)) {
                Some(at) => Some(at),
                None => {
                    let mut same = None;
                    for (at, target) in targets.iter().enumerate() {
                        if target.name.eq(name)? {
                            same = Some(at);
                        }
                    }
                    same
                }
            };
            let topic = match known {
                Some(at) if size > targets[at].left => break,
                Some(at) => at,
                None => {
                    let text: String = name.extract()?;
                    let topic = match client.topic(&text) {
                        Ok(topic) => topic,
                        Err(error) => {
                            self.told().unsent.push((text, error));
                            break;
                        }
                    };
                    targets.push(Target { name: name.to_owned(), topic, left: slice_bytes });
                    targets.len() - 1
                }
            };
            let target = &mut targets[topic];
            target.left = target.left.saturating_sub(size);
            let timestamp: i64 = record.get_borrowed_item(4)?.extract()?;
            // Here 0 stands for the time of sending, as -1 does in a record.
            let timestamp = timestamp.max(0);
            given.push(Given { topic, headers: headers.len() - 1, key, value, timestamp });
        }
        let topics: Vec<TopicOf> = targets.iter().map(|target| target.topic).collect();
        let refused = py.detach(|| {
            let mut room = Room::default();
            given.iter().enumerate().find_map(|(at, record)| {
                let (key, value) = (record.key.as_deref(), record.value.as_deref());
                let (topic, headers) = (topics[record.topic], &headers[record.headers]);
                let taken = client.produce(topic, key, value, record.timestamp, headers, &mut room);
                taken.err().map(|error| (at, error))
            })
        });
        if let Some((at, error)) = refused {
            let name = targets[given[at].topic].name.to_string();
            self.told().unsent.push((name, error));
        }
        Ok(start + given.len())
    }

    /// Send what is queued, and wait until it is acknowledged or given up.
    ///
    /// Returns:
    ///     How many records are still on their way when the time is over.
    fn flush(&self, py: Python<'_>, timeout_s: f64) -> PyResult<usize> {
        let client = self.client();
        let deadline = Instant::now() + Duration::from_secs_f64(timeout_s.clamp(0.0, 1e6));
        loop {
            py.detach(|| {
                let left = deadline.saturating_duration_since(Instant::now());
                client.flush(left.min(LOOK_EVERY).as_millis().try_into().unwrap_or(0));
                self.listen();
            });
            self.tell(py)?;
            if let Some(error) = self.told().fatal.take() {
                return Err(self.raise.exception(py, error));
            }
            let waiting = client.waiting();
            if waiting == 0 || Instant::now() >= deadline {
                return Ok(waiting);
            }
            py.check_signals()?;
        }
    }

    /// Topic and error of each record that was given up since the last call.
    fn failures(&self, py: Python<'_>) -> PyResult<Vec<(String, Py<PyAny>)>> {
        let unsent = mem::take(&mut self.told().unsent);
        let told = unsent.into_iter();
        told.map(|(topic, error)| Ok((topic, self.raise.error(py, error)?))).collect()
    }

    /// Give up what is queued or on its way; `flush` waits for its end.
    fn purge(&self, py: Python<'_>) -> PyResult<()> {
        self.blocking(py, Client::purge)
    }

    fn init_transactions(&self, py: Python<'_>, timeout_s: f64) -> PyResult<()> {
        self.blocking(py, |client| client.init_transactions(milliseconds(timeout_s)))
    }

    fn begin_transaction(&self, py: Python<'_>) -> PyResult<()> {
        self.blocking(py, Client::begin_transaction)
    }

    /// Args:
    ///     offsets: topic, partition and the next offset to read.
    ///     metadata: a text beside each.
    ///     group_metadata: the bytes that confluent-kafka gives for a member.
    ///     timeout_s: seconds.
    fn send_offsets(
        &self,
        py: Python<'_>,
        offsets: Vec<(String, i32, i64)>,
        metadata: &str,
        group_metadata: &[u8],
        timeout_s: f64,
    ) -> PyResult<()> {
        self.blocking(py, |client| {
            let timeout_ms = milliseconds(timeout_s);
            client.send_offsets(&offsets, metadata.as_bytes(), group_metadata, timeout_ms)
        })
    }

    /// All records are acknowledged before: the library would wait for what `flush` tells.
    fn commit_transaction(&self, py: Python<'_>, timeout_s: f64) -> PyResult<()> {
        self.blocking(py, |client| client.commit_transaction(milliseconds(timeout_s)))
    }

    /// Likewise.
    fn abort_transaction(&self, py: Python<'_>, timeout_s: f64) -> PyResult<()> {
        self.blocking(py, |client| client.abort_transaction(milliseconds(timeout_s)))
    }
}

impl Producer {
    fn client(&self) -> &Client {
        self.client.as_ref().expect("it is there until the drop")
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Make a call without the interpreter's lock.
    fn blocking(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Client) -> Result<(), Error> + Send,
    ) -> PyResult<()> {
        let outcome = py.detach(|| {
            let outcome = call(self.client());
            self.listen();
            outcome
        });
        self.tell(py)?;
        outcome.map_err(|error| self.raise.exception(py, error))
    }

    /// Take what the library has to tell.
    fn listen(&self) {
        self.client().events(|event| {
            let mut told = self.told();
            match event {
                Event::Unsent(topic, error) => told.unsent.push((topic, error)),
                Event::Logged(level, facility, text) => {
                    told.lines.push_back((level, facility, text));
                }
                Event::Fatal(error) => told.fatal = Some(error),
            }
        });
    }

    /// Pass the lines of the log on.
    fn tell(&self, py: Python<'_>) -> PyResult<()> {
        loop {
            // The lock is given back first: what is called may wait for another thread.
            let line = self.told().lines.pop_front();
            let Some((level, facility, text)) = line else { return Ok(()) };
            self.log.call1(py, (level, facility, self.client().name(), text))?;
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let client = self.client.take();
        // The library's threads are waited for.
        Python::attach(|py| py.detach(|| drop(client)));
    }
}

fn found(library: &OsStr, version: c_int) -> PyResult<Functions> {
    library::find(library, version).map_err(PyImportError::new_err)
}

impl Raise {
    fn error(&self, py: Python<'_>, error: Error) -> PyResult<Py<PyAny>> {
        let Error { code, reason, is_fatal, is_retriable, requires_abort } = error;
        self.error.call1(py, (code, reason, is_fatal, is_retriable, requires_abort))
    }

    fn exception(&self, py: Python<'_>, error: Error) -> PyErr {
        let made = self.error(py, error).and_then(|error| self.exception.call1(py, (error,)));
        made.map_or_else(|error| error, |made| PyErr::from_value(made.into_bound(py)))
    }
}

fn bytes_of(part: Borrowed<'_, '_, PyAny>) -> PyResult<Option<PyBackedBytes>> {
    if part.is_none() {
        return Ok(None);
    }
    Ok(Some(part.cast::<PyBytes>()?.to_owned().into()))
}

/// Some names of headers: the same few objects come with nearly all records.
#[derive(Default)]
struct Names<'py>(Vec<(Bound<'py, PyString>, Arc<CStr>)>);

impl<'py> Names<'py> {
    const MOST: usize = 16;

    /// A name as the library takes it: a foreign byte goes out as `?`.
    fn of(&mut self, name: Borrowed<'_, 'py, PyAny>) -> PyResult<Arc<CStr>> {
        if let Some((_, text)) = self.0.iter().find(|(known, _)| known.is(&*name)) {
            return Ok(text.clone());
        }
        let name = name.cast::<PyString>()?;
        let text = match name.to_cow() {
            Ok(name) => c_text(name.as_bytes()),
            Err(_) => {
                let encoded = name.call_method1("encode", ("utf-8", "replace"))?;
                c_text(encoded.cast::<PyBytes>()?.as_bytes())
            }
        };
        let text: Arc<CStr> = text.into();
        if self.0.len() < Self::MOST {
            self.0.push((name.to_owned(), text.clone()));
        }
        Ok(text)
    }
}

fn headers_of<'py>(
    headers: &Bound<'py, PyTuple>,
    names: &mut Names<'py>,
) -> PyResult<Vec<Header<PyBackedBytes>>> {
    let each = headers.iter().map(|header| {
        let header = header.cast::<PyTuple>()?;
        let name = names.of(header.get_borrowed_item(0)?)?;
        Ok(Header { name, value: bytes_of(header.get_borrowed_item(1)?)? })
    });
    each.collect()
}

/// A text up to its first NUL.
fn c_text(text: &[u8]) -> CString {
    match CString::new(text) {
        Ok(text) => text,
        Err(_) => CStr::from_bytes_until_nul(text).map(CStr::to_owned).unwrap_or_default(),
    }
}

fn milliseconds(seconds: f64) -> c_int {
    // A cast keeps within the type.
    (seconds.max(0.0) * 1_000.0) as c_int
}
