//! Every law, over HTTP: our own server over the toy engine of the testkit.

use std::sync::Arc;
use std::sync::mpsc::channel;

use backend_vllm::{Vllm, VllmConfig};
use stream_core::{Backend, Mock, Prompt};
use stream_grammar::Grammars;
use stream_runtime::{Engine, EngineConfig};
use stream_server::{Server, ServerConfig};
use stream_testkit::{Golden, Ground, Toy, conformance};

/// A server that lives as long as its process; gives its address.
pub(crate) fn serve(backend: impl Backend) -> url::Url {
    let (send, address) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let config = ServerConfig::default();
            let server = Server::bind("127.0.0.1:0", Arc::new(backend), config)
                .await
                .unwrap();
            send.send(server.address()).unwrap();
            server.run(std::future::pending()).await;
        });
    });
    format!("http://{}", address.recv().unwrap())
        .parse()
        .unwrap()
}

fn remote() -> (Vllm, Ground) {
    let golden = Arc::new(Golden::default());
    let config = EngineConfig {
        queue: 64,
        grammars: Some(Arc::new(Grammars::new(golden.clone()))),
        ..EngineConfig::new("toy", "hash", "cpu")
    };
    let engine = Engine::start(Toy::new(Toy::small(64)), golden.clone(), config).unwrap();
    let backend = Vllm::connect(VllmConfig::new(serve(engine)).concurrent(16)).unwrap();
    let questions = ["the sea", "why", "one two three", "a fish that sings"];
    let ground = Ground::default()
        .prompts(questions.map(|text| Prompt::Raw(text.to_owned())))
        .tokenizer(golden);
    (backend, ground)
}

conformance!(over_http, remote());

/// The server refuses what it does not know, the client before it is sent.
#[test]
fn our_server_tells_what_it_can() {
    let (backend, _) = remote();
    let can = backend.info().capabilities;
    use stream_core::Support::{Native, Unsupported};
    assert_eq!(
        [
            can.token_ids,
            can.tools,
            can.min_tokens,
            can.structured_output
        ],
        [Native; 4]
    );
    assert_eq!(
        [can.dry, can.prompt_logprobs, can.sampler_order],
        [Unsupported; 3]
    );
    assert_eq!(backend.info().limits.context_length, Some(256));
}

/// Dropping streams at this end frees the engine at the other.
#[test]
fn dropped_streams_leave_no_work_at_the_server() {
    let mock =
        Arc::new(Mock::new(vec!["word "; 100_000]).with_delay(std::time::Duration::from_millis(5)));
    let url = serve(mock.clone());
    let backend = Vllm::connect(VllmConfig::new(url)).unwrap();
    let streams: Vec<_> = (0..50)
        .map(|_| crate::misbehaving::start(&backend))
        .collect();
    let wait = |running: usize| {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while mock.running() != running {
            assert!(std::time::Instant::now() < end, "{} run", mock.running());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    wait(50);
    drop(streams);
    wait(0);
}
