//! Evidence files: what they are, and their packets and lines.
