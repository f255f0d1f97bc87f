//! Keyed prints: equal values have equal prints in one case, and a print gives nothing away without the case's key.
//! In: a kind and normalised bytes. Out: 64 bits. Bounds: one pass, no allocation.

use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The case's key, made once when the case is created. A share copy's comes from a passphrase: what is printed with it leaves the
/// house, so it is printed by HMAC-SHA-256, of which 64 bits are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrintKey {
    fast: [u8; 16],
    strong: Option<[u8; 32]>,
}

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
    /// The key of a case.
    pub const fn new(key: [u8; 16]) -> PrintKey {
        PrintKey {
            fast: key,
            strong: None,
        }
    }
    /// The key of a share copy.
    pub const fn strong(key: [u8; 32]) -> PrintKey {
        PrintKey {
            fast: [0; 16],
            strong: Some(key),
        }
    }
    /// Print of `bytes` as `kind`.
    pub fn print(&self, kind: PrintKind, bytes: &[u8]) -> u64 {
        if let Some(key) = &self.strong {
            return tag(key, &[&[kind as u8], bytes]);
        }
        // One call on joined bytes is several times as fast as a stream of two, and most values are short.
        let mut joined = [0u8; 64];
        if let (Some((head, tail)), true) = (joined.split_first_mut(), bytes.len() < 64)
            && let Some(to) = tail.get_mut(..bytes.len())
        {
            *head = kind as u8;
            to.copy_from_slice(bytes);
            let all = joined.get(..=bytes.len()).unwrap_or(&[]);
            return SipHasher13::new_with_key(&self.fast).hash(all);
        }
        let mut h = SipHasher13::new_with_key(&self.fast);
        h.write(&[kind as u8]);
        h.write(bytes);
        h.finish()
    }
    /// Print of a masked value: what is visible before and after the mask and how long the whole is in characters.
    pub fn masked(&self, prefix: &str, len: usize, suffix: &str) -> u64 {
        if let Some(key) = &self.strong {
            let len = (len as u64).to_le_bytes();
            let parts: [&[u8]; 5] = [
                &[PrintKind::Masked as u8],
                prefix.as_bytes(),
                &[0xff],
                &len,
                suffix.as_bytes(),
            ];
            return tag(key, &parts);
        }
        let mut h = SipHasher13::new_with_key(&self.fast);
        h.write(&[PrintKind::Masked as u8]);
        h.write(prefix.as_bytes());
        h.write(&[0xff]);
        h.write(&(len as u64).to_le_bytes());
        h.write(suffix.as_bytes());
        h.finish()
    }
}

/// The first 64 bits of HMAC-SHA-256.
fn tag(key: &[u8; 32], parts: &[&[u8]]) -> u64 {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    // any length of key is taken
    let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(key) else {
        return 0;
    };
    parts.iter().for_each(|p| mac.update(p));
    let out = mac.finalize().into_bytes();
    out.first_chunk().map_or(0, |c| u64::from_le_bytes(*c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_values_are_printed_by_one_rule() {
        let key = PrintKey::new([3; 16]);
        for n in [0usize, 1, 7, 8, 11, 18, 62, 63, 64, 65, 200] {
            let v = vec![b'a'; n];
            let mut h = SipHasher13::new_with_key(&key.fast);
            h.write(&[PrintKind::Value as u8]);
            h.write(&v);
            assert_eq!(key.print(PrintKind::Value, &v), h.finish(), "{n}");
        }
        assert_ne!(
            key.print(PrintKind::Value, b"x"),
            key.print(PrintKind::Digest, b"x")
        );
    }
}
