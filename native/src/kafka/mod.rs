//! A sink over the librdkafka that confluent-kafka has loaded: `docs/adr/0078-native-sink.md`.

mod client;
mod library;
mod producer;

pub use producer::Producer;
