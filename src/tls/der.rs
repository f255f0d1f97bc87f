//! What is wanted of certificates and keys in DER (X.690, RFC 5280). In: bytes. Out: names, times, RSA numbers. Bounds: nothing is
//! followed deeper than the fields that are read; [`limits::CERT_NAME`] characters of a name.

use crate::limits;

/// What a certificate says of itself; nothing of it is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Subject, as `CN=..., O=...` in the order of the certificate.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// End of its validity, as `YYYY-MM-DDTHH:MM:SSZ`.
    pub not_after: Option<String>,
    /// Modulus of an RSA key, without leading zeros.
    pub modulus: Option<Vec<u8>>,
}

/// A reader of values one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// The next value: tag and content.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (len, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            let n = usize::from(first & 0x7f);
            if n == 0 || n > 4 {
                return None;
            }
            let (digits, rest) = rest.split_at_checked(n)?;
            let len = digits.iter().fold(0usize, |v, d| v << 8 | usize::from(*d));
            (len, rest)
        };
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((*tag, content))
    }

    /// The next value where it has this tag.
    pub(super) fn want(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(t, _)| *t == tag).map(|(_, c)| c)
    }

    /// An unsigned number without leading zeros.
    pub(super) fn number(&mut self) -> Option<&'a [u8]> {
        let n = self.want(0x02)?;
        let zeros = n.iter().take_while(|b| **b == 0).count();
        n.get(zeros..)
    }
}

/// Reads a certificate.
#[must_use]
pub fn certificate(bytes: &[u8]) -> Option<Certificate> {
    let mut outer = Der(Der(bytes).want(0x30)?);
    let mut tbs = Der(outer.want(0x30)?);
    let (mut tag, _) = tbs.next()?;
    if tag == 0xa0 {
        tag = tbs.next()?.0; // the serial number after the version
    }
    if tag != 0x02 {
        return None;
    }
    tbs.want(0x30)?; // signature algorithm
    let issuer = name(tbs.want(0x30)?);
    let mut validity = Der(tbs.want(0x30)?);
    validity.next()?;
    let not_after = validity.next().and_then(|(tag, t)| time(tag, t));
    let subject = name(tbs.want(0x30)?);
    let modulus = tbs.want(0x30).and_then(public_modulus);
    Some(Certificate {
        subject,
        issuer,
        not_after,
        modulus,
    })
}

/// Modulus in a SubjectPublicKeyInfo with rsaEncryption.
fn public_modulus(info: &[u8]) -> Option<Vec<u8>> {
    let mut info = Der(info);
    let mut algorithm = Der(info.want(0x30)?);
    if algorithm.want(0x06)? != [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1] {
        return None;
    }
    let bits = info.want(0x03)?.strip_prefix(&[0])?;
    Der(Der(bits).want(0x30)?).number().map(<[u8]>::to_vec)
}

/// Attribute types by their object identifiers.
const TYPES: [(&[u8], &str); 9] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "street"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 5], "serialNumber"),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1],
        "emailAddress",
    ),
];

fn name(content: &[u8]) -> String {
    let mut out = String::new();
    let mut sets = Der(content);
    while let Some(set) = sets.want(0x31) {
        let mut set = Der(set);
        while let Some(pair) = set.want(0x30) {
            let mut pair = Der(pair);
            let (Some(oid), Some((tag, value))) = (pair.want(0x06), pair.next()) else {
                continue;
            };
            if out.len() > limits::CERT_NAME {
                return out;
            }
            if !out.is_empty() {
                out.push_str(", ");
            }
            match TYPES.iter().find(|(o, _)| *o == oid) {
                Some((_, t)) => out.push_str(t),
                None => out.push_str(&dotted(oid)),
            }
            out.push('=');
            let value = match tag {
                // two bytes a character
                0x1e => char::decode_utf16(value.chunks_exact(2).map(|c| {
                    u16::from(*c.first().unwrap_or(&0)) << 8 | u16::from(*c.last().unwrap_or(&0))
                }))
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect(),
                0x0c | 0x13 | 0x16 | 0x1a => String::from_utf8_lossy(value).into_owned(),
                _ => value.iter().map(|b| *b as char).collect(), // Latin-1, as teletex strings are used
            };
            out.extend(value.chars().take(limits::CERT_NAME));
        }
    }
    out
}

fn dotted(oid: &[u8]) -> String {
    let (mut out, mut n, mut first) = (String::new(), 0u64, true);
    for b in oid.iter().take(32) {
        n = n.wrapping_mul(128) | u64::from(b & 0x7f);
        if b & 0x80 == 0 {
            if std::mem::take(&mut first) {
                let top = (n / 40).min(2);
                out = format!("{top}.{}", n - top * 40);
            } else {
                out.push_str(&format!(".{n}"));
            }
            n = 0;
        }
    }
    out
}

/// UTCTime or GeneralizedTime in the forms that RFC 5280 section 4.1.2.5 allows.
fn time(tag: u8, t: &[u8]) -> Option<String> {
    let t = std::str::from_utf8(t).ok()?.strip_suffix('Z')?;
    if !t.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let full = match (tag, t.len()) {
        (0x17, 12) if *t >= *"50" => format!("19{t}"),
        (0x17, 12) => format!("20{t}"),
        (0x18, 14) => t.to_owned(),
        _ => return None,
    };
    let part = |a: usize, b: usize| full.get(a..b);
    Some(format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_lie_give_nothing() {
        for bad in [
            &[0x30][..],
            &[0x30, 0x80, 1],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x85, 0, 0, 0, 0, 1],
            &[0x30, 5, 1],
        ] {
            assert!(Der(bad).next().is_none(), "{bad:x?}");
            assert_eq!(certificate(bad), None);
        }
        assert_eq!(
            time(0x17, b"491231235959Z").as_deref(),
            Some("2049-12-31T23:59:59Z")
        );
        assert_eq!(
            time(0x17, b"500101000000Z").as_deref(),
            Some("1950-01-01T00:00:00Z")
        );
        assert_eq!(
            time(0x18, b"20500101000000Z").as_deref(),
            Some("2050-01-01T00:00:00Z")
        );
        assert_eq!(time(0x18, "2050010100000\u{e9}Z".as_bytes()), None);
        assert_eq!(
            dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]),
            "1.2.840.113549"
        );
    }
}
