//! Bodies: codings undone, kinds sniffed, fields walked.

pub mod sniff;
