//! Bodies: codings undone, kinds sniffed, fields walked.

pub mod csv;
pub mod decode;
mod inflate;
pub mod json;
pub mod multipart;
pub mod operation;
pub mod sniff;
pub mod xml;
