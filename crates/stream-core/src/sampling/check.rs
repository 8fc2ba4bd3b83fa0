//! What parameters may be.

use std::collections::HashSet;
use std::fmt::Display;

use super::{Dry, Mirostat, SamplerStage, Sampling, Xtc};
use crate::InvalidRequest;

/// The most ids that a logit bias may name.
const MAX_BIASES: usize = 1024;
/// The most bad words, and the most bad sequences.
const MAX_BAD: usize = 128;
/// The most bytes of a bad word.
const MAX_WORD_BYTES: usize = 256;
/// The most ids of a bad sequence.
const MAX_SEQUENCE: usize = 64;
/// The most sequence breakers.
const MAX_BREAKERS: usize = 32;
/// The most bytes of a sequence breaker.
const MAX_BREAKER_BYTES: usize = 64;
/// The longest repetition that DRY may allow.
const MAX_ALLOWED_LENGTH: usize = 4096;

type Checked = Result<(), InvalidRequest>;

impl Sampling {
    pub(super) fn check(&self) -> Checked {
        self.check_numbers()?;
        self.dry.as_ref().map_or(Ok(()), check_dry)?;
        self.xtc.map_or(Ok(()), check_xtc)?;
        self.mirostat.map_or(Ok(()), check_mirostat)?;
        self.check_biases()?;
        self.check_bad_words()?;
        self.check_order()?;
        self.check_together()
    }

    fn check_numbers(&self) -> Checked {
        let zero_or = |x: f32, most: f32| (0.0..=most).contains(&x);
        let share = |x: f32| x > 0.0 && x <= 1.0;
        let t = self.temperature;
        let warm = t == 0.0 || (0.01..=10.0).contains(&t);
        require(warm, "temperature", t, "0 (greedy) or from 0.01 to 10")?;
        for (name, p) in [("top_p", self.top_p), ("typical_p", self.typical_p)] {
            require(share(p), name, p, "over 0 and at most 1 (1 keeps all)")?;
        }
        let p = self.min_p;
        require(zero_or(p, 1.0), "min_p", p, "from 0 (keeps all) to 1")?;
        let n = self.top_n_sigma;
        let allowed = "from 0 (keeps all) to 100";
        require(zero_or(n, 100.0), "top_n_sigma", n, allowed)?;
        for (name, epsilon) in [
            ("epsilon_cutoff", self.epsilon_cutoff),
            ("eta_cutoff", self.eta_cutoff),
        ] {
            let holds = (0.0..1.0).contains(&epsilon);
            require(holds, name, epsilon, "from 0 (keeps all) to under 1")?;
        }
        self.check_penalties()
    }

    fn check_penalties(&self) -> Checked {
        let penalty = self.repetition_penalty;
        let holds = penalty > 0.0 && penalty <= 10.0;
        let allowed = "over 0 and at most 10 (1 is off)";
        require(holds, "repetition_penalty", penalty, allowed)?;
        for (name, penalty) in [
            ("presence_penalty", self.presence_penalty),
            ("frequency_penalty", self.frequency_penalty),
        ] {
            let holds = (-2.0..=2.0).contains(&penalty);
            require(holds, name, penalty, "from -2 to 2 (0 is off)")?;
        }
        Ok(())
    }

    fn check_biases(&self) -> Checked {
        at_most("logit_bias", self.logit_bias.len(), MAX_BIASES)?;
        let mut seen = HashSet::new();
        for &(id, bias) in &self.logit_bias {
            let found = || format!("{bias} for the id {id}");
            let holds = (-100.0..=100.0).contains(&bias);
            require(holds, "logit_bias", found(), "from -100 to 100")?;
            let found = format!("a list with the id {id} twice");
            require(
                seen.insert(id),
                "logit_bias",
                found,
                "a list of ids, each once",
            )?;
        }
        Ok(())
    }

    fn check_bad_words(&self) -> Checked {
        at_most("bad_words", self.bad_words.len(), MAX_BAD)?;
        check_texts("bad_words", &self.bad_words, MAX_WORD_BYTES)?;
        let sequences = &self.bad_token_sequences;
        at_most("bad_token_sequences", sequences.len(), MAX_BAD)?;
        for ids in sequences {
            let found = format!("a sequence of {} ids", ids.len());
            let allowed = format!("sequences of 1 to {MAX_SEQUENCE} ids");
            let holds = (1..=MAX_SEQUENCE).contains(&ids.len());
            require(holds, "bad_token_sequences", found, allowed)?;
        }
        Ok(())
    }

    /// An order names a stage once, and forgets none that is set.
    fn check_order(&self) -> Checked {
        let order = self.sampler_order();
        let all = SamplerStage::DEFAULT_ORDER;
        let named = |stage| order.iter().filter(|&&named| named == stage).count();
        if let Some(stage) = all.into_iter().find(|&stage| named(stage) > 1) {
            let found = format!("a list with {stage} twice");
            return require(false, "sampler_order", found, "a list of stages, each once");
        }
        let forgotten = |stage: &SamplerStage| named(*stage) == 0 && stage.is_set(self);
        let Some(stage) = all.into_iter().find(forgotten) else {
            return Ok(());
        };
        let found = format!("a list without {stage}");
        require(
            false,
            "sampler_order",
            found,
            "a list of every stage that is set",
        )
    }

    /// A parameter that another one makes meaningless is a mistake of the caller's.
    fn check_together(&self) -> Checked {
        for (name, set) in [
            ("mirostat", self.mirostat.is_some()),
            ("xtc", self.xtc.is_some()),
        ] {
            let holds = !(set && self.is_greedy());
            require(holds, "temperature", 0, format!("over 0 with {name}"))?;
        }
        let cut = self.active_stages().find(|stage| stage.is_cut());
        match cut.filter(|_| self.mirostat.is_some()) {
            None => Ok(()),
            Some(cut) => {
                let allowed = "off beside mirostat, which makes its own cut";
                require(false, cut.as_str(), "set", allowed)
            }
        }
    }
}

fn check_dry(dry: &Dry) -> Checked {
    let multiplier = dry.multiplier;
    let holds = multiplier > 0.0 && multiplier <= 100.0;
    require(
        holds,
        "dry_multiplier",
        multiplier,
        "over 0 and at most 100",
    )?;
    let holds = (1.0..=10.0).contains(&dry.base);
    require(holds, "dry_base", dry.base, "from 1 to 10")?;
    let holds = (1..=MAX_ALLOWED_LENGTH).contains(&dry.allowed_length);
    let allowed = format!("from 1 to {MAX_ALLOWED_LENGTH}");
    require(holds, "dry_allowed_length", dry.allowed_length, allowed)?;
    require(dry.range != Some(0), "dry_range", 0, "at least 1")?;
    let breakers = &dry.sequence_breakers;
    at_most("dry_sequence_breakers", breakers.len(), MAX_BREAKERS)?;
    check_texts("dry_sequence_breakers", breakers, MAX_BREAKER_BYTES)
}

fn check_xtc(xtc: Xtc) -> Checked {
    let (probability, threshold) = (xtc.probability, xtc.threshold);
    let holds = probability > 0.0 && probability <= 1.0;
    require(
        holds,
        "xtc_probability",
        probability,
        "over 0 and at most 1",
    )?;
    let holds = threshold > 0.0 && threshold <= 0.5;
    require(holds, "xtc_threshold", threshold, "over 0 and at most 0.5")
}

fn check_mirostat(mirostat: Mirostat) -> Checked {
    let (tau, eta) = (mirostat.tau, mirostat.eta);
    let holds = tau > 0.0 && tau <= 100.0;
    require(holds, "mirostat_tau", tau, "over 0 and at most 100")?;
    let holds = eta > 0.0 && eta <= 10.0;
    require(holds, "mirostat_eta", eta, "over 0 and at most 10")
}

fn check_texts(parameter: &'static str, texts: &[String], most: usize) -> Checked {
    let wrong = |text: &&String| !(1..=most).contains(&text.len());
    let Some(text) = texts.iter().find(wrong) else {
        return Ok(());
    };
    let found = format!("a text of {} bytes", text.len());
    require(
        false,
        parameter,
        found,
        format!("texts of 1 to {most} bytes"),
    )
}

fn at_most(parameter: &'static str, found: usize, most: usize) -> Checked {
    let allowed = format!("a list of at most {most}");
    require(
        found <= most,
        parameter,
        format!("a list of {found}"),
        allowed,
    )
}

fn require(
    holds: bool,
    parameter: &'static str,
    found: impl Display,
    allowed: impl Into<String>,
) -> Checked {
    match holds {
        true => Ok(()),
        false => Err(InvalidRequest::new(parameter, found, allowed)),
    }
}
