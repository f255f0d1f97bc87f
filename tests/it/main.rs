//! Integration tests, one binary: linking once is what keeps them quick.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod case;
mod http1;
mod http1_tshark;
mod packets;
mod streams;
mod trace_sets;

mod layering;
