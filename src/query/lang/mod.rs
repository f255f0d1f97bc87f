//! The filter language. In: text that a person typed. Out: an [`Expr`], or an error with the byte where it went wrong.
//! Bounds: nesting [`crate::limits::FILTER_DEPTH`]; linear in the text; no input panics.

mod ast;
pub mod field;
mod parse;
pub mod value;
pub mod words;

pub use ast::{Expr, Op, Value, quote};
pub use field::{Field, Id, Scope};
pub use parse::{parse, parse_knowing};
