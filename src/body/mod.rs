//! Bodies: codings undone, kinds sniffed, fields walked.

pub mod csv;
pub mod decode;
mod inflate;
pub mod json;
pub mod multipart;
pub mod operation;
pub mod protobuf;
pub mod sheet;
pub mod sniff;
pub mod sse;
pub mod xml;
pub mod zip;
