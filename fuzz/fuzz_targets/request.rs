//! Whatever is asked, building a request ends with one that is within the limits, or with an error
//! that names the parameter.
#![no_main]

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use stream_core::{
    Deadlines, Dry, InvalidRequest, Message, Mirostat, Request, RequestBuilder, Role, SamplerStage,
    Sampling, SamplingBuilder, SlowReader, Stop, Xtc,
};
use stream_fuzz::{examine, prepare};

/// Everything that can be asked.
#[derive(Arbitrary, Debug)]
struct Asked {
    prompt: Prompt,
    max_tokens: Option<usize>,
    n: Option<usize>,
    logprobs: Option<usize>,
    prompt_logprobs: Option<usize>,
    echo: bool,
    buffer: Option<usize>,
    slow: Slow,
    deadlines: [Option<Duration>; 4],
    stop: Stops,
    numbers: Vec<Number>,
    dry: Option<(Real, Real, usize, Option<usize>, Vec<Words>)>,
    xtc: Option<(Real, Real)>,
    mirostat: Option<(Real, Real)>,
    biases: Vec<(u32, Real)>,
    bad_words: Vec<Words>,
    bad_sequences: Vec<Vec<u32>>,
    order: Option<Vec<Stage>>,
    seed: Option<u64>,
}

#[derive(Arbitrary, Debug)]
enum Prompt {
    Raw(String),
    Tokens(Vec<u32>),
    Chat(Vec<(u8, String)>),
}

#[derive(Arbitrary, Debug)]
enum Slow {
    Coalesce,
    Pause,
    Abort(Duration),
}

#[derive(Arbitrary, Debug)]
struct Stops {
    strings: Vec<Words>,
    ids: Vec<u32>,
    include: bool,
    ignore_eos: bool,
    min_tokens: usize,
}

#[derive(Arbitrary, Debug)]
enum Number {
    Temperature(Real),
    TopK(u32),
    TopP(Real),
    MinP(Real),
    TypicalP(Real),
    TopNSigma(Real),
    EpsilonCutoff(Real),
    EtaCutoff(Real),
    Repetition(Real),
    Presence(Real),
    Frequency(Real),
}

/// A number that is near a limit more often than one of all bits.
#[derive(Debug, Clone, Copy)]
struct Real(f32);

impl<'a> Arbitrary<'a> for Real {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        const NEAR: [f32; 16] = [
            0.0,
            -0.0,
            1e-30,
            0.01,
            0.5,
            1.0,
            1.000_000_1,
            2.0,
            -2.0,
            10.0,
            100.0,
            100.000_01,
            -100.0,
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
        ];
        Ok(Self(match u.arbitrary()? {
            true => *u.choose(&NEAR)?,
            false => u.arbitrary()?,
        }))
    }
}

/// A text of any length up to a bit over the limits.
#[derive(Debug)]
struct Words(String);

impl<'a> Arbitrary<'a> for Words {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let text: &str = u.arbitrary()?;
        let times = *u.choose(&[1, 1, 1, 64, 256, 1024, 1025])?;
        Ok(Self(text.chars().take(8).collect::<String>().repeat(times)))
    }
}

#[derive(Debug)]
struct Stage(SamplerStage);

impl<'a> Arbitrary<'a> for Stage {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&SamplerStage::DEFAULT_ORDER).copied().map(Self)
    }
}

impl Number {
    fn set(&self, to: SamplingBuilder) -> SamplingBuilder {
        match *self {
            Self::Temperature(x) => to.temperature(x.0),
            Self::TopK(k) => to.top_k(k),
            Self::TopP(x) => to.top_p(x.0),
            Self::MinP(x) => to.min_p(x.0),
            Self::TypicalP(x) => to.typical_p(x.0),
            Self::TopNSigma(x) => to.top_n_sigma(x.0),
            Self::EpsilonCutoff(x) => to.epsilon_cutoff(x.0),
            Self::EtaCutoff(x) => to.eta_cutoff(x.0),
            Self::Repetition(x) => to.repetition_penalty(x.0),
            Self::Presence(x) => to.presence_penalty(x.0),
            Self::Frequency(x) => to.frequency_penalty(x.0),
        }
    }
}

impl Asked {
    fn sampling(&self) -> std::result::Result<Sampling, InvalidRequest> {
        let numbers = self.numbers.iter();
        let mut to = numbers.fold(Sampling::builder(), |to, number| number.set(to));
        if let Some((multiplier, base, allowed_length, range, breakers)) = &self.dry {
            to = to.dry(Dry {
                multiplier: multiplier.0,
                base: base.0,
                allowed_length: *allowed_length,
                range: *range,
                sequence_breakers: breakers.iter().map(|text| text.0.clone()).collect(),
            });
        }
        if let Some((probability, threshold)) = self.xtc {
            let (probability, threshold) = (probability.0, threshold.0);
            to = to.xtc(Xtc {
                probability,
                threshold,
            });
        }
        if let Some((tau, eta)) = self.mirostat {
            to = to.mirostat(Mirostat {
                tau: tau.0,
                eta: eta.0,
            });
        }
        self.lists(to).build()
    }

    fn lists(&self, mut to: SamplingBuilder) -> SamplingBuilder {
        for (id, bias) in &self.biases {
            to = to.logit_bias(*id, bias.0);
        }
        for word in &self.bad_words {
            to = to.bad_word(&word.0);
        }
        for ids in &self.bad_sequences {
            to = to.bad_token_sequence(ids.clone());
        }
        if let Some(order) = &self.order {
            to = to.sampler_order(order.iter().map(|stage| stage.0).collect::<Vec<_>>());
        }
        self.seed.map_or(to.clone(), |seed| to.seed(seed))
    }

    fn stop(&self) -> std::result::Result<Stop, InvalidRequest> {
        let strings = self.stop.strings.iter().map(|text| text.0.as_str());
        let stop = Stop::builder()
            .strings(strings)
            .min_tokens(self.stop.min_tokens);
        let stop = self.stop.ids.iter().fold(stop, |stop, id| stop.id(*id));
        let stop = if self.stop.include {
            stop.include_in_output()
        } else {
            stop
        };
        let stop = if self.stop.ignore_eos {
            stop.ignore_eos()
        } else {
            stop
        };
        stop.build()
    }

    fn prompt(&self) -> RequestBuilder {
        const ROLES: [Role; 3] = [Role::System, Role::User, Role::Assistant];
        match &self.prompt {
            Prompt::Raw(text) => Request::raw(text),
            Prompt::Tokens(ids) => Request::tokens(ids.clone()),
            Prompt::Chat(messages) => Request::chat(messages.iter().map(|(role, content)| {
                Message::new(ROLES[usize::from(*role) % ROLES.len()], content)
            })),
        }
    }

    fn build(&self) -> std::result::Result<Request, InvalidRequest> {
        let mut to = self.prompt().sampling(self.sampling()?).stop(self.stop()?);
        to = to.n(self.n.unwrap_or(1)).buffer(self.buffer.unwrap_or(64));
        to = self
            .max_tokens
            .map_or(to.clone(), |most| to.max_tokens(most));
        to = self.logprobs.map_or(to.clone(), |top| to.logprobs(top));
        to = self
            .prompt_logprobs
            .map_or(to.clone(), |top| to.prompt_logprobs(top));
        to = if self.echo { to.echo() } else { to };
        let [queue, first_token, between_tokens, total] = self.deadlines;
        to.deadlines(Deadlines {
            queue,
            first_token,
            between_tokens,
            total,
        })
        .slow_reader(match self.slow {
            Slow::Coalesce => SlowReader::Coalesce,
            Slow::Pause => SlowReader::Pause,
            Slow::Abort(after) => SlowReader::Abort { after },
        })
        .build()
    }
}

/// The limits that the builders document.
fn expect_within_limits(request: &Request) {
    assert!(!request.prompt().is_empty());
    assert!((1..=128).contains(&request.n()));
    let tops = [request.logprobs(), request.prompt_logprobs()];
    assert!(tops.into_iter().flatten().all(|top| top <= 20));
    assert!((1..=65_536).contains(&request.delivery().buffer()));
    let stop = request.stop();
    let most = request.max_tokens().unwrap_or(usize::MAX);
    assert!(most >= 1 && stop.min_tokens() <= most);
    assert!(stop.strings().len() <= 16 && stop.ids().len() <= 128);
    assert!(
        stop.strings()
            .iter()
            .all(|text| (1..=1024).contains(&text.len()))
    );
    expect_numbers_within_limits(request.sampling());
    expect_lists_within_limits(request.sampling());
}

fn expect_numbers_within_limits(s: &Sampling) {
    let t = s.temperature();
    assert!(t == 0.0 || (0.01..=10.0).contains(&t), "{t}");
    assert!(t > 0.0 || (s.xtc().is_none() && s.mirostat().is_none()));
    let over_zero = [
        (s.top_p(), 1.0),
        (s.typical_p(), 1.0),
        (s.repetition_penalty(), 10.0),
    ];
    assert!(
        over_zero.iter().all(|&(x, most)| x > 0.0 && x <= most),
        "{s:?}"
    );
    let from_zero = [(s.min_p(), 1.0), (s.top_n_sigma(), 100.0)];
    assert!(
        from_zero.iter().all(|&(x, most)| (0.0..=most).contains(&x)),
        "{s:?}"
    );
    let under_one = [s.epsilon_cutoff(), s.eta_cutoff()];
    assert!(under_one.iter().all(|x| (0.0..1.0).contains(x)), "{s:?}");
    let penalties = [s.presence_penalty(), s.frequency_penalty()];
    assert!(penalties.iter().all(|x| (-2.0..=2.0).contains(x)), "{s:?}");
}

fn expect_lists_within_limits(s: &Sampling) {
    assert!(s.logit_bias().len() <= 1024);
    assert!(s.logit_bias().iter().all(|(_, bias)| bias.abs() <= 100.0));
    assert!(s.bad_words().len() <= 128);
    assert!(
        s.bad_words()
            .iter()
            .all(|text| (1..=256).contains(&text.len()))
    );
    assert!(
        s.bad_token_sequences()
            .iter()
            .all(|ids| (1..=64).contains(&ids.len()))
    );
    let order = s.sampler_order();
    assert!(s.active_stages().all(|stage| order.contains(&stage)));
}

fuzz_target!(init: prepare(), |asked: Asked| {
    examine(&asked, |asked| match asked.build() {
        Ok(request) => {
            expect_within_limits(&request);
            let n = request.n();
            assert_eq!(request.into_choices().count(), n);
        }
        Err(error) => assert!(!error.parameter.is_empty()),
    });
});
