//! Protocols on streams: recognised by content, parsed without I/O.
