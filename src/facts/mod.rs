//! What follows from all calls together: accounts, templates, columns, sessions, risks. Pure.

pub mod credentials;
pub mod identity;
pub mod inside;
pub mod templates;
