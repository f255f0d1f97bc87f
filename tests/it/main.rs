//! Integration tests, one binary: linking once is what keeps them quick.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod corpus;
mod detect;

#[path = "../support/mod.rs"]
mod support;

mod case;
mod case_notes;
mod case_open;
mod http1;
mod http1_tshark;
mod labelled;
mod layering;
mod packets;
mod streams;
mod trace_sets;
