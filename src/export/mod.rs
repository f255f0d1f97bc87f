//! Rows and calls as files.
