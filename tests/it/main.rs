//! Integration tests, one binary: linking once is what keeps them quick.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod case;
mod packets;
mod streams;
mod trace_sets;

#[path = "../support/mod.rs"]
mod support;

mod labelled;
mod layering;
