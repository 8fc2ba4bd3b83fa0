//! Files that are damaged, cut off or hostile give an error that says where.

use crate::gguf_writer::{File, Tensor, Value, array_head};
use crate::tiny_model::{check_bytes, check_error, f32_tensor, file, open};

const TENSOR_COUNT: usize = 8;
const METADATA_COUNT: usize = 16;

fn patched(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file().bytes();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    file
}

#[test]
fn magic_and_version() {
    let known = "known are: GGUF files (.gguf) of version 2 and 3, little endian";
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("empty", vec![], "is not a GGUF file (it has 0 bytes)"),
        (
            "short",
            b"GG".to_vec(),
            "is not a GGUF file (it has 2 bytes)",
        ),
        (
            "other",
            patched(0, b"PK\x03\x04"),
            r#"(it begins with "PK\x03\x04", not"#,
        ),
        ("version 0", patched(4, &[0; 4]), "a GGUF file of version 0"),
        (
            "version 1",
            patched(4, &1_u32.to_le_bytes()),
            "a GGUF file of version 1",
        ),
        (
            "version 4",
            patched(4, &4_u32.to_le_bytes()),
            "a GGUF file of version 4",
        ),
        (
            "big endian",
            patched(4, &3_u32.to_be_bytes()),
            "a big-endian GGUF file",
        ),
        (
            "only magic",
            b"GGUF".to_vec(),
            "at byte 4: a version of 4, but 0 bytes remain",
        ),
    ];
    for (case, bytes, expected) in cases {
        check_bytes(case, bytes.clone(), expected);
        if case != "only magic" {
            check_bytes(case, bytes, known);
        }
    }
}

#[test]
fn version_2_is_read_as_3() {
    let mut old = file();
    old.version = 2;
    open(&old).expect("version 2");
}

#[test]
fn counts_beyond_the_file() {
    for count in [u64::MAX, u64::MAX / 33, 1 << 40, 1_000_000] {
        let bytes = count.to_le_bytes();
        let tensors = format!("a tensor count of {count}, each of at least 33 bytes, but");
        check_bytes("tensors", patched(TENSOR_COUNT, &bytes), &tensors);
        let pairs = format!("a metadata count of {count}, each of at least 14 bytes, but");
        check_bytes("metadata", patched(METADATA_COUNT, &bytes), &pairs);
    }
}

#[test]
fn counts_within_a_large_file_but_beyond_reason() {
    let head = |tensors: u64, pairs: u64| {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(tensors.to_le_bytes());
        bytes.extend(pairs.to_le_bytes());
        bytes.resize(40 << 20, 0);
        bytes
    };
    let pairs = "70000 metadata keys, at most 65536 are read";
    check_bytes("metadata", head(0, 70_000), pairs);
    let tensors = "1100000 tensors, at most 1048576 are read";
    check_bytes("tensors", head(1_100_000, 0), tensors);
}

fn array(kind: u32, count: u64, rest: &[u8]) -> Value {
    let mut bytes = Vec::new();
    array_head(&mut bytes, kind, count as usize);
    bytes.extend(rest);
    Value::Raw(9, bytes)
}

fn nested(depth: usize) -> Value {
    let mut bytes = Vec::new();
    (1..depth).for_each(|_| array_head(&mut bytes, 9, 1));
    array_head(&mut bytes, 4, 0);
    Value::Raw(9, bytes)
}

#[test]
fn values_beyond_the_file() {
    let huge = u64::MAX;
    let cases: [(&str, Value, &str); 9] = [
        (
            "string",
            Value::Raw(8, huge.to_le_bytes().to_vec()),
            "a string's length of 18446744073709551615, but",
        ),
        (
            "numbers",
            array(10, huge, &[]),
            "an array's count of 18446744073709551615, each of at least 8 bytes, but",
        ),
        (
            "bytes",
            array(0, huge, &[]),
            "an array's count of 18446744073709551615, but",
        ),
        (
            "strings",
            array(8, 1 << 60, &[]),
            "an array's count of 1152921504606846976, each of at least 8 bytes",
        ),
        (
            "string in array",
            array(8, 1, &huge.to_le_bytes()),
            "a string's length of",
        ),
        (
            "type",
            Value::Raw(13, vec![]),
            "unknown value type 13, known are 0 to 12",
        ),
        ("element type", array(99, 1, &[]), "unknown value type 99"),
        (
            "boolean",
            Value::Raw(7, vec![2]),
            "a boolean is 0 or 1, not 2",
        ),
        ("nesting", nested(5), "arrays nested deeper than 4"),
    ];
    for (case, value, expected) in cases {
        check_error(case, |file| file.set("some.key", value), expected);
    }
}

#[test]
fn some_nesting_and_unknown_keys_are_passed_over() {
    let mut file = file();
    file.set("nested", nested(4));
    file.set("booleans", array(7, 2, &[0, 1]));
    file.set("not utf-8", Value::String(vec![0xFF]));
    open(&file).expect("keys that no one asks for");
}

#[test]
fn alignment() {
    let key = "general.alignment";
    let cases = [
        (
            Value::U32(0),
            "`general.alignment`: is 0, must be a power of two",
        ),
        (
            Value::U32(13),
            "`general.alignment`: is 13, must be a power of two",
        ),
        (
            Value::U64(1 << 31),
            "`general.alignment`: is the integer 2147483648, must be an integer from 0 to 1073741824",
        ),
        (
            Value::I32(-32),
            "`general.alignment`: is the integer -32, must be",
        ),
        (
            Value::F32(32.0),
            "`general.alignment`: is the float 32, must be",
        ),
        (
            Value::text("32"),
            "`general.alignment`: is a string, must be",
        ),
    ];
    for (value, expected) in cases {
        check_error(expected, |file| file.set(key, value), expected);
    }
    let mut wide = file();
    wide.alignment = 4096;
    wide.set(key, Value::U32(4096));
    open(&wide).expect("tensors at multiples of a page");
    check_error(
        "dishonest",
        |file| file.set(key, Value::U32(1 << 20)),
        "is not a multiple of 1048576",
    );
}

#[test]
fn shapes() {
    let shaped = |dimensions: &'static [u64], format: u32| {
        move |file: &mut File| {
            let tensor = file.tensor("output_norm.weight");
            tensor.dimensions = dimensions.to_vec();
            tensor.format = format;
        }
    };
    let at = "tensor output_norm.weight";
    let overflow = format!("{at}: the shape");
    let blocks = format!("{at}: rows of 33 are not blocks of 32 Q4_1");
    let cases: [(&'static [u64], u32, String); 9] = [
        (&[], 0, format!("{at}: 0 dimensions, known are 1 to 4")),
        (&[1; 5], 0, format!("{at}: 5 dimensions, known are 1 to 4")),
        (&[8, 0], 0, format!("{at}: a dimension is 0")),
        (&[u64::MAX, 2], 0, overflow.clone()),
        (&[1 << 32, 1 << 32], 0, overflow.clone()),
        (&[1 << 32, 1 << 32], 39, overflow.clone()),
        (&[1 << 62], 0, overflow),
        (&[33], 3, blocks),
        (&[1 << 40], 0, "the file ends".to_owned()),
    ];
    for (dimensions, format, expected) in cases {
        check_error(&expected, shaped(dimensions, format), &expected);
    }
    let many = |file: &mut File| {
        let endless = Tensor {
            dimensions: vec![1; 8],
            ..f32_tensor("x", &[1])
        };
        file.tensors.push(endless);
    };
    check_error("eight", many, "tensor x: 8 dimensions");
}

#[test]
fn data_beyond_the_file() {
    let whole = file().bytes();
    let last = "tensor blk.1.ffn_down.weight";
    for missing in [1, 100, 512] {
        let cut = whole[..whole.len() - missing].to_vec();
        let expected = format!("the file ends {missing} bytes before the end of {last}");
        check_bytes("cut", cut, &expected);
    }
    let offset =
        |at: u64| move |file: &mut File| file.tensor("output_norm.weight").offset = Some(at);
    check_error(
        "far",
        offset(1 << 40),
        "before the end of tensor output_norm.weight",
    );
    check_error(
        "overflow",
        offset(u64::MAX - 31),
        "output_norm.weight: offset 18446744073709551584 overflows",
    );
    check_error(
        "crooked",
        offset(7),
        "output_norm.weight: offset 7 is not a multiple of 32",
    );
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = file().bytes();
    for length in (0..whole.len()).step_by(7) {
        check_bytes("cut", whole[..length].to_vec(), "");
    }
}

#[test]
fn doubles_and_overlaps() {
    let key = |file: &mut File| {
        file.metadata
            .push(("general.name".to_owned(), Value::U32(1)));
    };
    check_error("key", key, "the metadata key `general.name` stands twice");
    let name = |file: &mut File| file.tensors.push(f32_tensor("output_norm.weight", &[8]));
    check_error("name", name, "two tensors are named output_norm.weight");
    let overlap = |file: &mut File| file.tensor("output_norm.weight").offset = Some(32);
    let expected = "the data of token_embd.weight and output_norm.weight overlap";
    check_error("overlap", overlap, expected);
    let same = |file: &mut File| file.tensor("output_norm.weight").offset = Some(0);
    check_error("same place", same, "overlap");
}

#[test]
fn names() {
    let empty = |file: &mut File| file.tensor("output_norm.weight").name = String::new();
    check_error("tensor", empty, "a tensor's name is empty");
    let key = |file: &mut File| file.metadata.push((String::new(), Value::U32(0)));
    check_error("key", key, "a metadata key is empty");
    // The first key begins after magic, version, two counts and its own length.
    check_bytes(
        "not UTF-8",
        patched(4 + 4 + 8 + 8 + 8, &[0xFF]),
        "a metadata key is not UTF-8",
    );
}
