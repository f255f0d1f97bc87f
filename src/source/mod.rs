//! Evidence files: what they are, and their packets and lines.
pub mod log;
