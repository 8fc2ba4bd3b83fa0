//! Every format against the reference decoders of the Python package `gguf`.

use std::collections::BTreeMap;

use serde_json::Value;
use stream_checkpoint::TensorFormat;

const FIXTURE: &str = include_str!("../fixtures/dequant.json");

fn fixture() -> BTreeMap<String, Value> {
    serde_json::from_str(FIXTURE).expect("a map of formats")
}

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    let text = case[field].as_str().expect("hexadecimal");
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        })
        .collect()
}

#[test]
fn every_format_gives_the_references_bits() {
    let fixture = fixture();
    for format in TensorFormat::ALL {
        let case = &fixture[format.name()];
        let (blocks, expected) = (bytes(case, "blocks"), bytes(case, "values"));
        let mut values = vec![f32::NAN; blocks.len() / format.block_bytes() * format.block_size()];
        format.dequantize(&blocks, &mut values);
        let expected: Vec<f32> = expected
            .chunks_exact(4)
            .map(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]]))
            .collect();
        assert_eq!(values.len(), expected.len(), "{format}");
        for (i, (value, expected)) in values.iter().zip(&expected).enumerate() {
            // Equal as numbers: the reference may give zero the other sign.
            assert_eq!(value, expected, "{format} value {i}");
        }
    }
}

/// An engine that lays out codes anew computes with the same weights.
#[test]
fn codes_stand_for_the_same_values() {
    let fixture = fixture();
    for format in TensorFormat::ALL {
        let Some((bits, group)) = format.codes() else {
            continue;
        };
        let blocks = bytes(&fixture[format.name()], "blocks");
        let count = blocks.len() / format.block_bytes() * format.block_size();
        let (mut values, mut codes, mut groups) = (vec![0.0; count], vec![0; count], Vec::new());
        format.dequantize(&blocks, &mut values);
        format.unpack(&blocks, &mut codes, &mut groups);
        assert_eq!(groups.len(), count / group, "{format}");
        for (i, (&code, value)) in codes.iter().zip(&values).enumerate() {
            let group = groups[i / group];
            let found = f32::from(code) * group.scale + group.minimum;
            let largest = group.minimum.abs() + f32::from(code) * group.scale.abs();
            assert!(u32::from(code) < 1 << bits, "{format} value {i}");
            assert!(
                (found - value).abs() <= 1e-6 * largest,
                "{format} value {i}: {found}, {value}"
            );
        }
    }
}

#[test]
#[should_panic(expected = "F16 has no codes")]
fn numbers_have_no_codes() {
    TensorFormat::F16.unpack(&[0; 2], &mut [0], &mut Vec::new());
}

#[test]
fn a_block_worked_by_hand() {
    // Scale 0.5, minimum -2: the nibbles 0 to 15 in the low halves, 15 in all high ones.
    let mut block = vec![0x00, 0x38, 0x00, 0xC0];
    block.extend((0..16_u8).map(|low| low | 0xF0));
    let mut values = [0.0; 32];
    TensorFormat::Q4_1.dequantize(&block, &mut values);
    for i in 0..16 {
        assert_eq!(values[i], i as f32 * 0.5 - 2.0);
        assert_eq!(values[i + 16], 5.5);
    }
}

#[test]
fn rows_are_whole_blocks() {
    for format in TensorFormat::ALL {
        let (size, bytes) = (format.block_size(), format.block_bytes());
        assert_eq!(format.row_bytes(3 * size), Some(3 * bytes), "{format}");
        assert_eq!(format.row_bytes(0), Some(0), "{format}");
        if size > 1 {
            assert_eq!(format.row_bytes(size + 1), None, "{format}");
        }
    }
    let widest = usize::MAX - usize::MAX % 32;
    assert_eq!(TensorFormat::Q8_0.row_bytes(widest), None, "overflow");
}

#[test]
#[should_panic(expected = "19 bytes of Q4_0 are not 32 values")]
fn half_a_block_is_refused() {
    TensorFormat::Q4_0.dequantize(&[0; 19], &mut [0.0; 32]);
}
