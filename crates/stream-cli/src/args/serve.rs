//! The command line of `serve`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, value_parser};

use super::{EXIT_CODES, EngineArgs};

#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    /// The address to listen at; one that is not loopback needs a key
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// The port; 0 is any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub(crate) port: u16,
    /// Listen at a socket in the file system instead; its permissions say who is let in
    #[cfg(unix)]
    #[arg(long, value_name = "PATH", conflicts_with_all = ["host", "port"])]
    pub(crate) unix_socket: Option<PathBuf>,
    /// Names by which clients ask for the model; the first stands in the answers. Left out, it is
    /// the name of the model's file or folder, or `org/repo` of the hub
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) served_model_name: Vec<String>,
    /// A file with keys, one a line, of which every client must send one. Another one may stand in
    /// STREAM_ENGINE_API_KEY; keys are not taken from the command line, which others can read
    #[arg(long, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// A host name that requests may name, beside localhost; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) allowed_host: Vec<String>,
    /// Let everyone in who reaches an address that is not loopback, without a key
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Connections at once; one more waits until another is closed
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_connections: u32,
    /// Requests that may be answered and wait at once; one more is told to come later
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_requests: u32,
    /// Seconds that answers get to end after SIGTERM or Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) shutdown_timeout: u32,
    /// Tell metrics under vLLM's names too
    #[arg(long)]
    pub(crate) vllm_metrics: bool,
}
