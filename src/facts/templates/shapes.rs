//! What one path segment looks like by itself. In: a decoded segment. Out: the shape of an identifier, or none for a word.
//! Bounds: one pass over a segment.

pub use super::filenames::{document, filed, named_file, written};
pub use super::people::{chinese_name, pinyin_name};
use super::words;
pub use super::words::tech;

/// A segment cut into what is fixed and what may vary: `report(5)`, `7:cancel`, `9.json`, `@bob`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut<'a> {
    pub before: &'a str,
    pub core: &'a str,
    pub after: &'a str,
}

/// Cuts a segment.
pub fn cut(seg: &str) -> Cut<'_> {
    let whole = Cut {
        before: "",
        core: seg,
        after: "",
    };
    let seg = seg.split(';').next().unwrap_or(seg); // path parameters (;jsessionid=) name no route
    let part = |from: usize, to: usize| seg.get(from..to).unwrap_or_default();
    if let Some(rest) = seg.strip_prefix('@')
        && !rest.is_empty()
        // the scope of a package is a part of its name: `@scope%2fname`
        && !rest.to_ascii_lowercase().contains("%2f")
    {
        return Cut {
            before: "@",
            core: rest,
            after: "",
        };
    }
    if let (Some(open), true) = (seg.find('('), seg.ends_with(')')) {
        let core = part(open + 1, seg.len() - 1);
        if open > 0 && (shape(core.trim_matches('\'')).is_some() || shape(core).is_some()) {
            return Cut {
                before: part(0, open + 1),
                core,
                after: ")",
            };
        }
    }
    if let Some(colon) = seg.rfind(':') {
        let (core, verb) = (part(0, colon), part(colon, seg.len()));
        if verb.len() > 2
            && verb.bytes().skip(1).all(|b| b.is_ascii_alphabetic())
            && shape(core).is_some()
        {
            return Cut {
                before: "",
                core,
                after: verb,
            };
        }
    }
    if let Some(dot) = seg.rfind('.') {
        let (core, ext) = (part(0, dot), part(dot, seg.len()));
        let file = ext.len() > 1
            && ext.len() <= 6
            && ext.bytes().skip(1).all(|b| b.is_ascii_alphanumeric())
            && ext.bytes().skip(1).any(|b| b.is_ascii_alphabetic());
        if file && !core.is_empty() && !seg.contains('@') {
            return Cut {
                before: "",
                core,
                after: ext,
            };
        }
    }
    Cut { core: seg, ..whole }
}

/// A literal as OData writes keys and arguments: quoted (also with a type before it), a number, a truth value.
fn literal(s: &str) -> bool {
    let quoted = s.len() >= 2 && s.ends_with('\'') && {
        let at = s.find('\'').unwrap_or(0);
        at < s.len() - 1 && s.bytes().take(at).all(|b| b.is_ascii_alphabetic())
    };
    quoted
        || matches!(s, "true" | "false" | "null")
        || s.starts_with('@')
        || !s.is_empty()
            && s.bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'L' | b'M' | b'd' | b'f'))
        || uuid(s)
}

/// `OrderID=1,ProductID='x'`: keys by name.
fn named_keys(s: &str) -> bool {
    s.split(',').count() <= 16
        && s.split(',').all(|p| {
            p.split_once('=').is_some_and(|(n, v)| {
                !n.is_empty()
                    && n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                    && literal(v)
            })
        })
}

fn digits(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit())
}
fn hex(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Name of the shape of an identifier; `None` for what may be a word.
pub fn shape(s: &str) -> Option<&'static str> {
    if s.is_empty() || s.len() > 4096 {
        return (!s.is_empty()).then_some("long value");
    }
    if tech(s) || version(s) {
        return None;
    }
    if words::locale(s) {
        return Some("locale");
    }
    if release(s) {
        return Some("release");
    }
    if let Some(shape) = colons(s) {
        return Some(shape);
    }
    // A sign before what nobody would write as a word: `$zynZ8G6eArJoTNyl6CnajX`.
    if let Some(rest) = s.strip_prefix('$')
        && rest.len() >= 16
        && rest.split(['-', '_']).any(random)
    {
        return Some("token");
    }
    if s.ends_with('\'') && literal(s) {
        return Some("quoted key");
    }
    if s.contains('=') && named_keys(s) {
        return Some("named keys");
    }
    let bare = s.strip_prefix(['-', '+']).unwrap_or(s);
    if digits(bare) {
        return Some(number(bare, s.starts_with('+')));
    }
    if !s.is_ascii() {
        return plate(s).then_some("plate");
    }
    if s.len() == 18 && s.get(..17).is_some_and(digits) && s.ends_with(['x', 'X']) {
        return Some("id number");
    }
    if uuid(s.trim_start_matches('{').trim_end_matches('}')) {
        return Some("UUID");
    }
    if date(s) {
        return Some("date");
    }
    if s.parse::<std::net::IpAddr>().is_ok() {
        return Some("address");
    }
    if let Some((user, host)) = s.split_once('@')
        && !user.is_empty()
        && host.contains('.')
    {
        return Some("e-mail");
    }
    if s.contains(',')
        && s.bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b',' | b'.' | b'-' | b' '))
        && s.bytes().any(|b| b.is_ascii_digit())
    {
        return Some("number list");
    }
    let (d, l) = (
        s.bytes().filter(u8::is_ascii_digit).count(),
        s.bytes().filter(u8::is_ascii_alphabetic).count(),
    );
    if hex(s) && (s.len() >= 8 && d >= 1 && l >= 1 || s.len() >= 24) {
        return Some("hex");
    }
    if s.len() == 26
        && s.starts_with(|c: char| ('0'..='7').contains(&c))
        && s.bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && d >= 2
    {
        return Some("ULID");
    }
    if s.len() >= 16 && s.ends_with('=') {
        return Some("token");
    }
    if s.split(['-', '_', '.', '~']).any(random) {
        return Some("token");
    }
    compound(s).then_some("compound id")
}

fn number(s: &str, plus: bool) -> &'static str {
    let at = |r: std::ops::Range<usize>| s.get(r).and_then(|p| p.parse::<u32>().ok()).unwrap_or(0);
    match s.len() {
        11 if s.starts_with('1') && matches!(s.as_bytes().get(1), Some(b'3'..=b'9')) => "phone",
        8 if (1900..2100).contains(&at(0..4))
            && (1..=12).contains(&at(4..6))
            && (1..=31).contains(&at(6..8)) =>
        {
            "date"
        }
        6 if (1990..2100).contains(&at(0..4)) && (1..=12).contains(&at(4..6)) => "date",
        18 => "id number",
        _ if plus => "phone",
        _ => "integer",
    }
}

fn uuid(s: &str) -> bool {
    let mut n = 0;
    s.len() == 36
        && s.split('-').enumerate().all(|(i, p)| {
            n += 1;
            hex(p) && [8, 4, 4, 4, 12].get(i) == Some(&p.len())
        })
        && n == 5
}

/// `2024-05`, `2024-05-01`, `2024-05-01T10:00:00Z`, `2024-Q1`, `2024-W07`, with `-`, `_`, `/` or `.` between.
fn date(s: &str) -> bool {
    let day = s.split(['T', ' ']).next().unwrap_or(s);
    let parts: Vec<&str> = day.split(['-', '_', '.']).collect();
    let year = |p: &str| p.len() == 4 && digits(p) && (p.starts_with("19") || p.starts_with("20"));
    let small = |p: &str| (p.len() == 2 || p.len() == 1) && digits(p);
    match parts.as_slice() {
        [y, m] => {
            year(y)
                && (small(m) && m.len() == 2
                    || m.starts_with(['Q', 'q', 'W', 'w']) && m.get(1..).is_some_and(digits))
        }
        [y, m, d] => year(y) && small(m) && small(d) || small(y) && small(m) && year(d),
        _ => false,
    }
}

fn plate(s: &str) -> bool {
    let mut c = s.chars();
    c.next().is_some_and(|c| {
        "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼".contains(c)
    }) && c.next().is_some_and(|c| c.is_ascii_uppercase())
        && matches!(s.chars().count(), 7 | 8)
        && c.all(|c| c.is_ascii_alphanumeric() || c == '·')
}

/// How often letters and digits change places.
fn changes(s: &str) -> usize {
    s.as_bytes()
        .windows(2)
        .filter(|w| matches!(w, [a, b] if a.is_ascii_digit() != b.is_ascii_digit()))
        .count()
}

/// One run of letters and digits that nobody would write as a word.
fn random(s: &str) -> bool {
    let d = s.bytes().filter(u8::is_ascii_digit).count();
    let l = s.bytes().filter(u8::is_ascii_alphabetic).count();
    if d + l != s.len() || tech(s) {
        return false;
    }
    let mixed = changes(s);
    (s.len() >= 6 && mixed >= 2 && cases(s) >= 2 && d + 2 <= s.len() && !routeish_digits(s))
        || (s.len() >= 7 && d == 0 && cases(s) >= 4 && cases(s) * 2 >= s.len())
        || (s.len() >= 8 && mixed >= 3 && d >= 2)
        || (s.len() >= 12 && mixed >= 2 && d >= 2)
        || (s.len() >= 15 && d >= 1 && cases(s) >= 4)
        || (s.len() >= 20 && d >= 1 && l >= 1)
        || (s.len() >= 32 && cases(s) >= 6)
        || (s.len() >= 10 && d == 0 && odd_case(s))
}

/// `getUserV2Info`: words around a small number.
fn routeish_digits(s: &str) -> bool {
    words::pieces(s)
        .iter()
        .all(|p| words::routeish(p.trim_end_matches(|c: char| c.is_ascii_digit())) || version(p))
}

/// Changes between upper and lower case.
fn cases(s: &str) -> usize {
    s.as_bytes()
        .windows(2)
        .filter(|w| matches!(w, [a, b] if a.is_ascii_uppercase() != b.is_ascii_uppercase()))
        .count()
}
/// Case that changes as no camelCase does: nearly at every letter.
fn odd_case(s: &str) -> bool {
    cases(s) * 2 >= s.len() && cases(s) >= 5
}

/// `ORD-2024-00123`, `user_42718`, `INV20240001`, `cus_8f3k2l9x`.
fn compound(s: &str) -> bool {
    let pieces: Vec<&str> = s
        .split(['-', '_', '.', '~'])
        .filter(|p| !p.is_empty())
        .collect();
    let words = pieces
        .iter()
        .filter(|p| p.bytes().all(|b| b.is_ascii_alphabetic()))
        .count();
    let numbers: Vec<&&str> = pieces.iter().filter(|p| digits(p)).collect();
    if s.len() > 10 && s.split('_').any(|p| p.len() >= 10 && date(p)) {
        return true;
    }
    let year = |p: &str| p.len() == 4 && (p.starts_with("19") || p.starts_with("20"));
    if pieces.len() >= 2 && words <= 1 && words + numbers.len() == pieces.len() {
        // A word and a number: a year or a small number may still be a fixed route (`report-2024`, `step-1`).
        return match numbers.as_slice() {
            [one] => one.len() >= 3 && !year(one),
            many => {
                many.len() + words == pieces.len()
                    && many.iter().map(|p| p.len()).sum::<usize>() >= 5
            }
        };
    }
    if let [one] = pieces.as_slice() {
        let letters = one.bytes().take_while(u8::is_ascii_alphabetic).count();
        let rest = one.get(letters..).unwrap_or_default();
        let upper = one
            .get(..letters)
            .is_some_and(|p| p.bytes().all(|b| b.is_ascii_uppercase()));
        return letters > 0
            && letters <= 6
            && digits(rest)
            && (rest.len() >= 5
                || rest.len() >= 3 && upper && !year(rest)
                || rest.len() == 4 && !year(rest));
    }
    words <= 1 && pieces.iter().any(|p| p.len() >= 6 && changes(p) >= 2)
}

/// `v1`, `v2.1`, `V3`, `v1beta1`, `2.0`; with three numbers it is a release, which is a value.
pub fn version(s: &str) -> bool {
    let lower = s.to_ascii_lowercase();
    if let Some(rest) = lower.strip_prefix('v')
        && rest.len() <= 9
        && rest.starts_with(|c: char| c.is_ascii_digit())
    {
        let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '_');
        let numbers = rest.get(..rest.len() - tail.len()).unwrap_or_default();
        return numbers.split(['.', '_']).count() <= 2
            && (tail.is_empty()
                || ["alpha", "beta", "rc", "preview", "p"].iter().any(|t| {
                    tail.strip_prefix(t)
                        .is_some_and(|r| r.is_empty() || digits(r))
                }));
    }
    s.len() <= 5 && s.split('.').count() == 2 && s.split('.').all(|p| digits(p) && p.len() <= 2)
}

/// `1.0.4`, `v2.11.0-rc1`.
pub fn release(s: &str) -> bool {
    let s = s.strip_prefix('v').unwrap_or(s);
    let (numbers, tail) = s.split_once(['-', '+']).unwrap_or((s, ""));
    numbers.split('.').count() >= 3
        && numbers.split('.').count() <= 4
        && numbers.split('.').all(|p| digits(p) && p.len() <= 5)
        && tail.len() <= 24
}

/// `sha256:9f8e..`, `aa:bb:cc:dd:ee:ff`.
fn colons(s: &str) -> Option<&'static str> {
    let (head, tail) = s.split_once(':')?;
    if head.len() <= 8 && words::tech(head) && hex(tail) && tail.len() >= 16 {
        return Some("digest");
    }
    let mac = s.len() == 17 && s.split(':').all(|p| p.len() == 2 && hex(p));
    mac.then_some("MAC address")
}

/// `7d`, `24hr`, `1y`.
fn period(s: &str) -> bool {
    let unit = s.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < s.len()
        && s.len() <= 6
        && matches!(
            unit,
            "s" | "m"
                | "h"
                | "d"
                | "w"
                | "M"
                | "y"
                | "min"
                | "hr"
                | "hrs"
                | "mo"
                | "day"
                | "days"
                | "wk"
        )
}

/// Digits as `#`, everything else as it is: `step-1` and `step-12` are one pattern.
pub fn pattern(s: &str) -> Option<String> {
    if tech(s) {
        return None;
    }
    row(s)
}

/// `A1`, `H12`: a letter for the row and a small number for the column.
pub fn coordinate(s: &str) -> bool {
    let mut b = s.bytes();
    b.next().is_some_and(|b| b.is_ascii_uppercase())
        && matches!(s.len(), 2 | 3)
        && b.all(|b| b.is_ascii_digit())
}

/// The same of a word of technology too (`s3`): where a row of numbers stands, it is one of it.
pub fn row(s: &str) -> Option<String> {
    if !s.bytes().any(|b| b.is_ascii_digit()) || version(s) {
        return None;
    }
    if period(s) {
        return Some("period".into());
    }
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        if c.is_ascii_digit() {
            if !out.ends_with('#') {
                out.push('#');
            }
        } else {
            out.push(c);
        }
    }
    Some(out)
}

/// Whether a segment reads as a proper name, a code or a title rather than as a route's word.
pub fn namey(s: &str) -> bool {
    if !s.is_ascii() {
        return chinese_name(s)
            || s.chars().any(char::is_alphanumeric)
                && !s.chars().all(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
            || s.chars().count() > 6;
    }
    if words::routeish(s) || !s.bytes().any(|b| b.is_ascii_alphanumeric()) {
        return false;
    }
    let pieces = s
        .split(['-', '_', '.', ' ', '+'])
        .filter(|p| !p.is_empty())
        .count();
    let digit = s.bytes().any(|b| b.is_ascii_digit()) && !tech(s) && !version(s);
    let first = s.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
    pieces >= 3
        || digit
        || s.contains(['.', ' ', '+', '\'', '~', '!', ',', '@'])
        || first
        || pinyin_name(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_a_shape_and_words_have_none() {
        for s in [
            "7",
            "123456",
            "550e8400-e29b-41d4-a716-446655440000",
            "5f3a9c0e17b2d4856a0b1c2d",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "2024-05-01",
            "20240501",
            "13800138000",
            "11010519491231002X",
            "a@x.com",
            "dQw4w9WgXcQ",
            "ORD-2024-00123",
            "user_42718",
            "INV20240001",
            "cus_8f3k2l9x",
            "C0001",
            "d41d8cd98f00b204e9800998ecf8427e",
            "10.0.0.1",
            "京A12345",
            "31.23,121.47",
            "dGhpcyBpcyBhIHRlc3Q=",
            "+8613800138000",
            "-1",
            "u-1024",
        ] {
            assert!(shape(s).is_some(), "{s}");
        }
        for s in [
            "me",
            "users",
            "export",
            "stats",
            "v2",
            "v1beta1",
            "2.0",
            "sha256",
            "iso8601",
            "es2015",
            "onboardingStatus",
            "public-specs",
            "客户",
            "查询",
            "getUserByIdV2",
            "oauth2",
            "base64url",
            "report-2024",
            "step-1",
            "userInfo.do",
            "search_by_name",
            "sha-256",
            "k8s",
            "deadline",
            "order-items",
            "X509",
            "facade",
        ] {
            assert_eq!(shape(s), None, "{s}");
        }
    }

    #[test]
    fn cuts() {
        assert_eq!(
            cut("7:cancel"),
            Cut {
                before: "",
                core: "7",
                after: ":cancel"
            }
        );
        assert_eq!(
            cut("Products(5)"),
            Cut {
                before: "Products(",
                core: "5",
                after: ")"
            }
        );
        assert_eq!(
            cut("9.json"),
            Cut {
                before: "",
                core: "9",
                after: ".json"
            }
        );
        assert_eq!(
            cut("@bob"),
            Cut {
                before: "@",
                core: "bob",
                after: ""
            }
        );
        assert_eq!(cut("10.0.0.1").core, "10.0.0.1");
    }
}
