//! Integration tests, one binary: linking once is what keeps them quick.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod case;
mod case_notes;
mod case_open;
mod trace_sets;
