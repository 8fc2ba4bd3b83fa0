//! The table of tensors and where their data lies.

use super::cursor::Cursor;
use super::metadata::read_name;
use crate::error::Fault;
use crate::format::TensorFormat;
use crate::weights::{TensorInfo, TensorTable};

/// No known file has more than some thousands.
const MOST_TENSORS: usize = 1 << 20;
const MOST_DIMENSIONS: u32 = 4;

/// A name's length, one byte of it, the dimensions' count, one dimension, a format and an offset.
pub(super) const LEAST_INFO_BYTES: u64 = 8 + 1 + 4 + 8 + 4 + 8;

/// Reads the table into `table`, as tensors of the file with this number. (The file has the
/// dimensions of a shape the other way round.)
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    count: usize,
    alignment: u64,
    file: FileExtent,
    table: &mut TensorTable,
) -> Result<(), Fault> {
    if count > MOST_TENSORS {
        let problem = format!("{count} tensors, at most {MOST_TENSORS} are read");
        return Err(cursor.malformed(problem));
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        entries.push(Entry::read(cursor, alignment)?);
    }
    let data = (cursor.position() as u64).next_multiple_of(alignment);
    check_extents(cursor, &entries, data, file.length as u64)?;
    index(cursor, entries, data, file.number, table)
}

/// The file that the tensors lie in.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileExtent {
    pub(super) number: usize,
    pub(super) length: usize,
}

/// One line of the table as it stands in the file.
struct Entry<'a> {
    name: &'a str,
    shape: Vec<u64>,
    format: Result<TensorFormat, u32>,
    /// From the beginning of the data.
    offset: u64,
    /// 0 if the format is not known.
    bytes: u64,
}

impl<'a> Entry<'a> {
    fn read(cursor: &mut Cursor<'a>, alignment: u64) -> Result<Self, Fault> {
        let name = read_name(cursor, "a tensor's name")?;
        let shape = read_shape(cursor, name)?;
        let number = cursor.u32("a tensor's format")?;
        let format = TensorFormat::from_ggml(number).ok_or(number);
        let bytes = match format {
            Ok(format) => data_bytes(cursor, name, &shape, format)?,
            Err(_) => 0,
        };
        let offset = cursor.u64("a tensor's offset")?;
        if !offset.is_multiple_of(alignment) {
            let problem =
                format!("tensor {name}: offset {offset} is not a multiple of {alignment}");
            return Err(cursor.malformed(problem));
        }
        Ok(Self {
            name,
            shape,
            format,
            offset,
            bytes,
        })
    }

    /// The end of its data, from the beginning of the data.
    fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.bytes)
    }
}

fn read_shape(cursor: &mut Cursor<'_>, name: &str) -> Result<Vec<u64>, Fault> {
    let dimensions = cursor.u32("a tensor's dimension count")?;
    if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
        let problem = format!("tensor {name}: {dimensions} dimensions, known are 1 to 4");
        return Err(cursor.malformed(problem));
    }
    let mut shape = Vec::with_capacity(dimensions as usize);
    for _ in 0..dimensions {
        shape.push(cursor.u64("a tensor's dimension")?);
    }
    if shape.contains(&0) {
        return Err(cursor.malformed(format!("tensor {name}: a dimension is 0")));
    }
    shape.reverse();
    match count_values(&shape) {
        Some(_) => Ok(shape),
        None => Err(overflow(cursor, name, &shape)),
    }
}

fn data_bytes(
    cursor: &Cursor<'_>,
    name: &str,
    shape: &[u64],
    format: TensorFormat,
) -> Result<u64, Fault> {
    let (size, bytes) = (format.block_size() as u64, format.block_bytes() as u64);
    let columns = shape.last().copied().unwrap_or(0);
    if !columns.is_multiple_of(size) {
        let problem = format!("tensor {name}: rows of {columns} are not blocks of {size} {format}");
        return Err(cursor.malformed(problem));
    }
    count_values(shape)
        .and_then(|values| (values / size).checked_mul(bytes))
        .ok_or_else(|| overflow(cursor, name, shape))
}

fn count_values(shape: &[u64]) -> Option<u64> {
    let mut dimensions = shape.iter();
    dimensions.try_fold(1, |values: u64, &dimension| values.checked_mul(dimension))
}

fn overflow(cursor: &Cursor<'_>, name: &str, shape: &[u64]) -> Fault {
    cursor.malformed(format!("tensor {name}: the shape {shape:?} overflows"))
}

/// Every tensor lies within the file and apart from the others.
fn check_extents(
    cursor: &Cursor<'_>,
    entries: &[Entry<'_>],
    data: u64,
    file_length: u64,
) -> Result<(), Fault> {
    let mut sorted: Vec<_> = entries.iter().filter(|entry| entry.bytes > 0).collect();
    sorted.sort_unstable_by_key(|entry| entry.offset);
    let mut previous: Option<&Entry<'_>> = None;
    for entry in sorted {
        check_within(cursor, entry, data, file_length)?;
        if let Some(other) = previous
            && other.end().is_none_or(|end| end > entry.offset)
        {
            let problem = format!("the data of {} and {} overlap", other.name, entry.name);
            return Err(cursor.malformed(problem));
        }
        previous = Some(entry);
    }
    Ok(())
}

fn check_within(
    cursor: &Cursor<'_>,
    entry: &Entry<'_>,
    data: u64,
    file_length: u64,
) -> Result<(), Fault> {
    let Some(end) = entry.end().and_then(|end| end.checked_add(data)) else {
        let problem = format!("tensor {}: offset {} overflows", entry.name, entry.offset);
        return Err(cursor.malformed(problem));
    };
    match end.saturating_sub(file_length) {
        0 => Ok(()),
        missing => Err(Fault::Truncated {
            tensor: entry.name.to_owned(),
            missing,
        }),
    }
}

/// The entries by name, with places counted from the beginning of the file.
fn index(
    cursor: &Cursor<'_>,
    entries: Vec<Entry<'_>>,
    data: u64,
    file: usize,
    table: &mut TensorTable,
) -> Result<(), Fault> {
    for entry in entries {
        // Within the file, as was checked, and so within memory.
        let start = if entry.bytes > 0 {
            data + entry.offset
        } else {
            0
        };
        let info = TensorInfo {
            shape: entry.shape,
            format: entry.format.map_err(|number| number.to_string()),
            file,
            range: start as usize..(start + entry.bytes) as usize,
        };
        if !table.insert(entry.name, info) {
            return Err(cursor.malformed(format!("two tensors are named {}", entry.name)));
        }
    }
    Ok(())
}
