//! Bodies: codings undone, kinds sniffed, fields walked.

pub mod decode;
pub mod sniff;
