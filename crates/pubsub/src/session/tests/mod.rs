//! Driven sessions in virtual time.
