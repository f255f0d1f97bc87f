//! Sensitive data: classes as data, validators, and the scanner that walks bodies and heads.

pub mod form;
pub mod print;
