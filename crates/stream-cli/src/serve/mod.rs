//! `stream-engine serve`.

mod signals;

use std::process::ExitCode;
use std::time::Duration;

use stream_engine::StreamingEngine;
use stream_server::{Limits, Server, ServerConfig, install_metrics};

use crate::args::ServeArgs;
use crate::failure::Failure;
use crate::{model, request};

/// The variable that may hold a key.
const KEY: &str = "STREAM_ENGINE_API_KEY";

pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let config = config(args)?;
    // Before the engine starts, which counts from its first step on.
    let metrics = install_metrics().map_err(|e| Failure::input(e.to_string()))?;
    let config = config.metrics(metrics);
    let engine = model::engine(&args.engine)?;
    let config = of_model(config, &engine)?;
    // Each client holds a descriptor. Where there are too few, the accept loop waits for one.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::input(format!("the server gets no threads: {e}")))?;
    runtime.block_on(serve(args, &engine, config))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    args: &ServeArgs,
    engine: &StreamingEngine,
    config: ServerConfig,
) -> Result<(), Failure> {
    let address = std::net::SocketAddr::new(args.host, args.port);
    let backend = engine.backend()?;
    let (model, device) = (backend.info().model.clone(), backend.info().device.clone());
    let server = Server::bind(address, backend, config).await?;
    eprintln!("{model} on {device}");
    eprintln!("listening at http://{}", server.address());
    let drained = server.run(signals::first()).await;
    eprintln!(
        "shut down: {} answers ended by themselves, {} were cut off",
        drained.finished, drained.aborted
    );
    Ok(())
}

/// What is known before the model is loaded.
fn config(args: &ServeArgs) -> Result<ServerConfig, Failure> {
    let limits = Limits {
        requests: args.max_requests as usize,
        drain: Duration::from_secs(args.shutdown_timeout.into()),
        ..Limits::default()
    };
    let mut config = ServerConfig::default().limits(limits);
    for name in &args.served_model_name {
        config = config.name(name);
    }
    for host in &args.allowed_host {
        config = config.host(host);
    }
    for key in keys(args)? {
        config = config.api_key(key);
    }
    if args.insecure {
        config = config.insecure();
    }
    if args.vllm_metrics {
        config = config.vllm_metrics();
    }
    Ok(config)
}

/// What the model's file says.
fn of_model(config: ServerConfig, engine: &StreamingEngine) -> Result<ServerConfig, Failure> {
    let recommended = engine.recommended_sampling()?;
    let sampling = recommended.builder(request::TEMPERATURE).build()?;
    Ok(config.sampling(sampling).tokenizer(engine.tokenizer()?))
}

fn keys(args: &ServeArgs) -> Result<Vec<String>, Failure> {
    let mut keys: Vec<String> = std::env::var(KEY).into_iter().collect();
    if let Some(path) = &args.api_key_file {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Failure::input(format!(
                "the keys in {} cannot be read: {e}",
                path.display()
            ))
        })?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        keys.extend(lines.map(str::to_owned));
        if keys.is_empty() {
            let message = format!("there is no key in {}", path.display());
            return Err(Failure::input(message));
        }
    }
    match keys.iter().any(|key| key.trim().is_empty()) {
        true => Err(Failure::input(format!(
            "{KEY} is empty; set a key or unset it"
        ))),
        false => Ok(keys),
    }
}
