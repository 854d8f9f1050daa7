//! Where a sender and a listener meet: the address that a listener opens, and
//! what becomes of both sides then.

pub(super) mod address;
mod listener;
mod sender;

pub(super) use self::listener::accept;
pub(super) use self::sender::connect;
