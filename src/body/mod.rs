//! Bodies: codings undone, kinds sniffed, fields walked.

pub mod csv;
pub mod decode;
pub mod json;
mod inflate;
pub mod sniff;
pub mod xml;
