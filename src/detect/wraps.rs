//! The forms in which a value stands in text: as it is, percent, `\u`, HTML references, hex, base64 at its three alignments in both
//! alphabets, MD5, SHA-1, SHA-256 and SM3 in hex. In: a value. Out: the bytes of each form. Bounds: a dozen and a half forms a value.

use super::form::{Form, Step};
use base64::Engine as _;
use md5::Digest as _;
use std::fmt::Write as _;

/// One form of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrap {
    /// What stands in the text, to be compared without regard to ASCII case.
    pub bytes: Vec<u8>,
    /// How it is wrapped.
    pub form: Form,
    /// Must stand in this very spelling (base64 knows case).
    pub exact: bool,
    /// Must not stand inside a longer word.
    pub word: bool,
}

/// Digits of bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// The value inside a longer base64 text, at its three places and in both alphabets: characters that share bits with a neighbour
/// are left out.
pub fn inside_base64(b: &[u8]) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    if b.len() < 6 {
        return out;
    }
    for (shift, from) in [0usize, 2, 3].into_iter().enumerate() {
        let mut padded = vec![0u8; shift];
        padded.extend_from_slice(b);
        for engine in [
            &base64::engine::general_purpose::STANDARD_NO_PAD,
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        ] {
            let text = engine.encode(&padded);
            let to = padded.len() * 8 / 6;
            if let Some(part) = text.as_bytes().get(from..to)
                && part.len() >= 7
                && !out.iter().any(|have| have == part)
            {
                out.push(part.to_vec());
            }
        }
    }
    out
}

/// Every form of a value.
pub fn wraps(text: &str) -> Vec<Wrap> {
    let b = text.as_bytes();
    let mut out: Vec<Wrap> = Vec::new();
    let mut add = |bytes: Vec<u8>, steps: &[Step], exact: bool, word: bool| {
        if out
            .iter()
            .any(|w| w.bytes.eq_ignore_ascii_case(&bytes) && !exact)
        {
            return;
        }
        let form = steps.iter().fold(Form::PLAIN, |f, s| f.then(*s));
        out.push(Wrap {
            bytes,
            form,
            exact,
            word,
        });
    };
    add(b.to_vec(), &[], false, true);
    // Everything that is not unreserved (RFC 3986 section 2.3) in percent form; a blank also as plus.
    let percent = |keep: &dyn Fn(u8) -> bool| {
        let mut s = Vec::new();
        for c in b {
            if keep(*c) {
                s.push(*c);
            } else {
                s.extend(format!("%{c:02x}").bytes());
            }
        }
        s
    };
    let unreserved = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
    add(percent(&unreserved), &[Step::Url], false, true);
    let plus: Vec<u8> = percent(&|c| unreserved(c) || c == b' ')
        .iter()
        .map(|c| if *c == b' ' { b'+' } else { *c })
        .collect();
    add(plus, &[Step::Url], false, true);
    let mut escaped = String::new();
    let (mut html, mut html_x) = (String::new(), String::new());
    for c in text.chars() {
        if c.is_ascii() && c != '&' && c != '<' && c != '>' && c != '"' {
            escaped.push(c);
            html.push(c);
            html_x.push(c);
        } else {
            let mut units = [0u16; 2];
            for u in c.encode_utf16(&mut units) {
                let _ = write!(escaped, "\\u{u:04x}");
            }
            let _ = write!(html, "&#{};", u32::from(c));
            let _ = write!(html_x, "&#x{:x};", u32::from(c));
        }
    }
    add(escaped.into_bytes(), &[Step::Unicode], false, true);
    add(html.into_bytes(), &[Step::Html], false, true);
    add(html_x.into_bytes(), &[Step::Html], false, true);
    if b.len() >= 6 {
        add(hex(b).into_bytes(), &[Step::Hex], false, false);
    }
    for part in inside_base64(b) {
        if !out.iter().any(|w| w.bytes == part) {
            out.push(Wrap {
                bytes: part,
                form: Form::PLAIN.then(Step::Base64),
                exact: true,
                word: false,
            });
        }
    }
    for (digest, step) in [
        (md5::Md5::digest(b).to_vec(), Step::Md5),
        (sha1::Sha1::digest(b).to_vec(), Step::Sha1),
        (sha2::Sha256::digest(b).to_vec(), Step::Sha256),
        (sm3::Sm3::digest(b).to_vec(), Step::Sm3),
    ] {
        out.push(Wrap {
            bytes: hex(&digest).into_bytes(),
            form: Form::PLAIN.then(step),
            exact: false,
            word: true,
        });
    }
    out
}
