//! The case file: one SQLite database that holds what the evidence says, what follows from it, and what the
//! investigator did.

pub mod bodies;
pub mod bound;
pub mod checkpoint;
pub mod classes;
pub mod heads;
pub mod ident;
pub mod ids;
pub mod indexes;
pub mod info;
pub mod journal;
pub mod lines;
mod lock;
pub mod marks;
pub mod open;
pub mod place;
pub mod postings;
pub mod profile;
pub mod recover;
pub mod rows;
pub mod share;
pub mod sources;
pub mod specs;
mod statements;
pub mod terms;
pub mod text;
pub mod varint;
pub mod views;
pub mod writer;

pub use open::{Case, ReadCase, beside, open_notebook, open_read};
