//! Where GPUs are not compiled in.

use std::path::Path;

use nvidia_driver::Gpu;

use super::NoDevice;

/// The GPU with this number.
pub(super) fn check(_ordinal: usize) -> Result<Gpu, NoDevice> {
    Err(NoDevice::NotCompiled)
}

/// Makes the GPU with this number known to libtorch.
pub(super) fn open(_library: Option<&Path>, _ordinal: usize) -> Result<Gpu, NoDevice> {
    Err(NoDevice::NotCompiled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_missing() {
        let error = open(None, 0).unwrap_err().to_string();
        assert_eq!(
            error,
            "this program was built without support for GPUs; build it with the feature `cuda`"
        );
    }
}
