//! Key schedules of SSL 3.0 to TLS 1.3 (RFC 6101 section 6.2.2, RFC 5246 sections 5, 6.3 and 8.1, RFC 7627, RFC 8446 section 7).
//! In: secrets and the randoms of a handshake. Out: keys. Bounds: lengths asked for are constants of the suites.

use super::suite::{Hash, Suite};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};

/// A keyed hash that can be started anew without its key being prepared again.
#[derive(Clone)]
pub(super) enum MacKey {
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey") // never the key
    }
}

impl MacKey {
    pub(super) fn new(hash: Hash, key: &[u8]) -> Option<MacKey> {
        Some(match hash {
            Hash::Md5 => MacKey::Md5(Hmac::new_from_slice(key).ok()?),
            Hash::Sha1 => MacKey::Sha1(Hmac::new_from_slice(key).ok()?),
            Hash::Sha256 => MacKey::Sha256(Hmac::new_from_slice(key).ok()?),
            Hash::Sha384 => MacKey::Sha384(Hmac::new_from_slice(key).ok()?),
        })
    }

    /// The MAC over the parts one after the other.
    pub(super) fn sum(&self, parts: &[&[u8]]) -> Vec<u8> {
        fn go<M: Mac + Clone>(m: &M, parts: &[&[u8]]) -> Vec<u8> {
            let mut m = m.clone();
            for p in parts {
                m.update(p);
            }
            m.finalize().into_bytes().to_vec()
        }
        match self {
            MacKey::Md5(m) => go(m, parts),
            MacKey::Sha1(m) => go(m, parts),
            MacKey::Sha256(m) => go(m, parts),
            MacKey::Sha384(m) => go(m, parts),
        }
    }
}

/// HMAC in one go; empty where the key cannot be one (it always can).
fn hmac(hash: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    MacKey::new(hash, key).map_or_else(Vec::new, |m| m.sum(parts))
}

/// A hash over the parts one after the other.
pub(super) fn digest(hash: Hash, parts: &[&[u8]]) -> Vec<u8> {
    fn go<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
        let mut d = D::new();
        for p in parts {
            d.update(p);
        }
        d.finalize().to_vec()
    }
    match hash {
        Hash::Md5 => go::<Md5>(parts),
        Hash::Sha1 => go::<Sha1>(parts),
        Hash::Sha256 => go::<Sha256>(parts),
        Hash::Sha384 => go::<Sha384>(parts),
    }
}

/// `P_hash` (RFC 5246 section 5).
fn expand(hash: Hash, secret: &[u8], seed: &[&[u8]], len: usize) -> Vec<u8> {
    let Some(key) = MacKey::new(hash, secret) else {
        return Vec::new();
    };
    let mut out = Vec::with_capacity(len + 64);
    let mut a = key.sum(seed);
    while out.len() < len {
        let mut parts: Vec<&[u8]> = vec![&a];
        parts.extend_from_slice(seed);
        out.extend(key.sum(&parts));
        a = key.sum(&[&a]);
    }
    out.truncate(len);
    out
}

/// Which schedule a connection before TLS 1.3 has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prf {
    /// SSL 3.0.
    Ssl3,
    /// MD5 and SHA-1 together: TLS 1.0 and 1.1.
    Old,
    /// One hash: TLS 1.2.
    New(Hash),
}

impl Prf {
    /// Of a version and suite.
    #[must_use]
    pub fn of(version: u16, suite: Suite) -> Prf {
        match version {
            0x0300 => Prf::Ssl3,
            0x0301 | 0x0302 => Prf::Old,
            _ => Prf::New(suite.prf),
        }
    }

    fn run(self, secret: &[u8], label: &[u8], seed: &[&[u8]], len: usize) -> Vec<u8> {
        match self {
            Prf::Ssl3 => ssl3(secret, seed, len),
            Prf::Old => {
                let half = secret.len().div_ceil(2);
                let first = secret.get(..half).unwrap_or_default();
                let second = secret.get(secret.len() - half..).unwrap_or_default();
                let mut parts = vec![label];
                parts.extend_from_slice(seed);
                let mut out = expand(Hash::Md5, first, &parts, len);
                let more = expand(Hash::Sha1, second, &parts, len);
                out.iter_mut().zip(more).for_each(|(a, b)| *a ^= b);
                out
            }
            Prf::New(hash) => {
                let mut parts = vec![label];
                parts.extend_from_slice(seed);
                expand(hash, secret, &parts, len)
            }
        }
    }

    /// The master secret of a premaster secret and both randoms.
    #[must_use]
    pub fn master(self, premaster: &[u8], client: &[u8; 32], server: &[u8; 32]) -> Vec<u8> {
        self.run(premaster, b"master secret", &[client, server], 48)
    }

    /// The extended master secret (RFC 7627) of the handshake's messages up to the client's key exchange.
    #[must_use]
    pub fn extended_master(self, premaster: &[u8], messages: &[&[u8]]) -> Vec<u8> {
        let session = match self {
            Prf::New(hash) => digest(hash, messages),
            Prf::Old | Prf::Ssl3 => {
                let mut both = digest(Hash::Md5, messages);
                both.extend(digest(Hash::Sha1, messages));
                both
            }
        };
        self.run(premaster, b"extended master secret", &[&session], 48)
    }

    /// The key block; note that the server's random comes first.
    #[must_use]
    pub fn key_block(
        self,
        master: &[u8],
        client: &[u8; 32],
        server: &[u8; 32],
        len: usize,
    ) -> Vec<u8> {
        self.run(master, b"key expansion", &[server, client], len)
    }
}

/// RFC 6101 section 6.1: MD5 over the secret and SHA-1 of a growing letter row, the secret and the seed.
fn ssl3(secret: &[u8], seed: &[&[u8]], len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, letter) in (1usize..).zip(b'A'..=b'Z') {
        if out.len() >= len {
            break;
        }
        let row = vec![letter; n];
        let mut parts: Vec<&[u8]> = vec![&row, secret];
        parts.extend_from_slice(seed);
        let inner = digest(Hash::Sha1, &parts);
        out.extend(digest(Hash::Md5, &[secret, &inner]));
    }
    out.truncate(len);
    out
}

/// `HKDF-Extract` (RFC 5869).
#[must_use]
pub fn extract(hash: Hash, salt: &[u8], input: &[u8]) -> Vec<u8> {
    hmac(hash, salt, &[input])
}

/// `HKDF-Expand-Label` without a context (RFC 8446 section 7.1); `len` is at most 255 bytes here.
#[must_use]
pub fn expand_label(hash: Hash, secret: &[u8], label: &str, len: u8) -> Vec<u8> {
    let full = 6 + label.len();
    let mut info = vec![0, len, u8::try_from(full).unwrap_or(u8::MAX)];
    info.extend_from_slice(b"tls13 ");
    info.extend_from_slice(label.as_bytes());
    info.push(0);
    let Some(key) = MacKey::new(hash, secret) else {
        return Vec::new();
    };
    let (mut out, mut last): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    for n in 1..=u8::MAX {
        if out.len() >= usize::from(len) {
            break;
        }
        last = key.sum(&[&last, &info, &[n]]);
        out.extend_from_slice(&last);
    }
    out.truncate(usize::from(len));
    out
}

/// The traffic secret after a key update (RFC 8446 section 7.2).
#[must_use]
pub fn next_traffic(hash: Hash, secret: &[u8]) -> Vec<u8> {
    let len = u8::try_from(hash.size()).unwrap_or(u8::MAX);
    expand_label(hash, secret, "traffic upd", len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(s: &str) -> Vec<u8> {
        let s: Vec<u8> = s.bytes().filter(u8::is_ascii_hexdigit).collect();
        s.chunks(2)
            .map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap())
            .collect()
    }

    /// RFC 8448 section 3 (handshake and application keys of both sides of the simple handshake) and section 4 (early data).
    #[test]
    fn traffic_keys_of_rfc_8448() {
        for (secret, key, iv) in [
            (
                "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
                "dbfaa693d1762c5b666af5d950258d01",
                "5bd3c71b836e0b76bb73265f",
            ),
            (
                "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
                "3fce516009c21727d0f2e4e86ee403bc",
                "5d313eb2671276ee13000b30",
            ),
            (
                "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
                "17422dda596ed5d9acd890e3c63f5051",
                "5b78923dee08579033e523d9",
            ),
            (
                "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
                "9f02283b6c9c07efc26bb9f2ac92e356",
                "cf782b88dd83549aadf1e984",
            ),
            (
                "3fbbe6a60deb66c30a32795aba0eff7eaa10105586e7be5c09678d63b6caab62",
                "920205a5b7bf2115e6fc5c2942834f54",
                "6d475f0993c8e564610db2b9",
            ),
        ] {
            let secret = hex(secret);
            assert_eq!(expand_label(Hash::Sha256, &secret, "key", 16), hex(key));
            assert_eq!(expand_label(Hash::Sha256, &secret, "iv", 12), hex(iv));
        }
    }

    /// The vectors of the working group for the PRF of TLS 1.2 with SHA-256.
    #[test]
    fn prf_of_tls_1_2() {
        let got = Prf::New(Hash::Sha256).run(
            &hex("9bbe436ba940f017b17652849a71db35"),
            b"test label",
            &[&hex("a0ba9f936cda311827a6f796ffd5198c")],
            100,
        );
        assert_eq!(
            got,
            hex(
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a
                 6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab
                 4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
                 87347b66"
            )
        );
    }
}
