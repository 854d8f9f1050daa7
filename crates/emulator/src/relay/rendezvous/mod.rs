//! Rendezvous: the address that a listener opens, and the join of both sides.

pub(super) mod address;
mod listener;
mod sender;

pub(super) use self::listener::accept;
pub(super) use self::sender::connect;
