//! Integration tests, one binary: linking once is what keeps them quick.
#![allow(clippy::unwrap_used, clippy::expect_used)]
mod corpus;
mod detect;
mod detect_bounds;
mod detect_heads;
mod detect_noise;

#[path = "../support/mod.rs"]
mod support;

mod bytes_slow;
mod case;
mod case_notes;
mod case_open;
mod cli;
mod facts;
mod hostile;
mod http1;
mod http1_recorded;
mod http1_tshark;
mod http2;
mod labelled;
mod layering;
mod operations;
mod packets;
mod query_rows;
mod recorded;
mod replay_export;
mod sources;
mod streams;
mod tools;
mod trace_case;
mod trace_sets;
mod trace_speed;
mod ui_demo;
mod ui_hostile;
mod ui_keys;
mod ui_pty;
mod ui_rig;
mod ui_snapshots;
mod ui_theme;
