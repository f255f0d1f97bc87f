//! Integration tests, one binary: linking once is what keeps them quick.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod detect;
mod trace_sets;
