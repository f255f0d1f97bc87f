//! Numbers and codes: identity, card, telephone, credit code, IBAN. In: a value of digits, or of letters and digits. Out: a hit, or which checks
//! refused it. Bounds: constant; at most 20 digits.

use super::{Hit, Judge};
use crate::body::json::chars;
use crate::detect::kind::Kind;
use crate::detect::rules::KeyCtx;
use crate::detect::valid::{card, china, intl};

impl Judge {
    /// Digits, with separators, `+`, or a final X.
    pub(super) fn number(
        &mut self,
        v: &[u8],
        bits: u16,
        ctx: &KeyCtx,
        miss: &mut u64,
    ) -> Option<Hit> {
        let mut buf = [0u8; 20];
        let mut n = 0;
        for b in v {
            if b.is_ascii_digit() {
                *buf.get_mut(n)? = *b;
                n += 1;
            }
        }
        let d = buf.get(..n)?;
        let plain = bits == chars::DIGIT;
        let tidy = plain || grouped(v);
        let against = ctx.numbering;
        if ctx.last && n == 4 && v.len() == 4 {
            return self.last_four(v, ctx);
        }
        if n < 8 {
            return None;
        }
        if bits & chars::DOT != 0 {
            return (n == 10 && !against).then(|| self.phone(v, ctx)).flatten();
        }
        if v.len() == 18 && n >= 17 {
            if china::id18(v) {
                let conf = if ctx.names(Kind::CnId) {
                    99
                } else if against || ctx.coded && !ctx.lone {
                    // an eleventh of the numbers that begin with a region and a day pass
                    40
                } else {
                    92
                };
                return self.hit(Kind::CnId, conf, v);
            }
            *miss |= Kind::CnId.bit();
        }
        if n == 11 || n == 13 && d.starts_with(b"86") || n == 15 && d.starts_with(b"0086") {
            let bare = d.get(n - 11..)?;
            if china::mobile(bare) && (plain || mobile_groups(v)) {
                let conf = match (ctx.names(Kind::Mobile), against) {
                    (true, _) => 98,
                    (_, true) => 8,
                    _ if v.starts_with(b"+86") => 93,
                    _ if n > 11 => 55,
                    _ if ctx.coded => 12,
                    _ if !plain => 80,
                    _ => 64,
                };
                return self.hit(Kind::Mobile, conf, v);
            }
            if n == 11 && plain {
                *miss |= Kind::Mobile.bit();
            }
        }
        if (13..=19).contains(&n) && (plain || tidy) && !v.starts_with(b"+") {
            if card::card(d) {
                let conf = match (ctx.names(Kind::Card), against) {
                    (true, _) => 98,
                    (_, true) => 12,
                    _ if !plain => 88,
                    _ if ctx.coded => 12,
                    _ if d.starts_with(b"62") && n >= 16 => 80,
                    _ if n == 16 => 74,
                    _ => 55,
                };
                return self.hit(Kind::Card, conf, d);
            }
            if ctx.names(Kind::Card) && !against && card::card_named(d) {
                return self.hit(Kind::Card, 86, d);
            }
            *miss |= Kind::Card.bit();
        }
        if n == 18 && plain && !china::uscc(d) {
            *miss |= Kind::Uscc.bit();
        } else if n == 18 && plain {
            let conf = if ctx.names(Kind::Uscc) {
                98
            } else if against {
                15
            } else if china::organisation(d) {
                75
            } else {
                // digits alone without the inner check: a column of them would still be one
                40
            };
            return self.hit(Kind::Uscc, conf, v);
        }
        if n == 15 && plain && ctx.names(Kind::CnId) && china::id15(d) {
            return self.hit(Kind::CnId, 93, v);
        }
        if n == 9 {
            let dashed = v.len() == 11 && v.get(3) == Some(&b'-') && v.get(6) == Some(&b'-');
            let named = ctx.names(Kind::Ssn);
            if intl::ssn(d) && (dashed && !against && !ctx.coded || named) {
                return self.hit(Kind::Ssn, if named { 96 } else { 66 }, v);
            }
            if dashed || named {
                *miss |= Kind::Ssn.bit();
            }
        }
        if !plain && !against && self.on(Kind::Phone) {
            return self.phone(v, ctx);
        }
        None
    }

    /// Telephone numbers other than Chinese mobile ones, which come first.
    pub(super) fn phone(&mut self, v: &[u8], ctx: &KeyCtx) -> Option<Hit> {
        let mut buf = [0u8; 16];
        let mut n = 0;
        for b in v {
            match b {
                b'0'..=b'9' => {
                    *buf.get_mut(n)? = *b;
                    n += 1;
                }
                b',' | b';' | b'#' => break,
                _ => {}
            }
        }
        let d = buf.get(..n)?;
        let named = ctx.names(Kind::Phone);
        let bare = d
            .strip_prefix(b"0086")
            .or(d.strip_prefix(b"86"))
            .unwrap_or(d);
        if china::mobile(bare) && (named || ctx.names(Kind::Mobile)) && mobile_groups(v) {
            return self.hit(Kind::Mobile, 98, bare);
        }
        let plus = v.starts_with(b"+");
        let dashes = v.iter().filter(|b| **b == b'-').count();
        let first = d.first().copied()?;
        let nanp = |d: &[u8]| {
            d.len() == 10
                && matches!(d.first(), Some(b'2'..=b'9'))
                && matches!(d.get(3), Some(b'2'..=b'9'))
        };
        let shape = |v: &[u8], want: &[u8]| {
            v.len() == want.len()
                && v.iter().zip(want).all(|(b, w)| {
                    if *w == b'd' {
                        b.is_ascii_digit()
                    } else {
                        b == w
                    }
                })
        };
        let conf = if plus && intl::e164(d) {
            if named { 97 } else { 74 }
        } else if plus {
            if named && n >= 8 { 75 } else { 0 }
        } else if first == b'0' && (10..=12).contains(&n) {
            match (
                named,
                dashes == 1 && matches!(v.iter().position(|b| *b == b'-'), Some(3 | 4)),
            ) {
                (true, _) => 94,
                (false, true) => 66,
                _ => 0,
            }
        } else if nanp(d) || n == 11 && first == b'1' && nanp(d.get(1..)?) {
            let us = !ctx.coded
                && (shape(v, b"(ddd) ddd-dddd")
                    || shape(v, b"ddd-ddd-dddd")
                    || shape(v, b"ddd.ddd.dddd"));
            match (named, us) {
                (true, _) => 90,
                (false, true) => 62,
                _ => 0,
            }
        } else if named && (d.starts_with(b"400") || d.starts_with(b"800")) && n == 10 {
            70
        } else if named && (7..=8).contains(&n) {
            65
        } else if named && (9..=15).contains(&n) && (first != b'1' || v.starts_with(b"(")) {
            60
        } else {
            0
        };
        if conf == 0 || ctx.numbering || ctx.coded && !plus && !named {
            return None;
        }
        self.hit(Kind::Phone, conf, d)
    }

    fn last_four(&mut self, v: &[u8], ctx: &KeyCtx) -> Option<Hit> {
        let kind = [Kind::Card, Kind::Mobile, Kind::CnId, Kind::Ssn]
            .into_iter()
            .find(|k| ctx.names(*k))?;
        let text = std::str::from_utf8(v).ok()?;
        self.on(kind).then(|| Hit {
            class: kind as u8,
            conf: 88,
            masked: true,
            last: true,
            print: self.key.masked("", 0, text),
        })
    }

    /// Letters and digits: credit code, IBAN, passport.
    pub(super) fn code(
        &mut self,
        v: &[u8],
        bits: u16,
        ctx: &KeyCtx,
        miss: &mut u64,
    ) -> Option<Hit> {
        let n = v.len();
        if n == 18 && bits & (chars::SPACE | chars::DASH) == 0 {
            let upper;
            let d = if bits & chars::LOWER != 0 && ctx.names(Kind::Uscc) {
                upper = v.to_ascii_uppercase();
                upper.as_slice()
            } else {
                v
            };
            if china::uscc(d) {
                let conf = if ctx.names(Kind::Uscc) { 99 } else { 92 };
                return self.hit(Kind::Uscc, conf, v);
            }
            if bits & chars::LOWER == 0 {
                *miss |= Kind::Uscc.bit();
            }
        }
        let country = matches!(v, [a, b, c, d, ..] if a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit());
        if country && (15..=42).contains(&n) && bits & (chars::LOWER | chars::DASH) == 0 {
            let tight;
            let d = if bits & chars::SPACE != 0 {
                tight = v
                    .iter()
                    .copied()
                    .filter(|b| *b != b' ')
                    .collect::<Vec<u8>>();
                tight.as_slice()
            } else {
                v
            };
            if intl::iban(d) {
                return self.hit(Kind::Iban, if ctx.names(Kind::Iban) { 99 } else { 94 }, v);
            }
            *miss |= Kind::Iban.bit();
        }
        None
    }
}

/// Digits in groups of two to eight between single blanks or dashes: how people write numbers, unlike `1 - 2`.
fn grouped(v: &[u8]) -> bool {
    let v = v.strip_prefix(b"+").unwrap_or(v);
    v.split(|b| !b.is_ascii_digit())
        .all(|g| (2..=11).contains(&g.len()))
}

/// Whether a Chinese mobile number is written as one: together, or 3-4-4, 3-8, 7-4, behind an optional 86 (a North American number has
/// eleven digits with its country code, too).
fn mobile_groups(v: &[u8]) -> bool {
    let mut sizes = [0usize; 4];
    let mut n = 0;
    for g in v.split(|b| !b.is_ascii_digit()).filter(|g| !g.is_empty()) {
        if n == 0 && matches!(g, b"86" | b"0086") {
            continue;
        }
        let Some(slot) = sizes.get_mut(n) else {
            return false;
        };
        *slot = g.len();
        n += 1;
    }
    match sizes {
        [11, 0, 0, 0] => !v.starts_with(b"+1"),
        [13 | 15, 0, 0, 0] | [3, 4, 4, 0] | [3, 8, 0, 0] | [7, 4, 0, 0] => true,
        _ => false,
    }
}
