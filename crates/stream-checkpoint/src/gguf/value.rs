//! The typed values of the metadata.

use super::cursor::Cursor;
use crate::error::Fault;

/// How deep arrays may stand in arrays. No known file nests them at all.
const DEEPEST: usize = 4;

/// A value of the metadata, borrowing from the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    /// Said to be UTF-8 by the format; checked where it is used.
    String(&'a [u8]),
    Array(Array<'a>),
}

impl<'a> Value<'a> {
    /// Reads a value that follows its type's number.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Fault> {
        let kind = Kind::read(cursor)?;
        Self::read_kind(cursor, kind, 0)
    }

    fn read_kind(cursor: &mut Cursor<'a>, kind: Kind, depth: usize) -> Result<Self, Fault> {
        const WHAT: &str = "a value";
        Ok(match kind {
            Kind::U8 => Self::Unsigned(u8::from_le_bytes(cursor.array(WHAT)?).into()),
            Kind::U16 => Self::Unsigned(u16::from_le_bytes(cursor.array(WHAT)?).into()),
            Kind::U32 => Self::Unsigned(u32::from_le_bytes(cursor.array(WHAT)?).into()),
            Kind::U64 => Self::Unsigned(u64::from_le_bytes(cursor.array(WHAT)?)),
            Kind::I8 => Self::Signed(i8::from_le_bytes(cursor.array(WHAT)?).into()),
            Kind::I16 => Self::Signed(i16::from_le_bytes(cursor.array(WHAT)?).into()),
            Kind::I32 => Self::Signed(i32::from_le_bytes(cursor.array(WHAT)?).into()),
            Kind::I64 => Self::Signed(i64::from_le_bytes(cursor.array(WHAT)?)),
            Kind::F32 => Self::Float(f32::from_le_bytes(cursor.array(WHAT)?).into()),
            Kind::F64 => Self::Float(f64::from_le_bytes(cursor.array(WHAT)?)),
            Kind::Bool => Self::Bool(read_bool(cursor)?),
            Kind::String => Self::String(cursor.string("a string's length")?),
            Kind::Array => Self::Array(Array::read(cursor, depth + 1)?),
        })
    }

    /// What the value is, for an error.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Unsigned(n) => format!("the integer {n}"),
            Self::Signed(n) => format!("the integer {n}"),
            Self::Float(x) => format!("the float {x}"),
            Self::Bool(b) => format!("the boolean {b}"),
            Self::String(_) => "a string".to_owned(),
            Self::Array(array) => format!("an array of {}", array.count),
        }
    }
}

fn read_bool(cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    let [byte] = cursor.array("a boolean")?;
    match byte {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(cursor.malformed(format!("a boolean is 0 or 1, not {other}"))),
    }
}

/// An array in the file, walked through once and known to lie within it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Array<'a> {
    kind: Kind,
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    fn read(cursor: &mut Cursor<'a>, depth: usize) -> Result<Self, Fault> {
        if depth > DEEPEST {
            return Err(cursor.malformed(format!("arrays nested deeper than {DEEPEST}")));
        }
        let kind = Kind::read(cursor)?;
        let count = cursor.count("an array's count", kind.least_bytes())?;
        let mut end = cursor.clone();
        walk(&mut end, kind, count, depth)?;
        let length = end.position() - cursor.position();
        let bytes = cursor.take(length as u64, "an array")?;
        Ok(Self { kind, count, bytes })
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The elements of an array of strings; `None` if it is another.
    pub(crate) fn strings(&self) -> Option<impl Iterator<Item = &'a [u8]> + Clone + use<'a>> {
        let mut cursor = Cursor::new(self.bytes);
        let element = move |_| cursor.string("a string").ok();
        (self.kind == Kind::String).then(|| (0..self.count).map_while(element))
    }

    /// The elements of an array of 32-bit floats; `None` if it is another.
    pub(crate) fn floats(&self) -> Option<impl Iterator<Item = f32> + use<'a>> {
        let (floats, _) = self.bytes.as_chunks::<4>();
        let floats = floats.iter().map(|bytes| f32::from_le_bytes(*bytes));
        (self.kind == Kind::F32).then_some(floats)
    }

    /// The elements of an array of integers; `None` if it is another.
    pub(crate) fn integers(&self) -> Option<impl Iterator<Item = i128> + use<'a>> {
        let (kind, mut cursor) = (self.kind, Cursor::new(self.bytes));
        let element = move |_| match Value::read_kind(&mut cursor, kind, 0) {
            Ok(Value::Unsigned(n)) => Some(i128::from(n)),
            Ok(Value::Signed(n)) => Some(i128::from(n)),
            _ => None,
        };
        kind.is_integer()
            .then(|| (0..self.count).map_while(element))
    }
}

/// Moves `cursor` past `count` values.
fn walk(cursor: &mut Cursor<'_>, kind: Kind, count: usize, depth: usize) -> Result<(), Fault> {
    match kind {
        Kind::Bool | Kind::String | Kind::Array => {
            for _ in 0..count {
                Value::read_kind(cursor, kind, depth)?;
            }
        }
        fixed => {
            cursor.take(count as u64 * fixed.least_bytes(), "an array")?;
        }
    }
    Ok(())
}

/// The type of a value (`gguf_metadata_value_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

impl Kind {
    /// In the order of their numbers in the format.
    const ALL: [Self; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::String,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        let number = cursor.u32("a value's type")?;
        Self::ALL.get(number as usize).copied().ok_or_else(|| {
            cursor.malformed(format!("unknown value type {number}, known are 0 to 12"))
        })
    }

    fn is_integer(self) -> bool {
        !matches!(
            self,
            Self::F32 | Self::F64 | Self::Bool | Self::String | Self::Array
        )
    }

    /// The fewest bytes that a value takes.
    fn least_bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 | Self::String => 8,
            // Its element type and its count.
            Self::Array => 12,
        }
    }
}
