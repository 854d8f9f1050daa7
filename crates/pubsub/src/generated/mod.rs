//! Made by `cargo xtask codegen` from the descriptions in `spec/`.

#[cfg(feature = "service")]
pub(crate) mod models;
#[cfg(feature = "service")]
pub(crate) mod operations;
#[cfg(feature = "protobuf")]
#[expect(
    unreachable_pub,
    clippy::enum_variant_names,
    reason = "generated; only the hand-written code around it is public"
)]
pub(crate) mod webpubsub_v1;
