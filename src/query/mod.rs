//! The filter language and the rows of the contract.
pub mod filter;
pub mod find;
mod func;
pub mod lang;
pub mod need;
pub mod pattern;
pub mod plan;
pub mod read;
pub mod rows;

pub use filter::Filter;
pub use lang::Expr;
pub use read::{Cx, Page, Sort};
