//! Whether the numbers of a description go together.

use crate::Architecture;

impl Architecture {
    /// Which of its numbers do not go together, if any. A description of a checkpoint is sound;
    /// one made by hand need not be, and an engine asks before it believes it.
    pub fn contradiction(&self) -> Option<String> {
        let problems = [
            empty(self),
            group(self),
            layers(self),
            windows(self),
            rotary(self),
        ];
        problems.into_iter().flatten().next()
    }
}

fn empty(a: &Architecture) -> Option<String> {
    let sizes = [
        ("vocabulary", a.vocabulary),
        ("context_length", a.context_length),
        ("hidden", a.hidden),
        ("feed_forward", a.feed_forward),
        ("heads", a.heads),
        ("kv_heads", a.kv_heads),
        ("head_dim", a.head_dim),
    ];
    let (name, _) = sizes.into_iter().find(|(_, size)| *size == 0)?;
    Some(format!("{name} is 0"))
}

fn group(a: &Architecture) -> Option<String> {
    let (heads, kv_heads) = (a.heads, a.kv_heads);
    let shared = heads.is_multiple_of(kv_heads);
    (!shared).then(|| format!("{heads} heads cannot share {kv_heads} key-value heads evenly"))
}

fn layers(a: &Architecture) -> Option<String> {
    let (described, layers) = (a.attention.len(), a.layers);
    (described != layers).then(|| format!("attention of {described} layers in a model of {layers}"))
}

fn windows(a: &Architecture) -> Option<String> {
    let mut layers = a.attention.iter();
    let layer = layers.position(|layer| layer.window == Some(0))?;
    Some(format!("layer {layer} sees a window of 0 positions"))
}

fn rotary(a: &Architecture) -> Option<String> {
    let (dimensions, pairs) = (a.rotary.dimensions, a.rotary.frequencies.len());
    if dimensions > a.head_dim {
        let width = a.head_dim;
        return Some(format!(
            "{dimensions} rotary dimensions in heads of {width}"
        ));
    }
    let paired = dimensions == 2 * pairs;
    (!paired).then(|| format!("{pairs} rotary frequencies for {dimensions} dimensions"))
}

#[cfg(test)]
mod tests {
    use crate::{Biases, LayerAttention, Rotary, RotaryPairing};

    use super::*;

    fn architecture() -> Architecture {
        Architecture {
            family: "llama".to_owned(),
            vocabulary: 50,
            context_length: 64,
            hidden: 14,
            feed_forward: 21,
            layers: 2,
            heads: 6,
            kv_heads: 2,
            head_dim: 5,
            norm_epsilon: 1e-5,
            rotary: Rotary::unscaled(1e4, 4, RotaryPairing::Halves),
            biases: Biases::default(),
            qk_norm: false,
            attention: vec![LayerAttention::FULL; 2],
            tied_head: true,
        }
    }

    #[test]
    fn what_does_not_go_together_is_named_with_its_numbers() {
        type Change = fn(&mut Architecture);
        assert_eq!(architecture().contradiction(), None);
        let cases: [(Change, &str); 6] = [
            (|a| a.head_dim = 0, "head_dim is 0"),
            (
                |a| a.kv_heads = 4,
                "6 heads cannot share 4 key-value heads evenly",
            ),
            (|a| a.layers = 3, "attention of 2 layers in a model of 3"),
            (
                |a| a.attention[1].window = Some(0),
                "layer 1 sees a window of 0 positions",
            ),
            (
                |a| a.rotary.dimensions = 6,
                "6 rotary dimensions in heads of 5",
            ),
            (
                |a| a.rotary.frequencies.truncate(1),
                "1 rotary frequencies for 4 dimensions",
            ),
        ];
        for (change, problem) in cases {
            let mut architecture = architecture();
            change(&mut architecture);
            assert_eq!(architecture.contradiction().as_deref(), Some(problem));
        }
    }
}
