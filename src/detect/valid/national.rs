//! Numbers of people, documents and banks in other countries, each by the rule of its issuer. In: a value as written. Out: whether it has
//! the class's shape, passes its check, and how far it tells by itself. Bounds: values of at most 100 bytes; constant work.
//!
//! One function a class over the letters and digits alone; how it is written (dots, dashes, brackets) only decides what it tells by itself.

use super::super::kind::Kind;
use super::card::luhn;
use super::intl::mod97;
use super::{coin, date, mrz};

/// What a value is to a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Another shape.
    Not,
    /// Its shape; the check refuses it.
    Refused,
    /// It passes. Belief 0..=100 where no key names it; 0: it says nothing then.
    Passes(u8),
}

/// Longest value looked at (two lines of a passport with what joins them).
const LONGEST: usize = 100;

/// Letters and digits of a value in upper case.
struct Code {
    buf: [u8; 32],
    len: usize,
    digits: usize,
}

impl Code {
    fn of(v: &[u8]) -> Option<Code> {
        let mut c = Code {
            buf: [0; 32],
            len: 0,
            digits: 0,
        };
        for b in v {
            if b.is_ascii_alphanumeric() {
                *c.buf.get_mut(c.len)? = b.to_ascii_uppercase();
                c.len += 1;
                c.digits += usize::from(b.is_ascii_digit());
            } else if !matches!(b, b' ' | b'-' | b'.' | b'/' | b'(' | b')') {
                return None;
            }
        }
        Some(c)
    }
    fn all(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or_default()
    }
    fn numeric(&self) -> bool {
        self.digits == self.len
    }
}

/// Value of a digit or letter (A is 10).
fn value(b: u8) -> u32 {
    match b {
        b'0'..=b'9' => u32::from(b - b'0'),
        b'A'..=b'Z' => u32::from(b - b'A') + 10,
        _ => 0,
    }
}
fn sum(d: &[u8], weights: &[u32]) -> u32 {
    d.iter().zip(weights).map(|(b, w)| value(*b) * w).sum()
}
fn digit_at(d: &[u8], i: usize) -> u32 {
    d.get(i).map_or(0, |b| value(*b))
}
fn two(d: &[u8], at: usize) -> u32 {
    d.get(at..at + 2).and_then(date::two).unwrap_or(0)
}
/// Not all of one digit.
fn varied(d: &[u8]) -> bool {
    d.iter().any(|b| Some(b) != d.first())
}

/// `9` stands for a digit, `A` for a letter, `#` for either; anything else for itself.
fn written(v: &[u8], shape: &[u8]) -> bool {
    v.len() == shape.len()
        && v.iter().zip(shape).all(|(b, s)| match s {
            b'9' => b.is_ascii_digit(),
            b'A' => b.is_ascii_uppercase(),
            b'#' => b.is_ascii_digit() || b.is_ascii_uppercase(),
            s => b == s,
        })
}

/// How a value fits a class.
pub fn fit(kind: Kind, v: &[u8]) -> Fit {
    if v.len() > LONGEST || v.len() < 3 {
        return Fit::Not;
    }
    match kind {
        Kind::Mrz => return mrz::fit(v),
        Kind::Coin => return coin::fit(v),
        _ => {}
    }
    let Some(code) = Code::of(v) else {
        return Fit::Not;
    };
    let d = code.all();
    let n = code.len;
    let numeric = code.numeric();
    let digits = |want: usize| numeric && n == want;
    // shape, check, belief without a key
    let (shaped, passes, alone) = match kind {
        Kind::ForeignPassport => (
            (6..=9).contains(&n),
            v.len() == n
                && varied(d)
                && (code.digits >= 5
                    // of nine letters and digits, the first a letter
                    || n == 9
                        && code.digits >= 2
                        && v.first().is_some_and(u8::is_ascii_uppercase)
                        && !v.iter().any(u8::is_ascii_lowercase)),
            0,
        ),
        Kind::Permit => ((8..=11).contains(&n), v.len() == n && permit(d), 0),
        Kind::CnMedical | Kind::MedicalRecord => {
            ((5..=22).contains(&n), code.digits >= 4 && varied(d), 0)
        }
        Kind::Cvv => (numeric && (3..=4).contains(&n), v.len() == n, 0),
        Kind::Swift => (n == 8 || n == 11, v.len() == n && swift(d), 0),
        Kind::Routing => (digits(9), routing(d), 0),
        Kind::Mbi => (n == 11, mbi(d), if v.len() == 11 { 60 } else { 75 }),
        Kind::Nino => (
            n == 9 && !numeric,
            nino(d),
            if written(v, b"AA 99 99 99 A") { 80 } else { 30 },
        ),
        Kind::Nhs => (
            digits(10),
            nhs(d),
            if written(v, b"999 999 9999") { 40 } else { 0 },
        ),
        Kind::Aadhaar => (
            digits(12),
            matches!(d.first(), Some(b'2'..=b'9')) && verhoeff(d),
            if written(v, b"9999 9999 9999") { 45 } else { 0 },
        ),
        Kind::PanIndia => (written(d, b"AAAAA9999A"), pan(d), 0),
        Kind::Cpf => (
            digits(11),
            cpf(d),
            if written(v, b"999.999.999-99") { 88 } else { 0 },
        ),
        Kind::Cnpj => (
            digits(14),
            cnpj(d),
            if written(v, b"99.999.999/9999-99") {
                92
            } else {
                0
            },
        ),
        Kind::Sin => (
            digits(9),
            luhn(d) && !matches!(d.first(), Some(b'0' | b'8')),
            0,
        ),
        Kind::Tfn => (
            digits(9) || digits(8),
            varied(d)
                && sum(
                    d,
                    if n == 9 {
                        &[1, 4, 3, 7, 5, 8, 6, 9, 10]
                    } else {
                        &[10, 7, 8, 4, 6, 3, 5, 1]
                    },
                )
                .is_multiple_of(11),
            0,
        ),
        Kind::Nir => (
            n == 15 && code.digits >= 14,
            nir(d),
            if written(v, b"9 99 99 99 999 999 99") {
                90
            } else {
                58
            },
        ),
        Kind::SteuerId => (digits(11), steuer(d), 0),
        Kind::Dni => (n == 9 && code.digits >= 7 && !numeric, dni(d), 0),
        Kind::CodiceFiscale => (n == 16 && !numeric, codice(d), 92),
        Kind::Bsn => (digits(9) || digits(8), bsn(d), 0),
        Kind::Pesel => (digits(11), pesel(d), 0),
        Kind::Personnummer => (digits(10) || digits(12), personnummer(d), 0),
        Kind::Rrn => (
            digits(13),
            rrn(d),
            if written(v, b"999999-9999999") { 60 } else { 0 },
        ),
        Kind::MyNumber => (digits(12), my_number(d), 0),
        Kind::Nric => (written(d, b"A9999999A"), nric(d), 35),
        Kind::HkId => (
            (8..=9).contains(&n) && code.digits >= 6 && !numeric,
            hkid(d),
            if v.ends_with(b")") { 85 } else { 0 },
        ),
        Kind::TwId => (written(d, b"A999999999"), twid(d), 0),
        Kind::Curp => (n == 18 && !numeric, curp(d), 94),
        _ => (false, false, 0),
    };
    match (shaped, passes) {
        (false, _) => Fit::Not,
        (_, false) => Fit::Refused,
        _ => Fit::Passes(alone),
    }
}

/// Mainland permits of Hong Kong and Macau residents (H, M), permits to Hong Kong, Macau and Taiwan (C, L, T, W), Taiwan compatriots (8 digits).
fn permit(d: &[u8]) -> bool {
    let digits = |v: &[u8]| v.iter().all(u8::is_ascii_digit);
    match d {
        [b'H' | b'M', rest @ ..] => matches!(rest.len(), 8 | 10) && digits(rest),
        [b'C' | b'L' | b'T' | b'W' | b'D', second, rest @ ..] => {
            rest.len() == 7 && digits(rest) && second.is_ascii_alphanumeric()
        }
        _ => matches!(d.len(), 8 | 10) && digits(d) && varied(d),
    }
}

/// Bank, country, place, branch (ISO 9362).
fn swift(d: &[u8]) -> bool {
    const COUNTRIES: &[u8] = b"AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BG BH BM BN BO BR BS BW BY BZ CA CD CH CI CL CM CN CO CR CU CV CY CZ DE DK DO DZ EC EE EG ES ET FI FJ FR GA GB GE GH GI GR GT GY HK HN HR HT HU ID IE IL IN IQ IR IS IT JE JM JO JP KE KG KH KR KW KY KZ LA LB LC LI LK LR LT LU LV LY MA MC MD ME MG MK ML MM MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NZ OM PA PE PG PH PK PL PR PS PT PY QA RO RS RU RW SA SC SD SE SG SI SK SM SN SV SY TH TN TR TT TW TZ UA UG US UY UZ VA VE VG VN YE ZA ZM ZW ";
    let country = d.get(4..6).unwrap_or_default();
    d.iter().take(6).all(u8::is_ascii_uppercase)
        && COUNTRIES.chunks(3).any(|c| c.get(..2) == Some(country))
}

fn routing(d: &[u8]) -> bool {
    matches!(two(d, 0), 0..=12 | 21..=32 | 61..=72 | 80)
        && varied(d)
        && sum(d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

/// Medicare beneficiary identifier: letters without S, L, O, I, B, Z.
fn mbi(d: &[u8]) -> bool {
    let letter = |b: &u8| b.is_ascii_uppercase() && !b"SLOIBZ".contains(b);
    d.iter().enumerate().all(|(i, b)| match i {
        0 => matches!(b, b'1'..=b'9'),
        1 | 4 | 7 | 8 => letter(b),
        2 | 5 => letter(b) || b.is_ascii_digit(),
        _ => b.is_ascii_digit(),
    })
}

fn nino(d: &[u8]) -> bool {
    let [a, b, rest @ .., last] = d else {
        return false;
    };
    a.is_ascii_uppercase()
        && b.is_ascii_uppercase()
        && !b"DFIQUV".contains(a)
        && !b"DFIQUVO".contains(b)
        && ![b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].contains(&&[*a, *b])
        && rest.iter().all(u8::is_ascii_digit)
        && matches!(last, b'A'..=b'D')
}

fn nhs(d: &[u8]) -> bool {
    let check = 11
        - sum(
            d.get(..9).unwrap_or_default(),
            &[10, 9, 8, 7, 6, 5, 4, 3, 2],
        ) % 11;
    varied(d) && check != 10 && check % 11 == digit_at(d, 9)
}

/// Verhoeff's check: the dihedral group of order ten, and a permutation that is applied once more for each place.
fn verhoeff(d: &[u8]) -> bool {
    const D: [&[u8; 10]; 10] = [
        b"0123456789",
        b"1234067895",
        b"2340178956",
        b"3401289567",
        b"4012395678",
        b"5987604321",
        b"6598710432",
        b"7659821043",
        b"8765932104",
        b"9876543210",
    ];
    const P: [&[u8; 10]; 8] = [
        b"0123456789",
        b"1576283094",
        b"5803796142",
        b"8916043527",
        b"9453126870",
        b"4286573901",
        b"2793806415",
        b"7046913258",
    ];
    let pick = |row: Option<&&[u8; 10]>, i: u32| {
        row.and_then(|r| r.get(i as usize)).map_or(0, |b| value(*b))
    };
    let c = d.iter().rev().enumerate().fold(0, |c, (i, b)| {
        let p = pick(P.get(i % 8), value(*b));
        pick(D.get(c as usize), p)
    });
    c == 0 && varied(d)
}

/// The fourth letter says what the holder is.
fn pan(d: &[u8]) -> bool {
    matches!(
        d.get(3),
        Some(b'A' | b'B' | b'C' | b'F' | b'G' | b'H' | b'J' | b'L' | b'P' | b'T' | b'E' | b'K')
    )
}

/// The two check digits of Brazil's registers: weights from the right, beginning with 2, up to `most`.
fn brazil(d: &[u8], most: u32) -> bool {
    let check = |len: usize| {
        let sum: u32 = d
            .iter()
            .take(len)
            .rev()
            .zip((2..=most).cycle())
            .map(|(b, w)| value(*b) * w)
            .sum();
        let rest = sum % 11;
        if rest < 2 { 0 } else { 11 - rest }
    };
    let n = d.len().saturating_sub(2);
    varied(d) && check(n) == digit_at(d, n) && check(n + 1) == digit_at(d, n + 1)
}
fn cpf(d: &[u8]) -> bool {
    brazil(d, 11)
}
fn cnpj(d: &[u8]) -> bool {
    brazil(d, 9)
}

/// Sex, year, month, department (2A and 2B: Corsica), commune, order, and 97 less the rest of all that.
fn nir(d: &[u8]) -> bool {
    let month = two(d, 3);
    let place = d.get(5..7).unwrap_or_default();
    if !matches!(d.first(), Some(b'1' | b'2' | b'3' | b'4' | b'7' | b'8'))
        || !(matches!(month, 1..=12 | 20..=42 | 50..=99))
    {
        return false;
    }
    let swap = match place {
        b"2A" => *b"19",
        b"2B" => *b"18",
        [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => [*a, *b],
        _ => return false,
    };
    let head = d
        .get(..5)
        .unwrap_or_default()
        .iter()
        .chain(&swap)
        .chain(d.get(7..13).unwrap_or_default());
    mod97(head.copied()).is_some_and(|rest| 97 - rest == two(d, 13)) && place != b"00"
}

/// One of ten digits is missing and another stands there two or three times; ISO 7064 mod 11,10.
fn steuer(d: &[u8]) -> bool {
    let mut count = [0u8; 10];
    let mut p = 10;
    for b in d.iter().take(10) {
        if let Some(n) = count.get_mut(value(*b) as usize) {
            *n += 1;
        }
        let s = (value(*b) + p) % 10;
        p = (if s == 0 { 10 } else { s }) * 2 % 11;
    }
    let once = count.iter().filter(|n| **n == 1).count();
    d.first() != Some(&b'0') && matches!(once, 7 | 8) && (11 - p) % 10 == digit_at(d, 10)
}

/// Eight digits, or X, Y, Z and seven, and a letter by the rest of 23.
fn dni(d: &[u8]) -> bool {
    let lead = match d.first() {
        Some(b @ (b'X' | b'Y' | b'Z')) => u32::from(b - b'X'),
        Some(b) if b.is_ascii_digit() => value(*b),
        _ => return false,
    };
    let rest = d.get(1..8).unwrap_or_default();
    let n = rest.iter().fold(lead, |n, b| n * 10 + value(*b));
    rest.iter().all(u8::is_ascii_digit)
        && b"TRWAGMYFPDXBNJZSQVHLCKE".get((n % 23) as usize) == d.get(8)
}

fn codice(d: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    // digits may stand as letters where two people would have the same code
    let number = |b: &u8| b.is_ascii_digit() || b"LMNPQRSTUV".contains(b);
    let shaped = d.iter().enumerate().all(|(i, b)| match i {
        0..=5 | 11 | 15 => b.is_ascii_uppercase(),
        8 => b"ABCDEHLMPRST".contains(b),
        _ => number(b),
    });
    let sum: u32 = d
        .iter()
        .take(15)
        .enumerate()
        .map(|(i, b)| {
            let n = if b.is_ascii_digit() {
                value(*b)
            } else {
                value(*b).saturating_sub(10)
            };
            if i % 2 == 0 {
                ODD.get(n as usize).copied().unwrap_or(0)
            } else {
                n
            }
        })
        .sum();
    shaped && digit_at(d, 15).checked_sub(10) == Some(sum % 26)
}

fn bsn(d: &[u8]) -> bool {
    let nine = [b'0'].into_iter().chain(d.iter().copied());
    let mut full = [b'0'; 9];
    for (slot, b) in full.iter_mut().zip(nine.skip(usize::from(d.len() == 9))) {
        *slot = b;
    }
    varied(d)
        && sum(full.get(..8).unwrap_or_default(), &[9, 8, 7, 6, 5, 4, 3, 2]) % 11
            == digit_at(&full, 8)
}

fn pesel(d: &[u8]) -> bool {
    let month = two(d, 2);
    let check = (10
        - sum(
            d.get(..10).unwrap_or_default(),
            &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3],
        ) % 10)
        % 10;
    matches!(month % 20, 1..=12) && (1..=31).contains(&two(d, 4)) && check == digit_at(d, 10)
}

fn personnummer(d: &[u8]) -> bool {
    let short = d.get(d.len().saturating_sub(10)..).unwrap_or_default();
    let day = two(short, 4);
    // sixty is added to the day of those who are not registered
    matches!(two(short, 2), 1..=12)
        && (matches!(day, 1..=31) || matches!(day, 61..=91))
        && (d.len() == 10 || matches!(two(d, 0), 18..=20))
        && luhn(short)
}

/// A Korean number by its date and sex alone, `YYMMDD-GNNNNNN`: since October 2020 its last six digits are random. Weak, so only for what
/// a key names.
pub(crate) fn dated_rrn(v: &[u8]) -> bool {
    let day = two(v, 4);
    written(v, b"999999-9999999")
        && matches!(two(v, 2), 1..=12)
        && (1..=31).contains(&day)
        && matches!(v.get(7), Some(b'1'..=b'8'))
}

fn rrn(d: &[u8]) -> bool {
    let check = (11
        - sum(
            d.get(..12).unwrap_or_default(),
            &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5],
        ) % 11)
        % 10;
    matches!(two(d, 2), 1..=12)
        && (1..=31).contains(&two(d, 4))
        && matches!(d.get(6), Some(b'1'..=b'8'))
        && check == digit_at(d, 12)
}

fn my_number(d: &[u8]) -> bool {
    let rest = sum(
        d.get(..11).unwrap_or_default(),
        &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2],
    ) % 11;
    varied(d) && (if rest <= 1 { 0 } else { 11 - rest }) == digit_at(d, 11)
}

fn nric(d: &[u8]) -> bool {
    let rest = sum(d.get(1..8).unwrap_or_default(), &[2, 7, 6, 5, 4, 3, 2]);
    let (more, set): (u32, &[u8; 11]) = match d.first() {
        Some(b'S') => (0, b"JZIHGFEDCBA"),
        Some(b'T') => (4, b"JZIHGFEDCBA"),
        Some(b'F') => (0, b"XWUTRQPNMLK"),
        Some(b'G') => (4, b"XWUTRQPNMLK"),
        Some(b'M') => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    set.get(((rest + more) % 11) as usize) == d.get(8)
}

/// One or two letters, six digits, and a digit or A; a missing first letter counts as a blank, 36.
fn hkid(d: &[u8]) -> bool {
    let letters = d.len().saturating_sub(7);
    let head = d.get(..letters).unwrap_or_default();
    if !head.iter().all(u8::is_ascii_uppercase) {
        return false;
    }
    let first = match head {
        [a] => 36 * 9 + value(*a) * 8,
        [a, b] => value(*a) * 9 + value(*b) * 8,
        _ => return false,
    };
    let rest = d.get(letters..letters + 6).unwrap_or_default();
    let check = match d.last() {
        Some(b'A') => 10,
        Some(b) if b.is_ascii_digit() => value(*b),
        _ => return false,
    };
    rest.iter().all(u8::is_ascii_digit)
        && (first + sum(rest, &[7, 6, 5, 4, 3, 2]) + check).is_multiple_of(11)
}

fn twid(d: &[u8]) -> bool {
    let at = d
        .first()
        .and_then(|b| b"ABCDEFGHJKLMNPQRSTUVXYWZIO".iter().position(|c| c == b));
    let Some(n) = at.and_then(|a| u32::try_from(a + 10).ok()) else {
        return false;
    };
    // 1, 2: citizens; 8, 9: residents
    matches!(d.get(1), Some(b'1' | b'2' | b'8' | b'9'))
        && (n / 10 + n % 10 * 9 + sum(d.get(1..).unwrap_or_default(), &[8, 7, 6, 5, 4, 3, 2, 1, 1]))
            .is_multiple_of(10)
}

fn curp(d: &[u8]) -> bool {
    let shaped = d.iter().enumerate().all(|(i, b)| match i {
        0..=3 | 11..=15 => b.is_ascii_uppercase(),
        10 => matches!(b, b'H' | b'M' | b'X'),
        16 => true,
        _ => b.is_ascii_digit(),
    });
    // Ñ stands between N and O in the alphabet of the check
    let number = |b: u8| value(b) + u32::from(b >= b'O');
    let sum: u32 = d
        .iter()
        .take(17)
        .zip((2..=18).rev())
        .map(|(b, w)| number(*b) * w)
        .sum();
    shaped && matches!(two(d, 6), 1..=12) && (10 - sum % 10) % 10 == digit_at(d, 17)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_issuers_examples_pass_and_their_neighbours_do_not() {
        // each is published by its issuer or in its standard as an example
        for (kind, ok) in [
            (Kind::Nino, "AB123456C"),
            (Kind::Nhs, "943 476 5919"),
            (Kind::Aadhaar, "2341 2341 2346"),
            (Kind::PanIndia, "AFZPK7190K"),
            (Kind::Cpf, "111.444.777-35"),
            (Kind::Cnpj, "11.222.333/0001-81"),
            (Kind::Sin, "046 454 286"),
            (Kind::Tfn, "123 456 782"),
            (Kind::Nir, "2 55 08 14 168 025 38"),
            (Kind::SteuerId, "86095742719"),
            (Kind::Dni, "12345678Z"),
            (Kind::Dni, "X1234567L"),
            (Kind::CodiceFiscale, "RSSMRA85T10A562S"),
            (Kind::Bsn, "111222333"),
            (Kind::Pesel, "44051401359"),
            (Kind::Personnummer, "811218-9876"),
            (Kind::MyNumber, "123456789018"),
            (Kind::Nric, "S1234567D"),
            (Kind::HkId, "A123456(3)"),
            (Kind::TwId, "A123456789"),
            (Kind::Curp, "HEGG560427MVZRRL04"),
            (Kind::Mbi, "1EG4-TE5-MK73"),
            (Kind::Routing, "021000021"),
            (Kind::Swift, "DEUTDEFF500"),
        ] {
            let refused = kind == Kind::Sin; // begins with 0, which is not given out
            let fits = |v: &[u8]| matches!(fit(kind, v), Fit::Passes(_));
            assert_eq!(fits(ok.as_bytes()), !refused, "{ok}");
            // any other digit in the place of one refuses, where there is a check digit
            if matches!(
                kind,
                Kind::Nino | Kind::PanIndia | Kind::Mbi | Kind::Swift | Kind::Curp
            ) || refused
            {
                continue;
            }
            let at = ok.bytes().position(|b| b.is_ascii_digit()).unwrap_or(0) + 1;
            let at = ok
                .bytes()
                .skip(at)
                .position(|b| b.is_ascii_digit())
                .unwrap_or(0)
                + at;
            let mut other = ok.as_bytes().to_vec();
            other[at] = b'0' + (other[at] - b'0' + 1) % 10;
            assert!(!fits(&other), "{ok} {}", String::from_utf8_lossy(&other));
        }
        for bad in [
            "",
            "AB",
            "\u{e9}\u{e9}",
            "000000000",
            "--------------------------------------------------",
        ] {
            for kind in Kind::ALL.iter().filter(|k| k.national()) {
                let passes = matches!(fit(*kind, bad.as_bytes()), Fit::Passes(_));
                assert!(!passes, "{kind:?} {bad}");
            }
        }
    }
}
