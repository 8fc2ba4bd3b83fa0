//! Numbers of tokens: one, a range, or a list to choose from.

use std::fmt;
use std::str::FromStr;

/// The longest prompt or answer that makes sense to ask for.
const MOST: usize = 1 << 24;

/// Numbers of tokens to draw from: `128`, `16-512` (each as likely as another), or `64,256,1024`
/// (the same, of these).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lengths {
    /// From the first to the second, both included.
    Range(usize, usize),
    /// One of these.
    List(Vec<usize>),
}

impl Lengths {
    /// Always the same.
    pub fn fixed(tokens: usize) -> Self {
        Self::Range(tokens, tokens)
    }

    /// The smallest of them.
    pub fn least(&self) -> usize {
        match self {
            Self::Range(low, _) => *low,
            Self::List(list) => list.iter().copied().min().unwrap_or(1),
        }
    }

    /// Draws one.
    pub fn draw(&self, draws: &mut fastrand::Rng) -> usize {
        match self {
            Self::Range(low, high) => draws.usize(*low..=*high),
            Self::List(list) => draws.choice(list).copied().unwrap_or(1),
        }
    }
}

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(low, high) if low == high => write!(f, "{low}"),
            Self::Range(low, high) => write!(f, "{low}-{high}"),
            Self::List(list) => {
                let list: Vec<_> = list.iter().map(usize::to_string).collect();
                f.write_str(&list.join(","))
            }
        }
    }
}

/// Lengths that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it must be tokens (128), a range (16-512) or a list (64,256), each from 1 to {MOST}")]
pub struct BadLengths;

impl FromStr for Lengths {
    type Err = BadLengths;

    fn from_str(text: &str) -> Result<Self, BadLengths> {
        if let Some((low, high)) = text.split_once('-') {
            let (low, high) = (tokens(low)?, tokens(high)?);
            return (low <= high)
                .then_some(Self::Range(low, high))
                .ok_or(BadLengths);
        }
        let list: Vec<_> = text.split(',').map(tokens).collect::<Result<_, _>>()?;
        match list[..] {
            [only] => Ok(Self::fixed(only)),
            _ => Ok(Self::List(list)),
        }
    }
}

fn tokens(text: &str) -> Result<usize, BadLengths> {
    let tokens = text.trim().parse().map_err(|_| BadLengths)?;
    (1..=MOST)
        .contains(&tokens)
        .then_some(tokens)
        .ok_or(BadLengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms() {
        for (text, expected) in [
            ("128", Lengths::Range(128, 128)),
            ("16-512", Lengths::Range(16, 512)),
            ("64,256", Lengths::List(vec![64, 256])),
        ] {
            let lengths: Lengths = text.parse().unwrap();
            assert_eq!(lengths, expected);
            assert_eq!(lengths.to_string(), text);
        }
        for bad in ["", "0", "-1", "5-", "9-8", "1,,2", "many", "99999999999"] {
            assert_eq!(bad.parse::<Lengths>(), Err(BadLengths), "{bad}");
        }
    }

    #[test]
    fn draws_reach_every_length_and_no_other() {
        let drawn = |text: &str| {
            let lengths: Lengths = text.parse().unwrap();
            let mut draws = fastrand::Rng::with_seed(7);
            let drawn = (0..200).map(|_| lengths.draw(&mut draws));
            drawn.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(drawn("5"), [5].into());
        assert_eq!(drawn("3-6"), [3, 4, 5, 6].into());
        assert_eq!(drawn("2,8"), [2, 8].into());
    }
}
