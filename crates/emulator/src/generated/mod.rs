//! Made by `cargo xtask codegen` from the descriptions in `crates/pubsub/spec`.

pub(crate) mod routes;
