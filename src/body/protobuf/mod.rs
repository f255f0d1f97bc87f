//! Protocol Buffers and gRPC's framing of them: messages split, per-message compression undone, the wire format walked with or
//! without a schema. In: bytes. Out: fields with their places. Bounds: those of each part.

pub mod frames;
pub mod guess;
pub mod realign;
pub mod schema;
pub mod walk;
pub mod wire;
