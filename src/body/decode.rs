//! Content codings undone. In: a body as sent and its `Content-Encoding` values. Out: the content, its full length and
//! SHA-256. Bounds: [`limits::BODY_STORED`] bytes kept, [`limits::CODINGS`] layers, and the bomb limits on every layer;
//! memory is a window a layer besides what is kept.

use super::inflate::Inflate;
use crate::limits;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

/// A body with its content codings undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The content, at most [`limits::BODY_STORED`] bytes of it.
    pub content: Cow<'a, [u8]>,
    /// Length of the whole content in bytes, also beyond what is kept.
    pub len: u64,
    /// SHA-256 of the whole content (of the part before the cut where `cut` is set).
    pub sha256: [u8; 32],
    /// Why the content is not whole: `truncated` (the coded data ends early or is damaged), `bomb`, `coding` (too many layers, or
    /// one that is not known: the content is still coded).
    pub cut: Option<&'static str>,
    /// Codings undone, outermost first.
    pub codings: Vec<&'static str>,
    /// A coding was declared that the bytes do not have; they were taken as they are.
    pub lied: bool,
}

/// A coding that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Br,
    Zstd,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Br => "br",
            Coding::Zstd => "zstd",
        }
    }
}

/// Bytes a layer reads at once.
const BLOCK: usize = 32 << 10;

/// Undoes the codings of `content_encoding` (values of all `Content-Encoding` fields in order, each may be a list), last first.
pub fn decode<'a>(raw: &'a [u8], content_encoding: &[&[u8]]) -> Decoded<'a> {
    let words = || {
        content_encoding
            .iter()
            .flat_map(|v| v.split(|c| *c == b','))
    };
    let mut listed = Vec::new();
    let mut unknown = false;
    for w in words() {
        // parameters are against RFC 9110 section 8.4, and say nothing
        let w = w.split(|c| *c == b';').next().unwrap_or_default();
        let w = w.trim_ascii();
        let is = |name: &[u8]| w.eq_ignore_ascii_case(name);
        if w.is_empty() || is(b"identity") || is(b"none") {
            continue;
        }
        listed.push(if is(b"gzip") || is(b"x-gzip") {
            Coding::Gzip
        } else if is(b"deflate") {
            Coding::Deflate
        } else if is(b"br") {
            Coding::Br
        } else if is(b"zstd") {
            Coding::Zstd
        } else {
            unknown = true;
            // what lies inside a coding that is not known cannot be reached
            listed.clear();
            continue;
        });
    }
    if listed.is_empty() || raw.is_empty() {
        return plain(raw, unknown.then_some("coding"), false);
    }
    let too_many = listed.len() > limits::CODINGS;
    let most = (raw.len() as u64)
        .saturating_mul(limits::BOMB_RATIO)
        .saturating_add(limits::BOMB_FLOOR)
        .min(limits::DECODED);
    let (mut codings, mut lied) = (Vec::new(), false);
    let mut layer: Box<dyn BufRead + 'a> = Box::new(raw);
    for coding in listed.iter().rev().take(limits::CODINGS) {
        let peek = layer.fill_buf().unwrap_or_default();
        let Some(is) = actual(*coding, peek) else {
            lied = true;
            continue;
        };
        codings.push(coding.name());
        let undone: Box<dyn Read + 'a> = match is {
            Is::Inflate(form) => Box::new(Inflate::new(layer, form)),
            Is::Br => Box::new(brotli(layer)),
            Is::Zstd => match zstd(layer) {
                Ok(z) => z,
                Err(_) => return plain(raw, Some("coding"), lied),
            },
        };
        layer = Box::new(BufReader::with_capacity(
            BLOCK,
            Limited {
                inner: undone,
                left: most,
            },
        ));
    }
    if codings.is_empty() {
        return plain(raw, unknown.then_some("coding"), lied);
    }
    let mut out = drain(layer.as_mut());
    out.codings = codings;
    out.lied = lied;
    if out.cut.is_none() && (unknown || too_many) {
        out.cut = Some("coding");
    }
    if out.cut == Some("truncated") && looks_plain(raw) {
        // text that a decoder took for coded data until it stumbled
        return plain(raw, None, true);
    }
    out
}

fn plain<'a>(raw: &'a [u8], cut: Option<&'static str>, lied: bool) -> Decoded<'a> {
    Decoded {
        content: Cow::Borrowed(raw.get(..limits::BODY_STORED).unwrap_or(raw)),
        len: raw.len() as u64,
        sha256: Sha256::digest(raw).into(),
        cut,
        codings: Vec::new(),
        lied,
    }
}

/// Reads to the end; keeps, counts and hashes.
fn drain(layer: &mut dyn BufRead) -> Decoded<'static> {
    let (mut kept, mut len, mut hash, mut cut) = (Vec::new(), 0u64, Sha256::new(), None);
    loop {
        let n = match layer.fill_buf() {
            Ok([]) => break,
            Ok(b) => {
                hash.update(b);
                len += b.len() as u64;
                let may = limits::BODY_STORED.saturating_sub(kept.len()).min(b.len());
                kept.extend_from_slice(b.get(..may).unwrap_or_default());
                b.len()
            }
            Err(e) => {
                cut = Some(if e.kind() == io::ErrorKind::FileTooLarge {
                    "bomb"
                } else {
                    "truncated"
                });
                break;
            }
        };
        layer.consume(n);
    }
    Decoded {
        content: Cow::Owned(kept),
        len,
        sha256: hash.finalize().into(),
        cut,
        codings: Vec::new(),
        lied: false,
    }
}

/// What the bytes really are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Inflate(super::inflate::Form),
    Br,
    Zstd,
}

/// The coding that the first bytes have where one was declared; `None` where they have none and are taken as they are. gzip and
/// deflate are told apart by their headers, whichever name was given.
fn actual(declared: Coding, peek: &[u8]) -> Option<Is> {
    use super::inflate::Form;
    let zlib = matches!(peek, [cmf, flg, ..] if cmf & 15 == 8 && cmf >> 4 <= 7 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0 && flg & 32 == 0);
    match declared {
        Coding::Gzip | Coding::Deflate => {
            if peek.starts_with(&[0x1f, 0x8b]) || peek == [0x1f] {
                return Some(Is::Inflate(Form::Gzip));
            }
            if zlib && Inflate::plausible(peek, Form::Zlib) {
                return Some(Is::Inflate(Form::Zlib));
            }
            (declared == Coding::Deflate
                && !looks_plain(peek)
                && Inflate::plausible(peek, Form::Raw))
            .then_some(Is::Inflate(Form::Raw))
        }
        Coding::Br => {
            let mut first = [0u8; 1];
            let fails = |e: &io::Error| e.kind() == io::ErrorKind::InvalidData;
            match brotli(peek).read(&mut first) {
                Err(e) if fails(&e) => None,
                _ => Some(Is::Br),
            }
        }
        Coding::Zstd => {
            let frame = [0x28, 0xb5, 0x2f, 0xfd];
            let n = peek.len().min(4);
            let skippable = peek.get(1..4) == Some(&[0x2a, 0x4d, 0x18])
                && peek.first().is_some_and(|b| b >> 4 == 5);
            (peek.get(..n) == frame.get(..n) || skippable).then_some(Is::Zstd)
        }
    }
}

/// Text that begins as JSON, XML or HTML do, all of it printable: no coder writes that.
fn looks_plain(b: &[u8]) -> bool {
    let head = b.get(..256).unwrap_or(b);
    head.trim_ascii_start()
        .first()
        .is_some_and(|c| matches!(c, b'{' | b'[' | b'<' | b'"'))
        && !head.iter().any(|c| *c < b' ' && !c.is_ascii_whitespace())
}

fn brotli<'a, R: Read + 'a>(r: R) -> impl Read + 'a {
    let mut d = brotli_decompressor::Decompressor::new(r, BLOCK);
    // large windows are not part of the web's br (RFC 7932), and cost up to 1 GiB
    d.set_parameter(
        brotli_decompressor::BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW,
        0,
    );
    d
}

fn zstd<'a>(r: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>> {
    let mut d = ::zstd::stream::read::Decoder::with_buffer(r)?;
    d.window_log_max(limits::ZSTD_WINDOW_LOG)?;
    Ok(Box::new(d))
}

/// Stops a layer at its limit.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let n = self.inner.read(buf)?;
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation)] // bytes are made from numbers
mod tests {
    use super::*;
    use flate2::Compression;
    use std::io::Write;

    fn gzip(b: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
        e.write_all(b).unwrap();
        e.finish().unwrap()
    }
    fn zlib(b: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
        e.write_all(b).unwrap();
        e.finish().unwrap()
    }
    fn deflate(b: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        e.write_all(b).unwrap();
        e.finish().unwrap()
    }
    fn br(b: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        ::brotli::CompressorWriter::new(&mut out, 4096, 5, 20)
            .write_all(b)
            .unwrap();
        out
    }
    fn text() -> Vec<u8> {
        (0..4000u32)
            .flat_map(|i| {
                format!(
                    "{{\"id\":{i},\"v\":\"{:08x}\"}}\n",
                    i.wrapping_mul(2_654_435_761)
                )
                .into_bytes()
            })
            .collect()
    }

    #[test]
    fn every_coding_and_lists_of_them() {
        let t = text();
        let z = ::zstd::encode_all(&t[..], 3).unwrap();
        for (raw, ce) in [
            (gzip(&t), &b"gzip"[..]),
            (gzip(&t), b"X-GZIP"),
            (zlib(&t), b"deflate"),
            (deflate(&t), b"deflate"),
            (gzip(&t), b"deflate"),
            (zlib(&t), b"gzip"),
            (br(&t), b"br"),
            (z, b"zstd"),
            (gzip(&br(&t)), b"br, gzip"),
            ([gzip(&t[..100]), gzip(&t[100..])].concat(), b"gzip"),
            (t.clone(), b"identity"),
        ] {
            let d = decode(&raw, &[ce]);
            assert!(d.content == t, "{}", String::from_utf8_lossy(ce));
            assert_eq!(
                (d.cut, d.lied, d.len),
                (None, false, t.len() as u64),
                "{}",
                String::from_utf8_lossy(ce)
            );
            assert_eq!(d.sha256, <[u8; 32]>::from(Sha256::digest(&t)));
        }
        let twice = gzip(&br(&t));
        assert_eq!(decode(&twice, &[b"br", b"gzip"]).codings, ["gzip", "br"]);
    }

    #[test]
    fn lies_are_taken_as_they_are() {
        let t = text();
        for ce in ["gzip", "deflate", "br", "zstd"] {
            for plain in [
                &t[..],
                b"{\"a\":1}",
                b"hello world, this is text",
                b"<html></html>",
            ] {
                let d = decode(plain, &[ce.as_bytes()]);
                if ce == "br" && !plain.starts_with(b"{") && !plain.starts_with(b"<") {
                    continue; // br has no mark: prose may decode to something short
                }
                assert!(
                    d.lied && d.content == plain && d.cut.is_none(),
                    "{ce} {:?}",
                    &plain[..7]
                );
            }
        }
        // declared twice, done once
        let once = gzip(&t);
        let d = decode(&once, &[b"gzip, gzip;q=1"]);
        assert!(d.lied && d.content == t && d.codings == ["gzip"]);
        let twice = gzip(&once);
        let d = decode(&twice, &[b"gzip", b"gzip"]);
        assert!(!d.lied && d.content == t && d.codings == ["gzip", "gzip"]);
        let g = gzip(&t);
        let d = decode(&g, &[]);
        assert!(d.content == g && !d.lied);
        assert_eq!(decode(&g, &[b"lzma"]).cut, Some("coding"));
    }

    #[test]
    fn cut_streams_give_their_prefix() {
        let t = text();
        let z = ::zstd::encode_all(&t[..], 3).unwrap();
        for (raw, ce) in [
            (gzip(&t), "gzip"),
            (zlib(&t), "deflate"),
            (deflate(&t), "deflate"),
            (br(&t), "br"),
            (z, "zstd"),
        ] {
            let half = decode(&raw[..raw.len() / 2], &[ce.as_bytes()]);
            assert_eq!(half.cut, Some("truncated"), "{ce}");
            assert!(
                t.starts_with(&half.content) && (ce == "zstd" || half.len > 10_000),
                "{ce} {}",
                half.len
            );
            for n in 0..raw.len().min(300) {
                let d = decode(&raw[..n], &[ce.as_bytes()]);
                assert!(t.starts_with(&d.content) || d.lied, "{ce} {n}");
            }
        }
        let mut damaged = gzip(&t);
        let at = damaged.len() / 2;
        damaged[at] ^= 0xff;
        damaged[at + 1] ^= 0xff;
        let d = decode(&damaged, &[b"gzip"]);
        assert_eq!(d.cut, Some("truncated"));
        assert!(d.content.starts_with(&t[..20_000]));
    }

    #[test]
    fn a_bomb_is_stopped_and_its_prefix_kept() {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![0u8; 1 << 20];
        for _ in 0..256 {
            e.write_all(&zeros).unwrap();
        }
        let bomb = e.finish().unwrap();
        let d = decode(&bomb, &[b"gzip"]);
        assert_eq!(d.cut, Some("bomb"));
        assert!(
            d.content.len() == limits::BODY_STORED && d.len < 150 << 20,
            "{}",
            d.len
        );
    }

    #[test]
    fn garbage_never_panics() {
        let mut x = 0x9e37_79b9_7f4a_7c15u64;
        for n in 0..2000usize {
            let b: Vec<u8> = (0..n % 97)
                .map(|_| {
                    x ^= x << 13;
                    x ^= x >> 7;
                    x ^= x << 17;
                    x as u8
                })
                .collect();
            for ce in [
                &b"gzip"[..],
                b"deflate",
                b"br",
                b"zstd",
                b"gzip,br,zstd,deflate",
            ] {
                let _ = decode(&b, &[ce]);
            }
        }
    }
}
