//! Functions of a library that is opened when the program runs.

/// A struct of function pointers, with a constructor that finds them in a library.
macro_rules! functions {
    (
        $(#[$doc:meta])*
        struct $name:ident {
            $($field:ident: $symbol:literal, fn($($argument:ty),*);)*
        }
    ) => {
        $(#[$doc])*
        pub(crate) struct $name {
            $(pub(crate) $field: unsafe extern "C" fn($($argument),*) -> std::ffi::c_int,)*
            /// Behind the functions that lie in it.
            _library: libloading::Library,
        }

        impl $name {
            /// Opens a library and finds the functions in it.
            pub(crate) fn open(path: &str) -> Result<Self, $crate::CudaError> {
                let fault = |error| $crate::functions::fault(path, &error);
                // SAFETY: loading these libraries runs nothing but their own initialisers.
                let library = unsafe { libloading::Library::new(path) }.map_err(fault)?;
                Ok(Self {
                    // SAFETY: the types are those of NVIDIA's header, and the functions are
                    // called while the library is loaded.
                    $($field: unsafe { *library.get($symbol).map_err(fault)? },)*
                    _library: library,
                })
            }
        }
    };
}

pub(crate) use functions;

use std::error::Error as _;

use crate::CudaError;

pub(crate) fn fault(library: &str, error: &libloading::Error) -> CudaError {
    CudaError::Library {
        library: library.to_owned(),
        problem: match error.source() {
            Some(source) => source.to_string(),
            None => error.to_string(),
        },
    }
}
