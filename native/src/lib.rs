//! The inner loop of visitor-profiler, compiled. See `docs/adr/0067-native-inner-loop.md`.
// Two files of `kafka` have some: they call librdkafka.
#![deny(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod arguments;
mod batch;
mod chunks;
mod derived;
mod flatten;
mod headers;
mod ids;
mod kafka;
mod members;
mod names;
mod plan;
mod python;
mod reply;
mod resp;
mod scan;
mod times;

use pyo3::prelude::*;

#[pymodule]
mod visitor_profiler_native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::kafka::Producer;
    #[pymodule_export]
    use crate::python::{Core, NativeBatch};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", crate::version())
    }

    /// How a float is written; it must be as orjson writes it.
    #[pyfunction]
    fn encode_float(number: f64) -> String {
        zmij::Buffer::new().format(number).to_owned()
    }
}

/// The version as Python writes it: `0.2.0.dev0` for `0.2.0-dev0`, `0.2.0rc1` for `0.2.0-rc1`.
fn version() -> String {
    env!("CARGO_PKG_VERSION").replace("-dev", ".dev").replace('-', "")
}
