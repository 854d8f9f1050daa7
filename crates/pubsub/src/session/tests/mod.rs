//! Driven sessions in virtual time.

mod defects;
mod fuzz;
mod rig;
mod rules;
mod service;
mod simulation;
mod streams;
