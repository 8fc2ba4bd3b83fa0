//! The signals that end a server: the first lets answers end, the second does not.

use std::process;

use crate::failure::INTERRUPTED;

/// Waits for the first signal. The second one ends the process.
pub(crate) async fn first() {
    any().await;
    eprintln!("shutting down; once more to stop at once");
    tokio::spawn(async {
        any().await;
        process::exit(INTERRUPTED.into());
    });
}

#[cfg(unix)]
async fn any() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(_) => return interrupt().await,
    };
    tokio::select! {
        () = interrupt() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn any() {
    interrupt().await;
}

/// Where Ctrl-C cannot be waited for, it ends the process as ever.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
