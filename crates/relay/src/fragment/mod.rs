//! WebSockets whose binary messages are handed over fragment by fragment, for
//! bodies that are too large to be kept whole or that are not known to their end.
//!
//! On such a socket a [`Message::Binary`] with bytes in it is one fragment, and
//! an empty one is the end of the message. Everything else is as usual.

#[cfg(feature = "hyper")]
mod connector;
#[cfg(feature = "hyper")]
mod frame_editor;
mod rendezvous_connector;
#[cfg(feature = "hyper")]
mod scanner;
mod whole;

pub(crate) use rendezvous_connector::RendezvousConnector;
