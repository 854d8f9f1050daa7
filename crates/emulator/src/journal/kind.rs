//! The kinds of records, and the services that they are of. Pure.

use std::fmt;

use serde::{Serialize, Serializer};

/// Defines an enum of names.
macro_rules! names {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum $type {
            $($(#[$doc])* $variant,)+
        }

        impl $type {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name, as in JSON and in the parameters of the admin API.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

names! {
    /// The kind of a record; [`Details`](super::Details) describes each.
    Kind {
        /// A REST request.
        Request = "request",
        /// A Web PubSub client connected, or recovered its connection.
        Connected = "connected",
        /// A Web PubSub client lost its socket, or its connection ended.
        Disconnected = "disconnected",
        /// A Web PubSub client sent a message.
        Message = "message",
        /// An event handler was called.
        Event = "event",
        /// A token or a permission was refused.
        Refused = "refused",
        /// A Relay listener came, renewed its token, or went.
        Listener = "listener",
        /// A Relay sender wanted to connect.
        Sender = "sender",
        /// An HTTP request went through Relay.
        RelayedRequest = "relayed-request",
        /// A listener and a sender meet.
        Rendezvous = "rendezvous",
        /// An injected fault struck.
        Fault = "fault",
        /// The emulator's clock was moved.
        Clock = "clock",
    }
}

names! {
    /// The service that something happened at.
    Service {
        /// Web PubSub.
        PubSub = "pubsub",
        /// Relay.
        Relay = "relay",
        /// The authority for Entra ID tokens.
        Identity = "identity",
        /// The emulator itself: its clock.
        Emulator = "emulator",
    }
}
