//! How an engine computes, as far as it can be set: the same words for every engine. An engine has
//! some of them; a configuration that asks for another is refused with what the engine has.

use std::fmt;
use std::str::FromStr;

use crate::EngineError;

/// A setting with a few values.
pub(crate) trait Setting: Copy + PartialEq + 'static {
    /// Its name.
    const NAME: &'static str;

    /// The value's name.
    fn value(self) -> &'static str;
}

/// An enum of values with their names.
macro_rules! setting {
    (
        $(#[$doc:meta])* $setting:ident = $name:literal;
        $($(#[$of_value:meta])* $value:ident = $text:literal,)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $setting {
            $($(#[$of_value])* $value,)*
        }

        impl $setting {
            /// Every value; no engine has to have all of them.
            pub const ALL: &'static [Self] = &[$(Self::$value),*];

            /// The name in configuration files and on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)*
                }
            }
        }

        impl Setting for $setting {
            const NAME: &'static str = $name;

            fn value(self) -> &'static str {
                self.name()
            }
        }

        impl fmt::Display for $setting {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $setting {
            type Err = EngineError;

            fn from_str(name: &str) -> Result<Self, EngineError> {
                let mut known = Self::ALL.iter().copied();
                known.find(|value| value.name() == name).ok_or_else(|| EngineError::UnknownValue {
                    setting: $name,
                    value: name.to_owned(),
                    known: Self::ALL.iter().map(|value| value.name()).collect(),
                })
            }
        }
    };
}

setting! {
    /// In what numbers an engine multiplies. Left out, it is [`Native`](Self::Native).
    Precision = "precision";
    /// As fast as the engine can with the weights as they are in the file. Quantised ones stay
    /// so; candle and ONNX Runtime (at its accuracy level 4) round activations to 8 bits for them,
    /// libtorch computes in `bf16`.
    Native = "native",
    /// Everything in `bf16`: libtorch.
    Bf16 = "bf16",
    /// Quantised weights stay so, but activations are not rounded (accuracy level 1 of ONNX
    /// Runtime): the results of `F32` in the memory of `Native`, slowly.
    Exact = "exact",
    /// Everything in `f32`, four bytes a weight: for comparison with a reference.
    F32 = "f32",
}

setting! {
    /// Whether an engine's threads wait for work by spinning. Left out, the engine chooses.
    Spinning = "spinning";
    /// They spin while a step runs: faster where the machine has nothing else to do.
    On = "on",
    /// They sleep at once: steadier where it has.
    Off = "off",
}

setting! {
    /// What a stream's tokens may depend on. Left out, the engine chooses.
    Batches = "batches";
    /// On what else is computed in the same step: the fastest operators for its width, whose last
    /// digits differ.
    Fastest = "fastest",
    /// On nothing but the stream itself: the same alone and in any batch. Prompts are read about
    /// as slowly as text is written.
    Invariant = "invariant",
}
