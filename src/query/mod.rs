//! The filter language and the rows of the contract.
pub mod filter;
mod func;
pub mod lang;
pub mod pattern;
pub mod plan;
pub mod read;
pub mod rows;

pub use filter::Filter;
pub use lang::Expr;
pub use read::{Cx, Page, Sort};
