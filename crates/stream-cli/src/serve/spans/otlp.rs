//! A collector that speaks OTLP over HTTP, named by the variables that OpenTelemetry has for it.

use std::sync::Arc;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use stream_server::ServerConfig;

use crate::failure::Failure;

/// The addresses of a collector. Without either, nothing is sent.
const COLLECTORS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

/// Sends spans in batches, from a thread of its own.
pub(crate) struct Exporter(Option<SdkTracerProvider>);

impl Exporter {
    /// As the environment says. It is to be made outside of the runtime, as its client blocks.
    pub(crate) fn from_env() -> Result<Self, Failure> {
        let named = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !COLLECTORS.iter().any(named) {
            return Ok(Self(None));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client().map_err(|e| unusable(&e))?)
            .build()
            .map_err(|e| unusable(&e))?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("stream-engine");
        }
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build());
        Ok(Self(Some(provider.build())))
    }

    /// A server that tells its spans here.
    pub(crate) fn told(&self, config: ServerConfig) -> ServerConfig {
        match &self.0 {
            Some(provider) => config.tracer(provider.tracer("stream-server")),
            None => config,
        }
    }

    /// Sends what is left.
    pub(crate) fn flush(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            eprintln!("the last spans did not reach the collector: {error}");
        }
    }
}

fn unusable(error: &dyn std::fmt::Display) -> Failure {
    Failure::input(format!("spans cannot be sent: {error}"))
}

/// TLS with the system's certificates, and a provider that is ours alone: nothing global is set.
fn client() -> Result<reqwest::blocking::Client, Box<dyn std::error::Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls_platform_verifier::Verifier::new(provider.clone())?;
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let client = reqwest::blocking::Client::builder();
    Ok(client.tls_backend_preconfigured(tls).build()?)
}
