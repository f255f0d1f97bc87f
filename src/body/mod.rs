//! Bodies: codings undone, kinds sniffed, fields walked.
