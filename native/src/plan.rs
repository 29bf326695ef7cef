//! What rules and settings say, as `profiler.engine.native.plan` hands it over, once.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arguments::{Arguments, FieldInput, Personal};
use crate::batch::Calls;
use crate::chunks::Padded;
use crate::derived::Sources;
use crate::flatten::{Limits, Shape};
use crate::ids::{KeyPattern, KeyedHash, Nobody};
use crate::names::Wanted;
use crate::reply::{Answers, Field, Type};

/// `profiler.engine.native.plan.Plan`
#[derive(FromPyObject)]
pub struct Plan {
    is_flattened: bool,
    max_record_bytes: usize,
    max_depth: usize,
    max_fields: usize,
    pub room_bytes: usize,
    pub most_added: usize,
    pub passes_anonymous: bool,
    pub flattened_topic: Option<Py<PyAny>>,
    pub persisted_topic: Option<Py<PyAny>>,
    names: Vec<String>,
    calls: Option<CallsPlan>,
    answers: Option<AnswersPlan>,
}

/// `profiler.engine.native.plan.CallsPlan`
#[derive(FromPyObject)]
struct CallsPlan {
    sha: String,
    key: (String, String),
    most_events: usize,
    visitor: Vec<usize>,
    visit: Option<usize>,
    event_id: Option<usize>,
    received: Option<usize>,
    created: Option<usize>,
    sent: Option<usize>,
    nobody: Vec<String>,
    max_id_bytes: usize,
    takes_time: bool,
    recognises_events: bool,
    inputs: Vec<(usize, bool, String)>,
    derived_at: usize,
    derived: usize,
    url: Option<usize>,
    referrer: Option<usize>,
    user_agent: Option<usize>,
    bot_at: Option<usize>,
    hash_key: Option<Vec<u8>>,
    hashes_ids: bool,
}

/// `profiler.engine.native.plan.AnswersPlan`
#[derive(FromPyObject)]
struct AnswersPlan {
    fields: Vec<(String, String)>,
    flags: Vec<String>,
    metadata: Vec<(String, String)>,
    version: Option<String>,
    has_triggers: bool,
}

impl Plan {
    pub fn limits(&self) -> Limits {
        Limits {
            record_bytes: self.max_record_bytes,
            depth: self.max_depth,
            fields: self.max_fields,
        }
    }

    pub fn shape(&self) -> Shape {
        if self.is_flattened { Shape::Flattened } else { Shape::Processed }
    }

    pub fn wanted(&self) -> Wanted {
        Wanted::new(self.names.iter().map(|name| name.clone().into_bytes()).collect())
    }

    pub fn calls(&mut self) -> PyResult<Option<Calls>> {
        self.calls.take().map(CallsPlan::made).transpose()
    }

    pub fn answers(&mut self) -> PyResult<Option<Answers>> {
        self.answers.take().map(AnswersPlan::made).transpose()
    }
}

impl CallsPlan {
    fn made(self) -> PyResult<Calls> {
        let (before, behind) = self.key;
        let fields = self.inputs.iter().map(|(pick, is_number, personal)| {
            let personal = match &personal[..] {
                "" => None,
                "hash" => Some(Personal::Hashed),
                "drop" => Some(Personal::Dropped),
                other => return Err(PyValueError::new_err(format!("personal: {other}"))),
            };
            Ok(FieldInput { pick: *pick, is_number: *is_number, personal })
        });
        Ok(Calls {
            sha: self.sha,
            key: KeyPattern { before, behind },
            hashes_ids: self.hashes_ids,
            most_events: self.most_events,
            arguments: Arguments {
                visitor: self.visitor,
                visit: self.visit,
                event_id: self.event_id,
                received: self.received,
                created: self.created,
                sent: self.sent,
                fields: fields.collect::<PyResult<_>>()?,
                derived_at: self.derived_at,
                derived: self.derived,
                nobody: Nobody::new(&self.nobody),
                max_id_bytes: self.max_id_bytes,
                keyed_hash: self.hash_key.as_deref().map(KeyedHash::new),
                takes_time: self.takes_time,
                recognises_events: self.recognises_events,
            },
            sources: Sources {
                url: self.url,
                referrer: self.referrer,
                user_agent: self.user_agent,
                has_pages: self.derived > usize::from(self.bot_at.is_some()),
                bot_at: self.bot_at,
            },
        })
    }
}

impl AnswersPlan {
    fn made(self) -> PyResult<Answers> {
        let fields = self.fields.into_iter().map(|(name, kind)| {
            let kind = Type::named(&kind).ok_or_else(|| PyValueError::new_err(kind))?;
            Ok(Field { member: Padded::new(format!("\"{name}\":").as_bytes()), kind })
        });
        Ok(Answers {
            fields: fields.collect::<PyResult<_>>()?,
            known_flags: self.flags,
            metadata: self.metadata,
            version: self.version.map(String::into_bytes),
            has_triggers: self.has_triggers,
        })
    }
}
