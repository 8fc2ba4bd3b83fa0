//! `stream-engine serve`.

mod descriptors;
mod names;
mod signals;
// Who is told of each request's span.
#[cfg(not(feature = "otel"))]
#[path = "spans/off.rs"]
mod spans;
#[cfg(feature = "otel")]
#[path = "spans/otlp.rs"]
mod spans;

use std::future::Future;
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use stream_engine::StreamingEngine;
use stream_engine::core::{Backend, Drained};
use stream_server::{Limits, Server, ServerConfig, install_metrics};

use self::signals::Signals;
use self::spans::Exporter;
use crate::args::ServeArgs;
use crate::failure::Failure;
use crate::{model, request};

/// The variable that may hold a key.
const KEY: &str = "STREAM_ENGINE_API_KEY";

pub(crate) fn run(args: &ServeArgs) -> Result<ExitCode, Failure> {
    let config = config(args)?;
    // Before the engine starts, which counts from its first step on.
    let metrics = install_metrics().map_err(|e| Failure::input(e.to_string()))?;
    let spans = Exporter::from_env()?;
    let config = spans.told(config.metrics(metrics));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::input(format!("the server gets no threads: {e}")))?;
    runtime.block_on(serve(args, config))?;
    spans.flush();
    // A model that is being loaded is not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &ServeArgs, config: ServerConfig) -> Result<(), Failure> {
    let signals = Signals::listen()
        .map_err(|e| Failure::input(format!("signals cannot be waited for: {e}")))?;
    let given = args.clone();
    let loading = tokio::task::spawn_blocking(move || load(&given, config));
    let (engine, config) = tokio::select! {
        loaded = loading => loaded.unwrap_or_else(|panic| resume_unwind(panic.into_panic()))?,
        () = signals.clone().first() => return Ok(()),
    };
    let backend = engine.backend()?;
    eprintln!("{} on {}", backend.info().model, backend.info().device);
    let drained = listen(args, backend, config, signals.first()).await?;
    eprintln!(
        "shut down: {} answers ended by themselves, {} were cut off",
        drained.finished, drained.aborted
    );
    Ok(())
}

/// The engine with its model, and what the model's file says.
fn load(
    args: &ServeArgs,
    mut config: ServerConfig,
) -> Result<(StreamingEngine, ServerConfig), Failure> {
    let engine = model::engine(&args.engine)?;
    engine.backend()?;
    let recommended = engine.recommended_sampling()?;
    config = config.sampling(recommended.builder(request::TEMPERATURE).build()?);
    config = config.tokenizer(engine.tokenizer()?);
    if args.served_model_name.is_empty()
        && !model::is_remote(&args.engine)?
        && let Some(name) = names::served(args.engine.model.as_deref())?
    {
        config = config.name(name);
    }
    Ok((engine, config))
}

async fn listen(
    args: &ServeArgs,
    backend: Arc<dyn Backend>,
    config: ServerConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<Drained, Failure> {
    #[cfg(unix)]
    if let Some(path) = &args.unix_socket {
        let server = Server::bind_unix(path, backend, config).await?;
        eprintln!("listening at unix:{}", server.path().display());
        return Ok(server.run(shutdown).await);
    }
    let address = std::net::SocketAddr::new(args.host, args.port);
    let server = Server::bind(address, backend, config).await?;
    eprintln!("listening at http://{}", server.address());
    Ok(server.run(shutdown).await)
}

/// What is known before the model is loaded.
fn config(args: &ServeArgs) -> Result<ServerConfig, Failure> {
    let limits = Limits {
        requests: args.max_requests as usize,
        connections: descriptors::connections(args.max_connections as usize),
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
