//! Driven sessions in virtual time.

mod defects;
mod fuzz;
mod ids;
mod odd;
mod plan;
mod rig;
mod rules;
mod service;
mod simulation;
mod streams;
mod world;
