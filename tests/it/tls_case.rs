//! TLS in cases.
