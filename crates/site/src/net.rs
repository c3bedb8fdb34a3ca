//! Connections: names led to another address, one deadline for all that is done over a connection, TLS.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::until::Until;

mod tls;

pub(crate) use tls::{CertificateRefused, Trusted};

/// How connections are made.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// Host names that are led to another address.
    pub(crate) led: Vec<String>,
    /// That address.
    pub(crate) to: Option<IpAddr>,
    /// When all must be over.
    pub(crate) until: Until,
}

impl Network {
    /// The addresses of a host. The system's resolver knows no time limit, so it is left behind when it takes too long.
    pub(crate) fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Some(to) = self.to.filter(|_| self.led.iter().any(|led| led.eq_ignore_ascii_case(host))) {
            return Ok(vec![SocketAddr::new(to, port)]);
        }
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let name = bare.to_owned();
        let found = self
            .until
            .aside(move || (name.as_str(), port).to_socket_addrs().map(Vec::from_iter))
            .map_err(|e| io::Error::new(e.kind(), format!("its name cannot be looked up: {e}")))?;
        if found.is_empty() { Err(io::Error::other("its name has no address")) } else { Ok(found) }
    }

    /// Connects to the first of these addresses that answers. Each gets its share of the time.
    pub(crate) fn connect(&self, addresses: &[SocketAddr]) -> io::Result<Timed> {
        let mut last = io::Error::other("no address");
        for (at, address) in addresses.iter().enumerate() {
            let left = self.until.left()?;
            let share = left / u32::try_from(addresses.len() - at).unwrap_or(1);
            let to = *address;
            #[expect(clippy::disallowed_methods, reason = "to test a site is to connect to it")]
            let connect = move || TcpStream::connect_timeout(&to, share.max(Duration::from_millis(1)));
            match self.until.aside(connect) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Timed { stream, until: self.until.clone() });
                }
                Err(error) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
            }
        }
        Err(last)
    }

    /// Connects to a host.
    pub(crate) fn dial(&self, host: &str, port: u16) -> io::Result<Timed> {
        self.connect(&self.resolve(host, port)?)
    }
}

/// A connection that ends at a time, however slowly the other side drips.
#[derive(Debug)]
pub(crate) struct Timed {
    stream: TcpStream,
    until: Until,
}

impl Timed {
    /// Wraps the connection in TLS. The whole handshake is done here.
    pub(crate) fn secure(mut self, host: &str, config: Arc<ClientConfig>) -> io::Result<Wire> {
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(io::Error::other)?;
        let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut self)?;
        }
        Ok(Wire::Secure(Box::new(StreamOwned::new(connection, self))))
    }
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.until.retry(|slice| {
            self.stream.set_read_timeout(Some(slice))?;
            self.stream.read(into)
        })
    }
}

impl Write for Timed {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.until.retry(|slice| {
            self.stream.set_write_timeout(Some(slice))?;
            self.stream.write(from)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A connection, plain or by TLS.
pub(crate) enum Wire {
    Plain(Timed),
    Secure(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Wire {
    pub(crate) fn is_secure(&self) -> bool {
        matches!(self, Self::Secure(_))
    }

    /// Whether the other side has neither closed it nor said something unasked.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let stream = match self {
            Self::Plain(timed) => &timed.stream,
            Self::Secure(secure) => &secure.sock.stream,
        };
        let mut one = [0];
        stream.set_nonblocking(true).is_ok()
            && matches!(stream.peek(&mut one), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
            && stream.set_nonblocking(false).is_ok()
    }

    /// Says that nothing more will be said.
    pub(crate) fn close(&mut self) {
        let stream = match self {
            Self::Plain(timed) => &timed.stream,
            Self::Secure(secure) => &secure.sock.stream,
        };
        // The other side may have gone already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_secure() { "Wire::Secure" } else { "Wire::Plain" })
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.read(into),
            // Some servers close without saying so in TLS; what is cut short is seen by HTTP's own lengths.
            Self::Secure(secure) => match secure.read(into) {
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
        }
    }
}

impl Write for Wire {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.write(from),
            Self::Secure(secure) => secure.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Secure(secure) => secure.flush(),
        }
    }
}
