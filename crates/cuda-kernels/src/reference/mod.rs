//! What the kernels compute, in plain Rust and double precision.
//!
//! Inputs are numbers as the kernels read them, already rounded to the kernel's kind of number;
//! outputs are not rounded. For sampling the reference is stream-runtime's
//! [`Sampler`](stream_runtime::sample::Sampler).

mod attention;
mod rotary;

pub use attention::{Cache, Sequence, attention};
pub use rotary::{HeadNorm, Rotation};

/// One row of [`RmsNorm`](crate::RmsNorm).
pub fn rms_norm(residual: &[f32], weight: &[f32], epsilon: f32) -> Vec<f64> {
    let squares: f64 = residual.iter().map(|&x| f64::from(x).powi(2)).sum();
    let factor = 1.0 / (squares / residual.len() as f64 + f64::from(epsilon)).sqrt();
    let pairs = residual.iter().zip(weight);
    pairs
        .map(|(&x, &weight)| f64::from(x) * factor * f64::from(weight))
        .collect()
}

/// One row of [`SwiGlu`](crate::SwiGlu): the gate's half, then the other.
pub fn swiglu(gate_up: &[f32]) -> Vec<f64> {
    let (gate, up) = gate_up.split_at(gate_up.len() / 2);
    let gated = |(&gate, &up): (&f32, &f32)| {
        let gate = f64::from(gate);
        gate / (1.0 + (-gate).exp()) * f64::from(up)
    };
    gate.iter().zip(up).map(gated).collect()
}
