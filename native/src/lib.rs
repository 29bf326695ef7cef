//! The inner loop of visitor-profiler, compiled. See `docs/adr/0067-native-inner-loop.md`.
#![forbid(unsafe_code)]

use pyo3::prelude::*;

#[pymodule]
mod visitor_profiler_native {
    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", super::version())
    }
}

/// The version as Python writes it: `0.2.0.dev0` for `0.2.0-dev0`, `0.2.0rc1` for `0.2.0-rc1`.
fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    version.replace("-dev", ".dev").replace('-', "")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_written_as_python_writes_it() {
        assert!(!super::version().contains('-'));
    }
}
