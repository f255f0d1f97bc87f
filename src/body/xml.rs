//! XML and HTML as events: forgiving, one pass, no recursion. In: bytes. Out: events to a [`Visit`]. Bounds: linear time, no memory.

/// Receives the structure; offsets are in the content given to [`walk`].
pub trait Visit {
    /// A start tag; `name` with its prefix.
    fn open(&mut self, name: &[u8]);
    /// An attribute of the element that was opened last.
    fn attribute(&mut self, name: &[u8], value: &[u8], at: usize);
    /// An end tag, or the end of an empty element.
    fn close(&mut self, name: &[u8]);
    /// Text between tags, references not undone unless `cdata`.
    fn text(&mut self, text: &[u8], at: usize, cdata: bool);
}

/// Elements of HTML that never have an end tag.
const VOID: [&[u8]; 14] = [
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"param",
    b"source", b"track", b"wbr",
];

/// Walks all of `s`. With `html`, void elements close at once and the text of `script` and `style` is passed over.
pub fn walk<V: Visit>(s: &[u8], html: bool, v: &mut V) {
    let mut i = 0;
    while i < s.len() {
        let rest = s.get(i..).unwrap_or(b"");
        let Some(n) = memchr::memchr(b'<', rest) else {
            v.text(rest, i, false);
            return;
        };
        if n > 0 {
            v.text(rest.get(..n).unwrap_or(b""), i, false);
        }
        i += n;
        let rest = s.get(i..).unwrap_or(b"");
        i += if rest.starts_with(b"<!--") {
            past(rest, b"-->")
        } else if let Some(text) = rest.strip_prefix(b"<![CDATA[") {
            let n = memchr::memmem::find(text, b"]]>");
            v.text(
                text.get(..n.unwrap_or(text.len())).unwrap_or(b""),
                i + 9,
                true,
            );
            n.map_or(rest.len(), |n| n + 12)
        } else if rest.starts_with(b"<!") || rest.starts_with(b"<?") {
            past(rest, b">")
        } else if rest.starts_with(b"</") {
            let end = past(rest, b">");
            let name = rest.get(2..end.saturating_sub(1).max(2)).unwrap_or(b"");
            v.close(name.trim_ascii());
            end
        } else if rest
            .get(1)
            .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_' || *b >= 0x80)
        {
            start(rest, i, html, v)
        } else {
            v.text(b"<", i, false);
            1
        };
    }
}

fn past(s: &[u8], end: &[u8]) -> usize {
    memchr::memmem::find(s, end).map_or(s.len(), |n| n + end.len())
}

/// A start tag with its attributes; returns its length.
fn start<V: Visit>(s: &[u8], at: usize, html: bool, v: &mut V) -> usize {
    let stop = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'>' | b'/' | b'=');
    let mut i = 1 + s.iter().skip(1).position(stop).unwrap_or(s.len() - 1);
    let name = s.get(1..i).unwrap_or(b"");
    v.open(name);
    loop {
        i += s
            .get(i..)
            .unwrap_or(b"")
            .iter()
            .take_while(|b| b.is_ascii_whitespace())
            .count();
        match s.get(i) {
            None => return s.len(),
            Some(b'>') => {
                let low = name.to_ascii_lowercase();
                if html && VOID.contains(&low.as_slice()) {
                    v.close(name);
                } else if html && (low == b"script" || low == b"style") {
                    let rest = s.get(i + 1..).unwrap_or(b"");
                    let end: &[u8] = if low == b"script" {
                        b"</script"
                    } else {
                        b"</style"
                    };
                    let skip = memchr::memmem::find(rest, end).unwrap_or(rest.len());
                    return i + 1 + skip;
                }
                return i + 1;
            }
            Some(b'/') => {
                i += 1;
                if s.get(i) == Some(&b'>') {
                    v.close(name);
                    return i + 1;
                }
            }
            Some(_) => {
                let from = i;
                let n = s
                    .get(i..)
                    .unwrap_or(b"")
                    .iter()
                    .position(stop)
                    .unwrap_or(s.len() - i);
                i += n.max(1);
                let key = s.get(from..i).unwrap_or(b"");
                let eq = i + s
                    .get(i..)
                    .unwrap_or(b"")
                    .iter()
                    .take_while(|b| b.is_ascii_whitespace())
                    .count();
                if s.get(eq) != Some(&b'=') {
                    continue;
                }
                i = eq + 1;
                i += s
                    .get(i..)
                    .unwrap_or(b"")
                    .iter()
                    .take_while(|b| b.is_ascii_whitespace())
                    .count();
                let (from, to, next) = match s.get(i) {
                    Some(q @ (b'"' | b'\'')) => {
                        let rest = s.get(i + 1..).unwrap_or(b"");
                        let n = memchr::memchr(*q, rest).unwrap_or(rest.len());
                        (i + 1, i + 1 + n, i + n + 2)
                    }
                    _ => {
                        let rest = s.get(i..).unwrap_or(b"");
                        let n = rest
                            .iter()
                            .position(|b| b.is_ascii_whitespace() || *b == b'>')
                            .unwrap_or(rest.len());
                        (i, i + n, i + n)
                    }
                };
                v.attribute(key, s.get(from..to).unwrap_or(b""), at + from);
                i = next.min(s.len());
            }
        }
    }
}

/// Undoes character references (`&lt;`, `&#38;`, `&#x4e2d;`, `&nbsp;`); tells whether there were any.
pub fn unescape(v: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(v.len());
    let mut any = false;
    let mut rest = v;
    while let Some(n) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(rest.get(..n).unwrap_or(b""));
        rest = rest.get(n..).unwrap_or(b"");
        let end = rest.iter().take(12).position(|b| *b == b';');
        let name = end.and_then(|e| rest.get(1..e)).unwrap_or(b"");
        let c = match name {
            b"lt" => Some('<'),
            b"gt" => Some('>'),
            b"amp" => Some('&'),
            b"quot" => Some('"'),
            b"apos" => Some('\''),
            b"nbsp" => Some(' '),
            [b'#', b'x' | b'X', hex @ ..] => number(hex, 16),
            [b'#', dec @ ..] => number(dec, 10),
            _ => None,
        };
        match (c, end) {
            (Some(c), Some(e)) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = rest.get(e + 1..).unwrap_or(b"");
                any = true;
            }
            _ => {
                out.push(b'&');
                rest = rest.get(1..).unwrap_or(b"");
            }
        }
    }
    out.extend_from_slice(rest);
    (out, any)
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    let text = std::str::from_utf8(digits).ok()?;
    char::from_u32(u32::from_str_radix(text, radix).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Log(Vec<String>);
    fn s(b: &[u8]) -> String {
        String::from_utf8_lossy(b).into_owned()
    }
    impl Visit for Log {
        fn open(&mut self, name: &[u8]) {
            self.0.push(format!("<{}", s(name)));
        }
        fn attribute(&mut self, name: &[u8], value: &[u8], _: usize) {
            self.0.push(format!("@{}={}", s(name), s(value)));
        }
        fn close(&mut self, name: &[u8]) {
            self.0.push(format!(">{}", s(name)));
        }
        fn text(&mut self, text: &[u8], _: usize, cdata: bool) {
            if !text.trim_ascii().is_empty() {
                self.0
                    .push(format!("{}{}", if cdata { "!" } else { "" }, s(text)));
            }
        }
    }

    #[test]
    fn structure_of_xml_and_html() {
        let mut log = Log::default();
        walk(
            b"<?xml version='1.0'?><!-- x --><a:b c=\"1\" d='2'><e/>t&amp;<![CDATA[<raw>]]></a:b>",
            false,
            &mut log,
        );
        assert_eq!(
            log.0,
            [
                "<a:b", "@c=1", "@d=2", "<e", ">e", "t&amp;", "!<raw>", ">a:b"
            ]
        );
        let mut log = Log::default();
        walk(
            b"<p class=x>1<br>2<script>if(a<b)</script></p>",
            true,
            &mut log,
        );
        assert_eq!(
            log.0,
            [
                "<p", "@class=x", "1", "<br", ">br", "2", "<script", ">script", ">p"
            ]
        );
        assert_eq!(
            unescape(b"a&lt;&#20013;&#x4e2d;&nosuch;&").0,
            "a<中中&nosuch;&".as_bytes()
        );
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(prop_oneof![Just(b'<'), Just(b'>'), Just(b'/'), Just(b'"'), Just(b'='), any::<u8>()], 0..200)) {
            walk(&bytes, true, &mut Log::default());
            walk(&bytes, false, &mut Log::default());
        }
    }
}
