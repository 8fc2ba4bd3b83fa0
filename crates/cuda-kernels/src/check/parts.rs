//! Embedding, norm and gate.

use super::Finding;
use super::numbers::{
    Noise, digest, error, floats, from_bytes, integers, rounded, to_bytes, unwritten,
};
use crate::{Device, DevicePointer, Embed, Kernel, Number, RmsNorm, SwiGlu, reference};

/// What rounding in `f32` may add, as a part of the largest number.
const SLACK: f64 = 2e-6;

pub(super) fn all<D: Device>(device: &D) -> Result<Vec<Finding>, D::Error> {
    let mut findings = Vec::new();
    for number in Number::ALL {
        for width in [1, 31, 576, 2_048] {
            findings.push(embedding(device, number, width)?);
            findings.push(norm(device, number, width)?);
            findings.push(norm_of_some(device, number, width)?);
            findings.push(gate(device, number, width)?);
        }
    }
    Ok(findings)
}

const EPSILON: f32 = 1e-5;

/// Ids that are known, and ids that a step has chosen, or has not.
fn embedding<D: Device>(device: &D, number: Number, width: usize) -> Result<Finding, D::Error> {
    const ROWS: usize = 5;
    const TOKENS: [i32; 6] = [3, -2, 0, -1, 4, -3];
    /// Id and count of NaNs; the last two are no tokens of this model.
    const OUTCOMES: [i32; 6] = [2, 0, -1, 7, ROWS as i32, 0];
    const WANTED: [Option<usize>; 6] = [Some(3), None, Some(0), Some(2), Some(4), None];
    let mut noise = Noise::new(2 + width as u64);
    let table: Vec<f32> = noise.numbers(ROWS * width, 3.0);
    let on_device = device.upload(&to_bytes(number, &table))?;
    let (tokens, outcomes) = (integers(device, &TOKENS)?, integers(device, &OUTCOMES)?);
    let residual = unwritten(device, Number::F32, TOKENS.len() * width)?;
    let launch = Embed {
        table: device.pointer(&on_device),
        tokens: device.pointer(&tokens),
        outcomes: device.pointer(&outcomes),
        residual: device.pointer(&residual),
        vocabulary: ROWS as u32,
        width: width as u32,
    };
    // SAFETY: memory and shapes are those above.
    unsafe { device.run(&launch.launch(number, TOKENS.len() as u32)) }?;
    let row = |row: Option<usize>| match row {
        Some(row) => table[row * width..][..width]
            .iter()
            .map(|&x| rounded(number, x))
            .collect(),
        None => vec![0.0; width],
    };
    let wanted: Vec<f32> = WANTED.into_iter().flat_map(row).collect();
    let bytes = device.download(&residual)?;
    Ok(Finding {
        kernel: Kernel::Embed(number),
        case: format!("{width} wide"),
        error: if from_bytes(Number::F32, &bytes) == wanted {
            0.0
        } else {
            f64::INFINITY
        },
        digest: digest(&bytes),
    })
}

/// Every token, with something to be added.
fn norm<D: Device>(device: &D, number: Number, width: usize) -> Result<Finding, D::Error> {
    const TOKENS: usize = 3;
    let mut noise = Noise::new(width as u64);
    let residual = noise.numbers(TOKENS * width, 3.0);
    let added = noise.numbers(TOKENS * width, 1.0);
    let weight = noise.numbers(width, 2.0);
    let on_device = floats(device, &residual)?;
    let (a, w) = (floats(device, &added)?, floats(device, &weight)?);
    let out = unwritten(device, number, TOKENS * width)?;
    let launch = RmsNorm {
        residual: device.pointer(&on_device),
        added: device.pointer(&a),
        weight: device.pointer(&w),
        out: device.pointer(&out),
        tokens: DevicePointer::NULL,
        width: width as u32,
        epsilon: EPSILON,
    };
    // SAFETY: memory and shapes are those above.
    unsafe { device.run(&launch.launch(number, TOKENS as u32)) }?;
    let sums: Vec<f32> = residual.iter().zip(&added).map(|(x, y)| x + y).collect();
    let rows = sums.chunks(width);
    let wanted: Vec<_> = rows
        .flat_map(|row| reference::rms_norm(row, &weight, EPSILON))
        .collect();
    let (kept, bytes) = (device.download(&on_device)?, device.download(&out)?);
    let exact = from_bytes(Number::F32, &kept) == sums;
    let worst = error(number, &from_bytes(number, &bytes), &wanted, SLACK);
    Ok(Finding {
        kernel: Kernel::RmsNorm(number),
        case: format!("{width} wide"),
        error: if exact { worst } else { f64::INFINITY },
        digest: digest(&[kept, bytes].concat()),
    })
}

/// Some tokens, one of them none, with nothing to be added.
fn norm_of_some<D: Device>(device: &D, number: Number, width: usize) -> Result<Finding, D::Error> {
    const TOKENS: [i32; 3] = [4, -1, 1];
    let mut noise = Noise::new(1 + width as u64);
    let residual = noise.numbers(5 * width, 3.0);
    let weight = noise.numbers(width, 2.0);
    let (r, w) = (floats(device, &residual)?, floats(device, &weight)?);
    let tokens = integers(device, &TOKENS)?;
    let out = device.upload(&to_bytes(number, &vec![7.0; 3 * width]))?;
    let launch = RmsNorm {
        residual: device.pointer(&r),
        added: DevicePointer::NULL,
        weight: device.pointer(&w),
        out: device.pointer(&out),
        tokens: device.pointer(&tokens),
        width: width as u32,
        epsilon: EPSILON,
    };
    // SAFETY: memory and shapes are those above.
    unsafe { device.run(&launch.launch(number, TOKENS.len() as u32)) }?;
    let rows = TOKENS.iter().map(|&token| usize::try_from(token).ok());
    let wanted: Vec<_> = rows
        .flat_map(|token| match token {
            Some(token) => {
                reference::rms_norm(&residual[token * width..][..width], &weight, EPSILON)
            }
            None => vec![7.0; width],
        })
        .collect();
    let bytes = device.download(&out)?;
    Ok(Finding {
        kernel: Kernel::RmsNorm(number),
        case: format!("{width} wide, some tokens"),
        error: error(number, &from_bytes(number, &bytes), &wanted, SLACK),
        digest: digest(&bytes),
    })
}

fn gate<D: Device>(device: &D, number: Number, width: usize) -> Result<Finding, D::Error> {
    const TOKENS: usize = 3;
    let gate_up = Noise::new(width as u64).numbers(TOKENS * 2 * width, 12.0);
    let from = floats(device, &gate_up)?;
    let out = unwritten(device, number, TOKENS * width)?;
    let launch = SwiGlu {
        gate_up: device.pointer(&from),
        out: device.pointer(&out),
        width: width as u32,
    };
    // SAFETY: memory and shapes are those above.
    unsafe { device.run(&launch.launch(number, TOKENS as u32)) }?;
    let rows = gate_up.chunks(2 * width);
    let wanted: Vec<_> = rows.flat_map(reference::swiglu).collect();
    let bytes = device.download(&out)?;
    Ok(Finding {
        kernel: Kernel::SwiGlu(number),
        case: format!("{width} wide"),
        error: error(number, &from_bytes(number, &bytes), &wanted, SLACK),
        digest: digest(&bytes),
    })
}
