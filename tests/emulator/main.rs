//! The emulator through its public interface: real sockets on loopback.

#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]

mod acting;
mod admin;
mod early_answers;
mod event_answers;
mod events;
mod faults;
mod filter;
mod frames;
mod front;
mod identity;
mod in_process;
mod journal;
mod journal_pubsub;
mod journal_relay;
mod journal_seeded;
mod membership;
mod page;
mod payloads;
mod presence;
mod recorded;
mod relay_heads;
mod relay_http;
mod relay_keep_alive;
mod relay_listener;
mod relay_management;
mod relay_meetings;
mod relay_mutations;
mod relay_namespace;
mod relay_rendezvous;
mod relay_reset;
mod relay_tables;
mod relay_tls;
mod reliable;
mod reset;
mod rest;
mod secrets;
mod side_by_side;
mod state;
mod tokens;
mod websocket;
