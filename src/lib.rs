#![doc = include_str!("ARCHITECTURE.md")]
#![forbid(unsafe_code)]

/// Says a line on standard error. Where nobody reads that any more it is not said, and the work goes on: `eprintln!` would end it.
macro_rules! tell {
    ($($said:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($said)*);
    }};
}
pub(crate) use tell;

pub mod error;
pub mod limits;

// bytes -> packets -> flows -> streams -> messages -> calls
#[warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod body;
#[warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod call;
#[warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod net;
#[warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod proto;
#[warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod source;
pub mod tls;

// calls -> facts
#[warn(clippy::indexing_slicing, clippy::cast_possible_truncation)]
pub mod detect;
pub mod facts;

// facts -> case -> queries
pub mod case;
pub mod load;
pub mod query;
pub mod replay;
pub mod trace;

// queries -> screens, rows, files
pub mod cli;
pub mod export;
pub mod report;
pub mod ui;
