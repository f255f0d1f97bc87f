//! One field's value: judged as it is, then inside its encodings, then as text that holds values.
//! In: a value with its place. Out: findings in the sink. Bounds: [`crate::limits::DECODE_DEPTH`] layers; each layer is linear and at most
//! [`crate::limits::NESTED_DECODED`] long.

use super::sink::{NodeId, Sink, Slot};
use super::text;
use crate::body::json::chars;
use crate::detect::form::Step;
use crate::detect::kind::Kind;
use crate::detect::normal;
use crate::detect::print::PrintKind;
use crate::detect::value::Hit;
use crate::limits;

const ALNUM: u16 = chars::DIGIT | chars::LOWER | chars::UPPER;

/// Scans one value. `bits` are [`chars::all`] of it (or more).
#[inline]
pub(crate) fn value(s: &mut Sink, node: NodeId, v: &[u8], bits: u16, slot: Slot) {
    let ctx = s.ctx(node);
    if v.len() < 4 && ctx.pos == 0 {
        return;
    }
    let (v, slot) = if matches!(v.first(), Some(0..=b' ')) || matches!(v.last(), Some(0..=b' ')) {
        let from = v.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let v = v.trim_ascii();
        (v, slot.part(from, v.len()))
    } else {
        (v, slot)
    };
    let verdict = s.judge.whole(v, bits, &ctx);
    if let Some(hit) = verdict.hit {
        s.found(node, hit, slot);
        if hit.class == Kind::Jwt as u8 {
            claims(s, node, v, slot);
        }
        return;
    }
    if verdict.miss != 0 {
        s.miss(node, verdict.miss);
    }
    if v.len() >= 8 {
        deeper(s, node, v, bits, slot);
    }
}

/// What a token in a body tells of its subject. In heads the same claims would come with every request of a client: who sends them is
/// read there, not what they hold.
fn claims(s: &mut Sink, node: NodeId, v: &[u8], slot: Slot) {
    let head = s.node(node).is_some_and(|n| {
        ["header:", "query:", "path:"]
            .iter()
            .any(|place| n.field.starts_with(place))
    });
    if head || slot.depth >= limits::DECODE_DEPTH {
        return;
    }
    let mut dots = memchr::memchr_iter(b'.', v);
    let (Some(from), Some(to)) = (dots.next(), dots.next()) else {
        return;
    };
    let part = v.get(from + 1..to).unwrap_or_default();
    if let Some(inner) = normal::base64_any(part)
        && nested_json(inner.trim_ascii())
    {
        let slot = slot.part(from + 1, part.len()).inside(Step::Base64);
        super::json::nested(s, node, &inner, slot);
    }
}

/// A value that is nothing as a whole.
fn deeper(s: &mut Sink, node: NodeId, v: &[u8], bits: u16, slot: Slot) {
    let n = v.len();
    let token = bits & !(ALNUM | chars::PLUS | chars::SYMBOL | chars::DASH) == 0;
    let letters = bits & (chars::LOWER | chars::UPPER) != 0;
    if token
        && (letters || n >= 22)
        && let Some(hit) = digest(s, v, bits)
    {
        let form = if v.ends_with(b"=") {
            slot.form.then(Step::Base64)
        } else {
            slot.form
        };
        let form = form.then(digest_step(v));
        s.found(node, hit, Slot { form, ..slot });
        return;
    }
    let room = slot.depth < limits::DECODE_DEPTH;
    if room && nested_json(v) {
        super::json::nested(s, node, v, slot.inside(Step::Json));
        return;
    }
    if room && let Some((step, inner)) = peel(v, bits) {
        inside(s, node, &inner, slot.inside(step));
        return;
    }
    // Text around values: not for single tokens, which were looked at whole.
    let gaps = chars::SPACE
        | chars::HIGH
        | chars::OTHER
        | chars::CONTROL
        | chars::QUOTE
        | chars::BACKSLASH
        | chars::SYMBOL
        | chars::ESCAPE;
    if n >= 11 && bits & gaps != 0 && worth(v, bits) {
        text::scan(s, node, v, slot);
    }
}

/// Scans what is inside the encoding of `v`; tells whether there is one.
pub(crate) fn encoded(s: &mut Sink, node: NodeId, v: &[u8], slot: Slot) -> bool {
    if slot.depth >= limits::DECODE_DEPTH {
        return false;
    }
    let Some((step, inner)) = peel(v, chars::all(v)) else {
        return false;
    };
    inside(s, node, &inner, slot.inside(step));
    true
}

/// What was inside a layer: a value, or a document of its own.
fn inside(s: &mut Sink, node: NodeId, inner: &[u8], slot: Slot) {
    if let Some(text) = compressed(inner) {
        let slot = slot.inside(Step::Gzip);
        if nested_json(text.trim_ascii()) {
            super::json::nested(s, node, &text, slot);
        } else {
            value(s, node, &text, chars::all(&text), slot);
        }
        return;
    }
    if nested_json(inner.trim_ascii()) {
        super::json::nested(s, node, inner, slot);
    } else {
        value(s, node, inner, chars::all(inner), slot);
    }
}

fn nested_json(v: &[u8]) -> bool {
    v.len() >= 12
        && matches!(
            (v.first(), v.last()),
            (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))
        )
        && matches!(
            v.iter().skip(1).find(|b| **b > b' '),
            Some(b'"' | b'{' | b'[' | b'0'..=b'9')
        )
}

/// Whether text can hold a value that counts without a key, or a key with one.
fn worth(v: &[u8], bits: u16) -> bool {
    if bits & chars::AT != 0 {
        return true;
    }
    // Times are the most frequent value of all that has blanks, colons and digits.
    let time = matches!(v, [b'1' | b'2', _, _, _, b'-' | b'/', _, _, b'-' | b'/', rest @ ..] if rest.len() <= 27);
    if time {
        return false;
    }
    if bits & chars::DIGIT != 0 {
        let (mut run, mut pure, mut all) = (0u32, 0u32, 0u32);
        for b in v {
            if b.is_ascii_digit() {
                run += 1;
                pure += 1;
                all += 1;
                if pure >= 9 || run >= 11 {
                    return true;
                }
            } else {
                pure = 0;
                if !matches!(b, b' ' | b'-') {
                    run = 0;
                }
            }
        }
        if all >= 3 && bits & (chars::HIGH | chars::MASK) != 0 {
            return true;
        }
    }
    let letters = bits & (chars::LOWER | chars::UPPER) != 0;
    letters && memchr::memchr2(b'=', b':', v).is_some()
        || bits & chars::HIGH != 0 && memchr::memmem::find(v, "：".as_bytes()).is_some()
        || letters
            && v.len() >= 20
            && (memchr::memmem::find(v, b"eyJ").is_some()
                || memchr::memmem::find(v, b"AKIA").is_some())
}

/// The digest of something: 32, 40 or 64 hex digits, or padded base64 of 16, 20 or 32 bytes.
fn digest(s: &mut Sink, v: &[u8], bits: u16) -> Option<Hit> {
    let raw = match v.len() {
        32 | 40 | 64 if bits & !ALNUM == 0 => normal::hex(v)?,
        24 | 28 | 44 if v.ends_with(b"=") => {
            normal::base64_any(v).filter(|d| matches!(d.len(), 16 | 20 | 32))?
        }
        _ => return None,
    };
    // Text in hex or base64 is text, not a digest; nor is what is compressed.
    if readable(&raw) || matches!(*raw, [0x1f, 0x8b, 8, ..] | [0x78, 0x9c, ..]) {
        return None;
    }
    Some(Hit {
        class: crate::detect::DIGEST,
        conf: 50,
        masked: false,
        last: false,
        print: s.judge.key.print(PrintKind::Digest, &raw),
    })
}

/// The form of a digest by its length (SM3 has the length of SHA-256 and goes under its name).
fn digest_step(v: &[u8]) -> Step {
    match v.len() {
        32 | 24 => Step::Md5,
        40 | 28 => Step::Sha1,
        _ => Step::Sha256,
    }
}

/// One layer off, where what is inside reads as text or is compressed.
fn peel(v: &[u8], bits: u16) -> Option<(Step, Vec<u8>)> {
    let n = v.len();
    if bits & chars::ESCAPE != 0 {
        let percent = v
            .windows(3)
            .any(|w| matches!(w, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()));
        if percent && bits & chars::SPACE == 0 {
            let mut out = Vec::with_capacity(n);
            normal::percent(v, false, &mut out);
            return readable(&out).then_some((Step::Url, out));
        }
        if memchr::memchr(b';', v).is_some() {
            let (out, any) = crate::body::xml::unescape(v);
            return any.then_some((Step::Html, out));
        }
        return None;
    }
    if bits & chars::BACKSLASH != 0 && memchr::memmem::find(v, b"\\u").is_some() {
        let mut out = Vec::with_capacity(n);
        return crate::body::json::unescape(v, &mut out).then_some((Step::Unicode, out));
    }
    if bits & !(ALNUM | chars::PLUS | chars::SYMBOL | chars::DASH) != 0 {
        return None;
    }
    // Hex of text begins with printable characters, or with the first byte of a CJK one.
    let printable = |i: usize| matches!(v.get(i), Some(b'2'..=b'7'));
    let text = matches!(v.first(), Some(b'e' | b'E'))
        || (printable(0) && printable(2) && printable(4) && printable(6));
    if text
        && n >= 16
        && n.is_multiple_of(2)
        && bits & !ALNUM == 0
        && v.iter().all(u8::is_ascii_hexdigit)
    {
        let out = normal::hex(v)?;
        if readable(&out) {
            return Some((Step::Hex, out));
        }
    }
    base64(v, bits).map(|out| (Step::Base64, out))
}

fn base64(v: &[u8], bits: u16) -> Option<Vec<u8>> {
    let n = v.len();
    let padded = v.ends_with(b"=");
    // Base64 has letters of both cases, or digits; a word has not.
    if n < 8
        || n % 4 == 1
        || padded && !n.is_multiple_of(4)
        || !padded && (bits == chars::LOWER || bits == chars::UPPER)
        || bits & (chars::LOWER | chars::UPPER) == 0
    {
        return None;
    }
    // The first three bytes tell most other tokens.
    let mut word = 0u32;
    for b in v.get(..4)? {
        word = word << 6 | sextet(*b)?;
    }
    let [_, a, b, c] = word.to_be_bytes();
    let gzip = matches!((a, b), (0x1f, 0x8b) | (0x78, 0x01 | 0x9c | 0xda));
    if !gzip
        && [a, b, c].iter().any(|b| {
            *b < 0x20 && !matches!(b, b'\n' | b'\t' | b'\r')
                || matches!(b, 0x7f | 0xc0 | 0xc1 | 0xf5..)
        })
    {
        return None;
    }
    if !gzip && !begins_readable(v) {
        return None;
    }
    let out = normal::base64_any(v)?;
    (gzip || readable(&out) && out.len() >= 6).then_some(out)
}

/// Whether the first bytes inside base64 can begin a text: what most random tokens fail, without undoing all of it.
fn begins_readable(v: &[u8]) -> bool {
    let mut first = [0u8; 12];
    let mut len = 0;
    for (four, out) in v.chunks_exact(4).zip(first.chunks_exact_mut(3)) {
        let mut word = 0u32;
        for b in four {
            match sextet(*b) {
                Some(s) => word = word << 6 | s,
                // padding, or a character that the whole look will refuse
                None => return len == 0 || begins_text(first.get(..len).unwrap_or_default()),
            }
        }
        let [_, bytes @ ..] = word.to_be_bytes();
        for (o, b) in out.iter_mut().zip(bytes) {
            *o = b;
        }
        len += 3;
    }
    begins_text(first.get(..len).unwrap_or_default())
}

fn begins_text(v: &[u8]) -> bool {
    let controls = v
        .iter()
        .any(|b| *b < b' ' && !matches!(b, b'\n' | b'\r' | b'\t'));
    // an incomplete character at the end goes on in what was not looked at
    !controls && std::str::from_utf8(v).map_or_else(|e| e.error_len().is_none(), |_| true)
}

/// Value of a character of either alphabet of base64.
#[inline]
fn sextet(b: u8) -> Option<u32> {
    let value = SEXTETS.get(usize::from(b)).copied().unwrap_or(64);
    (value < 64).then(|| u32::from(value))
}

/// Values of all bytes; 64 for what is in neither alphabet.
#[allow(clippy::indexing_slicing)] // at compile time
const SEXTETS: [u8; 256] = {
    let mut table = [64; 256];
    let mut b = 0u8;
    loop {
        table[b as usize] = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => 64,
        };
        if b == u8::MAX {
            break table;
        }
        b += 1;
    }
};

/// Text: UTF-8 without control characters, and no odd characters where it is short.
fn readable(v: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(v) else {
        return false;
    };
    // a short name with an accent: letters and blanks alone, most of them ASCII
    let latin = v.iter().filter(|b| **b >= 0x80).count() <= 4
        && v.len() >= 6
        && v.iter()
            .all(|b| b.is_ascii_alphabetic() || *b >= 0x80 || matches!(b, b' ' | b'-' | b'\''));
    !v.is_empty()
        && text.chars().all(|c| match c {
            '\n' | '\r' | '\t' => true,
            ' '..='~' => true,
            '\u{a0}'..='\u{24f}' | '\u{370}'..='\u{52f}' => v.len() >= 16 || latin,
            '\u{2010}'..='\u{2027}'
            | '\u{3000}'..='\u{30ff}'
            | '\u{3400}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{ff00}'..='\u{ffef}' => true,
            _ => false,
        })
}

/// Compressed bytes inside another layer.
fn compressed(v: &[u8]) -> Option<Vec<u8>> {
    let head = matches!(v, [0x1f, 0x8b, ..] | [0x78, 0x01 | 0x9c | 0xda, ..]);
    head.then(|| normal::gunzip(v)).flatten()
}
