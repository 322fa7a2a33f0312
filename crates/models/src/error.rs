//! What can be wrong with a model, its files or what it is given.

use std::path::PathBuf;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Each variant has a stable [`Error::code`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what its name says: truncated, of another format, of another model.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A tensor is missing or has another shape than the model's configuration asks for.
    #[error("{}: tensor {name}: {why}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor's full name.
        name: String,
        /// What was found and expected.
        why: String,
    },
    /// A configuration has an unknown or impossible value.
    #[error("{}: {field}: {why}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Which field.
        field: String,
        /// What was found and expected.
        why: String,
    },
    /// A device that was asked for is not there.
    #[error("device {wanted}: {why}")]
    Device {
        /// As it was asked for.
        wanted: String,
        /// What is missing.
        why: String,
    },
    /// What the model was given cannot be worked on.
    #[error("{0}")]
    Input(String),
    /// A computation failed, on the device as a rule.
    #[error("computation: {0}")]
    Compute(#[from] candle_core::Error),
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "model_file",
            Self::Malformed { .. } => "model_malformed",
            Self::Tensor { .. } => "model_tensor",
            Self::Config { .. } => "model_config",
            Self::Device { .. } => "device",
            Self::Input(_) => "model_input",
            Self::Compute(error) => code_of(&error.to_string()),
        }
    }
}

/// Devices say what is wrong in words only: each of their libraries has its own errors, and candle wraps them.
fn code_of(error: &str) -> &'static str {
    let text = error.to_ascii_lowercase();
    if text.contains("out of memory") || text.contains("out_of_memory") {
        "out_of_memory"
    } else if text.contains("cuda_error") || text.contains("drivererror") {
        // Whatever else a GPU's driver reports stays until the process ends.
        "device_lost"
    } else {
        "compute"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_reports_has_a_code_of_its_own() {
        let code = |text: &str| Error::Compute(candle_core::Error::Msg(text.to_owned()).bt()).code();
        let memory = r#"DriverError(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")"#;
        assert_eq!(code(memory), "out_of_memory");
        let lost = r#"DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered")"#;
        assert_eq!(code(lost), "device_lost");
        assert_eq!(code("shape mismatch in matmul, lhs: [1, 2], rhs: [3, 4]"), "compute");
    }
}
