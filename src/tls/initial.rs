//! The protection of QUIC's Initial packets (RFC 9001 section 5, RFC 9369 section 3.3), undone. In: a version, the client's
//! first destination connection id, a packet. Out: its frames, where its tag proves them. Bounds: one pass over a packet.
//!
//! The keys follow from what stands in the clear, so no secret is needed; the tag proves that the id was the right one.

use super::schedule::{expand_label, extract};
use super::suite::Hash;
use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};

/// What a version derives its Initial keys with.
struct Scheme {
    salt: [u8; 20],
    labels: [&'static str; 3],
}

const LABELS: [&str; 3] = ["quic key", "quic iv", "quic hp"];

const fn scheme(salt: [u8; 20]) -> Scheme {
    Scheme {
        salt,
        labels: LABELS,
    }
}

/// RFC 9001 section 5.2; also drafts 33 and 34.
const V1: Scheme = scheme([
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
    0xcc, 0xbb, 0x7f, 0x0a,
]);
/// RFC 9369 section 3.3.1.
const V2: Scheme = Scheme {
    salt: [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d,
        0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
    ],
    labels: ["quicv2 key", "quicv2 iv", "quicv2 hp"],
};
/// Drafts 29 to 32.
const D29: Scheme = scheme([
    0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0,
    0x43, 0x90, 0xa8, 0x99,
]);
/// Drafts 23 to 28.
const D23: Scheme = scheme([
    0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65,
    0xbe, 0xf9, 0xf5, 0x02,
]);
/// Draft 22: the first with ids of a byte's length each in a long header, as they are read here.
const D22: Scheme = scheme([
    0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd,
    0x7a, 0x02, 0x64, 0x4a,
]);

fn of_version(version: u32) -> Option<Scheme> {
    Some(match version {
        1 | 0xff00_0021 | 0xff00_0022 => V1,
        0x6b33_43cf => V2,
        0xff00_001d..=0xff00_0020 => D29,
        // drafts, and those of one large site that were built on them
        0xff00_0017..=0xff00_001c | 0xface_b002 | 0xface_b00e => D23,
        0xff00_0016 | 0xface_b001 => D22,
        _ => return None,
    })
}

/// Whether the Initial packets of a version can be opened.
#[must_use]
pub fn known(version: u32) -> bool {
    of_version(version).is_some()
}

/// Keys of the Initial packets of one direction.
pub struct InitialKeys {
    key: Aes128Gcm,
    iv: [u8; 12],
    hp: Aes128,
}

impl std::fmt::Debug for InitialKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InitialKeys")
    }
}

/// Key, IV and key of the header protection.
fn material(version: u32, dcid: &[u8], client: bool) -> Option<[Vec<u8>; 3]> {
    let scheme = of_version(version)?;
    let secret = extract(Hash::Sha256, &scheme.salt, dcid);
    let label = if client { "client in" } else { "server in" };
    let secret = expand_label(Hash::Sha256, &secret, label, 32);
    let [key, iv, hp] = scheme.labels;
    Some([
        expand_label(Hash::Sha256, &secret, key, 16),
        expand_label(Hash::Sha256, &secret, iv, 12),
        expand_label(Hash::Sha256, &secret, hp, 16),
    ])
}

impl InitialKeys {
    /// Of what the client (else the server) sends. `None` for a version of which the salt is not known.
    #[must_use]
    pub fn new(version: u32, dcid: &[u8], client: bool) -> Option<InitialKeys> {
        let [key, iv, hp] = material(version, dcid, client)?;
        Some(InitialKeys {
            key: Aes128Gcm::new_from_slice(&key).ok()?,
            iv: iv.try_into().ok()?,
            hp: Aes128::new_from_slice(&hp).ok()?,
        })
    }

    /// Opens a packet: `packet` reaches from its first byte to the end that its length field tells, `at` is where its
    /// packet number begins, `next` the packet number expected. Gives its number and its frames.
    #[must_use]
    pub fn open(&self, packet: &[u8], at: usize, next: u64) -> Option<(u64, Vec<u8>)> {
        let sample = packet.get(at + 4..at + 20)?;
        let mut mask = Array::try_from(sample).ok()?;
        self.hp.encrypt_block(&mut mask);
        let (first, masks) = mask.split_first()?;
        let first = packet.first()? ^ (first & 0x0f);
        let n = usize::from(first & 3) + 1;
        let (head, sealed) = packet.split_at_checked(at + n)?;
        let mut head = head.to_vec();
        *head.first_mut()? = first;
        let mut truncated = 0u64;
        for (b, m) in head.get_mut(at..)?.iter_mut().zip(masks) {
            *b ^= m;
            truncated = truncated << 8 | u64::from(*b);
        }
        let number = whole_number(truncated, n, next);
        let mut nonce = self.iv;
        for (b, c) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *b ^= c;
        }
        let (text, tag) = sealed.split_at_checked(sealed.len().checked_sub(16)?)?;
        let mut text = text.to_vec();
        self.key
            .decrypt_inout_detached(
                &Nonce::from(nonce),
                &head,
                text.as_mut_slice().into(),
                tag.try_into().ok()?,
            )
            .ok()?;
        Some((number, text))
    }
}

/// The packet number of which `n` bytes are written, the closest to the one expected (RFC 9000 appendix A.3).
fn whole_number(truncated: u64, n: usize, next: u64) -> u64 {
    let window = 1u64 << (8 * n.min(4));
    let number = (next & !(window - 1)) | truncated;
    if number + window / 2 <= next && number < (1 << 62) - window {
        number + window
    } else if number > next + window / 2 && number >= window {
        number - window
    } else {
        number
    }
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

    const DCID: &str = "8394c8f03e515708";

    /// RFC 9001 appendix A.1 and RFC 9369 appendix A.1.
    #[test]
    fn keys_of_the_rfcs() {
        let of = |version, client| material(version, &hex(DCID), client).unwrap();
        let three = |a, b, c| [hex(a), hex(b), hex(c)];
        assert_eq!(
            of(1, true),
            three(
                "1f369613dd76d5467730efcbe3b1a22d",
                "fa044b2f42a3fd3b46fb255c",
                "9f50449e04a0e810283a1e9933adedd2"
            )
        );
        assert_eq!(
            of(1, false),
            three(
                "cf3a5331653c364c88f0f379b6067e37",
                "0ac1493ca1905853b0bba03e",
                "c206b8d9b9f0f37644430b490eeaa314"
            )
        );
        assert_eq!(
            of(0x6b33_43cf, true),
            three(
                "8b1a0bc121284290a29e0971b5cd045d",
                "91f73e2351d8fa91660e909f",
                "45b95e15235d6f45a6b19cbcb0294ba9"
            )
        );
        assert!(material(0x1a2a_3a4a, &hex(DCID), true).is_none());
    }

    /// RFC 9001 appendix A.3 and RFC 9369 appendix A.3: what a server sends.
    #[test]
    fn packets_of_the_rfcs_open_and_no_changed_byte_goes_by() {
        let v1 = "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a
            5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3
            dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84
            022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4
            2158407dd074ee";
        let v2 = "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698
            baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17
            f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2
            c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca8
            4bed8521e2e140";
        for (packet, version) in [(v1, 1), (v2, 0x6b33_43cf)] {
            let mut packet = hex(packet);
            let keys = InitialKeys::new(version, &hex(DCID), false).unwrap();
            let (number, frames) = keys.open(&packet, 18, 0).unwrap();
            assert_eq!(number, 1);
            // an acknowledgement, then a hello of 90 bytes
            assert!(frames.starts_with(&hex("02000000000600405a020000560303eefce7f7")));
            assert_eq!(frames.len(), 5 + 4 + 90);
            let other = InitialKeys::new(version, &hex(DCID), true).unwrap();
            assert!(other.open(&packet, 18, 0).is_none());
            for at in 0..packet.len() {
                packet[at] ^= 1;
                assert!(keys.open(&packet, 18, 0).is_none(), "{at}");
                packet[at] ^= 1;
                assert!(keys.open(&packet[..at], 18, 0).is_none());
            }
        }
    }

    /// RFC 9000 appendix A.3.
    #[test]
    fn packet_numbers_are_the_closest() {
        assert_eq!(whole_number(0x9b32, 2, 0xa82f_30eb), 0xa82f_9b32);
        assert_eq!(whole_number(0, 1, 256), 256);
        assert_eq!(whole_number(0xff, 1, 256), 255);
        assert_eq!(whole_number(3, 1, 254), 259);
        assert_eq!(whole_number(200, 1, 0), 200);
        assert_eq!(whole_number(u64::from(u32::MAX), 4, 0), u64::from(u32::MAX));
    }
}
