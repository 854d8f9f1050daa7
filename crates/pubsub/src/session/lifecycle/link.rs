//! The current socket of a session.

use std::time::{Duration, Instant};

use transport::{CloseFrame, after};

use super::super::action::SocketId;

/// The current socket and its activity.
#[derive(Debug)]
pub(super) struct Link {
    socket: Socket,
    next: SocketId,
    close_frame: Option<CloseFrame>,
    last_received: Option<Instant>,
    is_paused: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Socket {
    None,
    Dialing(SocketId),
    Open(SocketId),
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            socket: Socket::None,
            next: SocketId::FIRST,
            close_frame: None,
            last_received: None,
            is_paused: false,
        }
    }

    /// Returns the id of a new socket, which is to be opened.
    pub(super) fn dial(&mut self) -> SocketId {
        let socket = self.next;
        self.next = socket.next();
        self.socket = Socket::Dialing(socket);
        socket
    }

    /// Handles an open socket; returns whether it is the requested one.
    pub(super) fn open(&mut self, now: Instant, socket: SocketId) -> bool {
        if !self.is_dialing(socket) {
            return false;
        }
        self.socket = Socket::Open(socket);
        self.close_frame = None;
        self.last_received = Some(now);
        true
    }

    /// Records traffic on a socket; returns whether it is the current one.
    pub(super) fn receive(&mut self, now: Instant, socket: SocketId) -> bool {
        let is_own = self.socket == Socket::Open(socket);
        if is_own {
            self.last_received = Some(now);
        }
        is_own
    }

    /// Stores the peer's close frame until the socket has ended.
    pub(super) fn set_close_frame(&mut self, frame: Option<CloseFrame>) {
        self.close_frame = frame;
    }

    pub(super) fn take_close_frame(&mut self) -> Option<CloseFrame> {
        self.close_frame.take()
    }

    /// Pauses or resumes reading; returns whether that is a change. Time without reading
    /// does not count as silence.
    pub(super) fn pause(&mut self, now: Instant, is_paused: bool) -> bool {
        let is_new = self.is_paused != is_paused;
        if is_new {
            self.is_paused = is_paused;
            self.last_received = Some(now);
        }
        is_new
    }

    /// Removes the socket; returns its id, if there was one.
    pub(super) fn clear(&mut self) -> Option<SocketId> {
        match std::mem::replace(&mut self.socket, Socket::None) {
            Socket::None => None,
            Socket::Dialing(socket) | Socket::Open(socket) => Some(socket),
        }
    }

    /// Returns the time at which the peer will have been silent for `limit`.
    pub(super) fn silence_deadline(&self, limit: Option<Duration>) -> Option<Instant> {
        if self.is_paused || !self.is_open() {
            return None;
        }
        Some(after(self.last_received?, limit?))
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.socket, Socket::Open(_))
    }

    pub(super) fn is_dialing(&self, socket: SocketId) -> bool {
        self.socket == Socket::Dialing(socket)
    }

    pub(super) fn is_own(&self, socket: SocketId) -> bool {
        matches!(self.socket, Socket::Dialing(own) | Socket::Open(own) if own == socket)
    }
}
