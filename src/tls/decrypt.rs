//! One direction's record protection, undone. In: a record and the sequence numbers it may have. Out: its content, where the
//! MAC or tag proves it, and the number that fits. Bounds: a record's length; each number costs one pass over it.
//!
//! Nothing is ever handed out unproved: a record that no number fits gives nothing.

use super::schedule::{MacKey, digest};
use super::suite::{Block, Cipher, Hash, Suite};
use aes::{Aes128, Aes256};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{AesGcm, Nonce};
use aria::{Aria128, Aria256};
use camellia::{Camellia128, Camellia256};
use cbc::Decryptor;
use cbc::cipher::BlockModeDecrypt;
use cbc::cipher::consts::{U8, U12, U16};
use ccm::Ccm;
use chacha20poly1305::ChaCha20Poly1305;
use des::TdesEde3;
use std::ops::Range;

/// A record as it came.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    /// Content type in the header.
    pub kind: u8,
    /// Version in the header.
    pub version: u16,
    /// What follows the header.
    pub body: &'a [u8],
    /// Bytes from the first record under this key to the header of this one, those not captured included.
    pub span: u64,
}

/// Key block material of one direction before TLS 1.3.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// MAC key, empty for an AEAD.
    pub mac: &'a [u8],
    /// Cipher key.
    pub key: &'a [u8],
    /// First IV or fixed part of the nonce.
    pub iv: &'a [u8],
}

/// One direction's keys, ready to open records.
#[derive(Debug)]
pub struct Opener(Kind);

enum Kind {
    Null(Mac),
    Rc4(Box<Stream>, Mac),
    Cbc(Box<Chain>, Mac),
    Aead(Box<Aead>),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Null(_) => "null",
            Kind::Rc4(..) => "rc4",
            Kind::Cbc(..) => "cbc",
            Kind::Aead(_) => "aead",
        })
    }
}

impl Opener {
    /// Keys of SSL 3.0 to TLS 1.2. `None` where the suite is not opened or the material has the wrong length.
    #[must_use]
    pub fn old(version: u16, suite: Suite, etm: bool, m: Material<'_>) -> Option<Opener> {
        let mac = || Mac::new(version, suite.mac, m.mac);
        Some(Opener(match suite.cipher {
            Cipher::Null => Kind::Null(mac()?),
            Cipher::Rc4 => Kind::Rc4(Box::new(Stream::new(m.key)), mac()?),
            Cipher::Cbc(block) => Kind::Cbc(
                Box::new(Chain {
                    key: BlockKey::new(block, m.key)?,
                    last: (version < 0x0302).then(|| m.iv.to_vec()),
                    etm,
                }),
                mac()?,
            ),
            Cipher::Gcm(_) | Cipher::Ccm(..) | Cipher::ChaCha => {
                let mut iv = [0; 12];
                iv.get_mut(..m.iv.len())?.copy_from_slice(m.iv);
                Kind::Aead(Box::new(Aead {
                    key: AeadKey::new(suite.cipher, m.key)?,
                    iv,
                    mode: if suite.cipher == Cipher::ChaCha {
                        Mode::Counted
                    } else {
                        Mode::Explicit
                    },
                }))
            }
            Cipher::Other => return None,
        }))
    }

    /// Keys of TLS 1.3: key and IV of one traffic secret.
    #[must_use]
    pub fn new13(suite: Suite, key: &[u8], iv: &[u8]) -> Option<Opener> {
        Some(Opener(Kind::Aead(Box::new(Aead {
            key: AeadKey::new(suite.cipher, key)?,
            iv: iv.try_into().ok()?,
            mode: Mode::Inner,
        }))))
    }

    /// Opens a record into `out` (what it held is lost). Gives the sequence number that fits and where in `out` the
    /// content stands. The last number is asked first where the state runs on over lost bytes, so give few.
    pub fn open(
        &mut self,
        seqs: Range<u64>,
        r: Sealed<'_>,
        out: &mut Vec<u8>,
    ) -> Option<(u64, Range<usize>)> {
        match &mut self.0 {
            Kind::Null(mac) => {
                out.clear();
                out.extend_from_slice(r.body);
                let len = out.len().checked_sub(mac.len())?;
                let (content, tag) = out.split_at_checked(len)?;
                let seq = seqs
                    .into_iter()
                    .find(|seq| mac.fits(*seq, r.kind, r.version, content, tag))?;
                Some((seq, 0..len))
            }
            Kind::Rc4(stream, mac) => stream.open(mac, seqs, r, out),
            Kind::Cbc(chain, mac) => chain.open(mac, seqs, r, out),
            Kind::Aead(aead) => aead.open(seqs, r, out),
        }
    }

    /// Bytes by which a record body is longer than its content: at least, and whether always so.
    #[must_use]
    pub fn overhead(&self) -> (usize, bool) {
        match &self.0 {
            Kind::Null(mac) | Kind::Rc4(_, mac) => (mac.len(), true),
            Kind::Cbc(c, mac) => {
                let iv = if c.last.is_none() { c.key.block() } else { 0 };
                (iv + mac.len() + 1, false)
            }
            Kind::Aead(a) => match a.mode {
                Mode::Explicit => (8 + a.key.tag(), true),
                Mode::Counted => (a.key.tag(), true),
                // padding is allowed and nobody pads
                Mode::Inner => (a.key.tag() + 1, true),
            },
        }
    }

    /// A record was not captured: what runs on from record to record is unknown until the next. `last` holds its last
    /// bytes where they were captured.
    pub fn missed(&mut self, last: Option<&[u8]>) {
        if let Kind::Cbc(c, _) = &mut self.0
            && c.last.is_some()
        {
            let n = c.key.block();
            c.last = Some(
                last.and_then(|b| b.get(b.len().checked_sub(n)?..))
                    .map_or_else(Vec::new, <[u8]>::to_vec),
            );
        }
    }
}

/// MAC of a record: HMAC, or the older one of SSL 3.0.
#[allow(clippy::large_enum_variant)] // one a direction, and the small one is rare
enum Mac {
    Hmac(MacKey, usize),
    Ssl3(Hash, Vec<u8>),
}

impl Mac {
    fn new(version: u16, hash: Hash, key: &[u8]) -> Option<Mac> {
        if version == 0x0300 {
            return Some(Mac::Ssl3(hash, key.to_vec()));
        }
        Some(Mac::Hmac(MacKey::new(hash, key)?, hash.size()))
    }

    fn len(&self) -> usize {
        match self {
            Mac::Hmac(_, n) => *n,
            Mac::Ssl3(h, _) => h.size(),
        }
    }

    fn fits(&self, seq: u64, kind: u8, version: u16, content: &[u8], tag: &[u8]) -> bool {
        let Ok(len) = u16::try_from(content.len()) else {
            return false;
        };
        let (seq, version, len) = (seq.to_be_bytes(), version.to_be_bytes(), len.to_be_bytes());
        match self {
            Mac::Hmac(key, _) => key.sum(&[&seq, &[kind], &version, &len, content]) == tag,
            Mac::Ssl3(hash, key) => {
                let pad = if *hash == Hash::Md5 { 48 } else { 40 };
                let inner = digest(
                    *hash,
                    &[key, &[0x36; 48][..pad], &seq, &[kind], &len, content],
                );
                digest(*hash, &[key, &[0x5c; 48][..pad], &inner]) == tag
            }
        }
    }
}

/// RC4, which runs on over all records of a direction.
#[derive(Clone)]
struct Stream {
    s: [u8; 256],
    i: u8,
    j: u8,
    /// Bytes of key stream used.
    at: u64,
}

/// Key stream passed over at most to find the place after a loss.
const SKIP: u64 = 256 << 10;

impl Stream {
    fn new(key: &[u8]) -> Stream {
        let mut s = [0u8; 256];
        for (n, x) in (0..=u8::MAX).zip(s.iter_mut()) {
            *x = n;
        }
        let mut j = 0u8;
        for (n, k) in (0..256).zip(key.iter().cycle()) {
            j = j.wrapping_add(s[n]).wrapping_add(*k);
            s.swap(n, usize::from(j));
        }
        Stream {
            s,
            i: 0,
            j: 0,
            at: 0,
        }
    }

    fn byte(&mut self) -> u8 {
        self.at += 1;
        self.i = self.i.wrapping_add(1);
        let (i, a) = (usize::from(self.i), self.s[usize::from(self.i)]);
        self.j = self.j.wrapping_add(a);
        let j = usize::from(self.j);
        self.s.swap(i, j);
        self.s[usize::from(self.s[i].wrapping_add(a))]
    }

    /// How far the key stream is follows from the bytes and the number of headers before the record.
    fn open(
        &mut self,
        mac: &Mac,
        seqs: Range<u64>,
        r: Sealed<'_>,
        out: &mut Vec<u8>,
    ) -> Option<(u64, Range<usize>)> {
        let place = |seq: u64| r.span.checked_sub(seq.checked_mul(5)?);
        let len = r.body.len().checked_sub(mac.len())?;
        let mut here = self.clone();
        for seq in seqs.rev() {
            let Some(want) = place(seq).filter(|p| *p >= self.at) else {
                continue;
            };
            if want.saturating_sub(here.at) > SKIP {
                return None;
            }
            while here.at < want {
                here.byte();
            }
            let mut run = here.clone();
            out.clear();
            out.extend(r.body.iter().map(|b| b ^ run.byte()));
            let (content, tag) = out.split_at_checked(len)?;
            if mac.fits(seq, r.kind, r.version, content, tag) {
                *self = run;
                return Some((seq, 0..len));
            }
        }
        None
    }
}

enum BlockKey {
    Aes128(Aes128),
    Aes256(Aes256),
    Camellia128(Camellia128),
    Camellia256(Camellia256),
    Aria128(Aria128),
    Aria256(Aria256),
    Des3(TdesEde3),
}

impl BlockKey {
    fn new(block: Block, key: &[u8]) -> Option<BlockKey> {
        Some(match block {
            Block::Aes(128) => BlockKey::Aes128(Aes128::new_from_slice(key).ok()?),
            Block::Aes(_) => BlockKey::Aes256(Aes256::new_from_slice(key).ok()?),
            Block::Camellia(128) => BlockKey::Camellia128(Camellia128::new_from_slice(key).ok()?),
            Block::Camellia(_) => BlockKey::Camellia256(Camellia256::new_from_slice(key).ok()?),
            Block::Aria(128) => BlockKey::Aria128(Aria128::new_from_slice(key).ok()?),
            Block::Aria(_) => BlockKey::Aria256(Aria256::new_from_slice(key).ok()?),
            Block::Des3 => BlockKey::Des3(TdesEde3::new_from_slice(key).ok()?),
        })
    }

    fn block(&self) -> usize {
        if matches!(self, BlockKey::Des3(_)) {
            8
        } else {
            16
        }
    }

    /// Decrypts whole blocks in place.
    fn decrypt(&self, iv: &[u8], data: &mut [u8]) -> Option<()> {
        use cbc::cipher::{Array, BlockCipherDecrypt, InnerIvInit};
        fn go<C>(c: &C, iv: &[u8], data: &mut [u8]) -> Option<()>
        where
            C: BlockCipherDecrypt + Clone,
        {
            let iv = Array::try_from(iv).ok()?;
            let (blocks, rest) = Array::slice_as_chunks_mut(data);
            if !rest.is_empty() {
                return None;
            }
            Decryptor::<C>::inner_iv_init(c.clone(), &iv).decrypt_blocks(blocks);
            Some(())
        }
        match self {
            BlockKey::Aes128(c) => go(c, iv, data),
            BlockKey::Aes256(c) => go(c, iv, data),
            BlockKey::Camellia128(c) => go(c, iv, data),
            BlockKey::Camellia256(c) => go(c, iv, data),
            BlockKey::Aria128(c) => go(c, iv, data),
            BlockKey::Aria256(c) => go(c, iv, data),
            BlockKey::Des3(c) => go(c, iv, data),
        }
    }
}

/// A block cipher in CBC mode.
struct Chain {
    key: BlockKey,
    /// Last block of the record before, where that is the IV (TLS 1.0 and before); empty where it is not known.
    last: Option<Vec<u8>>,
    /// The MAC is over the ciphertext (RFC 7366).
    etm: bool,
}

impl Chain {
    fn open(
        &mut self,
        mac: &Mac,
        seqs: Range<u64>,
        r: Sealed<'_>,
        out: &mut Vec<u8>,
    ) -> Option<(u64, Range<usize>)> {
        let n = self.key.block();
        let (sealed, tag) = if self.etm {
            r.body
                .split_at_checked(r.body.len().checked_sub(mac.len())?)?
        } else {
            (r.body, &[][..])
        };
        let (iv, text) = match &mut self.last {
            Some(last) => {
                let next = sealed.get(sealed.len().checked_sub(n)?..)?.to_vec();
                (std::mem::replace(last, next), sealed)
            }
            None => {
                let (iv, text) = sealed.split_at_checked(n)?;
                (iv.to_vec(), text)
            }
        };
        let proved = if self.etm {
            Some(
                seqs.clone()
                    .find(|seq| mac.fits(*seq, r.kind, r.version, sealed, tag))?,
            )
        } else {
            None
        };
        if text.is_empty() {
            return None;
        }
        out.clear();
        out.extend_from_slice(text);
        self.key.decrypt(&iv, out)?;
        let pad = usize::from(*out.last()?);
        let unpadded = out.len().checked_sub(pad + 1)?;
        let ssl3 = matches!(mac, Mac::Ssl3(..));
        if !ssl3 && out.get(unpadded..)?.iter().any(|b| usize::from(*b) != pad) {
            return None;
        }
        if let Some(seq) = proved {
            return Some((seq, 0..unpadded));
        }
        let len = unpadded.checked_sub(mac.len())?;
        let (content, rest) = out.split_at_checked(len)?;
        let tag = rest.get(..mac.len())?;
        let seq = seqs
            .into_iter()
            .find(|seq| mac.fits(*seq, r.kind, r.version, content, tag))?;
        Some((seq, 0..len))
    }
}

enum AeadKey {
    Aes128(AesGcm<Aes128, U12>),
    Aes256(AesGcm<Aes256, U12>),
    Camellia128(AesGcm<Camellia128, U12>),
    Camellia256(AesGcm<Camellia256, U12>),
    Aria128(AesGcm<Aria128, U12>),
    Aria256(AesGcm<Aria256, U12>),
    Ccm128(Ccm<Aes128, U16, U12>),
    Ccm256(Ccm<Aes256, U16, U12>),
    Ccm128Short(Ccm<Aes128, U8, U12>),
    Ccm256Short(Ccm<Aes256, U8, U12>),
    ChaCha(ChaCha20Poly1305),
}

impl AeadKey {
    fn new(cipher: Cipher, key: &[u8]) -> Option<AeadKey> {
        Some(match cipher {
            Cipher::Gcm(Block::Aes(128)) => AeadKey::Aes128(AesGcm::new_from_slice(key).ok()?),
            Cipher::Gcm(Block::Aes(_)) => AeadKey::Aes256(AesGcm::new_from_slice(key).ok()?),
            Cipher::Gcm(Block::Camellia(128)) => {
                AeadKey::Camellia128(AesGcm::new_from_slice(key).ok()?)
            }
            Cipher::Gcm(Block::Camellia(_)) => {
                AeadKey::Camellia256(AesGcm::new_from_slice(key).ok()?)
            }
            Cipher::Gcm(Block::Aria(128)) => AeadKey::Aria128(AesGcm::new_from_slice(key).ok()?),
            Cipher::Gcm(Block::Aria(_)) => AeadKey::Aria256(AesGcm::new_from_slice(key).ok()?),
            Cipher::Ccm(128, 16) => AeadKey::Ccm128(Ccm::new_from_slice(key).ok()?),
            Cipher::Ccm(128, _) => AeadKey::Ccm128Short(Ccm::new_from_slice(key).ok()?),
            Cipher::Ccm(_, 16) => AeadKey::Ccm256(Ccm::new_from_slice(key).ok()?),
            Cipher::Ccm(..) => AeadKey::Ccm256Short(Ccm::new_from_slice(key).ok()?),
            Cipher::ChaCha => AeadKey::ChaCha(ChaCha20Poly1305::new_from_slice(key).ok()?),
            _ => return None,
        })
    }

    fn tag(&self) -> usize {
        match self {
            AeadKey::Ccm128Short(_) | AeadKey::Ccm256Short(_) => 8,
            _ => 16,
        }
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], text: &mut [u8], tag: &[u8]) -> Option<()> {
        fn go<A: AeadInOut<NonceSize = U12>>(
            a: &A,
            nonce: &[u8; 12],
            aad: &[u8],
            text: &mut [u8],
            tag: &[u8],
        ) -> Option<()> {
            let tag = tag.try_into().ok()?;
            a.decrypt_inout_detached(&Nonce::from(*nonce), aad, text.into(), tag)
                .ok()
        }
        match self {
            AeadKey::Aes128(a) => go(a, nonce, aad, text, tag),
            AeadKey::Aes256(a) => go(a, nonce, aad, text, tag),
            AeadKey::Camellia128(a) => go(a, nonce, aad, text, tag),
            AeadKey::Camellia256(a) => go(a, nonce, aad, text, tag),
            AeadKey::Aria128(a) => go(a, nonce, aad, text, tag),
            AeadKey::Aria256(a) => go(a, nonce, aad, text, tag),
            AeadKey::Ccm128(a) => go(a, nonce, aad, text, tag),
            AeadKey::Ccm256(a) => go(a, nonce, aad, text, tag),
            AeadKey::Ccm128Short(a) => go(a, nonce, aad, text, tag),
            AeadKey::Ccm256Short(a) => go(a, nonce, aad, text, tag),
            AeadKey::ChaCha(a) => go(a, nonce, aad, text, tag),
        }
    }
}

/// How nonce and associated data are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// TLS 1.2, half of the nonce stands before the text (RFC 5288).
    Explicit,
    /// TLS 1.2, the nonce is the IV with the sequence number (RFC 7905).
    Counted,
    /// TLS 1.3: the same, and the header is what is authenticated (RFC 8446 section 5.2).
    Inner,
}

struct Aead {
    key: AeadKey,
    iv: [u8; 12],
    mode: Mode,
}

impl Aead {
    fn open(
        &self,
        seqs: Range<u64>,
        r: Sealed<'_>,
        out: &mut Vec<u8>,
    ) -> Option<(u64, Range<usize>)> {
        let skip = if self.mode == Mode::Explicit { 8 } else { 0 };
        let end = r.body.len().checked_sub(self.key.tag())?;
        let (text, tag) = (r.body.get(skip..end)?, r.body.get(end..)?);
        for seq in seqs {
            let count = seq.to_be_bytes();
            let mut nonce = self.iv;
            match self.mode {
                Mode::Explicit => nonce.get_mut(4..)?.copy_from_slice(r.body.get(..8)?),
                _ => nonce
                    .iter_mut()
                    .skip(4)
                    .zip(count)
                    .for_each(|(n, c)| *n ^= c),
            }
            let mut aad = Vec::with_capacity(13);
            let len = match self.mode {
                Mode::Inner => r.body.len(),
                _ => {
                    aad.extend_from_slice(&count);
                    text.len()
                }
            };
            aad.push(r.kind);
            aad.extend_from_slice(&r.version.to_be_bytes());
            aad.extend_from_slice(&u16::try_from(len).ok()?.to_be_bytes());
            out.clear();
            out.extend_from_slice(text);
            if self.key.open(&nonce, &aad, out, tag).is_some() {
                return Some((seq, 0..out.len()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::schedule::expand_label;

    /// RFC 8448 section 3: the first application record of the client, 50 bytes that count up.
    #[test]
    fn a_record_of_rfc_8448() {
        let hex = |s: &str| -> Vec<u8> {
            let s: Vec<u8> = s.bytes().filter(u8::is_ascii_hexdigit).collect();
            s.chunks(2)
                .map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 16).unwrap())
                .collect()
        };
        let secret = hex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
        let key = expand_label(Hash::Sha256, &secret, "key", 16);
        let iv = expand_label(Hash::Sha256, &secret, "iv", 12);
        let mut body = hex(
            "a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a
             6292a2977014bd1e3deae63aeebb21694915e4",
        );
        let mut opener = Opener::new13(Suite::of(0x1301).unwrap(), &key, &iv).unwrap();
        let mut open = |body: &[u8], seqs| {
            let sealed = Sealed {
                kind: 23,
                version: 0x0303,
                body,
                span: 0,
            };
            let mut out = Vec::new();
            let (seq, content) = opener.open(seqs, sealed, &mut out)?;
            Some((seq, out[content].to_vec()))
        };
        let (seq, content) = open(&body, 0..3).unwrap();
        assert_eq!(seq, 0);
        assert_eq!(content[..50], (0..50).collect::<Vec<u8>>()[..]);
        assert_eq!(content[50..], [23], "the inner type");
        assert!(open(&body, 1..9).is_none(), "the number is a part of it");
        body[7] ^= 1;
        assert!(open(&body, 0..3).is_none());
    }
}
