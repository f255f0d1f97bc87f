//! Keys of a JSON document's outermost object, or of the objects of an outermost array. In: text, also cut. Out: keys with the
//! raw text of their values. Bounds: one pass over what is given, [`OBJECTS`] objects, [`KEYS`] keys in each; values are skipped.

/// Objects of a batch that are told apart.
pub const OBJECTS: usize = 256;
/// Keys of one object.
const KEYS: usize = 64;

/// One object: raw keys and values (strings with their quotes).
pub type Object<'a> = Vec<(&'a [u8], &'a [u8])>;

/// What [`read`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Top<'a> {
    /// Whether the document is an array.
    pub batch: bool,
    /// The object, or those of the array.
    pub objects: Vec<Object<'a>>,
}

impl<'a> Top<'a> {
    /// The object, where the document is one.
    pub fn single(&self) -> Option<&Object<'a>> {
        self.objects.first().filter(|_| !self.batch)
    }
}

/// Raw value of a key.
pub fn get<'a>(object: &Object<'a>, key: &str) -> Option<&'a [u8]> {
    object
        .iter()
        .find(|(k, _)| *k == key.as_bytes())
        .map(|(_, v)| *v)
}

/// Inside of a string value, escapes not undone; `None` for any other value.
pub fn string(raw: &[u8]) -> Option<&[u8]> {
    let inner = raw.strip_prefix(b"\"")?;
    Some(inner.strip_suffix(b"\"").unwrap_or(inner))
}

/// Text of a string value of a key.
pub fn get_text(object: &Object<'_>, key: &str) -> Option<String> {
    get(object, key)
        .and_then(string)
        .map(super::text)
        .filter(|t| !t.is_empty())
}

/// An object inside a value.
pub fn inner<'a>(raw: &'a [u8]) -> Option<Object<'a>> {
    let mut at = 0;
    (raw.first() == Some(&b'{')).then(|| object(raw, &mut at))
}

/// Reads the outermost keys.
pub fn read(s: &[u8]) -> Top<'_> {
    let mut out = Top::default();
    let mut at = blank(s, s.strip_prefix(b"\xef\xbb\xbf").map_or(0, |_| 3));
    match s.get(at) {
        Some(b'{') => out.objects.push(object(s, &mut at)),
        Some(b'[') => {
            out.batch = true;
            at += 1;
            while out.objects.len() < OBJECTS {
                at = blank(s, at);
                match s.get(at) {
                    Some(b'{') => out.objects.push(object(s, &mut at)),
                    Some(b',') => at += 1,
                    // an array of anything else is no batch
                    _ => break,
                }
            }
        }
        _ => {}
    }
    out
}

fn blank(s: &[u8], mut at: usize) -> usize {
    while s.get(at).is_some_and(|b| *b <= b' ') {
        at += 1;
    }
    at
}

/// The object that begins at `at`; moves `at` behind it.
fn object<'a>(s: &'a [u8], at: &mut usize) -> Object<'a> {
    let mut out = Vec::new();
    *at += 1;
    loop {
        *at = blank(s, *at);
        match s.get(*at) {
            Some(b'"') => {}
            Some(b',') => {
                *at += 1;
                continue;
            }
            Some(b'}') => {
                *at += 1;
                return out;
            }
            _ => return out,
        }
        let key = *at + 1;
        *at = string_end(s, *at);
        let key = s.get(key..at.saturating_sub(1)).unwrap_or_default();
        *at = blank(s, *at);
        if s.get(*at) != Some(&b':') {
            return out;
        }
        *at = blank(s, *at + 1);
        let from = *at;
        *at = skip(s, *at);
        if *at == from {
            return out;
        }
        if out.len() < KEYS {
            out.push((key, s.get(from..*at).unwrap_or_default()));
        }
    }
}

/// Place behind the string that begins at `at`.
fn string_end(s: &[u8], at: usize) -> usize {
    let mut i = at + 1;
    while let Some(n) = s.get(i..).and_then(|r| memchr::memchr2(b'"', b'\\', r)) {
        i += n;
        if s.get(i) == Some(&b'"') {
            return i + 1;
        }
        i += 2;
    }
    s.len()
}

/// Place behind the value that begins at `at`.
fn skip(s: &[u8], at: usize) -> usize {
    let mut i = at;
    let mut depth = 0usize;
    while let Some(b) = s.get(i) {
        match b {
            b'"' => {
                i = string_end(s, i);
                if depth == 0 {
                    return i;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return if depth == 1 { i + 1 } else { i },
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return i,
            b if *b <= b' ' && depth == 0 => return i,
            _ => {}
        }
        i += 1;
    }
    s.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_raw_values_of_the_outermost_objects() {
        let t = read(br#" {"a":{"x":[1,"}"]},"b" : "q\"}", "c":1.5 ,"d":null}"#);
        let got: Vec<(String, String)> = t.objects[0]
            .iter()
            .map(|(k, v)| {
                (
                    String::from_utf8_lossy(k).into_owned(),
                    String::from_utf8_lossy(v).into_owned(),
                )
            })
            .collect();
        let want = [
            ("a", r#"{"x":[1,"}"]}"#),
            ("b", r#""q\"}""#),
            ("c", "1.5"),
            ("d", "null"),
        ];
        let want: Vec<_> = want.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        assert_eq!(got, want);
        let t = read(br#"[{"m":"a"}, {"m":"b"},3,{"m":"c"}]"#);
        assert!(t.batch);
        assert_eq!(t.objects.len(), 2);
        for cut in [
            "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":{", "[", "[{", "{\"a\":}", "{]",
        ] {
            let _ = read(cut.as_bytes());
        }
    }
}
