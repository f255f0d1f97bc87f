//! A fast, forgiving reader of JSON: one pass, no recursion, no allocation but a bit a level.
//! In: bytes, also cut or broken ones. Out: events to a [`Visit`], and how far it got. Bounds: linear time; a bit of memory for each level.

/// Bits of what characters a value holds, collected while looking for its end.
pub mod chars {
    /// `0-9`
    pub const DIGIT: u16 = 1;
    /// `a-z`
    pub const LOWER: u16 = 2;
    /// `A-Z`
    pub const UPPER: u16 = 4;
    /// A byte of a character beyond ASCII.
    pub const HIGH: u16 = 8;
    /// `*` or `#`
    pub const MASK: u16 = 16;
    /// `@`
    pub const AT: u16 = 32;
    /// `-`
    pub const DASH: u16 = 64;
    /// A blank.
    pub const SPACE: u16 = 128;
    /// `+` `(` `)`
    pub const PLUS: u16 = 256;
    /// `%` `&`
    pub const ESCAPE: u16 = 512;
    /// `.`
    pub const DOT: u16 = 1024;
    /// `=` `/` `_`
    pub const SYMBOL: u16 = 2048;
    /// `:` `,` `;` `{` `[` and every other printable character
    pub const OTHER: u16 = 4096;
    /// `\`
    pub const BACKSLASH: u16 = 8192;
    /// A control character
    pub const CONTROL: u16 = 16384;
    /// `"`
    pub const QUOTE: u16 = 32768;

    /// The bit of each byte.
    pub const TABLE: [u16; 256] = table();

    const fn table() -> [u16; 256] {
        let mut t = [OTHER; 256];
        let mut i = 0;
        while i < 256 {
            #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
            // i < 256, evaluated while compiling
            {
                t[i] = match i as u8 {
                    b'0'..=b'9' => DIGIT,
                    b'a'..=b'z' => LOWER,
                    b'A'..=b'Z' => UPPER,
                    0x80..=0xff => HIGH,
                    b'*' | b'#' => MASK,
                    b'@' => AT,
                    b'-' => DASH,
                    b' ' => SPACE,
                    b'+' | b'(' | b')' => PLUS,
                    b'%' | b'&' => ESCAPE,
                    b'.' => DOT,
                    b'=' | b'/' | b'_' => SYMBOL,
                    b'\\' => BACKSLASH,
                    b'"' => QUOTE,
                    0..=0x1f | 0x7f => CONTROL,
                    _ => OTHER,
                };
            }
            i += 1;
        }
        t
    }

    /// The bit of one byte.
    #[inline]
    pub fn of(b: u8) -> u16 {
        TABLE.get(usize::from(b)).copied().unwrap_or(OTHER)
    }

    /// The bits of a whole value.
    #[inline]
    pub fn all(v: &[u8]) -> u16 {
        v.iter().fold(0, |bits, b| bits | of(*b))
    }
}

/// Receives the structure. `at` is a byte offset in the content that was given to [`walk`].
pub trait Visit {
    /// An object (`array` false) or array begins, as the value that is due.
    fn open(&mut self, array: bool);
    /// The innermost container ends.
    fn close(&mut self);
    /// A key of the innermost object, without quotes, escapes not undone.
    fn key(&mut self, raw: &[u8]);
    /// A string, without quotes, escapes not undone (`bits` has [`chars::BACKSLASH`] where there are any).
    fn string(&mut self, raw: &[u8], at: usize, bits: u16);
    /// A number as written.
    fn number(&mut self, raw: &[u8], at: usize);
    /// `true`, `false`, `null` or another bare word.
    fn word(&mut self, raw: &[u8], at: usize);
}

/// A stack of bits: true for an array.
#[derive(Default)]
struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    fn push(&mut self, bit: bool) {
        let at = self.len % 64;
        if at == 0 {
            self.words.push(0);
        }
        if let Some(w) = self.words.last_mut() {
            *w = *w & !(1 << at) | u64::from(bit) << at;
        }
        self.len += 1;
    }
    fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
        if self.len.is_multiple_of(64) {
            self.words.pop();
        }
    }
    fn top(&self) -> Option<bool> {
        let at = self.len.checked_sub(1)? % 64;
        self.words.last().map(|w| w >> at & 1 == 1)
    }
}

#[inline]
fn blank(s: &[u8], mut i: usize) -> usize {
    while let Some(b) = s.get(i) {
        if *b > b' ' {
            break;
        }
        i += 1;
    }
    i
}

/// End of the string whose first byte is at `i`, and the bits of its characters; `None` where it is cut.
#[inline]
fn string_end(s: &[u8], start: usize) -> Option<(usize, u16)> {
    let mut bits = 0u16;
    let mut i = start;
    loop {
        let rest = s.get(i..)?;
        // Short values are the rule: look at each byte once; in a long one jump to the next quote or backslash.
        let near = rest.get(..rest.len().min(256)).unwrap_or(rest);
        let mut stop = None;
        for (n, b) in near.iter().enumerate() {
            let bit = chars::of(*b);
            if bit & (chars::QUOTE | chars::BACKSLASH) != 0 {
                stop = Some((n, bit));
                break;
            }
            bits |= bit;
        }
        let (n, bit) = match stop {
            Some(found) => found,
            None => {
                let far = rest.get(near.len()..)?;
                let n = memchr::memchr2(b'"', b'\\', far)?;
                bits |= chars::all(far.get(..n)?);
                (near.len() + n, chars::of(*far.get(n)?))
            }
        };
        if bit == chars::QUOTE {
            return Some((i + n, bits));
        }
        bits |= chars::BACKSLASH;
        i += n + 2;
    }
}

/// Reads one value from `start`. Returns where reading stopped and whether the value was whole and well formed; open containers are closed
/// towards `v` in any case, so that every `open` has its `close`.
pub fn walk<V: Visit>(s: &[u8], start: usize, v: &mut V) -> (usize, bool) {
    let mut stack = Bits::default();
    let (end, ok) = run(s, start, v, &mut stack);
    for _ in 0..stack.len {
        v.close();
    }
    (end, ok)
}

fn run<V: Visit>(s: &[u8], start: usize, v: &mut V, stack: &mut Bits) -> (usize, bool) {
    let mut i = start;
    loop {
        // a value is due, or the end of an array
        i = blank(s, i);
        let Some(&b) = s.get(i) else {
            return (i, false);
        };
        match b {
            b'"' => {
                let Some((end, bits)) = string_end(s, i + 1) else {
                    return (i, false);
                };
                v.string(s.get(i + 1..end).unwrap_or(b""), i + 1, bits);
                i = end + 1;
            }
            b'0'..=b'9' | b'-' => {
                let rest = s.get(i..).unwrap_or(b"");
                let n = rest
                    .iter()
                    .position(|b| !matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
                    .unwrap_or(rest.len());
                if i + n == s.len() && stack.len > 0 {
                    // cut: its other digits are missing
                    return (i, false);
                }
                v.number(rest.get(..n).unwrap_or(b""), i);
                i += n;
            }
            b'{' => {
                v.open(false);
                stack.push(false);
                i = blank(s, i + 1);
                if s.get(i) != Some(&b'}') {
                    match key(s, i, v) {
                        Some(next) => {
                            i = next;
                            continue;
                        }
                        None => return (i, false),
                    }
                }
            }
            b'[' => {
                v.open(true);
                stack.push(true);
                i = blank(s, i + 1);
                if s.get(i) != Some(&b']') {
                    continue;
                }
            }
            b'a'..=b'z' | b'A'..=b'Z' => {
                let rest = s.get(i..).unwrap_or(b"");
                let n = rest
                    .iter()
                    .position(|b| !b.is_ascii_alphanumeric())
                    .unwrap_or(rest.len());
                let word = rest.get(..n).unwrap_or(b"");
                if !matches!(
                    word,
                    b"true" | b"false" | b"null" | b"undefined" | b"NaN" | b"Infinity"
                ) {
                    return (i, false);
                }
                v.word(word, i);
                i += n;
            }
            _ => return (i, false),
        }
        // after a value: close what ends here, then the next element or key
        loop {
            let Some(array) = stack.top() else {
                return (i, true);
            };
            i = blank(s, i);
            match (s.get(i), array) {
                (Some(b','), true) => {
                    i += 1;
                    // a trailing comma is forgiven
                    let next = blank(s, i);
                    if s.get(next) == Some(&b']') {
                        i = next;
                        continue;
                    }
                    break;
                }
                (Some(b','), false) => {
                    i = blank(s, i + 1);
                    if s.get(i) == Some(&b'}') {
                        continue;
                    }
                    match key(s, i, v) {
                        Some(next) => {
                            i = next;
                            break;
                        }
                        None => return (i, false),
                    }
                }
                (Some(b']'), true) | (Some(b'}'), false) => {
                    stack.pop();
                    v.close();
                    i += 1;
                }
                _ => return (i, false),
            }
        }
    }
}

/// Reads `"key":`; returns the place after the colon.
#[inline]
fn key<V: Visit>(s: &[u8], i: usize, v: &mut V) -> Option<usize> {
    if s.get(i) != Some(&b'"') {
        return None;
    }
    let (end, _) = string_end(s, i + 1)?;
    let colon = blank(s, end + 1);
    if s.get(colon) != Some(&b':') {
        return None;
    }
    v.key(s.get(i + 1..end)?);
    Some(colon + 1)
}

/// Undoes the escapes of a string into `out` (which is cleared); tells whether there was a `\u`. Lone surrogates become U+FFFD.
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    let mut unicode = false;
    let mut rest = raw;
    while let Some(n) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(rest.get(..n).unwrap_or(b""));
        let kind = rest.get(n + 1).copied();
        rest = rest.get(n + 2..).unwrap_or(b"");
        match kind {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'u') => {
                let Some(mut code) = rest.get(..4).and_then(hex4) else {
                    out.extend_from_slice(b"\\u");
                    continue;
                };
                unicode = true;
                rest = rest.get(4..).unwrap_or(b"");
                if (0xd800..0xdc00).contains(&code)
                    && let Some(low) = rest
                        .strip_prefix(b"\\u")
                        .and_then(|r| r.get(..4))
                        .and_then(hex4)
                    && (0xdc00..0xe000).contains(&low)
                {
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    rest = rest.get(6..).unwrap_or(b"");
                }
                let c = char::from_u32(code).unwrap_or('\u{fffd}');
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Some(other) => out.push(other),
            None => out.push(b'\\'),
        }
    }
    out.extend_from_slice(rest);
    unicode
}

/// Where each place of an unescaped string stood in the raw one: steps of (unescaped, raw), one for each escape, to be read by [`raw_place`].
pub fn places(raw: &[u8]) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut buf = Vec::new();
    let (mut at, mut decoded) = (0, 0);
    while let Some(n) = raw.get(at..).and_then(|r| memchr::memchr(b'\\', r)) {
        at += n;
        decoded += n;
        let rest = raw.get(at..).unwrap_or(b"");
        let pair = rest.get(..12).is_some_and(|r| {
            r.starts_with(b"\\u")
                && r.get(2..6)
                    .and_then(hex4)
                    .is_some_and(|c| (0xd800..0xdc00).contains(&c))
                && r.get(6..8) == Some(b"\\u")
                && r.get(8..12)
                    .and_then(hex4)
                    .is_some_and(|c| (0xdc00..0xe000).contains(&c))
        });
        let len = match rest.get(1) {
            Some(b'u') if pair => 12,
            Some(b'u') if rest.get(2..6).and_then(hex4).is_some() => 6,
            _ => 2,
        };
        let len = len.min(rest.len());
        unescape(rest.get(..len).unwrap_or(b""), &mut buf);
        at += len;
        decoded += buf.len();
        out.push((decoded, at));
    }
    out
}

/// Place in the raw string of a place in the unescaped one.
pub fn raw_place(places: &[(usize, usize)], decoded: usize) -> usize {
    let i = places.partition_point(|(d, _)| *d <= decoded);
    match i.checked_sub(1).and_then(|i| places.get(i)) {
        Some((d, r)) => r + (decoded - d),
        None => decoded,
    }
}

fn hex4(d: &[u8]) -> Option<u32> {
    let mut n = 0;
    for b in d {
        n = n << 4 | char::from(*b).to_digit(16)?;
    }
    Some(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Builds a [`serde_json::Value`] back from the events.
    #[derive(Default)]
    struct Build {
        stack: Vec<(serde_json::Value, Option<String>)>,
        done: Option<serde_json::Value>,
        key: Option<String>,
    }
    impl Build {
        fn put(&mut self, value: serde_json::Value) {
            match self.stack.last_mut() {
                Some((serde_json::Value::Array(a), _)) => a.push(value),
                Some((serde_json::Value::Object(o), k)) => {
                    o.insert(k.take().unwrap(), value);
                }
                _ => self.done = Some(value),
            }
        }
    }
    fn text(raw: &[u8]) -> String {
        let mut out = Vec::new();
        unescape(raw, &mut out);
        String::from_utf8(out).unwrap()
    }
    impl Visit for Build {
        fn open(&mut self, array: bool) {
            let v = if array {
                serde_json::json!([])
            } else {
                serde_json::json!({})
            };
            self.stack.push((v, self.key.take()));
        }
        fn close(&mut self) {
            let (v, _) = self.stack.pop().unwrap();
            self.put(v);
        }
        fn key(&mut self, raw: &[u8]) {
            self.stack.last_mut().unwrap().1 = Some(text(raw));
        }
        fn string(&mut self, raw: &[u8], _at: usize, bits: u16) {
            assert_eq!(bits & chars::BACKSLASH != 0, raw.contains(&b'\\'));
            self.put(text(raw).into());
        }
        fn number(&mut self, raw: &[u8], _at: usize) {
            self.put(serde_json::from_slice(raw).unwrap());
        }
        fn word(&mut self, _: &[u8], _: usize) {
            self.put(serde_json::Value::Null);
        }
    }
    struct Count(usize, usize);
    impl Visit for Count {
        fn open(&mut self, _: bool) {
            self.0 += 1;
        }
        fn close(&mut self) {
            self.1 += 1;
        }
        fn key(&mut self, _: &[u8]) {}
        fn string(&mut self, _: &[u8], _: usize, _: u16) {}
        fn number(&mut self, _: &[u8], _: usize) {}
        fn word(&mut self, _: &[u8], _: usize) {}
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<i32>().prop_map(Into::into),
            ".*".prop_map(serde_json::Value::from)
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::Array),
                proptest::collection::vec((".*", inner), 0..6)
                    .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn reads_what_serde_wrote(v in value(), pretty in any::<bool>()) {
            let s = if pretty { serde_json::to_string_pretty(&v) } else { serde_json::to_string(&v) }.unwrap();
            let mut b = Build::default();
            let (end, ok) = walk(s.as_bytes(), 0, &mut b);
            prop_assert!(ok);
            prop_assert_eq!(end, s.len());
            prop_assert_eq!(b.done.unwrap(), v);
        }
        #[test]
        fn broken_input_keeps_its_balance(v in value(), cut in 0usize..400, junk in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut s = serde_json::to_vec(&v).unwrap();
            s.truncate(cut);
            s.extend(junk);
            let mut c = Count(0, 0);
            walk(&s, 0, &mut c);
            prop_assert_eq!(c.0, c.1);
        }
    }

    #[test]
    fn places_lead_back_to_the_raw_string() {
        let raw = br#"{\"a\":\"x\u4e2dy\ud83d\ude00z\"}"#;
        let mut out = Vec::new();
        unescape(raw, &mut out);
        let map = places(raw);
        for c in [&b"a"[..], b"x", b"y", b"z", b"}"] {
            let at = memchr::memmem::find(&out, c).unwrap();
            assert!(raw[raw_place(&map, at)..].starts_with(c), "{c:?}");
        }
    }

    #[test]
    fn a_million_levels_are_read() {
        let s = vec![b'['; 1_000_000];
        let mut c = Count(0, 0);
        assert_eq!(walk(&s, 0, &mut c), (1_000_000, false));
        assert_eq!((c.0, c.1), (1_000_000, 1_000_000));
    }
}
