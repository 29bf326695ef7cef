//! The functions of librdkafka that are used here, as its `rdkafka.h` declares them.
#![allow(unsafe_code)]

use std::ffi::{OsStr, c_char, c_int, c_void};

use libloading::os::unix::{Library as Loaded, RTLD_LOCAL, RTLD_NOW};

/// `RTLD_NOLOAD` of glibc and musl: only what is in the process already. Another copy of the
/// library, of the same version, would have threads and locks of its own.
const ONLY_LOADED: c_int = 4;

/// What the library alone knows the insides of.
macro_rules! opaque {
    ($($name:ident),*) => {
        $(#[repr(C)] pub struct $name { _private: [u8; 0] })*
    };
}
opaque!(Conf, Handle, Topic, Queue, Event, LibraryError, Metadata, GroupMetadata);

/// `rd_kafka_message_t`, as far as it is read here.
#[repr(C)]
pub struct Message {
    pub code: c_int,
    pub topic: *mut Topic,
}

/// `rd_kafka_topic_partition_t`.
#[repr(C)]
pub struct Place {
    topic: *mut c_char,
    partition: i32,
    pub offset: i64,
    pub metadata: *mut c_void,
    pub metadata_size: usize,
    opaque: *mut c_void,
    code: c_int,
    private: *mut c_void,
}

/// `rd_kafka_topic_partition_list_t`.
#[repr(C)]
pub struct Places {
    _private: [u8; 0],
}

/// `rd_kafka_vu_t`: one argument of `produceva`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Argument {
    pub kind: c_int,
    pub value: Value,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union Value {
    pub pointer: *mut c_void,
    pub int: c_int,
    pub int64: i64,
    pub bytes: BytesValue,
    pub header: HeaderValue,
    _pad: [u8; 64],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct BytesValue {
    pub start: *const c_void,
    pub size: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HeaderValue {
    pub name: *const c_char,
    pub value: *const c_void,
    pub size: isize,
}

/// Declares the functions, and finds all of them.
macro_rules! functions {
    ($($name:ident: fn($($type:ty),*) $(-> $returned:ty)?;)*) => {
        pub struct Functions {
            $(pub $name: unsafe extern "C" fn($($type),*) $(-> $returned)?,)*
        }

        impl Functions {
            fn of(library: &Loaded) -> Result<Self, libloading::Error> {
                Ok(Self {
                    $($name: {
                        let name = concat!("rd_kafka_", stringify!($name), "\0");
                        // SAFETY: these are the types of `rdkafka.h`, in which a release of
                        // librdkafka changes nothing that there was.
                        *unsafe { library.get(name.as_bytes())? }
                    },)*
                })
            }
        }
    };
}

functions! {
    version: fn() -> c_int;
    err2str: fn(c_int) -> *const c_char;
    mem_malloc: fn(*mut Handle, usize) -> *mut c_void;

    conf_new: fn() -> *mut Conf;
    conf_destroy: fn(*mut Conf);
    conf_set: fn(*mut Conf, *const c_char, *const c_char, *mut c_char, usize) -> c_int;
    conf_set_events: fn(*mut Conf, c_int);

    new: fn(c_int, *mut Conf, *mut c_char, usize) -> *mut Handle;
    destroy: fn(*mut Handle);
    name: fn(*const Handle) -> *const c_char;
    set_log_queue: fn(*mut Handle, *mut Queue) -> c_int;
    metadata: fn(*mut Handle, c_int, *mut Topic, *mut *const Metadata, c_int) -> c_int;
    metadata_destroy: fn(*const Metadata);
    fatal_error: fn(*mut Handle, *mut c_char, usize) -> c_int;

    topic_new: fn(*mut Handle, *const c_char, *mut c_void) -> *mut Topic;
    topic_destroy: fn(*mut Topic);
    topic_name: fn(*const Topic) -> *const c_char;
    last_error: fn() -> c_int;

    produceva: fn(*mut Handle, *const Argument, usize) -> *mut LibraryError;
    flush: fn(*mut Handle, c_int) -> c_int;
    outq_len: fn(*mut Handle) -> c_int;
    purge: fn(*mut Handle, c_int) -> c_int;

    queue_get_main: fn(*mut Handle) -> *mut Queue;
    queue_destroy: fn(*mut Queue);
    queue_poll: fn(*mut Queue, c_int) -> *mut Event;
    event_destroy: fn(*mut Event);
    event_type: fn(*const Event) -> c_int;
    event_message_next: fn(*mut Event) -> *const Message;
    event_log: fn(*mut Event, *mut *const c_char, *mut *const c_char, *mut c_int) -> c_int;
    event_error_is_fatal: fn(*mut Event) -> c_int;

    error_destroy: fn(*mut LibraryError);
    error_code: fn(*const LibraryError) -> c_int;
    error_string: fn(*const LibraryError) -> *const c_char;
    error_is_fatal: fn(*const LibraryError) -> c_int;
    error_is_retriable: fn(*const LibraryError) -> c_int;
    error_txn_requires_abort: fn(*const LibraryError) -> c_int;

    topic_partition_list_new: fn(c_int) -> *mut Places;
    topic_partition_list_add: fn(*mut Places, *const c_char, i32) -> *mut Place;
    topic_partition_list_destroy: fn(*mut Places);
    consumer_group_metadata_read: fn(*mut *mut GroupMetadata, *const c_void, usize) -> *mut LibraryError;
    consumer_group_metadata_destroy: fn(*mut GroupMetadata);

    init_transactions: fn(*mut Handle, c_int) -> *mut LibraryError;
    begin_transaction: fn(*mut Handle) -> *mut LibraryError;
    send_offsets_to_transaction: fn(*mut Handle, *const Places, *const GroupMetadata, c_int) -> *mut LibraryError;
    commit_transaction: fn(*mut Handle, c_int) -> *mut LibraryError;
    abort_transaction: fn(*mut Handle, c_int) -> *mut LibraryError;
}

/// Find the library in this process; it stays there to the end of it.
///
/// Errors: it is not loaded, of another version, or has not all functions.
pub fn find(name: &OsStr, version: c_int) -> Result<Functions, String> {
    // SAFETY: nothing is loaded by this, so nothing is run.
    let library = unsafe { Loaded::open(Some(name), RTLD_NOW | RTLD_LOCAL | ONLY_LOADED) };
    // The system has no words for what it was told not to load.
    let library = library.map_err(|_| format!("{} is not loaded", name.display()))?;
    let functions = Functions::of(&library).map_err(|error| error.to_string())?;
    // The functions are used for as long as the process runs.
    std::mem::forget(library);
    // SAFETY: it takes nothing, and may be called at any time.
    let found = unsafe { (functions.version)() };
    if found == version {
        return Ok(functions);
    }
    Err(format!("librdkafka's version is {found:#010x}, and confluent-kafka says {version:#010x}"))
}
