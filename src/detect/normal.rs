//! One spelling of a value, so that equal values have equal prints however they are written.
//! In: values. Out: canonical text, the value inside its encodings, and all prints a value may stand under.
//! Bounds: one pass; a few hundred prints for a value; [`crate::limits::NESTED_DECODED`] bytes out of a compressed one.

use super::form::{Form, Step};
use super::kind::Kind;
use super::print::{PrintKey, PrintKind};
use super::valid::{china, date, secret};
use crate::call::model::Print;
use base64::Engine as _;
use std::io::Read as _;

/// Canonical form that is printed. `class` `None` guesses by shape; the guess is right for every class whose values can be told from their
/// shape, so a value typed by an investigator has the print of the finding.
pub fn normal(class: Option<&str>, value: &str) -> String {
    let kind = match class {
        Some(name) => Kind::by_name(name),
        None => guess(value),
    };
    let mut out = Vec::new();
    into(kind, value.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The class whose spelling rules fit a value that came without one.
fn guess(value: &str) -> Option<Kind> {
    let v = value.trim();
    let digits = v.bytes().filter(u8::is_ascii_digit).count();
    let odd = v
        .bytes()
        .filter(|b| !b.is_ascii_digit() && !matches!(b, b' ' | b'-' | b'(' | b')' | b'.' | b'/'))
        .count();
    if v.contains('@') {
        return Some(Kind::Email);
    }
    if date::digits(v.as_bytes()).is_some() {
        return Some(Kind::Birth);
    }
    if digits == 17 && odd == 1 && v.ends_with(['x', 'X']) {
        return Some(Kind::CnId);
    }
    if digits >= 7 && (odd == 0 || odd == 1 && v.starts_with('+')) {
        return Some(Kind::Mobile);
    }
    let tight: String = v.chars().filter(|c| *c != ' ').collect();
    if china::plate(v, true)
        || super::valid::intl::iban(tight.as_bytes())
        || china::uscc(v.as_bytes())
    {
        return Some(Kind::Iban);
    }
    if super::valid::person::latin(v) {
        return Some(Kind::Name);
    }
    // Names and addresses in Chinese are written alike: without blanks.
    v.chars()
        .any(super::valid::person::han)
        .then_some(Kind::Address)
}

/// Writes the canonical form of a value of a class into `out` (cleared first). Never allocates once `out` is large enough.
pub(crate) fn into(kind: Option<Kind>, value: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let v = value.trim_ascii();
    match kind {
        Some(Kind::CnId | Kind::Card | Kind::Ssn | Kind::Phone | Kind::Mobile) => {
            if v.iter().all(u8::is_ascii_digit) {
                out.extend_from_slice(v);
            } else {
                out.extend(v.iter().filter_map(|b| match b {
                    b'0'..=b'9' => Some(*b),
                    b'x' | b'X' => Some(b'X'),
                    _ => None,
                }));
            }
            let country = match out.as_slice() {
                [b'0', b'0', b'8', b'6', rest @ ..] if china::mobile(rest) => 4,
                [b'8', b'6', rest @ ..] if china::mobile(rest) => 2,
                _ => 0,
            };
            out.drain(..country);
        }
        Some(Kind::Birth) => match date::digits(v) {
            Some(d) => out.extend_from_slice(&d),
            None => out.extend_from_slice(v),
        },
        Some(Kind::Iban | Kind::Uscc | Kind::Passport | Kind::Plate) => {
            let mut rest = v;
            while let Some((b, tail)) = rest.split_first() {
                if let Some(tail) = rest.strip_prefix("·".as_bytes()) {
                    rest = tail;
                    continue;
                }
                if !matches!(b, b' ' | b'-' | b'.') {
                    out.push(b.to_ascii_uppercase());
                }
                rest = tail;
            }
        }
        Some(Kind::Email) => {
            out.extend_from_slice(v);
            out.make_ascii_lowercase();
        }
        Some(Kind::Name | Kind::Address) if memchr::memchr3(b' ', b'\t', b'\n', v).is_none() => {
            out.extend_from_slice(v);
            out.make_ascii_lowercase();
        }
        Some(Kind::Name) => {
            let han = v.iter().any(|b| *b >= 0xe4);
            for b in v {
                if *b == b' ' && (han || out.last() == Some(&b' ')) {
                    continue;
                }
                out.push(b.to_ascii_lowercase());
            }
        }
        Some(Kind::Address) => out.extend(
            v.iter()
                .filter(|b| !b.is_ascii_whitespace())
                .map(u8::to_ascii_lowercase),
        ),
        // what stands between the lines of PEM, however they are joined
        Some(Kind::PrivateKey) => {
            let from = memchr::memmem::find(v, b"KEY-----").map_or(0, |n| n + 8);
            let rest = v.get(from..).unwrap_or_default();
            let to = memchr::memmem::find(rest, b"-----END").unwrap_or(rest.len());
            let inside = rest.get(..to).unwrap_or_default();
            out.extend(
                inside
                    .iter()
                    .filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')),
            );
        }
        // small letters are of escapes
        Some(Kind::Mrz) => out.extend(
            v.iter()
                .filter(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || **b == b'<'),
        ),
        Some(Kind::Coin) if v.starts_with(b"0x") => {
            out.extend(v.iter().map(u8::to_ascii_lowercase))
        }
        Some(k) if k.national() && k != Kind::Coin => out.extend(
            v.iter()
                .filter(|b| b.is_ascii_alphanumeric())
                .map(u8::to_ascii_uppercase),
        ),
        _ => out.extend_from_slice(v),
    }
}

/// The value inside its encodings; `None` where the form is one-way or the slice does not decode.
pub fn undo(form: Form, slice: &[u8]) -> Option<Vec<u8>> {
    let mut v = slice.to_vec();
    for step in form.steps() {
        v = undo_step(step, &v)?;
    }
    Some(v)
}

pub(crate) fn undo_step(step: Step, v: &[u8]) -> Option<Vec<u8>> {
    match step {
        Step::Url => {
            let mut out = Vec::with_capacity(v.len());
            percent(v, true, &mut out);
            Some(out)
        }
        // a part of a mail or form is broken into lines
        Step::Base64 => base64_any(v).or_else(|| {
            let joined: Vec<u8> = v
                .iter()
                .filter(|b| !b.is_ascii_whitespace())
                .copied()
                .collect();
            base64_any(&joined)
        }),
        Step::Hex => hex(v),
        Step::Unicode | Step::Json => {
            let mut out = Vec::with_capacity(v.len());
            crate::body::json::unescape(v, &mut out);
            Some(out)
        }
        Step::Html => Some(crate::body::xml::unescape(v).0),
        Step::Gb18030 => encoding_rs::GB18030
            .decode_without_bom_handling_and_without_replacement(v)
            .map(|text| text.into_owned().into_bytes()),
        Step::Gzip => gunzip(v),
        // A masked value is what is visible of it.
        Step::Mask | Step::Last4 => Some(v.to_vec()),
        Step::Md5 | Step::Sha1 | Step::Sha256 | Step::Sm3 => None,
        Step::Varint => {
            // eight bytes that are no single varint are a fixed number
            let n = match (
                crate::body::protobuf::wire::varint(v, 0),
                v.first_chunk::<8>(),
            ) {
                (Some((n, end)), _) if end == v.len() => n,
                (_, Some(b)) if v.len() == 8 => u64::from_le_bytes(*b),
                _ => return None,
            };
            Some(n.to_string().into_bytes())
        }
        Step::Xlsx => crate::body::sheet::text(v),
        Step::Zip => crate::body::zip::text(v),
        Step::Double => {
            let b = v.first_chunk::<8>().filter(|_| v.len() == 8)?;
            Some(f64::from_le_bytes(*b).to_string().into_bytes())
        }
    }
}

/// Undoes percent-encoding; `plus` makes `+` a blank. Tells whether anything changed.
pub(crate) fn percent(v: &[u8], plus: bool, out: &mut Vec<u8>) -> bool {
    out.clear();
    let mut changed = false;
    let mut rest = v;
    while let Some((b, tail)) = rest.split_first() {
        let code = match (b, tail) {
            (b'%', [a, b, ..]) => char::from(*a).to_digit(16).zip(char::from(*b).to_digit(16)),
            _ => None,
        };
        match code {
            Some((a, b)) => {
                out.push(u8::try_from(a << 4 | b).unwrap_or(b'?'));
                rest = tail.get(2..).unwrap_or(b"");
                changed = true;
            }
            None => {
                if *b == b'+' && plus {
                    out.push(b' ');
                    changed = true;
                } else {
                    out.push(*b);
                }
                rest = tail;
            }
        }
    }
    changed
}

/// Base64 in either alphabet, with or without padding.
pub(crate) fn base64_any(v: &[u8]) -> Option<Vec<u8>> {
    let url = v.iter().any(|b| matches!(b, b'-' | b'_'));
    let engine = if url {
        &secret::URL_SAFE
    } else {
        &secret::STANDARD
    };
    engine.decode(v).ok()
}

/// Pairs of hexadecimal digits.
pub(crate) fn hex(v: &[u8]) -> Option<Vec<u8>> {
    if v.is_empty() || !v.len().is_multiple_of(2) {
        return None;
    }
    // Tokens are tried by the million: what is no digit is noted and told at the end, without a branch a digit.
    let mut wrong = 0u8;
    let pairs = v.as_chunks::<2>().0.iter();
    let out = pairs
        .map(|[a, b]| {
            let (high, low) = (nibble(*a), nibble(*b));
            wrong |= high | low;
            high << 4 | low
        })
        .collect();
    (wrong <= 0x0f).then_some(out)
}

/// Value of a hexadecimal digit; 0xff for another byte.
#[inline]
fn nibble(b: u8) -> u8 {
    const VALUES: [u8; 256] = {
        let mut t = [0xff; 256];
        let (mut digit, mut letter) = (0, 0);
        #[allow(clippy::indexing_slicing)] // below 256, evaluated while compiling
        while digit < 10 {
            t[b'0' as usize + digit as usize] = digit;
            digit += 1;
        }
        #[allow(clippy::indexing_slicing)] // as above
        while letter < 6 {
            t[b'a' as usize + letter as usize] = 10 + letter;
            t[b'A' as usize + letter as usize] = 10 + letter;
            letter += 1;
        }
        t
    };
    VALUES.get(usize::from(b)).copied().unwrap_or(0xff)
}

/// gzip or zlib, up to the limit.
pub(crate) fn gunzip(v: &[u8]) -> Option<Vec<u8>> {
    let limit = crate::limits::NESTED_DECODED as u64;
    let mut out = Vec::new();
    let read = if v.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(v)
            .take(limit)
            .read_to_end(&mut out)
    } else {
        flate2::read::ZlibDecoder::new(v)
            .take(limit)
            .read_to_end(&mut out)
    };
    (read.is_ok() && !out.is_empty()).then_some(out)
}

/// Every print under which a value may stand in the postings: in clear, as each digest of each usual spelling, and under every mask that leaves
/// some of it visible; with the belief that a hit is this very value. No print stands twice.
pub fn lookup_prints(key: &PrintKey, value: &str) -> Vec<(Print, Form, f32)> {
    let mut out = Distinct::default();
    let mut spellings: Vec<String> = Vec::new();
    let trimmed = value.trim();
    if trimmed.is_empty() {
        return out.list;
    }
    let mut spell = |s: String| {
        if !s.is_empty() && !spellings.contains(&s) {
            spellings.push(s);
        }
    };
    let first = normal(None, trimmed);
    spell(first.clone());
    spell(trimmed.to_string());
    let digits = trimmed.bytes().filter(u8::is_ascii_digit).count();
    let kinds: &[&str] = if digits >= 6 {
        &["name", "cn-mobile", "iban", "passport", "crypto-address"]
    } else {
        &["name", "address", "iban", "passport"]
    };
    for class in kinds {
        // Only where the rule of the class keeps all that tells values apart.
        let s = normal(Some(class), trimmed);
        let letters = |t: &str| t.chars().filter(|c| c.is_alphanumeric()).count();
        if letters(&s) == letters(trimmed) {
            spell(s);
        }
    }
    for s in &spellings {
        out.push(key.print(PrintKind::Value, s.as_bytes()), Form::PLAIN, 1.0);
    }
    // People hash a value as they hold it: as written, canonical, either case, with the country code.
    let mut hashed = spellings;
    for s in [
        trimmed.to_lowercase(),
        trimmed.to_uppercase(),
        first.to_uppercase(),
    ] {
        if !hashed.contains(&s) {
            hashed.push(s);
        }
    }
    if china::mobile(first.as_bytes()) {
        hashed.push(format!("86{first}"));
        hashed.push(format!("+86{first}"));
    }
    for s in &hashed {
        digests(key, s.as_bytes(), &mut out);
    }
    masks(key, &first, &mut out);
    out.list
}

/// Prints, each once. A value has hundreds of masks: most are told from all others by a bit.
#[derive(Default)]
struct Distinct {
    list: Vec<(Print, Form, f32)>,
    bits: [u64; 32],
}

impl Distinct {
    fn push(&mut self, print: Print, form: Form, conf: f32) {
        let bit = 1u64 << (print & 63);
        let word = self.bits.get_mut((print >> 6 & 31) as usize);
        let may = word.is_none_or(|w| std::mem::replace(w, *w | bit) & bit != 0);
        if !may || !self.list.iter().any(|(p, _, _)| *p == print) {
            self.list.push((print, form, conf));
        }
    }
}

fn digests(key: &PrintKey, v: &[u8], out: &mut Distinct) {
    use sha2::Digest as _;
    let p = |d: &[u8]| key.print(PrintKind::Digest, d);
    out.push(p(&md5::Md5::digest(v)), Form::PLAIN.then(Step::Md5), 0.98);
    out.push(
        p(&sha1::Sha1::digest(v)),
        Form::PLAIN.then(Step::Sha1),
        0.98,
    );
    out.push(
        p(&sha2::Sha256::digest(v)),
        Form::PLAIN.then(Step::Sha256),
        0.98,
    );
    out.push(p(&sm3::Sm3::digest(v)), Form::PLAIN.then(Step::Sm3), 0.98);
}

fn masks(key: &PrintKey, value: &str, out: &mut Distinct) {
    let form = Form::PLAIN.then(Step::Mask);
    if let Some((local, domain)) = value.split_once('@') {
        // The length of a masked address is hardly ever true: it is not part of the print.
        let top = domain
            .rfind('.')
            .and_then(|i| domain.get(i..))
            .unwrap_or("");
        let chars: Vec<char> = local.chars().collect();
        for p in 0..=chars.len().min(5) {
            let prefix: String = chars.iter().take(p).collect();
            for s in 0..=4usize {
                if p + s >= chars.len() && s > 0 {
                    break;
                }
                let tail: String = chars
                    .iter()
                    .skip(chars.len() - s.min(chars.len()))
                    .collect();
                out.push(
                    key.masked(&prefix, 0, &format!("{tail}@{domain}")),
                    form,
                    if p + s == 0 { 0.1 } else { 0.6 },
                );
            }
            if p > 0 {
                out.push(key.masked(&prefix, 0, top), form, 0.2);
                out.push(key.masked(&prefix, 0, ""), form, 0.1);
            }
        }
        return;
    }
    let chars: Vec<char> = value.chars().collect();
    let n = chars.len();
    if !(2..=200).contains(&n) {
        return;
    }
    let wide = chars.iter().any(|c| !c.is_ascii());
    let (most, tail) = if n > 24 {
        (24, 0)
    } else {
        (n.min(10), n.min(8))
    };
    for p in 0..=most {
        for s in 0..=tail {
            let visible = p + s;
            if visible == 0 || visible >= n {
                continue;
            }
            let prefix: String = chars.iter().take(p).collect();
            let suffix: String = chars.iter().skip(n - s).collect();
            // How much a mask tells: a digit a tenth of the belief, a Chinese character more, the rest is luck.
            let conf = (0.1 + visible as f32 * if wide { 0.15 } else { 0.1 }).min(0.9);
            out.push(key.masked(&prefix, n, &suffix), form, conf);
            if visible >= 2 {
                out.push(key.masked(&prefix, 0, &suffix), form, conf * 0.8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pairs_of_hexadecimal_digits_are_hex() {
        assert_eq!(hex(b"0aFf9C"), Some(vec![0x0a, 0xff, 0x9c]));
        for wrong in [
            &b""[..],
            b"abc",
            b"0g",
            b"g0",
            b"0/",
            b"0:",
            b"@0",
            b"G0",
            b"0\xff",
        ] {
            assert_eq!(hex(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn spellings_meet() {
        for (class, a, b) in [
            ("cn-mobile", "+86 138-1234-5678", "13812345678"),
            ("cn-mobile", "008613812345678", "13812345678"),
            ("cn-id", "11010519491231002x", "11010519491231002X"),
            ("bank-card", "6222 0212 3456 7890", "6222021234567890"),
            ("email", " A@B.co ", "a@b.co"),
            (
                "iban",
                "GB82 WEST 1234 5698 7654 32",
                "GB82WEST12345698765432",
            ),
            ("birth-date", "1990/1/2", "1990-01-02"),
            ("name", "John  Smith", "john smith"),
            ("address", "北京市 朝阳区", "北京市朝阳区"),
            ("cn-plate", "京A·12345", "京A12345"),
        ] {
            assert_eq!(normal(Some(class), a), normal(Some(class), b), "{class}");
            assert_eq!(normal(None, a), normal(Some(class), b), "{class} by shape");
        }
        assert_eq!(normal(Some("password"), "Secret 1"), "Secret 1");
    }

    #[test]
    fn encodings_are_undone() {
        use super::super::form::Step::*;
        let f = |steps: &[Step]| steps.iter().fold(Form::PLAIN, |f, s| f.then(*s));
        assert_eq!(
            undo(f(&[Url, Base64]), b"MTM4MTIzNDU2Nzg%3D").unwrap(),
            b"13812345678"
        );
        assert_eq!(
            undo(f(&[Hex]), b"3133383132333435363738").unwrap(),
            b"13812345678"
        );
        assert_eq!(
            undo(f(&[Unicode]), b"\\u5f20\\u4e09").unwrap(),
            "张三".as_bytes()
        );
        assert_eq!(
            undo(f(&[Html]), b"&#x5f20;&#19977;").unwrap(),
            "张三".as_bytes()
        );
        assert!(undo(f(&[Md5]), b"abc").is_none());
    }

    #[test]
    fn lookups_hold_clear_digests_and_masks() {
        let key = PrintKey::new([7; 16]);
        let all = lookup_prints(&key, "138 1234 5678");
        let has = |p: u64| all.iter().any(|(q, _, _)| *q == p);
        assert!(has(key.print(PrintKind::Value, b"13812345678")));
        assert!(
            has(key.masked("138", 11, "5678"))
                && has(key.masked("13", 0, "78"))
                && has(key.masked("", 0, "5678"))
        );
        let md5 = hex(b"6fd15c3efdcbbba0ff9b52a87f0c0c43");
        assert!(md5.is_some());
        use sha2::Digest as _;
        assert!(has(
            key.print(PrintKind::Digest, &sm3::Sm3::digest(b"13812345678"))
        ));
        let prints: Vec<u64> = all.iter().map(|(p, _, _)| *p).collect();
        let mut distinct = prints.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(prints.len(), distinct.len());
        assert!(
            lookup_prints(&key, "jane@example.org")
                .iter()
                .any(|(p, _, _)| *p == key.masked("j", 0, "@example.org"))
        );
        assert!(
            lookup_prints(&key, "张三")
                .iter()
                .any(|(p, _, _)| *p == key.masked("张", 2, ""))
        );
    }
}
