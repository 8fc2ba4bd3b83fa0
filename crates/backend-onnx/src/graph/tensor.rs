//! Constants of a graph, whose memory ONNX Runtime reads in place.

use std::borrow::Cow;

/// What the numbers of a tensor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    U8,
    I64,
}

/// A constant: a name, dimensions and numbers.
#[derive(Debug)]
pub(crate) struct Initializer<'a> {
    name: String,
    dimensions: Vec<usize>,
    data: Data<'a>,
}

/// The numbers of a constant.
#[derive(Debug)]
pub(crate) enum Data<'a> {
    F32(Cow<'a, [f32]>),
    U8(Vec<u8>),
}

impl<'a> Initializer<'a> {
    /// # Panics
    /// If the numbers are not as many as the dimensions say.
    pub(crate) fn f32(
        name: impl Into<String>,
        dimensions: &[usize],
        data: impl Into<Cow<'a, [f32]>>,
    ) -> Self {
        let data = data.into();
        assert_eq!(data.len(), dimensions.iter().product::<usize>());
        Self {
            name: name.into(),
            dimensions: dimensions.to_vec(),
            data: Data::F32(data),
        }
    }

    /// # Panics
    /// As [`f32`](Self::f32).
    pub(crate) fn u8(name: impl Into<String>, dimensions: &[usize], data: Vec<u8>) -> Self {
        assert_eq!(data.len(), dimensions.iter().product::<usize>());
        Self {
            name: name.into(),
            dimensions: dimensions.to_vec(),
            data: Data::U8(data),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn dimensions(&self) -> &[usize] {
        &self.dimensions
    }

    pub(crate) fn element(&self) -> Element {
        match self.data {
            Data::F32(_) => Element::F32,
            Data::U8(_) => Element::U8,
        }
    }

    pub(crate) fn data(&self) -> &Data<'a> {
        &self.data
    }

    /// Its memory, if it owns it.
    pub(crate) fn into_owned(self) -> Option<Data<'static>> {
        match self.data {
            Data::F32(Cow::Owned(numbers)) => Some(Data::F32(Cow::Owned(numbers))),
            Data::F32(Cow::Borrowed(_)) => None,
            Data::U8(numbers) => Some(Data::U8(numbers)),
        }
    }
}
