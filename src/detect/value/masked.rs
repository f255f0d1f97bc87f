//! Values of which part is hidden. In: a value with mask characters. Out: the class that its visible part and its key tell.
//! Bounds: values of at most 400 bytes.

use super::{Hit, Judge};
use crate::body::json::chars;
use crate::detect::kind::Kind;
use crate::detect::mask;
use crate::detect::rules::KeyCtx;
use crate::detect::valid::{card, china, person};

impl Judge {
    /// A value of which part is hidden.
    pub(super) fn masked(&mut self, v: &[u8], bits: u16, ctx: &KeyCtx, x_run: bool) -> Option<Hit> {
        if v.len() > 400 || bits & chars::CONTROL != 0 {
            return None;
        }
        // In Chinese text only where a cover stands.
        let veiled = v.len() <= 12 && ctx.names(Kind::Name) && veiled_name(v);
        let ending = ending(v, ctx);
        if bits & chars::MASK == 0
            && !x_run
            && !v.ends_with(b"...")
            && !veiled
            && ending.is_none()
            && !covers(v)
        {
            return None;
        }
        let text = std::str::from_utf8(v).ok()?;
        let (m, (kind, conf)) = match ending {
            Some((kind, suffix)) => (suffix, (kind, 96)),
            None => {
                let m = mask::read(text)?;
                let kind = self.masked_kind(text, bits, ctx, &m)?;
                (m, kind)
            }
        };
        if !self.on(kind) {
            return None;
        }
        let (mut prefix, mut len) = (m.prefix.as_str(), m.len);
        if kind == Kind::Mobile
            && let Some(rest) = prefix.strip_prefix("86").filter(|_| len == 13)
        {
            prefix = rest;
            len = 11;
        }
        let true_length = match kind {
            Kind::Mobile => len == 11,
            Kind::CnId => len == 18 || len == 15,
            Kind::Card => (14..=19).contains(&len),
            Kind::Email => false,
            Kind::Passport => len == 9,
            Kind::Ssn => len == 9 || len == 11,
            Kind::Uscc => len == 18,
            _ => true,
        };
        let len = if true_length { len } else { 0 };
        let print = match kind {
            Kind::Email | Kind::Name => {
                self.key
                    .masked(&prefix.to_lowercase(), len, &m.suffix.to_lowercase())
            }
            _ => self.key.masked(prefix, len, &m.suffix),
        };
        Some(Hit {
            class: kind as u8,
            conf,
            masked: true,
            last: false,
            print,
        })
    }

    fn masked_kind(
        &self,
        text: &str,
        bits: u16,
        ctx: &KeyCtx,
        m: &mask::Masked,
    ) -> Option<(Kind, u8)> {
        let visible = m.prefix.chars().count() + m.suffix.chars().count();
        let named = |k: Kind| ctx.names(k);
        if text.contains('@') {
            let (_, domain) = text.split_once('@')?;
            let ok = m.hidden >= 2
                && domain.len() >= 3
                // a sentence in Chinese has no blanks either
                && text.chars().all(|c| c.is_ascii() || mask::cover(c) || c == '…')
                && (domain.contains('.') || domain.contains('*'))
                && !text.contains(' ');
            return ok.then_some((Kind::Email, if named(Kind::Email) { 97 } else { 85 }));
        }
        let digits = m
            .prefix
            .bytes()
            .chain(m.suffix.bytes())
            .all(|b| b.is_ascii_digit() || matches!(b, b'X' | b'x'))
            && m.middle == 0;
        let han = text.chars().any(person::han);
        if han {
            let n = m.len;
            let short = n <= 5
                && text
                    .chars()
                    .all(|c| person::han(c) || !c.is_alphanumeric() || matches!(c, 'X' | 'x'))
                && (1..=3).contains(&visible);
            if short
                && (named(Kind::Name)
                    || ctx.pos == 0
                        && !ctx.thing
                        && m.prefix.chars().next().is_some_and(person::surname))
            {
                let conf = match (named(Kind::Name), ctx.bare, ctx.thing) {
                    (true, true, true) => 45,
                    (true, _, _) => 95,
                    _ => 52,
                };
                return Some((Kind::Name, conf));
            }
            let first: String = text.chars().take(1).collect();
            if china::PLATE_PLACES.contains(&first)
                && (7..=9).contains(&n)
                && bits & chars::UPPER != 0
            {
                return Some((Kind::Plate, if named(Kind::Plate) { 96 } else { 75 }));
            }
            let place =
                |c: char| matches!(c, '省' | '市' | '区' | '县' | '路' | '街' | '镇' | '村');
            // every number of something is a 号
            let told = match named(Kind::Address) {
                true => text.contains(|c: char| place(c) || c == '号'),
                false => n >= 8 && text.contains(place) && !sentence(text),
            };
            if m.hidden >= 2 && told {
                return Some((Kind::Address, if named(Kind::Address) { 94 } else { 70 }));
            }
            return None;
        }
        // one sign that stands for more, or one digit hidden among many, under a key that says what it is
        let one =
            ctx.pos != 0 && (text.contains('…') || m.prefix.len() >= 2 && m.suffix.len() >= 2);
        if m.hidden < 2 && !(m.hidden == 1 && (named(Kind::Name) || one)) {
            return None;
        }
        let foreign = ctx.pos & super::NATIONAL;
        // The key says which; the visible part must not contradict it.
        for kind in [
            Kind::CnId,
            Kind::Card,
            Kind::Mobile,
            Kind::Phone,
            Kind::Ssn,
            Kind::Passport,
            Kind::Iban,
            Kind::Uscc,
            Kind::Plate,
        ] {
            if !named(kind) {
                continue;
            }
            let fits = match kind {
                // a part from within is shown: the length must be the true one
                Kind::CnId | Kind::Card | Kind::Mobile if m.middle > 0 => {
                    inner_digits(text)
                        && match kind {
                            Kind::CnId => matches!(m.len, 15 | 18),
                            Kind::Card => (14..=19).contains(&m.len),
                            _ => m.len == 11,
                        }
                }
                // a card of a hospital or an insurer has its own length
                Kind::Card | Kind::Ssn if named(Kind::CnMedical) => false,
                Kind::Card => digits && (foreign == 0 || (12..=19).contains(&m.len)),
                Kind::CnId | Kind::Ssn => digits,
                Kind::Mobile => {
                    digits
                        && (m.prefix.is_empty()
                            || m.prefix.starts_with('1')
                            || m.prefix.starts_with("86"))
                }
                Kind::Phone => digits,
                Kind::Passport => m.len <= 10 && !digits,
                _ => !text.contains(' ') || kind == Kind::Iban,
            };
            // `cert no` names both: the visible part decides.
            let passport =
                named(Kind::Passport) && !digits || named(Kind::ForeignPassport) && m.len <= 10;
            if fits && !(kind == Kind::CnId && passport) {
                return Some((kind, if visible > 0 { 96 } else { 85 }));
            }
        }
        if foreign != 0 && visible + m.middle > 0 && m.len <= 44 && (m.middle <= 2 || m.hidden >= 3)
        {
            let kind = u8::try_from(foreign.trailing_zeros())
                .ok()
                .and_then(Kind::by_class)?;
            return Some((kind, 90));
        }
        if named(Kind::Password) && visible == 0 {
            return Some((Kind::Password, 75));
        }
        if named(Kind::Birth) && (digits || bits & chars::DASH != 0) {
            return Some((Kind::Birth, 85));
        }
        for kind in [Kind::ApiKey, Kind::CloudKey, Kind::Session] {
            if named(kind) && m.hidden >= 3 && !text.contains(' ') && m.middle == 0 {
                return Some((kind, 85));
            }
        }
        if named(Kind::Name)
            && !named(Kind::Address)
            && visible > 0
            && m.len <= 30
            && bits & chars::DIGIT == 0
        {
            return Some((Kind::Name, if ctx.thing && ctx.bare { 30 } else { 88 }));
        }
        // not one of a network, nor a number alone
        let words = text.chars().filter(|c| c.is_alphabetic()).count() >= 3
            || visible >= 3 && !text.contains(['.', ':']) && m.hidden >= 6;
        if named(Kind::Address) && m.hidden >= 3 && m.middle == 0 && visible >= 3 && words {
            return Some((Kind::Address, 85));
        }
        if ctx.numbering || !digits || visible < 4 {
            return None;
        }
        let p = m.prefix.as_bytes();
        match m.len {
            11 if p.first() == Some(&b'1') && matches!(p.get(1), Some(b'3'..=b'9')) => {
                Some((Kind::Mobile, 82))
            }
            18 if p.len() >= 2 && china::province(p.get(..2)?) && !p.starts_with(b"62") => {
                Some((Kind::CnId, 85))
            }
            18 if p.len() >= 6 && china::region(p.get(..6)?) => Some((Kind::CnId, 70)),
            15..=19 if p.len() >= 4 && (13..=19).any(|n| fits_issuer(p, n)) => {
                Some((Kind::Card, 80))
            }
            15..=19 if p.is_empty() && m.suffix.len() == 4 => Some((Kind::Card, 62)),
            _ => None,
        }
    }
}

/// Whether text goes on over a mark: what it holds is looked for in it.
fn sentence(text: &str) -> bool {
    text.contains(['，', '。', '：', '；', '！', '？', ':', ';', '='])
}

/// Whether all that a mask shows are digits, an X at the end included.
fn inner_digits(text: &str) -> bool {
    mask::chars(text).is_some_and(|kept| {
        kept.iter()
            .all(|(c, hidden)| *hidden || c.is_ascii_digit() || matches!(c, 'X' | 'x'))
    })
}

fn fits_issuer(prefix: &[u8], len: usize) -> bool {
    let mut d = [b'0'; 19];
    for (slot, b) in d.iter_mut().zip(prefix) {
        *slot = *b;
    }
    d.get(..len).is_some_and(card::issuer)
}

/// A number told by its end in words, `尾号1234`, under a key that names a number.
fn ending(v: &[u8], ctx: &KeyCtx) -> Option<(Kind, mask::Masked)> {
    if !(10..=40).contains(&v.len()) {
        return None;
    }
    let kind = [Kind::Card, Kind::Mobile, Kind::CnId]
        .into_iter()
        .find(|k| ctx.names(*k))?;
    let text = std::str::from_utf8(v).ok()?;
    let rest = ["尾号", "末四位", "后四位"]
        .iter()
        .find_map(|w| Some(text.split_once(w)?.1))?;
    let rest = rest
        .trim_start_matches(['为', '是', ':', '：', ' '])
        .trim_end_matches([')', '）', ' ']);
    let digits = rest.as_bytes();
    let end = (3..=6).contains(&digits.len())
        && digits
            .iter()
            .enumerate()
            .all(|(i, b)| b.is_ascii_digit() || i + 1 == digits.len() && matches!(b, b'X' | b'x'));
    end.then(|| {
        let suffix = mask::Masked {
            prefix: String::new(),
            suffix: rest.to_owned(),
            // how much stands before it is not told
            len: 0,
            hidden: 0,
            middle: 0,
        };
        (kind, suffix)
    })
}

/// Whether a character of [`mask::read`] beyond ASCII stands in the value. Their first bytes are none of an ideograph's.
fn covers(v: &[u8]) -> bool {
    memchr::memchr3(0xe2, 0xef, 0xc2, v).is_some()
        && [
            "＊", "•", "●", "∗", "■", "█", "○", "···", "…", "⋆", "★", "☆", "✱", "▪", "◼", "＃",
            "▇", "⁎", "﹡",
        ]
        .iter()
        .any(|c| memchr::memmem::find(v, c.as_bytes()).is_some())
}

/// A Chinese name of which only the surname is told.
fn veiled_name(v: &[u8]) -> bool {
    memchr::memmem::find(v, "某".as_bytes()).is_some_and(|at| at >= 3)
        || matches!(v.last(), Some(b'X' | b'x'))
}
