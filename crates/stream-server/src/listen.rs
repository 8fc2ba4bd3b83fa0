//! Where connections come from.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

/// What a [`Server`](crate::Server) listens at: TCP, or a socket in the file system.
pub trait Listener: sealed::Sealed + Send + Sync {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection.
    ///
    /// # Errors
    /// What the system said; it may have no descriptor left.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// The address by which it is reached, if it has one.
    fn ip(&self) -> Option<IpAddr>;
}

/// A port of this machine.
#[derive(Debug)]
pub struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    pub(crate) async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Listener for Port {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.listener.accept().await?;
        // Events are small, and each should leave at once.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn ip(&self) -> Option<IpAddr> {
        Some(self.address.ip())
    }
}

mod sealed {
    /// The listeners are ours.
    pub trait Sealed {}

    impl Sealed for super::Port {}
    #[cfg(unix)]
    impl Sealed for super::Socket {}
}

#[cfg(unix)]
pub use socket::Socket;

#[cfg(unix)]
mod socket {
    use std::io::ErrorKind;
    use std::os::unix::fs::FileTypeExt;
    use std::path::{Path, PathBuf};

    use tokio::net::{UnixListener, UnixStream};

    use super::{IpAddr, Listener, io};

    /// A socket in the file system, which goes when it is dropped.
    #[derive(Debug)]
    pub struct Socket {
        listener: UnixListener,
        path: PathBuf,
    }

    impl Socket {
        /// Listens at a path. A socket that was left there, and that nobody listens at any more,
        /// makes room.
        pub(crate) async fn bind(path: &Path) -> io::Result<Self> {
            let listener = match UnixListener::bind(path) {
                Err(error) if error.kind() == ErrorKind::AddrInUse && is_left(path).await => {
                    std::fs::remove_file(path)?;
                    UnixListener::bind(path)
                }
                outcome => outcome,
            };
            Ok(Self {
                listener: listener?,
                path: path.to_owned(),
            })
        }

        pub(crate) fn path(&self) -> &Path {
            &self.path
        }
    }

    impl Drop for Socket {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Whether it is a socket that refuses connections: its listener is gone.
    async fn is_left(path: &Path) -> bool {
        let socket = path.metadata().is_ok_and(|m| m.file_type().is_socket());
        let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
        socket && UnixStream::connect(path).await.is_err_and(refused)
    }

    impl Listener for Socket {
        type Stream = UnixStream;

        async fn accept(&self) -> io::Result<UnixStream> {
            Ok(self.listener.accept().await?.0)
        }

        fn ip(&self) -> Option<IpAddr> {
            None
        }
    }
}
