//! The signals that end a server: the first lets answers end, the second does not.

use std::io;
use std::process;

use tokio::sync::watch;

/// Listens for SIGTERM and Ctrl-C from the moment that it is made, so that none is lost.
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    seen: watch::Receiver<bool>,
}

impl Signals {
    /// Takes the signals over. The second one ends the process, with the code that shells know:
    /// 128 and its number.
    ///
    /// # Errors
    /// If the system does not let it.
    pub(crate) fn listen() -> io::Result<Self> {
        let (told, seen) = watch::channel(false);
        let mut any = any::Any::listen()?;
        tokio::spawn(async move {
            any.next().await;
            eprintln!("shutting down; once more to stop at once");
            told.send_replace(true);
            process::exit(any.next().await);
        });
        Ok(Self { seen })
    }

    /// Waits for the first signal.
    pub(crate) async fn first(mut self) {
        // The sender stays for as long as the runtime does.
        let _ = self.seen.wait_for(|seen| *seen).await;
    }
}

#[cfg(unix)]
mod any {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// Both signals.
    pub(super) struct Any {
        terminate: Signal,
        interrupt: Signal,
    }

    impl Any {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }

        /// Waits for the next; its exit code.
        pub(super) async fn next(&mut self) -> i32 {
            let kind = tokio::select! {
                _ = self.terminate.recv() => SignalKind::terminate(),
                _ = self.interrupt.recv() => SignalKind::interrupt(),
            };
            128 + kind.as_raw_value()
        }
    }
}

#[cfg(not(unix))]
mod any {
    use std::io;

    /// Ctrl-C.
    pub(super) struct Any;

    impl Any {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        /// Waits for the next; its exit code.
        pub(super) async fn next(&mut self) -> i32 {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            crate::failure::INTERRUPTED.into()
        }
    }
}
