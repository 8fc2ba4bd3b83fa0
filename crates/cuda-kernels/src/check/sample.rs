//! Sampling, against stream-runtime's sampler.

use stream_core::Sampling;
use stream_runtime::Choice;
use stream_runtime::sample::{DrawKey, Sampler};

use super::Finding;
use super::numbers::{Noise, digest, floats};
use crate::{Device, Kernel, Outcome, Sample, SampleTask};

const WIDTH: usize = 1_537;
const ROWS: usize = 10;
/// Draws of each row with each of the parameters.
const DRAWS: u64 = 3;

pub(super) fn all<D: Device>(device: &D) -> Result<Vec<Finding>, D::Error> {
    let parameters = [
        (0.0, 0, 1.0, 0.0),
        (1.0, 0, 1.0, 0.0),
        (0.7, 40, 1.0, 0.0),
        (1.3, 0, 0.9, 0.0),
        (0.9, 0, 1.0, 0.05),
        (2.0, 50, 0.8, 0.02),
        (5.0, 1_500, 0.999, 0.0),
        (0.3, 1, 1.0, 0.0),
        (0.01, 0, 0.5, 0.0),
        (100.0, 5_000, 0.3, 0.9),
    ];
    let rows = rows();
    let finding = |(temperature, top_k, top_p, min_p)| {
        let builder = Sampling::builder()
            .temperature(temperature)
            .top_p(top_p)
            .min_p(min_p);
        let builder = match top_k {
            0 => builder,
            k => builder.top_k(k),
        };
        // Every entry of the table is valid; one that were not would be missing in the findings.
        let sampling = builder.build().ok()?;
        let case =
            format!("temperature {temperature}, top-k {top_k}, top-p {top_p}, min-p {min_p}");
        Some(check(device, &rows, &sampling, case))
    };
    parameters.into_iter().filter_map(finding).collect()
}

/// Rows of logits of many kinds.
fn rows() -> Vec<f32> {
    let mut noise = Noise::new(3);
    let mut rows = noise.numbers(ROWS * WIDTH, 9.0);
    for (number, row) in rows.chunks_mut(WIDTH).enumerate() {
        match number {
            // Many equal ones, zeros of both signs among them.
            1 => row.iter_mut().for_each(|x| *x = (*x / 4.0).round() * 2.0),
            2 => row.fill(-0.0),
            // Hardly any that is possible.
            3 => row
                .iter_mut()
                .skip(700)
                .for_each(|x| *x = f32::NEG_INFINITY),
            4 => row.iter_mut().skip(1).for_each(|x| *x = f32::NEG_INFINITY),
            5 => row.iter_mut().step_by(3).for_each(|x| *x = f32::NAN),
            // Without a distribution.
            6 => row.fill(f32::NEG_INFINITY),
            7 => row[WIDTH - 1] = f32::INFINITY,
            // One far above all others, and numbers of every size.
            8 => row[1_200] = 60.0,
            9 => row.iter_mut().for_each(|x| *x = x.powi(9) * 1e20),
            _ => {}
        }
    }
    rows
}

fn check<D: Device>(
    device: &D,
    rows: &[f32],
    sampling: &Sampling,
    case: String,
) -> Result<Finding, D::Error> {
    let wanted = |row: usize, choice: &Choice<'_>| {
        let mut logits = rows[row * WIDTH..][..WIDTH].to_vec();
        Sampler::new().sample(&mut logits, choice)
    };
    let (mut tasks, mut expected) = (Vec::new(), Vec::new());
    for (row, draw) in (0..ROWS).flat_map(|row| (0..DRAWS).map(move |draw| (row, draw))) {
        let mut choice = Choice::new(sampling);
        choice.key = DrawKey {
            seed: 0x1234_5678_9ABC_DEF0 ^ draw << 40,
            choice: draw as u32,
            position: (draw << 33) + row as u64,
        };
        // Some ids at the end do not exist.
        choice.usable = if draw == 0 { 1_000 } else { usize::MAX };
        tasks.extend(SampleTask::new(&choice, row as u32));
        expected.push(wanted(row, &choice));
    }
    tasks.push(SampleTask::NONE);
    let outcomes = perform(device, rows, &tasks)?;
    let found = outcomes
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| Outcome::from_bytes(bytes).next());
    let right = found.eq(expected.into_iter().chain([UNTOUCHED.next()]));
    Ok(Finding {
        kernel: Kernel::Sample,
        case,
        error: if right { 0.0 } else { f64::INFINITY },
        digest: digest(&outcomes),
    })
}

/// What stands where no task writes.
const UNTOUCHED: Outcome = Outcome {
    id: 77,
    nan_logits: 0,
};

fn perform<D: Device>(device: &D, rows: &[f32], tasks: &[SampleTask]) -> Result<Vec<u8>, D::Error> {
    let logits = floats(device, rows)?;
    let bytes: Vec<_> = tasks.iter().flat_map(SampleTask::to_bytes).collect();
    let on_device = device.upload(&bytes)?;
    let untouched = [UNTOUCHED.id, UNTOUCHED.nan_logits].map(i32::to_ne_bytes);
    let outcomes = device.upload(&untouched.as_flattened().repeat(tasks.len()))?;
    let sample = Sample {
        logits: device.pointer(&logits),
        tasks: device.pointer(&on_device),
        outcomes: device.pointer(&outcomes),
        width: WIDTH as u32,
    };
    // SAFETY: memory and shapes are those above.
    unsafe { device.run(&sample.launch(tasks.len() as u32)) }?;
    device.download(&outcomes)
}

#[cfg(test)]
mod tests {
    use stream_runtime::Next;

    use super::*;

    #[test]
    fn the_rows_are_what_they_should_be() {
        let rows = rows();
        let without = |row: usize| {
            let mut logits = rows[row * WIDTH..][..WIDTH].to_vec();
            let sampling = Sampling::greedy();
            Sampler::new().sample(&mut logits, &Choice::new(&sampling)) == Next::NoFiniteLogit
        };
        let empty: Vec<_> = (0..ROWS).filter(|&row| without(row)).collect();
        assert_eq!(empty, [6, 7]);
    }
}
