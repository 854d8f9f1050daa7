//! The driver over in-memory sockets, with a clock that is moved by hand.

mod cancelling;
mod connecting;
mod events;
mod messages;
mod requests;
mod world;
