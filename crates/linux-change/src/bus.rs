//! Calls to the service manager over the system bus, each conversation bounded in time.
//!
//! A conversation has a connection and a thread of its own, so that a bus that hangs costs a thread and not the
//! change, and one that was restarted is simply spoken to again.

use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use zbus::wire::DynamicType;
use zbus::{Connection, DBusError, Message, as_variant, connection};

const SOCKET: &str = "/run/dbus/system_bus_socket";
const MANAGER: &str = "org.freedesktop.systemd1";
pub(crate) const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
pub(crate) const MANAGER_INTERFACE: &str = "org.freedesktop.systemd1.Manager";
pub(crate) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BusError {
    /// There is no bus to speak to.
    #[error("no system bus: {0}")]
    Absent(String),
    /// The bus or the manager went away, or says nothing.
    #[error("the system bus broke off: {0}")]
    Lost(String),
    /// The manager said no.
    #[error("{text}")]
    Refused {
        /// The error's name on the bus.
        name: String,
        /// What it says.
        text: String,
    },
}

/// Errors that the bus gives in place of a manager that is away.
const AWAY: [&str; 5] = [
    "org.freedesktop.DBus.Error.NoReply",
    "org.freedesktop.DBus.Error.Disconnected",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.Timeout",
];

/// A conversation.
pub(crate) struct Talk(Connection);

impl Talk {
    /// Calls a method of the manager's object at `path`.
    pub(crate) fn call<B: serde::Serialize + DynamicType>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<Message, BusError> {
        let answer = self.0.call_method(Some(MANAGER), path, Some(interface), method, body);
        zbus::block_on(answer).map_err(|e| match e {
            zbus::Error::MethodError(name, text, _) => {
                refused(name.as_str(), text.unwrap_or_else(|| name.to_string()))
            }
            // The errors that the bus itself knows.
            zbus::Error::FDO(e) => refused(DBusError::name(&*e).as_str(), e.to_string()),
            other => BusError::Lost(other.to_string()),
        })
    }

    /// Calls a method of the manager itself.
    pub(crate) fn manager<B: serde::Serialize + DynamicType>(
        &self,
        method: &str,
        body: &B,
    ) -> Result<Message, BusError> {
        self.call(MANAGER_PATH, MANAGER_INTERFACE, method, body)
    }
}

fn refused(name: &str, text: String) -> BusError {
    if AWAY.contains(&name) {
        BusError::Lost(text)
    } else {
        BusError::Refused { name: name.to_owned(), text }
    }
}

/// What a message says, if it is of that type.
pub(crate) fn body<T: serde::de::DeserializeOwned + zbus::Type>(message: &Message) -> Result<T, BusError> {
    message.body().deserialize_ignore_signature().map_err(|e| BusError::Lost(e.to_string()))
}

/// The value of a property, if it is of that type.
pub(crate) fn property<T: serde::de::DeserializeOwned + zbus::Type>(
    message: &Message,
) -> Result<T, BusError> {
    let body = message.body();
    let value: Result<as_variant::Deserialize<'_, T>, _> = body.deserialize_ignore_signature();
    value.map(|v| v.0).map_err(|e| BusError::Lost(e.to_string()))
}

/// Speaks with the manager, `limit` in all.
pub(crate) fn speak<T: Send + 'static>(
    limit: Duration,
    talk: impl FnOnce(&Talk) -> Result<T, BusError> + Send + 'static,
) -> Result<T, BusError> {
    let (sender, receiver) = mpsc::channel();
    let conversation = move || {
        // Nobody listens any more when it is late.
        let _ = sender.send(open(limit).and_then(|connection| talk(&Talk(connection))));
    };
    thread::Builder::new().spawn(conversation).map_err(|e| BusError::Lost(e.to_string()))?;
    match receiver.recv_timeout(limit) {
        Ok(said) => said,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(BusError::Lost("no answer in time".into())),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(BusError::Lost("the conversation failed".into())),
    }
}

fn open(limit: Duration) -> Result<Connection, BusError> {
    let socket = UnixStream::connect(SOCKET).map_err(|e| BusError::Absent(e.to_string()))?;
    let builder = connection::Builder::unix_stream(socket).method_timeout(limit);
    zbus::block_on(builder.build()).map_err(|e| BusError::Absent(e.to_string()))
}
