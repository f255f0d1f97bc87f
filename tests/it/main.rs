//! Integration tests, one binary: linking once is what keeps them quick.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod detect;

#[path = "../support/mod.rs"]
mod support;

mod case;
mod case_notes;
mod case_open;
mod cli;
mod facts;
mod http1;
mod http1_recorded;
mod http1_tshark;
mod labelled;
mod layering;
mod packets;
mod query_rows;
mod replay_export;
mod sources;
mod streams;
mod trace_case;
mod trace_sets;
