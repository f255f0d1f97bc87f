//! What follows from all calls together: accounts, templates, columns, sessions, risks. Pure.

pub mod calls;
pub mod credentials;
pub mod identity;
pub mod inside;
pub mod join;
pub mod level;
pub mod masks;
pub mod parents;
pub mod risks;
pub mod spec;
pub mod taps;
pub mod templates;
