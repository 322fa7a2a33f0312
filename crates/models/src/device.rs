//! Where models run.

use crate::{Error, Result};

/// A device that exists.
#[derive(Clone, Debug)]
pub struct Device {
    inner: candle_core::Device,
    name: &'static str,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A GPU if this build has one and the machine too, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// An Apple GPU.
    Metal,
}

impl Device {
    /// The processor.
    pub fn cpu() -> Self {
        Self {
            inner: candle_core::Device::Cpu,
            name: "cpu",
        }
    }

    /// Opens what was asked for; only [`Wanted::Auto`] settles for less, and [`Device::name`] tells what it became.
    pub fn open(wanted: Wanted) -> Result<Self> {
        match wanted {
            Wanted::Cpu => Ok(Self::cpu()),
            Wanted::Cuda => Self::gpu("cuda", cfg!(feature = "cuda"), candle_core::Device::new_cuda),
            Wanted::Metal => Self::gpu("metal", cfg!(feature = "metal"), candle_core::Device::new_metal),
            Wanted::Auto => Ok(Self::open(Wanted::Cuda)
                .or_else(|_| Self::open(Wanted::Metal))
                .unwrap_or_else(|_| Self::cpu())),
        }
    }

    fn gpu(
        name: &'static str,
        built: bool,
        open: impl FnOnce(usize) -> candle_core::Result<candle_core::Device>,
    ) -> Result<Self> {
        let missing = |why: String| Error::Device {
            wanted: name.into(),
            why,
        };
        if !built {
            return Err(missing(format!(
                "this build has no {name}: it was built without the feature"
            )));
        }
        match open(0) {
            Ok(inner) => Ok(Self { inner, name }),
            Err(error) => Err(missing(format!("no usable device: {error}"))),
        }
    }

    /// `cpu`, `cuda` or `metal`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is the processor.
    pub fn is_cpu(&self) -> bool {
        self.inner.is_cpu()
    }

    /// Candle's.
    pub fn candle(&self) -> &candle_core::Device {
        &self.inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_refused_by_name() {
        for (wanted, name, built) in [
            (Wanted::Cuda, "cuda", cfg!(feature = "cuda")),
            (Wanted::Metal, "metal", cfg!(feature = "metal")),
        ] {
            match Device::open(wanted) {
                // On a machine that has it.
                Ok(device) => assert!(built && device.name() == name && !device.is_cpu()),
                Err(error) => {
                    let why = if built { "no usable device" } else { "built without the feature" };
                    let said = error.to_string();
                    assert!(said.starts_with(&format!("device {name}: ")) && said.contains(why), "{said}");
                    assert_eq!(error.code(), "device");
                }
            }
        }
    }

    #[test]
    fn the_automatic_choice_always_works_and_tells_what_it_is() {
        let device = Device::open(Wanted::Auto).unwrap();
        assert_eq!(device.is_cpu(), device.name() == "cpu");
        assert_eq!(Device::open(Wanted::Cpu).unwrap().name(), "cpu");
    }
}
