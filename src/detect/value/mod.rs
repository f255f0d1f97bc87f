//! What one value is: the judge of a whole value under its key. In: bytes, the bits of their characters, what the key says. Out: at most one
//! class with a belief and a print, and the classes whose check refused it. Bounds: linear in the value; no allocation for what is not found.
//!
//! Where a value fits two classes, the first of this order wins: what the key names as a secret, birth date or position; resident ID;
//! mobile; bank card; credit code; social security number; telephone; IBAN; passport; tokens; e-mail; plate; name; address; a user's classes.

mod foreign;
mod masked;
mod number;

use super::kind::Kind;
use super::normal;
use super::print::{PrintKey, PrintKind};
use super::rules::{Check, KeyCtx, Rules};
use super::valid::{card, china, date, intl, letters, person, secret};
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

/// Numbers of other countries, documents and banks.
const NATIONAL: u64 = u64::MAX << Kind::FIRST_NATIONAL & u64::MAX >> (63 - (Kind::ALL.len() - 1));

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
            // keys of letters alone are rare, but they are
            if v.len() >= 20 && secret::begins_like_key(v) {
                return Verdict {
                    hit: self.token(v, ctx),
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
        let x_run = bits & chars::DIGIT != 0
            && (bits & (chars::UPPER | chars::LOWER) != 0 && n <= 48 || ctx.pos != 0 && n <= 24)
            && (n <= 24 || ctx.pos != 0)
            && has_run(v, bits, ctx.pos != 0);
        if (bits & (chars::MASK | chars::HIGH) != 0 || x_run || v.ends_with(b"..."))
            && let Some(hit) = self.masked(v, bits, ctx, x_run)
        {
            out.hit = Some(hit);
            return out;
        }
        // who named a key in rules of his own knows what it holds
        if ctx.names_users() {
            out.hit = self.custom(v, ctx, &mut out.miss);
            if out.hit.is_some() {
                return out;
            }
        }
        if ctx.pos & KEYED != 0 {
            out.hit = self.keyed(v, bits, ctx);
            if out.hit.is_some() {
                return out;
            }
        }
        if ctx.pos & NATIONAL != 0 && bits & chars::DIGIT | bits & chars::UPPER != 0 {
            out.hit = self.named(v, ctx, &mut out.miss);
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
            if out.hit.is_none() && matches!(n, 13 | 14) && v.starts_with(b"(") && !ctx.numbering {
                out.hit = self.phone(v, ctx);
            }
            if out.hit.is_none() {
                out.hit = self.alone(v, bits, ctx, &mut out.miss);
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
        if out.hit.is_none() && !ctx.names_users() && self.rules.custom | self.rules.keyed != 0 {
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
        // `secret` alone is a person's; what says of which program it is (`clientSecret`) is that program's
        let program = ctx.names(Kind::ApiKey) || ctx.names(Kind::CloudKey);
        if ctx.names(Kind::Password) && !program && secret::password(text) {
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
        if ctx.names(Kind::Phone)
            && bits & chars::DIGIT != 0
            && bits & chars::LOWER != 0
            && let Some(front) = extended(v)
        {
            return self.phone(front, ctx);
        }
        if bits & (chars::HIGH | chars::SPACE) == 0 || v.starts_with(b"Bearer ") {
            let bare = v.strip_prefix(b"Bearer ").unwrap_or(v);
            if secret::jwt(bare) {
                return self.hit(Kind::Jwt, 99, bare);
            }
            if secret::cloud_key(bare) {
                return self.hit(Kind::CloudKey, 98, bare);
            }
            // what reads as text inside its encoding is judged there
            if secret::text_inside(bare) {
                return None;
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

    /// Tokens and keys that tell by their form.
    fn token(&mut self, v: &[u8], ctx: &KeyCtx) -> Option<Hit> {
        match v.first()? {
            b'e' if secret::jwt(v) => self.hit(Kind::Jwt, 99, v),
            b'A' | b'L' if secret::cloud_key(v) => self.hit(Kind::CloudKey, 97, v),
            b'a' | b'd' | b'f' | b'g' | b'h' | b'k' | b'l' | b'n' | b'p' | b'r' | b's' | b'w'
            | b'x' | b'y' | b'C' | b'G' | b'N' | b'P' | b'S'
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
        let named = ctx.names(Kind::Plate);
        if (8..=20).contains(&v.len()) && china::plate(text, named) {
            let conf = if named { 98 } else { 90 };
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
}

/// What stands before a telephone number's extension in words: `868-758-5017x7548`, `(030) 12345 ext. 12`.
fn extended(v: &[u8]) -> Option<&[u8]> {
    let tail = v.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let front = v.get(..v.len() - tail)?.trim_ascii_end();
    if !(1..=6).contains(&tail) {
        return None;
    }
    let front = ["extension", "ext.", "ext", "x"]
        .iter()
        .find_map(|w| front.strip_suffix(w.as_bytes()))?
        .trim_ascii_end();
    let digits = |b: &u8| b.is_ascii_digit() || b" +-().,/".contains(b);
    (front.len() >= 7 && front.iter().all(digits)).then_some(front)
}

/// Belief that text under a name's key is a person's name; `None` where it is none.
fn name_belief(text: &str, bits: u16, ctx: &KeyCtx) -> Option<u8> {
    if bits & chars::DIGIT != 0 {
        return None;
    }
    if bits & chars::HIGH != 0 && person::chinese(text) {
        // no more than a column of them tells, and no neighbour
        if ctx.vague {
            return Some(48);
        }
        return Some(match (ctx.bare, ctx.thing, ctx.person) {
            (false, true, false) => 20,
            (false, true, true) => 80,
            (false, false, _) => 95,
            (true, true, _) => 15,
            (true, false, true) => 93,
            _ => 66,
        });
    }
    if bits & chars::HIGH != 0 && !ctx.bare && !ctx.thing && person::eastern(text) {
        return Some(if ctx.vague { 65 } else { 88 });
    }
    if bits & chars::HIGH != 0 && !ctx.thing && letters::caseless(text) {
        return Some(match (ctx.bare, ctx.vague) {
            // folders and menus are called so as well
            (true, _) => 30,
            (_, true) => 65,
            _ => 88,
        });
    }
    let words = text.split(' ').filter(|w| !w.is_empty()).count();
    if !person::latin(text) {
        let whose = !ctx.bare && !ctx.thing && !ctx.vague;
        // a surname that is a common word as well
        if whose && words == 2 && person::given_first(text) && letters::cased(text) {
            return Some(85);
        }
        // as embossed on a card
        return (whose && person::capitals(text)).then_some(85);
    }
    if ctx.vague {
        return Some(match words {
            2.. if person::given_first(text) => 71,
            2.. => 39,
            _ => 11,
        });
    }
    Some(match (ctx.bare, ctx.thing, ctx.person, words >= 2) {
        (false, true, true, true) => 80,
        (_, true, _, _) => 8,
        (false, _, _, true) => 93,
        (false, _, _, false) => 80,
        (true, _, true, true) => 86,
        (true, _, true, false) => 45,
        (true, _, false, true) if person::given_first(text) => 72,
        (true, _, false, true) => 40,
        (true, _, false, false) if person::given_first(text) => 14,
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

/// Three of a character that may hide digits; under a key that names a class also of those that elsewhere only divide, and over what
/// parts the groups of a number (`936-9XX-X769`).
fn has_run(v: &[u8], bits: u16, named: bool) -> bool {
    let over = |w: &[u8]| matches!(w, [x @ (b'x' | b'X'), b' ' | b'-', y, z] | [x @ (b'x' | b'X'), y, b' ' | b'-', z] if x == y && y == z);
    if named && bits & (chars::UPPER | chars::LOWER) != 0 && v.windows(4).any(over) {
        return true;
    }
    v.windows(3).any(|w| {
        w.first() == w.get(1)
            && w.first() == w.get(2)
            && match w.first() {
                Some(b'x' | b'X') => true,
                Some(b'_' | b'?' | b'-' | b'~' | b'.') => named,
                _ => false,
            }
    })
}
