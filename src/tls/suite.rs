//! Cipher suites. In: the number a server chose. Out: its name and what it takes to open its records. Bounds: a constant
//! table; a suite that is named and not opened says so ([`Cipher::Other`]).
//!
//! What a suite is made of stands in its name, so the name is what is read.

use super::names::NAMES;

/// A hash of the key schedule or of a record's MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Hash {
    /// Bytes of its output.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Hash::Md5 => 16,
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
        }
    }
}

/// A block cipher with its key length in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// AES, 128 or 256.
    Aes(u16),
    /// Camellia, 128 or 256.
    Camellia(u16),
    /// ARIA, 128 or 256.
    Aria(u16),
    /// Triple DES.
    Des3,
}

impl Block {
    /// Bytes of a key.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Block::Aes(n) | Block::Camellia(n) | Block::Aria(n) => usize::from(n / 8),
            Block::Des3 => 24,
        }
    }
    /// Bytes of a block.
    #[must_use]
    pub fn size(self) -> usize {
        if self == Block::Des3 { 8 } else { 16 }
    }
}

/// How records are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// A MAC alone.
    Null,
    /// RC4 with 128 bits.
    Rc4,
    /// A block cipher in CBC mode.
    Cbc(Block),
    /// A block cipher in Galois/counter mode.
    Gcm(Block),
    /// AES in counter mode with CBC-MAC: key bits, bytes of the tag.
    Ccm(u16, usize),
    /// ChaCha20 with Poly1305.
    ChaCha,
    /// One that is not opened.
    Other,
}

/// A cipher suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suite {
    /// Its number.
    pub id: u16,
    /// Its name without `TLS_`; empty where it is unknown.
    pub name: &'static str,
    /// Protection of records.
    pub cipher: Cipher,
    /// Hash of the MAC of a record (not of an AEAD).
    pub mac: Hash,
    /// Hash of the key schedule in TLS 1.2 and 1.3.
    pub prf: Hash,
    /// Whether the client sends the secret under the server's RSA key.
    pub rsa: bool,
}

impl Suite {
    /// The suite of a number; `None` where the registry has none.
    #[must_use]
    pub fn of(id: u16) -> Option<Suite> {
        let (first, names) = NAMES
            .iter()
            .rev()
            .find(|(first, _)| *first <= id)
            .copied()?;
        let name: &'static str = names.get(usize::from(id - first)).copied()?;
        let tls13 = id >> 8 == 0x13;
        let what = name.split_once("_WITH_").map_or(name, |(_, w)| w);
        let (cipher, hash) = if what.ends_with("_CCM_8") || what.ends_with("_CCM") {
            (what, "SHA256")
        } else {
            what.rsplit_once('_').unwrap_or((what, ""))
        };
        let hash = match hash {
            "MD5" => Hash::Md5,
            "SHA" => Hash::Sha1,
            "SHA384" => Hash::Sha384,
            _ => Hash::Sha256,
        };
        let cipher = match cipher {
            "NULL" if id != 0 => Cipher::Null,
            "RC4_128" => Cipher::Rc4,
            "3DES_EDE_CBC" => Cipher::Cbc(Block::Des3),
            "AES_128_CBC" => Cipher::Cbc(Block::Aes(128)),
            "AES_256_CBC" => Cipher::Cbc(Block::Aes(256)),
            "AES_128_GCM" => Cipher::Gcm(Block::Aes(128)),
            "AES_256_GCM" => Cipher::Gcm(Block::Aes(256)),
            "AES_128_CCM" => Cipher::Ccm(128, 16),
            "AES_256_CCM" => Cipher::Ccm(256, 16),
            "AES_128_CCM_8" => Cipher::Ccm(128, 8),
            "AES_256_CCM_8" => Cipher::Ccm(256, 8),
            "CHACHA20_POLY1305" => Cipher::ChaCha,
            "CAMELLIA_128_CBC" => Cipher::Cbc(Block::Camellia(128)),
            "CAMELLIA_256_CBC" => Cipher::Cbc(Block::Camellia(256)),
            "CAMELLIA_128_GCM" => Cipher::Gcm(Block::Camellia(128)),
            "CAMELLIA_256_GCM" => Cipher::Gcm(Block::Camellia(256)),
            "ARIA_128_CBC" => Cipher::Cbc(Block::Aria(128)),
            "ARIA_256_CBC" => Cipher::Cbc(Block::Aria(256)),
            "ARIA_128_GCM" => Cipher::Gcm(Block::Aria(128)),
            "ARIA_256_GCM" => Cipher::Gcm(Block::Aria(256)),
            _ => Cipher::Other,
        };
        // the ChaCha20 suites of a draft have another nonce under the same names
        let draft = (0xcc13..=0xcc15).contains(&id);
        let aead = matches!(cipher, Cipher::Gcm(_) | Cipher::Ccm(..) | Cipher::ChaCha);
        Some(Suite {
            id,
            name,
            cipher: if draft || (tls13 && !aead) {
                Cipher::Other
            } else {
                cipher
            },
            mac: hash,
            prf: if hash == Hash::Sha384 {
                Hash::Sha384
            } else {
                Hash::Sha256
            },
            rsa: name.starts_with("RSA_WITH_"),
        })
    }

    /// Name as the registry has it.
    #[must_use]
    pub fn full_name(id: u16) -> String {
        match Suite::of(id) {
            Some(s) => format!("TLS_{}", s.name),
            None => format!("cipher 0x{id:04x}"),
        }
    }

    /// Whether it protects by an AEAD.
    #[must_use]
    pub fn aead(self) -> bool {
        matches!(
            self.cipher,
            Cipher::Gcm(_) | Cipher::Ccm(..) | Cipher::ChaCha
        )
    }

    /// Bytes of one direction's cipher key.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self.cipher {
            Cipher::Null | Cipher::Other => 0,
            Cipher::Rc4 => 16,
            Cipher::Cbc(b) | Cipher::Gcm(b) => b.key_len(),
            Cipher::Ccm(bits, _) => usize::from(bits / 8),
            Cipher::ChaCha => 32,
        }
    }

    /// Bytes of one direction's MAC key: an AEAD has none.
    #[must_use]
    pub fn mac_len(self) -> usize {
        if self.aead() { 0 } else { self.mac.size() }
    }

    /// Bytes of one direction's fixed nonce or first IV that the key block of TLS 1.2 and before holds.
    #[must_use]
    pub fn iv_len(self) -> usize {
        match self.cipher {
            Cipher::Cbc(b) => b.size(),
            Cipher::Gcm(_) | Cipher::Ccm(..) => 4,
            Cipher::ChaCha => 12,
            Cipher::Null | Cipher::Rc4 | Cipher::Other => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_opens_a_suite() {
        let s = |id| Suite::of(id).unwrap();
        assert_eq!(s(0x002f).name, "RSA_WITH_AES_128_CBC_SHA");
        assert_eq!(s(0x002f).cipher, Cipher::Cbc(Block::Aes(128)));
        assert_eq!((s(0x002f).mac, s(0x002f).prf), (Hash::Sha1, Hash::Sha256));
        assert!(s(0x002f).rsa && !s(0x0033).rsa && !s(0x0094).rsa);
        assert_eq!(s(0xc028).mac, Hash::Sha384);
        assert_eq!(s(0xc0ac).name, "ECDHE_ECDSA_WITH_AES_128_CCM");
        assert_eq!(s(0xc0ae).cipher, Cipher::Ccm(128, 8));
        assert_eq!(s(0x1302).prf, Hash::Sha384);
        assert_eq!(s(0x1305).cipher, Cipher::Ccm(128, 8));
        assert_eq!(s(0x1303).key_len(), 32);
        assert_eq!(s(0x0007).cipher, Cipher::Other);
        assert_eq!(s(0x0000).cipher, Cipher::Other);
        assert_eq!(s(0x0018).name, "DH_anon_WITH_RC4_128_MD5");
        assert!(Suite::of(0x1a1a).is_none() && Suite::of(0x0050).is_none());
        assert_eq!(Suite::full_name(0x1a1a), "cipher 0x1a1a");
        let mut before = None;
        for (first, names) in NAMES {
            assert!(before.is_none_or(|b| b < *first));
            before = Some(first + u16::try_from(names.len()).unwrap() - 1);
        }
    }
}
