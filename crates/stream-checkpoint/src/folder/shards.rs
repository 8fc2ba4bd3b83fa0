//! The safetensors files of a folder.
//!
//! Source of the format: `README.md` of huggingface/safetensors; the crate of that name reads and
//! checks the header. The numbers are taken from the file as they lie there.

use std::sync::Arc;

use safetensors::tensor::{Metadata, TensorInfo as Info};
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::Folder;
use super::index::{INDEX, Index};
use crate::error::{CheckpointError, Fault};
use crate::format::TensorFormat;
use crate::source::Source;
use crate::weights::{Files, TensorInfo, TensorTable};

/// The name of the weights' file if there is only one.
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// The length of the header stands before it.
const LENGTH_BYTES: usize = 8;

/// Opens the weights of a folder: [`WEIGHTS`], or else the shards of its index.
pub(crate) fn open(folder: &Folder) -> Result<(Files, TensorTable), CheckpointError> {
    let (mut files, mut table) = (Files::default(), TensorTable::default());
    if folder.has(WEIGHTS) {
        add(folder, WEIGHTS, &mut files, &mut table)?;
        return Ok((files, table));
    }
    let index = Index::read(folder)?.ok_or_else(|| no_weights(folder))?;
    for shard in index.shards() {
        add(folder, shard, &mut files, &mut table)?;
    }
    check_index(folder, &index, &files, &table)?;
    Ok((files, table))
}

fn no_weights(folder: &Folder) -> CheckpointError {
    for file in ["pytorch_model.bin", "pytorch_model.bin.index.json"] {
        if folder.has(file) {
            let file = file.to_owned();
            return CheckpointError::new(folder.path(), Fault::Pickle { file });
        }
    }
    let reason = format!("the weights stand in it, or in the files that {INDEX} names");
    folder.error(WEIGHTS, Fault::MissingFile { reason })
}

/// Opens a file and adds its tensors.
fn add(
    folder: &Folder,
    name: &str,
    files: &mut Files,
    table: &mut TensorTable,
) -> Result<(), CheckpointError> {
    let mut add = || {
        let source = folder.source(name)?.ok_or_else(missing_shard)?;
        insert(&source, files.len(), table)?;
        files.push(&folder.path().join(name), Arc::new(source));
        Ok(())
    };
    add().map_err(|fault: Fault| folder.error(name, fault))
}

fn missing_shard() -> Fault {
    let reason = format!("{INDEX} says that weights stand in it; fetch it");
    Fault::MissingFile { reason }
}

fn insert(source: &Source, file: usize, table: &mut TensorTable) -> Result<(), Fault> {
    let bytes = source.bytes();
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| damage(bytes, &e))?;
    let data = LENGTH_BYTES + header;
    for (name, info) in metadata.tensors() {
        if !table.insert(&name, tensor(info, data, file)) {
            let problem = format!("tensor {name} stands in another file of the model too");
            return Err(Fault::SafeTensors(problem));
        }
    }
    Ok(())
}

fn tensor(info: &Info, data: usize, file: usize) -> TensorInfo {
    let (start, end) = info.data_offsets;
    TensorInfo {
        shape: info
            .shape
            .iter()
            .map(|dimension| *dimension as u64)
            .collect(),
        format: match info.dtype {
            Dtype::F32 => Ok(TensorFormat::F32),
            Dtype::F16 => Ok(TensorFormat::F16),
            Dtype::BF16 => Ok(TensorFormat::BF16),
            other => Err(format!("{other:?}")),
        },
        file,
        // Within the file, as the crate has checked.
        range: data + start..data + end,
    }
}

/// What is wrong with a file that the crate refuses. A file that ends too early is told of as
/// such: mapped, its end would read as zeros.
fn damage(bytes: &[u8], error: &SafeTensorError) -> Fault {
    let cut_off = match error {
        SafeTensorError::MetadataIncompleteBuffer => cut_off(bytes),
        _ => None,
    };
    cut_off.unwrap_or_else(|| Fault::SafeTensors(error.to_string()))
}

/// The first tensor that a file ends before the end of.
fn cut_off(bytes: &[u8]) -> Option<Fault> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (header, data) = rest.split_at_checked(length)?;
    let metadata: Metadata = serde_json::from_slice(header).ok()?;
    let mut names = metadata.offset_keys().into_iter();
    names.find_map(|tensor| {
        let end = metadata.info(&tensor)?.data_offsets.1;
        let missing = end.checked_sub(data.len()).filter(|missing| *missing > 0)?;
        let missing = missing as u64;
        Some(Fault::Truncated { tensor, missing })
    })
}

/// Every tensor stands in the shard that the index says.
fn check_index(
    folder: &Folder,
    index: &Index,
    files: &Files,
    table: &TensorTable,
) -> Result<(), CheckpointError> {
    let holds = |tensor: &str, shard: &str| {
        let info = table.get(tensor);
        info.is_some_and(|info| files.path_of(info.file) == folder.path().join(shard))
    };
    let wrong = index.iter().filter(|(tensor, shard)| !holds(tensor, shard));
    match wrong.min() {
        None => Ok(()),
        Some((tensor, shard)) => {
            let problem =
                format!("{INDEX} says that tensor {tensor} stands in it, but it does not");
            Err(folder.error(shard, Fault::SafeTensors(problem)))
        }
    }
}
