//! TLS corners.
