//! What a request may be.

use super::*;

fn parameter(builder: RequestBuilder) -> &'static str {
    builder.build().err().map_or("accepted", |e| e.parameter)
}

#[test]
fn impossible_requests_are_named() {
    assert_eq!(parameter(Request::raw("")), "prompt");
    assert_eq!(parameter(Request::user("  ")), "prompt");
    assert_eq!(parameter(Request::chat([Message::system("x")])), "prompt");
    assert_eq!(parameter(Request::tokens([])), "prompt");
    for messages in ["", " [] "] {
        let nothing = Request::conversation(Conversation::new(messages));
        assert_eq!(parameter(nothing), "prompt");
    }
    let said = Conversation::new(r#"[{"role":"user","content":"x"}]"#).with_tools("[]");
    assert_eq!(parameter(Request::conversation(said.clone())), "accepted");
    assert_eq!(parameter(Request::conversation(said).echo()), "echo");
    assert_eq!(parameter(Request::raw("x").max_tokens(0)), "max_tokens");
    assert_eq!(parameter(Request::raw("x").buffer(0)), "buffer");
    for n in [0, 129, 1_000_000] {
        assert_eq!(parameter(Request::raw("x").n(n)), "n");
    }
    assert_eq!(parameter(Request::raw("x").logprobs(21)), "logprobs");
    let scored = Request::raw("x").prompt_logprobs(21);
    assert_eq!(parameter(scored), "prompt_logprobs");
    assert_eq!(parameter(Request::user("x").echo()), "echo");
    let all = Request::raw("x").n(128).logprobs(20).prompt_logprobs(0);
    assert_eq!(parameter(all.echo()), "accepted");
    let stop = Stop::builder().min_tokens(3).build().unwrap();
    let builder = Request::raw("x").max_tokens(2).stop(stop);
    assert_eq!(parameter(builder), "min_tokens");
}

#[test]
fn every_request_has_its_own_id() {
    let build = || Request::raw("x").build().unwrap().id();
    assert_ne!(build(), build());
}

#[test]
fn each_choice_is_a_request_of_its_own() {
    let sampling = Sampling::builder().seed(3).build().unwrap();
    let request = Request::raw("x").n(3).logprobs(2).sampling(sampling);
    let choices: Vec<_> = request.build().unwrap().into_choices().collect();
    for (i, choice) in choices.iter().enumerate() {
        assert_eq!((choice.n(), choice.choice()), (1, i as u32));
        assert_eq!(choice.sampling().seed(), Some(3));
        assert_eq!(choice.logprobs(), Some(2));
    }
    assert_eq!(choices.len(), 3);
    assert_ne!(choices[0].id(), choices[1].id());
}
