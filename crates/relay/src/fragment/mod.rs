//! WebSockets whose binary messages are delivered fragment by fragment, for
//! bodies that are too large to be buffered or whose end is not known yet.
//!
//! On such a socket a non-empty [`Message::Binary`] is one fragment, and
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
