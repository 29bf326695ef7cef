//! A producer of librdkafka, safe to use: what it is given it copies, what it gives is ours.
//!
//! Nothing here is called back by the library: what it has to say waits in a queue.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Mutex, PoisonError};

use crate::kafka::library::{
    Argument, BytesValue, Functions, GroupMetadata, Handle, HeaderValue, LibraryError, Queue,
    Topic, Value,
};

const IS_PRODUCER: c_int = 0;
const TEXT_BYTES: usize = 512;

const OF_TOPIC: c_int = 2;
const OF_VALUE: c_int = 4;
const OF_KEY: c_int = 5;
const OF_FLAGS: c_int = 7;
const OF_TIMESTAMP: c_int = 8;
const OF_HEADER: c_int = 9;

/// The library takes a copy of key and value.
const COPY: c_int = 2;
/// Of what is queued, and of what is on its way.
const PURGE_ALL: c_int = 1 | 2;

const DELIVERED: c_int = 1;
const LOGGED: c_int = 4;
const FAILED: c_int = 8;

/// `_INVALID_ARG` and `_FAIL`.
const INVALID: c_int = -186;
const OTHER: c_int = -196;

/// What `confluent_kafka.KafkaError` has.
#[derive(Clone, Debug)]
pub struct Error {
    pub code: c_int,
    pub reason: String,
    pub is_fatal: bool,
    pub is_retriable: bool,
    pub requires_abort: bool,
}

impl Error {
    fn new(code: c_int, reason: String) -> Self {
        Self { code, reason, is_fatal: false, is_retriable: false, requires_abort: false }
    }
}

/// What waited in the library's queue.
pub enum Event {
    /// The library gave up a record of this topic.
    Unsent(String, Error),
    /// Level of syslog, facility, text.
    Logged(c_int, String, String),
    /// The client is of no more use.
    Fatal(Error),
}

/// A topic of a client.
#[derive(Clone, Copy)]
pub struct TopicOf<'c>(NonNull<Topic>, PhantomData<&'c Client>);

// SAFETY: the library locks its topics.
unsafe impl Send for TopicOf<'_> {}
// SAFETY: likewise.
unsafe impl Sync for TopicOf<'_> {}

/// A name, which ends before its first NUL, and a value.
pub struct Header<B> {
    pub name: Arc<CStr>,
    pub value: Option<B>,
}

pub struct Client {
    library: Functions,
    handle: NonNull<Handle>,
    events: NonNull<Queue>,
    /// Few, so they are looked through.
    topics: Mutex<Vec<(CString, NonNull<Topic>)>>,
}

// SAFETY: "librdkafka is completely thread-safe" (its INTRODUCTION.md), and so are the pointers to
// its client, topics and queue.
unsafe impl Send for Client {}
// SAFETY: likewise.
unsafe impl Sync for Client {}

impl Client {
    /// Start a producer; waits for no broker.
    pub fn new(library: Functions, options: &[(String, String)]) -> Result<Self, Error> {
        // SAFETY: takes nothing.
        let conf = unsafe { (library.conf_new)() };
        let mut text = [0; TEXT_BYTES];
        for (name, value) in options {
            let set = c_string(name).and_then(|name| {
                let value = c_string(value)?;
                // SAFETY: `conf` is ours until `new` took it; both texts end with a NUL; the error's
                // text has room for so many bytes.
                let code = unsafe {
                    let (name, value) = (name.as_ptr(), value.as_ptr());
                    (library.conf_set)(conf, name, value, text.as_mut_ptr(), text.len())
                };
                if code == 0 { Ok(()) } else { Err(Error::new(INVALID, text_of(text.as_ptr()))) }
            });
            if let Err(error) = set {
                // SAFETY: it is still ours.
                unsafe { (library.conf_destroy)(conf) };
                return Err(error);
            }
        }
        // SAFETY: `conf` is ours.
        unsafe { (library.conf_set_events)(conf, DELIVERED | LOGGED | FAILED) };
        // SAFETY: likewise; the text has room for so many bytes.
        let handle = unsafe { (library.new)(IS_PRODUCER, conf, text.as_mut_ptr(), text.len()) };
        let Some(handle) = NonNull::new(handle) else {
            // SAFETY: `new` takes it only where it succeeds.
            unsafe { (library.conf_destroy)(conf) };
            let reason = format!("Failed to create producer: {}", text_of(text.as_ptr()));
            return Err(Error::new(INVALID, reason));
        };
        // SAFETY: the handle is a client's; without a queue of its own the log goes to the main one.
        let events = unsafe {
            (library.set_log_queue)(handle.as_ptr(), ptr::null_mut());
            (library.queue_get_main)(handle.as_ptr())
        };
        match NonNull::new(events) {
            Some(events) => Ok(Self { library, handle, events, topics: Mutex::default() }),
            None => {
                // SAFETY: nobody else has it.
                unsafe { (library.destroy)(handle.as_ptr()) };
                Err(Error::new(OTHER, "the client has no queue".to_owned()))
            }
        }
    }

    /// What the library calls the client.
    pub fn name(&self) -> String {
        // SAFETY: the handle lives as long as `self`, and the name as long as the handle.
        text_of(unsafe { (self.library.name)(self.handle.as_ptr()) })
    }

    /// Ask for the topics; blocks until a broker answers, or for so many ms.
    pub fn reach(&self, timeout_ms: c_int) -> Result<(), Error> {
        let mut found = ptr::null();
        // SAFETY: the handle lives as long as `self`; of all topics, so no topic is named.
        let code = unsafe {
            let handle = self.handle.as_ptr();
            (self.library.metadata)(handle, 1, ptr::null_mut(), &raw mut found, timeout_ms)
        };
        if code != 0 {
            let reason = format!("Failed to get metadata: {}", self.words(code));
            return Err(Error::new(code, reason));
        }
        // SAFETY: it is ours, because the call succeeded.
        unsafe { (self.library.metadata_destroy)(found) };
        Ok(())
    }

    /// A topic by its name; the client keeps it until its end.
    pub fn topic(&self, name: &str) -> Result<TopicOf<'_>, Error> {
        let name = c_string(name)?;
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, topic)) = topics.iter().find(|(known, _)| *known == name) {
            return Ok(TopicOf(*topic, PhantomData));
        }
        // SAFETY: the handle lives as long as `self`; the name is copied; null stands for the
        // client's own settings of topics.
        let topic = unsafe {
            (self.library.topic_new)(self.handle.as_ptr(), name.as_ptr(), ptr::null_mut())
        };
        let Some(topic) = NonNull::new(topic) else {
            // SAFETY: takes nothing; it is this thread's last error.
            let code = unsafe { (self.library.last_error)() };
            return Err(Error::new(code, self.words(code)));
        };
        topics.push((name, topic));
        Ok(TopicOf(topic, PhantomData))
    }

    /// Queue a record; all its parts are copied.
    ///
    /// A timestamp of 0 becomes the time of sending. `room` is used again from record to record.
    pub fn produce<B: AsRef<[u8]>>(
        &self,
        topic: TopicOf<'_>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &[Header<B>],
        room: &mut Room,
    ) -> Result<(), Error> {
        let bytes = |part: Option<&[u8]>| {
            let (start, size) = part.map_or((ptr::null(), 0), |part| (part.as_ptr(), part.len()));
            Value { bytes: BytesValue { start: start.cast(), size } }
        };
        let arguments = &mut room.0;
        arguments.clear();
        arguments.extend([
            Argument { kind: OF_TOPIC, value: Value { pointer: topic.0.as_ptr().cast() } },
            Argument { kind: OF_VALUE, value: bytes(value) },
            Argument { kind: OF_KEY, value: bytes(key) },
            Argument { kind: OF_FLAGS, value: Value { int: COPY } },
            Argument { kind: OF_TIMESTAMP, value: Value { int64: timestamp } },
        ]);
        arguments.extend(headers.iter().map(|Header { name, value }| {
            let value = value.as_ref().map(AsRef::as_ref);
            let (value, size) =
                value.map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
            // No slice is larger than what the type holds.
            let size = size.cast_signed();
            let header = HeaderValue { name: name.as_ptr(), value: value.cast(), size };
            Argument { kind: OF_HEADER, value: Value { header } }
        }));
        // SAFETY: handle and topic live as long as `self`. Each argument has the value of its kind.
        // The parts are borrowed until the call returns, and the library copies them.
        self.checked(unsafe {
            (self.library.produceva)(self.handle.as_ptr(), arguments.as_ptr(), arguments.len())
        })
    }

    /// Send at once what is queued, and wait until each record has its end; for so many ms at most.
    ///
    /// A record that failed has its end when `events` has told it.
    pub fn flush(&self, timeout_ms: c_int) {
        // SAFETY: the handle lives as long as `self`.
        unsafe { (self.library.flush)(self.handle.as_ptr(), timeout_ms) };
    }

    /// How many records have no end yet; what `events` has not told counts too.
    pub fn waiting(&self) -> usize {
        // SAFETY: the handle lives as long as `self`.
        let waiting = unsafe { (self.library.outq_len)(self.handle.as_ptr()) };
        usize::try_from(waiting).unwrap_or_default()
    }

    /// Give up what is queued, and what is on its way.
    pub fn purge(&self) -> Result<(), Error> {
        // SAFETY: the handle lives as long as `self`.
        match unsafe { (self.library.purge)(self.handle.as_ptr(), PURGE_ALL) } {
            0 => Ok(()),
            code => Err(Error::new(code, self.words(code))),
        }
    }

    /// Take what waits in the library's queue; never blocks.
    pub fn events(&self, mut take: impl FnMut(Event)) {
        loop {
            // SAFETY: the queue lives as long as `self`.
            let event = unsafe { (self.library.queue_poll)(self.events.as_ptr(), 0) };
            if event.is_null() {
                return;
            }
            // SAFETY: the event is ours until it is destroyed below.
            match unsafe { (self.library.event_type)(event) } {
                DELIVERED => loop {
                    // SAFETY: the message is the event's, and is read before that is destroyed.
                    let message = unsafe { (self.library.event_message_next)(event).as_ref() };
                    let Some(message) = message else { break };
                    if message.code != 0 {
                        // SAFETY: a message has its topic, and a topic its name.
                        let topic = unsafe { (self.library.topic_name)(message.topic) };
                        let error = Error::new(message.code, self.words(message.code));
                        take(Event::Unsent(text_of(topic), error));
                    }
                },
                LOGGED => {
                    let (mut facility, mut text, mut level) = (ptr::null(), ptr::null(), 0);
                    // SAFETY: the texts are the event's, and are read before that is destroyed.
                    unsafe {
                        let texts = (&raw mut facility, &raw mut text);
                        (self.library.event_log)(event, texts.0, texts.1, &raw mut level)
                    };
                    take(Event::Logged(level, text_of(facility), text_of(text)));
                }
                // What is not fatal mends itself, and the library's log tells it.
                // SAFETY: an event of this type tells whether it is fatal.
                FAILED if unsafe { (self.library.event_error_is_fatal)(event) } != 0 => {
                    take(Event::Fatal(self.fatal()));
                }
                _ => (),
            }
            // SAFETY: it is ours, and nothing of it is in use any more.
            unsafe { (self.library.event_destroy)(event) };
        }
    }

    /// See `TransactionalClient`; blocks for so many ms at most.
    pub fn init_transactions(&self, timeout_ms: c_int) -> Result<(), Error> {
        // SAFETY: the handle lives as long as `self`.
        self.checked(unsafe { (self.library.init_transactions)(self.handle.as_ptr(), timeout_ms) })
    }

    pub fn begin_transaction(&self) -> Result<(), Error> {
        // SAFETY: the handle lives as long as `self`.
        self.checked(unsafe { (self.library.begin_transaction)(self.handle.as_ptr()) })
    }

    pub fn commit_transaction(&self, timeout_ms: c_int) -> Result<(), Error> {
        // SAFETY: the handle lives as long as `self`.
        self.checked(unsafe { (self.library.commit_transaction)(self.handle.as_ptr(), timeout_ms) })
    }

    pub fn abort_transaction(&self, timeout_ms: c_int) -> Result<(), Error> {
        // SAFETY: the handle lives as long as `self`.
        self.checked(unsafe { (self.library.abort_transaction)(self.handle.as_ptr(), timeout_ms) })
    }

    /// Args:
    ///     offsets: topic, partition, and the next offset to read.
    ///     metadata: beside each of them.
    ///     group: as the library has written it for a member.
    pub fn send_offsets(
        &self,
        offsets: &[(String, i32, i64)],
        metadata: &[u8],
        group: &[u8],
        timeout_ms: c_int,
    ) -> Result<(), Error> {
        let library = &self.library;
        let names = offsets.iter().map(|(topic, ..)| c_string(topic));
        let names = names.collect::<Result<Vec<_>, _>>()?;
        let mut member: *mut GroupMetadata = ptr::null_mut();
        // SAFETY: the bytes are borrowed for the call.
        self.checked(unsafe {
            let bytes: *const c_void = group.as_ptr().cast();
            (library.consumer_group_metadata_read)(&raw mut member, bytes, group.len())
        })?;
        // SAFETY: takes a number; it grows by itself.
        let places = unsafe { (library.topic_partition_list_new)(0) };
        for (name, (_, partition, offset)) in names.iter().zip(offsets) {
            // SAFETY: the list is ours, the name is copied. Nothing else is added while the new
            // place is in use. The list gives its metadata back to where it is from.
            unsafe {
                let place =
                    &mut *(library.topic_partition_list_add)(places, name.as_ptr(), *partition);
                place.offset = *offset;
                // confluent-kafka writes a NUL behind it, and reads one without up to any NUL that
                // comes in its memory: the library keeps the bytes alone.
                place.metadata_size = metadata.len() + 1;
                place.metadata = (library.mem_malloc)(self.handle.as_ptr(), place.metadata_size);
                ptr::copy_nonoverlapping(metadata.as_ptr(), place.metadata.cast(), metadata.len());
                place.metadata.cast::<u8>().add(metadata.len()).write(0);
            }
        }
        // SAFETY: all live until the call returns.
        let sent = self.checked(unsafe {
            let handle = self.handle.as_ptr();
            (library.send_offsets_to_transaction)(handle, places, member, timeout_ms)
        });
        // SAFETY: both are ours, and the library took copies.
        unsafe {
            (library.topic_partition_list_destroy)(places);
            (library.consumer_group_metadata_destroy)(member);
        }
        sent
    }

    /// The error that a call returns, and null where it succeeds.
    fn checked(&self, error: *mut LibraryError) -> Result<(), Error> {
        if error.is_null() {
            return Ok(());
        }
        let library = &self.library;
        // SAFETY: the error is ours, and its text is copied before it is destroyed.
        Err(unsafe {
            let told = Error {
                code: (library.error_code)(error),
                reason: text_of((library.error_string)(error)),
                is_fatal: (library.error_is_fatal)(error) != 0,
                is_retriable: (library.error_is_retriable)(error) != 0,
                requires_abort: (library.error_txn_requires_abort)(error) != 0,
            };
            (library.error_destroy)(error);
            told
        })
    }

    /// Why the client is of no more use.
    fn fatal(&self) -> Error {
        let mut text = [0; TEXT_BYTES];
        // SAFETY: the handle lives as long as `self`; the text has room for so many bytes.
        let code = unsafe {
            (self.library.fatal_error)(self.handle.as_ptr(), text.as_mut_ptr(), text.len())
        };
        Error { is_fatal: true, ..Error::new(code, text_of(text.as_ptr())) }
    }

    fn words(&self, code: c_int) -> String {
        // SAFETY: takes a number; the text is the library's own and stays.
        text_of(unsafe { (self.library.err2str)(code) })
    }
}

impl Drop for Client {
    /// Blocks until the library's threads have ended; what is queued is not waited for.
    fn drop(&mut self) {
        let topics = self.topics.get_mut().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: nobody else has them: a `TopicOf` does not outlive its client.
        unsafe {
            for (_, topic) in topics.drain(..) {
                (self.library.topic_destroy)(topic.as_ptr());
            }
            (self.library.queue_destroy)(self.events.as_ptr());
            (self.library.destroy)(self.handle.as_ptr());
        }
    }
}

/// Room for the arguments of one record.
#[derive(Default)]
pub struct Room(Vec<Argument>);

fn c_string(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error::new(INVALID, "a NUL in a text".to_owned()))
}

/// A copy of a text of the library's, which may be null.
fn text_of(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the library's texts end with a NUL, and each caller's is there until we return.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
