//! What one value is: the judge of a whole value under its key. In: bytes, the bits of their characters, what the key says. Out: at most one
//! class with a belief and a print, and the classes whose check refused it. Bounds: linear in the value; no allocation for what is not found.
//!
//! Where a value fits two classes, the first of this order wins: what the key names as a secret, birth date or position; resident ID;
//! mobile; bank card; credit code; social security number; telephone; IBAN; passport; tokens; e-mail; plate; name; address; a user's classes.

use super::kind::Kind;
use super::mask;
use super::normal;
use super::print::{PrintKey, PrintKind};
use super::rules::{Check, KeyCtx, Rules};
use super::valid::{card, china, date, intl, person, secret};
use crate::body::json::chars;
use crate::call::model::Print;
use std::sync::Arc;

/// A value that is of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub class: u8,
    pub conf: u8,
    pub masked: bool,
    /// Only the last four characters stand there.
    pub last: bool,
    pub print: Print,
}

/// Answer for one value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Verdict {
    pub hit: Option<Hit>,
    /// Classes whose shape it has and whose check refused it, by bit.
    pub miss: u64,
}

/// Judges values; keeps a scratch buffer.
pub(crate) struct Judge {
    pub rules: Arc<Rules>,
    pub key: PrintKey,
    scratch: Vec<u8>,
}

const NUMBER: u16 = chars::DIGIT | chars::SPACE | chars::DASH | chars::PLUS | chars::DOT;
const ALNUM: u16 = chars::DIGIT | chars::LOWER | chars::UPPER;
/// Classes whose values are told by their key alone, so that any value under it is looked at.
const KEYED: u64 = (1 << Kind::Password as u8)
    | (1 << Kind::ApiKey as u8)
    | (1 << Kind::CloudKey as u8)
    | (1 << Kind::Session as u8)
    | (1 << Kind::Name as u8)
    | (1 << Kind::Address as u8)
    | (1 << Kind::Birth as u8)
    | (1 << Kind::Gps as u8)
    | (1 << Kind::Passport as u8)
    | (1 << Kind::Phone as u8);

impl Judge {
    pub fn new(rules: Arc<Rules>, key: PrintKey) -> Judge {
        Judge {
            rules,
            key,
            scratch: Vec::with_capacity(256),
        }
    }

    fn on(&self, kind: Kind) -> bool {
        self.rules.enabled & kind.bit() != 0
    }

    fn hit(&mut self, kind: Kind, conf: u8, v: &[u8]) -> Option<Hit> {
        if !self.on(kind) {
            return None;
        }
        normal::into(Some(kind), v, &mut self.scratch);
        Some(Hit {
            class: kind as u8,
            conf,
            masked: false,
            last: false,
            print: self.key.print(PrintKind::Value, &self.scratch),
        })
    }

    /// Judges a whole value without blanks around it. `bits` are [`chars::all`] of it.
    #[inline]
    pub fn whole(&mut self, v: &[u8], bits: u16, ctx: &KeyCtx) -> Verdict {
        // Most values of most bodies are words, small numbers and times: they leave here.
        let strange = chars::DIGIT | chars::HIGH | chars::AT | chars::MASK;
        if ctx.pos == 0
            && self.rules.custom == 0
            && (bits & strange == 0 || v.len() < 5)
            && !ctx.last
        {
            if bits & chars::DASH != 0
                && v.len() > 40
                && self.on(Kind::PrivateKey)
                && secret::private_key(v)
            {
                return Verdict {
                    hit: self.hit(Kind::PrivateKey, 99, v),
                    miss: 0,
                };
            }
            return Verdict::default();
        }
        self.look(v, bits, ctx)
    }

    fn look(&mut self, v: &[u8], bits: u16, ctx: &KeyCtx) -> Verdict {
        let mut out = Verdict::default();
        let n = v.len();
        if n == 0 || n > 8192 && ctx.pos & KEYED == 0 && !v.starts_with(b"-----BEGIN") {
            return out;
        }
        let x_run = bits & (chars::UPPER | chars::LOWER) != 0
            && bits & chars::DIGIT != 0
            && n <= 24
            && has_x_run(v);
        if (bits & (chars::MASK | chars::HIGH) != 0 || x_run || v.ends_with(b"..."))
            && let Some(hit) = self.masked(v, bits, ctx, x_run)
        {
            out.hit = Some(hit);
            return out;
        }
        if ctx.pos & KEYED != 0 {
            out.hit = self.keyed(v, bits, ctx);
            if out.hit.is_some() {
                return out;
            }
        }
        if bits & chars::DIGIT != 0 {
            let id_x = n == 18 && matches!(v.last(), Some(b'x' | b'X'));
            if bits & !NUMBER == 0 || id_x {
                out.hit = self.number(v, bits, ctx, &mut out.miss);
            }
            if out.hit.is_none()
                && bits & !(ALNUM | chars::SPACE | chars::DASH) == 0
                && bits & (chars::UPPER | chars::LOWER) != 0
            {
                out.hit = self.code(v, bits, ctx, &mut out.miss);
            }
        }
        if out.hit.is_none()
            && bits & chars::AT != 0
            && bits & (chars::SPACE | chars::QUOTE | chars::BACKSLASH) == 0
            && intl::email(v)
        {
            out.hit = self.hit(Kind::Email, if ctx.names(Kind::Email) { 98 } else { 93 }, v);
        }
        if out.hit.is_none()
            && bits & chars::HIGH == 0
            && bits & (chars::LOWER | chars::UPPER) != 0
            && n >= 16
        {
            out.hit = self.token(v, ctx);
        }
        if out.hit.is_none() && bits & chars::HIGH != 0 && n <= 400 {
            out.hit = self.chinese(v, ctx);
        }
        if out.hit.is_none() && ctx.names(Kind::Name) && bits & chars::DIGIT == 0 {
            out.miss |= Kind::Name.bit() & self.rules.enabled;
        }
        if out.hit.is_none() && self.rules.custom | self.rules.keyed != 0 {
            out.hit = self.custom(v, ctx, &mut out.miss);
        }
        out
    }

    /// Classes that the key decides.
    fn keyed(&mut self, v: &[u8], bits: u16, ctx: &KeyCtx) -> Option<Hit> {
        // Telephone keys are the most frequent of these and their values no text.
        if ctx.names(Kind::Phone)
            && bits & chars::DIGIT != 0
            && bits & !(NUMBER | chars::OTHER) == 0
            && ctx.pos & KEYED == Kind::Phone.bit()
        {
            return self.phone(v, ctx);
        }
        let text = std::str::from_utf8(v).ok()?;
        if ctx.names(Kind::Password) && secret::password(text) {
            return self.hit(Kind::Password, 93, v);
        }
        if ctx.names(Kind::Birth)
            && let Some(d) = date::digits(v)
            && date::birth(&d)
        {
            return self.hit(Kind::Birth, 96, v);
        }
        if ctx.names(Kind::Gps)
            && bits & chars::DIGIT != 0
            && bits & chars::DOT != 0
            && position(text)
        {
            return self.hit(Kind::Gps, 92, v);
        }
        if ctx.names(Kind::Passport) && v.len() == 9 && china::passport(&v.to_ascii_uppercase()) {
            return self.hit(Kind::Passport, 95, v);
        }
        if ctx.names(Kind::Phone)
            && bits & chars::DIGIT != 0
            && bits & !(NUMBER | chars::OTHER) == 0
        {
            // extensions: 010-12345678,123
            return self.phone(v, ctx);
        }
        if bits & (chars::HIGH | chars::SPACE) == 0 || v.starts_with(b"Bearer ") {
            let bare = v.strip_prefix(b"Bearer ").unwrap_or(v);
            if secret::jwt(bare) {
                return self.hit(Kind::Jwt, 99, bare);
            }
            if secret::cloud_key(bare) {
                return self.hit(Kind::CloudKey, 98, bare);
            }
            if ctx.names(Kind::CloudKey) && secret::opaque(bare, 20) {
                return self.hit(Kind::CloudKey, 92, bare);
            }
            if ctx.names(Kind::ApiKey) && secret::opaque(bare, 16) {
                return self.hit(Kind::ApiKey, 95, bare);
            }
            if ctx.names(Kind::Session)
                && secret::opaque(bare, 16)
                && !card::card(bare)
                && !china::id18(bare)
            {
                return self.hit(Kind::Session, 93, bare);
            }
        }
        if ctx.names(Kind::Name)
            && let Some(conf) = name_belief(text, bits, ctx)
        {
            return self.hit(Kind::Name, conf, v);
        }
        if ctx.names(Kind::Address)
            && let Some(conf) = person::address_named(text)
        {
            return self.hit(Kind::Address, conf, v);
        }
        None
    }

    /// Digits, with separators, `+`, or a final X.
    fn number(&mut self, v: &[u8], bits: u16, ctx: &KeyCtx, miss: &mut u64) -> Option<Hit> {
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
            return None;
        }
        if v.len() == 18 && n >= 17 {
            if china::id18(v) {
                let conf = if ctx.names(Kind::CnId) {
                    99
                } else if against {
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
                    _ if !plain => 80,
                    _ if ctx.code => 42,
                    _ => 64,
                };
                return self.hit(Kind::Mobile, conf, v);
            }
            if n == 11 && plain {
                *miss |= Kind::Mobile.bit();
            }
        }
        if (13..=19).contains(&n) && (plain || tidy) {
            if card::card(d) {
                let conf = match (ctx.names(Kind::Card), against) {
                    (true, _) => 98,
                    (_, true) => 12,
                    _ if !plain => 88,
                    _ if d.starts_with(b"62") && n >= 16 => 80,
                    _ if n == 16 => 74,
                    _ => 55,
                };
                return self.hit(Kind::Card, conf, d);
            }
            *miss |= Kind::Card.bit();
        }
        if n == 18 && plain && china::uscc(d) {
            let conf = if ctx.names(Kind::Uscc) {
                98
            } else if against {
                15
            } else {
                75
            };
            return self.hit(Kind::Uscc, conf, v);
        }
        if n == 15 && plain && ctx.names(Kind::CnId) && china::id15(d) {
            return self.hit(Kind::CnId, 93, v);
        }
        if n == 9 {
            let dashed = v.len() == 11 && v.get(3) == Some(&b'-') && v.get(6) == Some(&b'-');
            let named = ctx.names(Kind::Ssn);
            if intl::ssn(d) && (dashed && !against || named) {
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
    fn phone(&mut self, v: &[u8], ctx: &KeyCtx) -> Option<Hit> {
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
            let us = shape(v, b"(ddd) ddd-dddd") || shape(v, b"ddd-ddd-dddd");
            match (named, us) {
                (true, _) => 90,
                (false, true) => 62,
                _ => 0,
            }
        } else if named && (d.starts_with(b"400") || d.starts_with(b"800")) && n == 10 {
            70
        } else if named && (7..=8).contains(&n) {
            65
        } else if named && (9..=15).contains(&n) && first != b'1' {
            60
        } else {
            0
        };
        if conf == 0 || ctx.numbering {
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
    fn code(&mut self, v: &[u8], bits: u16, ctx: &KeyCtx, miss: &mut u64) -> Option<Hit> {
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

    /// Tokens and keys that tell by their form.
    fn token(&mut self, v: &[u8], ctx: &KeyCtx) -> Option<Hit> {
        match v.first()? {
            b'e' if secret::jwt(v) => self.hit(Kind::Jwt, 99, v),
            b'A' | b'L' if secret::cloud_key(v) => self.hit(Kind::CloudKey, 97, v),
            b's' | b'r' | b'p' | b'g' | b'x' | b'S' | b'n' | b'd' | b'h' | b'a'
                if secret::service_key(v) =>
            {
                self.hit(Kind::ApiKey, 95, v)
            }
            b'-' if secret::private_key(v) => self.hit(Kind::PrivateKey, 99, v),
            b'B' if ctx.pos & KEYED == 0
                && v.starts_with(b"Bearer eyJ")
                && secret::jwt(v.get(7..)?) =>
            {
                self.hit(Kind::Jwt, 97, v.get(7..)?)
            }
            _ => None,
        }
    }

    /// Plates, and addresses that tell by themselves.
    fn chinese(&mut self, v: &[u8], ctx: &KeyCtx) -> Option<Hit> {
        let text = std::str::from_utf8(v).ok()?;
        if (8..=20).contains(&v.len()) && china::plate(text) {
            let conf = if ctx.names(Kind::Plate) { 98 } else { 90 };
            return self.hit(Kind::Plate, conf, v);
        }
        if v.len() >= 24 && self.on(Kind::Address) && ctx.veto & Kind::Address.bit() == 0 {
            let conf = person::address(text);
            if conf >= 60 {
                return self.hit(Kind::Address, conf, v);
            }
        }
        None
    }

    /// A user's classes.
    fn custom(&mut self, v: &[u8], ctx: &KeyCtx, miss: &mut u64) -> Option<Hit> {
        let rules = self.rules.clone();
        for (i, c) in rules.classes().iter().enumerate().skip(Kind::ALL.len()) {
            let class = u8::try_from(i).ok()?;
            let bit = 1u64 << (class & 63);
            let named = ctx.pos & bit != 0;
            if rules.enabled & bit == 0 || ctx.veto & bit != 0 || c.needs_key && !named {
                continue;
            }
            let shaped = match &c.regex {
                Some(re) => re.is_match(v),
                None => named,
            };
            if !shaped {
                continue;
            }
            let digits: Vec<u8> = v
                .iter()
                .filter(|b| b.is_ascii_alphanumeric())
                .map(u8::to_ascii_uppercase)
                .collect();
            let passes = match c.check {
                Check::Any => true,
                Check::Luhn => card::luhn(&digits),
                Check::Mod97 => intl::mod97(digits.iter().copied()) == Some(1),
                Check::Mod112 => {
                    digits.len() == 18 && china::id_check(&digits) == digits.last().copied()
                }
            };
            if !passes {
                *miss |= bit;
                continue;
            }
            normal::into(None, v, &mut self.scratch);
            return Some(Hit {
                class,
                conf: if named {
                    95
                } else if ctx.numbering {
                    15
                } else {
                    70
                },
                masked: false,
                last: false,
                print: self.key.print(PrintKind::Value, &self.scratch),
            });
        }
        None
    }

    /// A value of which part is hidden.
    fn masked(&mut self, v: &[u8], bits: u16, ctx: &KeyCtx, x_run: bool) -> Option<Hit> {
        if v.len() > 400 || bits & chars::CONTROL != 0 {
            return None;
        }
        // In Chinese text only where a cover stands.
        if bits & chars::MASK == 0 && !x_run && !v.ends_with(b"...") && !covers(v) {
            return None;
        }
        let text = std::str::from_utf8(v).ok()?;
        let m = mask::read(text)?;
        let (kind, conf) = self.masked_kind(text, bits, ctx, &m)?;
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
                && text.chars().all(|c| person::han(c) || !c.is_alphanumeric())
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
            let admin = text.chars().any(|c| {
                matches!(
                    c,
                    '省' | '市' | '区' | '县' | '路' | '街' | '号' | '镇' | '村'
                )
            });
            if m.hidden >= 2 && admin && (named(Kind::Address) || n >= 8) {
                return Some((Kind::Address, if named(Kind::Address) { 94 } else { 70 }));
            }
            return None;
        }
        if m.hidden < 2 && !(named(Kind::Name) && m.hidden == 1) {
            return None;
        }
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
                Kind::CnId | Kind::Card | Kind::Ssn => digits,
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
            if fits && !(kind == Kind::CnId && named(Kind::Passport) && !digits) {
                return Some((kind, if visible > 0 { 96 } else { 85 }));
            }
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
        if named(Kind::Name) && visible > 0 && m.len <= 30 && bits & chars::DIGIT == 0 {
            return Some((Kind::Name, if ctx.thing && ctx.bare { 30 } else { 88 }));
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

fn fits_issuer(prefix: &[u8], len: usize) -> bool {
    let mut d = [b'0'; 19];
    for (slot, b) in d.iter_mut().zip(prefix) {
        *slot = *b;
    }
    d.get(..len).is_some_and(card::issuer)
}

/// Belief that text under a name's key is a person's name; `None` where it is none.
fn name_belief(text: &str, bits: u16, ctx: &KeyCtx) -> Option<u8> {
    if bits & chars::DIGIT != 0 {
        return None;
    }
    if bits & chars::HIGH != 0 && person::chinese(text) {
        return Some(match (ctx.bare, ctx.thing, ctx.person) {
            (false, true, _) => 41,
            (false, false, _) => 95,
            (true, true, _) => 15,
            (true, false, true) => 93,
            _ => 66,
        });
    }
    if !person::latin(text) {
        // as embossed on a card
        return (!ctx.bare && !ctx.thing && person::capitals(text)).then_some(85);
    }
    let words = text.split(' ').filter(|w| !w.is_empty()).count();
    Some(match (ctx.bare, ctx.thing, ctx.person, words >= 2) {
        (_, true, _, _) => 8,
        (false, _, _, true) => 93,
        (false, _, _, false) => 80,
        (true, _, true, true) => 86,
        (true, _, true, false) => 45,
        (true, _, false, true) => 40,
        (true, _, false, false) => 12,
    })
}

/// A latitude or longitude with three decimals or more, or a pair of them.
fn position(text: &str) -> bool {
    let one = |s: &str, most: f64| {
        let decimals = s.split_once('.').map_or(0, |(_, d)| d.len());
        s.len() <= 24
            && decimals >= 3
            && s.parse::<f64>().is_ok_and(|n| n.abs() <= most && n != 0.0)
    };
    match text.split_once([',', ' ', ';']) {
        Some((a, b)) => one(a.trim(), 180.0) && one(b.trim(), 180.0),
        None => one(text.trim(), 180.0),
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

fn has_x_run(v: &[u8]) -> bool {
    v.windows(3).any(|w| w == b"xxx" || w == b"XXX")
}

/// Whether a character of [`mask::read`] beyond ASCII stands in the value. Their first bytes are none of an ideograph's.
fn covers(v: &[u8]) -> bool {
    memchr::memchr3(0xe2, 0xef, 0xc2, v).is_some()
        && ["＊", "•", "●", "∗", "■", "█", "○", "···", "…"]
            .iter()
            .any(|c| memchr::memmem::find(v, c.as_bytes()).is_some())
}
