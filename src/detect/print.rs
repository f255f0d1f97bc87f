//! Keyed prints: equal values have equal prints in one case, and a print gives nothing away without the case's key.
//! In: a kind and normalised bytes. Out: 64 bits. Bounds: one pass, no allocation.

use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The case's key, made once when the case is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrintKey(pub [u8; 16]);

/// What is printed: values of different kinds never share a print by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PrintKind {
    /// A normalised value in clear (also one found inside an encoding).
    Value = 1,
    /// Visible prefix, length and visible suffix of a masked value.
    Masked = 2,
    /// Raw bytes of a digest.
    Digest = 3,
    /// A credential.
    Credential = 4,
}

impl PrintKey {
    /// Print of `bytes` as `kind`.
    pub fn print(&self, kind: PrintKind, bytes: &[u8]) -> u64 {
        let mut h = SipHasher13::new_with_key(&self.0);
        h.write(&[kind as u8]);
        h.write(bytes);
        h.finish()
    }
    /// Print of a masked value: what is visible before and after the mask and how long the whole is in characters.
    pub fn masked(&self, prefix: &str, len: usize, suffix: &str) -> u64 {
        let mut h = SipHasher13::new_with_key(&self.0);
        h.write(&[PrintKind::Masked as u8]);
        h.write(prefix.as_bytes());
        h.write(&[0xff]);
        h.write(&(len as u64).to_le_bytes());
        h.write(suffix.as_bytes());
        h.finish()
    }
}
