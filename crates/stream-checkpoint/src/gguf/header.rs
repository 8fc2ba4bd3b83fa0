//! The header: magic, version, counts, metadata, tensor table.

use super::cursor::Cursor;
use super::metadata::{LEAST_PAIR_BYTES, Metadata};
use super::tensors::{self, FileExtent, LEAST_INFO_BYTES};
use crate::error::Fault;
use crate::weights::TensorTable;

const MAGIC: &[u8] = b"GGUF";
const ALIGNMENT: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u64 = 32;
/// Far above a page; keeps `position + alignment` far from overflow.
const MOST_ALIGNMENT: u64 = 1 << 30;

/// Reads and checks the header of a whole file: every tensor of a known format lies within the
/// file and apart from the others. The tensors go into `table`, as those of the file with this
/// number.
pub(crate) fn parse<'a>(
    file: &'a [u8],
    number: usize,
    table: &mut TensorTable,
) -> Result<Metadata<'a>, Fault> {
    let mut cursor = Cursor::new(file);
    check_magic(file, &mut cursor)?;
    check_version(&mut cursor)?;
    let tensors = cursor.count("a tensor count", LEAST_INFO_BYTES)?;
    let pairs = cursor.count("a metadata count", LEAST_PAIR_BYTES)?;
    let metadata = Metadata::read(&mut cursor, pairs)?;
    let alignment = alignment(&metadata)?;
    let length = file.len();
    let extent = FileExtent { number, length };
    tensors::read(&mut cursor, tensors, alignment, extent, table)?;
    Ok(metadata)
}

fn check_magic(file: &[u8], cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let found = match cursor.take(4, "magic") {
        Ok(MAGIC) => return Ok(()),
        Ok(other) => format!(
            "not a GGUF file (it begins with {}, not with \"GGUF\")",
            quoted(other)
        ),
        Err(_) => format!("not a GGUF file (it has {} bytes)", file.len()),
    };
    Err(Fault::UnsupportedFormat { found })
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

fn check_version(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let found = match cursor.u32("a version")? {
        2 | 3 => return Ok(()),
        swapped if matches!(swapped.swap_bytes(), 1..=3) => "a big-endian GGUF file".to_owned(),
        other => format!("a GGUF file of version {other}"),
    };
    Err(Fault::UnsupportedFormat { found })
}

/// What offsets of tensors are multiples of.
fn alignment(metadata: &Metadata<'_>) -> Result<u64, Fault> {
    let alignment = metadata
        .integer(ALIGNMENT, MOST_ALIGNMENT)?
        .unwrap_or(DEFAULT_ALIGNMENT);
    if alignment.is_power_of_two() {
        return Ok(alignment);
    }
    let problem = format!("is {alignment}, must be a power of two");
    Err(Fault::metadata(ALIGNMENT, problem))
}
