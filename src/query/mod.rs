//! The filter language and the rows of the contract.
pub mod rows;
