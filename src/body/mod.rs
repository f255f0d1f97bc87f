//! Bodies: codings undone, kinds sniffed, fields walked.

pub mod decode;
mod inflate;
pub mod sniff;
