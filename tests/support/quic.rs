//! A writer of QUIC Initial packets (RFC 9001, RFC 9369): hellos, frames, and their protection.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use leaktrace::tls::schedule::{expand_label, extract};
use leaktrace::tls::suite::Hash;

pub const V1: u32 = 1;
pub const V2: u32 = 0x6b33_43cf;
pub const D29: u32 = 0xff00_001d;

pub fn hex(s: &str) -> Vec<u8> {
    let s: Vec<u8> = s.bytes().filter(u8::is_ascii_hexdigit).collect();
    s.chunks(2)
        .map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap())
        .collect()
}

pub fn varint(n: usize) -> Vec<u8> {
    match n {
        0..=63 => vec![n as u8],
        64..=16383 => (0x4000 | n as u16).to_be_bytes().to_vec(),
        _ => (0x8000_0000 | n as u32).to_be_bytes().to_vec(),
    }
}

/// A piece of the handshake.
pub fn crypto(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut f = vec![6];
    f.extend(varint(offset));
    f.extend(varint(bytes.len()));
    f.extend(bytes);
    f
}

/// A client's hello with its header, with `fill` bytes of an extension that nobody reads.
pub fn client_hello(sni: &str, alpn: &[&str], fill: usize) -> Vec<u8> {
    let u16 = |n: usize| (n as u16).to_be_bytes();
    let mut ext = Vec::new();
    let mut put = |kind: usize, body: &[u8]| {
        ext.extend(u16(kind));
        ext.extend(u16(body.len()));
        ext.extend(body);
    };
    put(0xfe0d, &vec![0x5a; fill]);
    let mut name = u16(sni.len() + 3).to_vec();
    name.push(0);
    name.extend(u16(sni.len()));
    name.extend(sni.bytes());
    put(0, &name);
    let list: Vec<u8> = alpn
        .iter()
        .flat_map(|a| [vec![a.len() as u8], a.as_bytes().to_vec()].concat())
        .collect();
    put(16, &[&u16(list.len())[..], &list].concat());
    put(43, &[2, 3, 4]);
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0x13, 1, 0x13, 2, 1, 0]);
    body.extend(u16(ext.len()));
    body.extend(ext);
    message(1, &body)
}

/// A server's hello with its header.
pub fn server_hello(suite: u16) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.push(0);
    body.extend(suite.to_be_bytes());
    body.extend([0, 0, 6, 0, 43, 0, 2, 3, 4]);
    message(2, &body)
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = body.len() as u32;
    let mut m = vec![kind];
    m.extend(&len.to_be_bytes()[1..]);
    m.extend(body);
    m
}

/// What an Initial packet is made of.
#[derive(Clone, Copy)]
pub struct Initial<'a> {
    pub version: u32,
    /// The id that the keys follow from.
    pub keys: &'a [u8],
    pub client: bool,
    pub dcid: &'a [u8],
    pub scid: &'a [u8],
    pub token: &'a [u8],
    pub number: u32,
}

impl Initial<'_> {
    /// The packet with these frames.
    pub fn seal(&self, frames: &[u8]) -> Vec<u8> {
        let (salt, label) = match self.version {
            V2 => ("0dede3def700a6db819381be6e269dcbf9bd2ed9", "quicv2"),
            D29 => ("afbfec289993d24c9e9786f19c6111e04390a899", "quic"),
            _ => ("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "quic"),
        };
        let secret = extract(Hash::Sha256, &hex(salt), self.keys);
        let side = ["server in", "client in"][usize::from(self.client)];
        let secret = expand_label(Hash::Sha256, &secret, side, 32);
        let of = |what, len| expand_label(Hash::Sha256, &secret, &format!("{label} {what}"), len);
        let mut nonce: [u8; 12] = of("iv", 12).try_into().unwrap();
        for (b, n) in nonce[8..].iter_mut().zip(self.number.to_be_bytes()) {
            *b ^= n;
        }
        let mut p = vec![if self.version == V2 { 0xd3 } else { 0xc3 }];
        p.extend(self.version.to_be_bytes());
        for id in [self.dcid, self.scid] {
            p.push(id.len() as u8);
            p.extend(id);
        }
        p.extend(varint(self.token.len()));
        p.extend(self.token);
        // always two bytes, as the examples of the RFCs have it
        p.extend((0x4000 | (4 + frames.len() as u16 + 16)).to_be_bytes());
        let at = p.len();
        p.extend(self.number.to_be_bytes());
        let mut text = frames.to_vec();
        let tag = Aes128Gcm::new_from_slice(&of("key", 16))
            .unwrap()
            .encrypt_inout_detached(&Nonce::from(nonce), &p, text.as_mut_slice().into())
            .unwrap();
        p.extend(text);
        p.extend(tag);
        let mut mask = Array::try_from(&p[at + 4..at + 20]).unwrap();
        Aes128::new_from_slice(&of("hp", 16))
            .unwrap()
            .encrypt_block(&mut mask);
        p[0] ^= mask[0] & 0x0f;
        for (b, m) in p[at..at + 4].iter_mut().zip(&mask[1..]) {
            *b ^= m;
        }
        p
    }

    /// The same, filled up to the length of a client's datagram.
    pub fn full(&self, frames: &[u8]) -> Vec<u8> {
        let around = 1 + 4 + 2 + self.dcid.len() + self.scid.len() + 1 + self.token.len() + 2 + 20;
        let mut frames = frames.to_vec();
        frames.resize(frames.len().max(1200 - around), 0);
        self.seal(&frames)
    }
}
