//! Calls: the model that every layer above the wire shares.

pub mod indices;
pub mod model;
pub mod text;
