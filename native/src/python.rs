//! What Python sees: an object for a set of rules and settings, and one for each batch.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyFrozenSet, PyInt, PyList, PyString, PyTuple, PyType};

use crate::batch::{Batch, Calls, Origin, Stream, spliced};
use crate::derived::{Asked, DerivedWords, Memory, Question};
use crate::flatten::{Flattener, Limits, Shape as RecordShape};
use crate::headers::{Headers, Source};
use crate::members::Members;
use crate::names::Wanted;
use crate::plan::Plan;
use crate::reply::{Answers, Part, Shape};

/// Rules and settings of an engine, and what is remembered from batch to batch.
#[pyclass(frozen)]
pub struct Core {
    limits: Limits,
    shape: RecordShape,
    wanted: Wanted,
    calls: Option<Calls>,
    answers: Option<Answers>,
    plan: Plan,
    /// Called with an address and its referrer, or with a user agent.
    derive: Option<(Py<PyAny>, Py<PyAny>)>,
    make: Makers,
    memory: Mutex<Memory>,
    /// As many as batches were decoded at a time.
    members: Mutex<Vec<Members>>,
    /// Batches that are done.
    spare: Mutex<Vec<Batch>>,
    shapes: Mutex<Vec<Shape>>,
}

/// Python's types of tuples, and what makes them.
struct Makers {
    /// `tuple.__new__`, which is much faster than the types' own.
    new_tuple: Py<PyAny>,
    command: Py<PyType>,
    output: Py<PyType>,
}

impl Makers {
    fn make<'py>(
        &self,
        py: Python<'py>,
        kind: &Py<PyType>,
        parts: Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.new_tuple.bind(py).call1((kind.bind(py), parts))
    }
}

/// A lock that a panic has poisoned holds nothing that is half done.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl Core {
    /// Args:
    ///     plan: a `profiler.engine.native.plan.Plan`.
    ///     derive: computes the derived inputs of an address and its referrer, and the class of bot
    ///         of a user agent; None where rules have no derived inputs.
    ///     command: the type of commands, a tuple of key and packed words.
    ///     output: the type of outputs, a tuple of topic, key, value, headers and timestamp.
    #[new]
    fn new(
        py: Python<'_>,
        mut plan: Plan,
        derive: Option<(Py<PyAny>, Py<PyAny>)>,
        command: Py<PyType>,
        output: Py<PyType>,
    ) -> PyResult<Self> {
        let new_tuple = py.get_type::<PyTuple>().getattr("__new__")?.unbind();
        Ok(Self {
            limits: plan.limits(),
            shape: plan.shape(),
            wanted: plan.wanted(),
            calls: plan.calls()?,
            answers: plan.answers()?,
            plan,
            derive,
            make: Makers { new_tuple, command, output },
            memory: Mutex::default(),
            members: Mutex::default(),
            spare: Mutex::default(),
            shapes: Mutex::default(),
        })
    }

    /// Flatten the records of a batch.
    ///
    /// Args:
    ///     records: of one topic.
    ///     stream: see `Engine.batch`.
    ///     floors: likewise, as pairs.
    fn decode(
        this: Bound<'_, Self>,
        records: Bound<'_, PyList>,
        stream: &str,
        floors: Option<Vec<(i64, i64)>>,
    ) -> PyResult<NativeBatch> {
        let (py, core) = (this.py(), this.get());
        let count = records.len();
        let mut streams: Vec<Stream> = Vec::new();
        let mut sources: Vec<Source> = Vec::new();
        let mut headers = Vec::with_capacity(count);
        let mut inputs: Vec<(Option<PyBackedBytes>, Origin)> = Vec::with_capacity(count);
        for record in records.iter() {
            let record = record.cast_into::<PyTuple>()?;
            let partition: i64 = record.get_item(1)?.extract()?;
            let known = streams.iter().rposition(|known| known.partition == partition);
            let at = match known {
                Some(at) => at,
                None => {
                    let topic = record.get_item(0)?;
                    let topic = topic.cast::<PyString>()?.to_cow()?;
                    sources.push(Source::new(py, &topic, partition)?);
                    streams.push(stream_of(stream, partition, floors.as_deref()));
                    streams.len() - 1
                }
            };
            let offset: i64 = record.get_item(2)?.extract()?;
            let own = record.get_item(6)?.cast_into::<PyTuple>()?;
            let found = sources[at].with(&own, offset, core.shape == RecordShape::Flattened)?;
            let key: Option<PyBackedBytes> = record.get_item(4)?.extract()?;
            // Whoever wrote the record chose its timestamp.
            let timestamp: Option<i64> = record.get_item(3)?.extract().ok();
            let around = key.map_or(0, |key| key.len());
            let (all, room) = match found {
                Ok(Headers { all, bytes }) => {
                    (Some(all.unbind()), core.plan.room_bytes.checked_sub(around + bytes))
                }
                Err(_) => (None, None),
            };
            let value =
                if room.and(timestamp).is_some() { record.get_item(5)?.extract()? } else { None };
            headers.push(all);
            let (timestamp, room) = (timestamp.unwrap_or_default(), room.unwrap_or_default());
            // Without a name there is one stream, of all partitions.
            let at = if stream.is_empty() { 0 } else { at };
            inputs.push((value, Origin { stream: at, offset, timestamp, room }));
        }
        let mut batch = locked(&core.spare).pop().unwrap_or_default();
        batch.begin(streams, core.wanted.len(), floors.is_some());
        py.detach(|| {
            let bytes = inputs.iter().filter_map(|(value, _)| value.as_ref().map(|v| v.len()));
            batch.reserve(count, bytes.sum());
            let mut members = locked(&core.members).pop().unwrap_or_default();
            let mut flattener = Flattener::new(core.limits, core.shape, &core.wanted, &mut members);
            for (value, origin) in &inputs {
                batch.add(value.as_deref(), *origin, &mut flattener);
            }
            locked(&core.members).push(members);
        });
        Ok(NativeBatch { core: this.unbind(), batch, records: records.unbind(), headers })
    }
}

fn stream_of(name: &str, partition: i64, floors: Option<&[(i64, i64)]>) -> Stream {
    let floor = floors.and_then(|floors| floors.iter().find(|(at, _)| *at == partition));
    Stream {
        partition,
        name: if name.is_empty() { String::new() } else { format!("{name}:{partition}") },
        floor: floor.map(|(_, floor)| *floor),
    }
}

/// So many batches are kept for the next ones, none that holds on to more bytes.
const MOST_SPARE: usize = 4;
const LARGEST_SPARE: usize = 8 << 20;

/// Flags, and how many answers had them.
type Counted<'py> = (Bound<'py, PyFrozenSet>, usize);

/// The records of a batch; see `profiler.engine.native.batch`.
#[pyclass]
pub struct NativeBatch {
    core: Py<Core>,
    batch: Batch,
    records: Py<PyList>,
    /// Of the outputs; None where Python makes them.
    headers: Vec<Option<Py<PyTuple>>>,
}

impl Drop for NativeBatch {
    fn drop(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let mut spare = locked(&self.core.get().spare);
        if spare.len() < MOST_SPARE && batch.held() <= LARGEST_SPARE {
            spare.push(batch);
        }
    }
}

#[pymethods]
impl NativeBatch {
    /// The places of the records that Python must decode.
    fn declined(&self) -> Vec<usize> {
        self.batch.declined()
    }

    /// Make the arguments of all events; there may be more that Python must decode.
    ///
    /// Args:
    ///     now_ms: the reader's time.
    ///     next_time: gives the time of an event's reading.
    fn make_arguments(
        &mut self,
        py: Python<'_>,
        now_ms: i64,
        next_time: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let Self { core, batch, .. } = self;
        let core = core.get();
        let Some(calls) = &core.calls else { return Ok(()) };
        let mut derived = Vec::new();
        if calls.arguments.derived > 0 {
            let questions;
            (derived, questions) =
                py.detach(|| batch.derive(&calls.sources, &mut locked(&core.memory)));
            core.answer(py, questions, &mut derived)?;
        }
        let arguments = &calls.arguments;
        for place in py.detach(|| batch.make_arguments(arguments, &derived, now_ms)) {
            batch.read(place, next_time.call0()?.extract()?, arguments, &derived, now_ms);
        }
        Ok(())
    }

    /// Take an event's visitor and arguments, as Python made them.
    fn put(&mut self, place: usize, visitor: &str, arguments: Vec<PyBackedBytes>) {
        self.batch.put(place, visitor.as_bytes(), &arguments);
    }

    /// The commands by rounds.
    ///
    /// Args:
    ///     meet: told of each visitor's own id and key, or None.
    fn pack<'py>(
        &mut self,
        py: Python<'py>,
        meet: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let Self { core, batch, .. } = self;
        let core = core.get();
        let rounds = PyList::empty(py);
        let Some(calls) = &core.calls else { return Ok(rounds) };
        py.detach(|| batch.pack(calls));
        for round in 0..batch.rounds() {
            let commands = PyList::empty(py);
            for (visitor, key, words) in batch.calls(round) {
                let key = PyString::from_bytes(py, key)?;
                if let Some(meet) = &meet {
                    meet.call1((PyString::from_bytes(py, visitor)?, &key))?;
                }
                let parts = [key.into_any(), PyBytes::new(py, words).into_any()];
                let parts = PyTuple::new(py, parts)?;
                commands.append(core.make.make(py, &core.make.command, parts)?)?;
            }
            rounds.append(commands)?;
        }
        Ok(rounds)
    }

    /// Take the replies to a round; returns the calls whose reply is for Python.
    fn fold(&mut self, number: usize, replies: Bound<'_, PyList>) -> PyResult<Vec<usize>> {
        let Self { core, batch, .. } = self;
        let core = core.get();
        let Some(answers) = &core.answers else { return Ok(Vec::new()) };
        Ok(batch.fold(number, replies.iter(), answers, &mut locked(&core.shapes)))
    }

    /// The places of a call's events.
    fn places_of(&self, number: usize, call: usize) -> Vec<usize> {
        self.batch.places_of(number, call)
    }

    /// Flags and JSON of the answer to an event; None where there is none, or Python has it.
    fn answer<'py>(
        &self,
        py: Python<'py>,
        place: usize,
    ) -> PyResult<Option<(Bound<'py, PyFrozenSet>, Bound<'py, PyBytes>)>> {
        let Some((shape, profile)) = self.batch.answer(place) else { return Ok(None) };
        let shapes = locked(&self.core.get().shapes);
        let flags = PyFrozenSet::new(py, &shapes[usize::from(shape)].flags)?;
        Ok(Some((flags, PyBytes::new(py, profile))))
    }

    /// The places whose outputs Python makes.
    fn by_hand(&self) -> Vec<usize> {
        let core = self.core.get();
        let plan = &core.plan;
        self.batch.by_hand(core.calls.is_some(), plan.passes_anonymous, plan.most_added)
    }

    /// Append the outputs of the records from one place to before another one.
    fn finish(
        &self,
        py: Python<'_>,
        start: usize,
        end: usize,
        outputs: &Bound<'_, PyList>,
    ) -> PyResult<()> {
        let core = self.core.get();
        let records = self.records.bind(py);
        let mut joined = Vec::new();
        for place in start..end {
            let Some(Some(headers)) = self.headers.get(place) else { continue };
            let record = records.get_item(place)?.cast_into::<PyTuple>()?;
            let (key, timestamp) = (record.get_item(4)?, record.get_item(3)?);
            let add = |topic: &Py<PyAny>, value: Bound<'_, PyBytes>| -> PyResult<()> {
                let headers = headers.bind(py).clone().into_any();
                let parts = [
                    topic.bind(py).clone(),
                    key.clone(),
                    value.into_any(),
                    headers,
                    timestamp.clone(),
                ];
                let parts = PyTuple::new(py, parts)?;
                outputs.append(core.make.make(py, &core.make.output, parts)?)
            };
            let flat = self.batch.flat(place);
            if let Some(topic) = &core.plan.flattened_topic {
                add(topic, PyBytes::new(py, flat))?;
            }
            if let Some(topic) = &core.plan.persisted_topic {
                let (_, profile) = self.batch.answer(place).unwrap_or_default();
                joined.clear();
                spliced(flat, profile).iter().for_each(|part| joined.extend_from_slice(part));
                add(topic, PyBytes::new(py, &joined))?;
            }
        }
        Ok(())
    }

    /// What is to be counted of the records whose outputs were not made by hand: how many had no
    /// visitor, and how many answers had which flags.
    fn counts<'py>(
        &self,
        py: Python<'py>,
        by_hand: Vec<usize>,
    ) -> PyResult<(usize, Vec<Counted<'py>>)> {
        let shapes = locked(&self.core.get().shapes);
        let mut counts = vec![0; shapes.len()];
        let mut anonymous = 0;
        let mut by_hand = by_hand.into_iter().peekable();
        for place in 0..self.batch.len() {
            if by_hand.next_if_eq(&place).is_some() {
                continue;
            }
            if let Some((shape, _)) = self.batch.answer(place) {
                counts[usize::from(shape)] += 1;
            }
            anonymous += usize::from(self.batch.is_anonymous(place));
        }
        let found = shapes.iter().zip(counts).filter(|(_, count)| *count > 0);
        let named = found.map(|(shape, count)| Ok((PyFrozenSet::new(py, &shape.flags)?, count)));
        Ok((anonymous, named.collect::<PyResult<_>>()?))
    }

    /// Sidecar and field of what calls may have left there.
    fn stored<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyString>, String)>> {
        let stored = self.batch.stored().into_iter();
        stored.map(|each| Ok((PyString::from_bytes(py, &each.sidecar)?, each.field))).collect()
    }
}

impl Core {
    /// Have Python compute what is not remembered.
    fn answer(
        &self,
        py: Python<'_>,
        questions: Vec<Question>,
        derived: &mut [DerivedWords],
    ) -> PyResult<()> {
        let Some((of_page, of_agent)) = &self.derive else { return Ok(()) };
        let bot_at = self.calls.as_ref().and_then(|calls| calls.sources.bot_at);
        for Question { place, asked } in questions {
            match asked {
                Asked::Page { url, referrer } => {
                    let (url_bytes, referrer_bytes) = (url.as_bytes(), referrer.as_bytes());
                    // An event before it may have asked the same.
                    let known = locked(&self.memory).page_of(url_bytes, referrer_bytes);
                    let page = match known {
                        Some(page) => page,
                        None => {
                            let found = of_page.call1(py, (&url, &referrer))?;
                            let values: Vec<String> = found.extract(py)?;
                            let mut memory = locked(&self.memory);
                            memory.learn_page(url_bytes, referrer_bytes, &values, bot_at)
                        }
                    };
                    derived[place].with_page(page);
                }
                Asked::Bot { user_agent } => {
                    let known = locked(&self.memory).bot_of(user_agent.as_bytes());
                    let bot = match known {
                        Some(bot) => bot,
                        None => {
                            let class: String = of_agent.call1(py, (&user_agent,))?.extract(py)?;
                            locked(&self.memory).learn_bot(user_agent.as_bytes(), &class)
                        }
                    };
                    derived[place].with_bot(bot);
                }
            }
        }
        Ok(())
    }
}

/// A part of a reply, as the client has parsed it.
impl Part for Bound<'_, PyAny> {
    #[inline(always)]
    fn text(&self) -> Option<&[u8]> {
        self.cast_exact::<PyBytes>().ok().map(|text| text.as_bytes())
    }

    #[inline(always)]
    fn integer(&self) -> Option<i64> {
        self.cast_exact::<PyInt>().ok()?.extract().ok()
    }

    #[inline(always)]
    fn is_nil(&self) -> bool {
        self.is_none()
    }

    #[inline(always)]
    fn items(&self) -> Option<impl ExactSizeIterator<Item = Self>> {
        self.cast_exact::<PyList>().ok().map(|list| list.iter())
    }
}
