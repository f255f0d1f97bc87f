//! What differs between the bodies of two calls. In: two calls. Out: fields of the request and of the response whose values differ, shown as
//! the reader may see them. Bounds: [`limits::COMPARE_BYTES`] of each body, [`limits::COMPARE_VALUES`] values of each; fields of lists are
//! told once for all elements.

use super::cx::Cx;
use super::findings::{self, body_hits};
use super::mask::{self, Hit};
use crate::body::json::{self, Visit};
use crate::case::bodies;
use crate::error::Result;
use crate::limits;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// `request` or `response`.
    pub part: &'static str,
    /// Its place: `$.items[].idCard`, `form:mobile`; empty for a body that has no fields.
    pub field: String,
    /// Its first value that differs, before; `None` where it was not there.
    pub before: Option<String>,
    /// ... and now.
    pub now: Option<String>,
    /// How many of its values differ: several in a list.
    pub values: u64,
}

/// What differs between the bodies of two calls.
pub fn bodies(cx: &Cx, before: i64, now: i64) -> Result<Vec<Changed>> {
    let mut out = Vec::new();
    let (Some(a), Some(b)) = (findings::places(cx, before)?, findings::places(cx, now)?) else {
        return Ok(out);
    };
    for (dir, part) in [(0u8, "request"), (1, "response")] {
        let id = |p: &findings::Places| p.bodies.get(usize::from(dir)).copied().flatten();
        // a body is stored once: the same row is the same bytes
        if id(&a) == id(&b) {
            continue;
        }
        let x = Side::read(cx, a.api, dir, id(&a))?;
        let y = Side::read(cx, b.api, dir, id(&b))?;
        differ(part, &x, &y, &mut out);
    }
    Ok(out)
}

/// A value: what tells whether it is another one, and what is shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    clear: Vec<u8>,
    shown: String,
}

/// The fields of one body by place, with the place in which list elements are one.
#[derive(Debug, Default)]
struct Side {
    values: BTreeMap<String, Told>,
    open: BTreeMap<String, String>,
}

impl Side {
    fn read(cx: &Cx, api: Option<i64>, dir: u8, id: Option<i64>) -> Result<Side> {
        let Some(id) = id else {
            return Ok(Side::default());
        };
        let Some(info) = bodies::info(&cx.conn, id)? else {
            return Ok(Side::default());
        };
        let content = cx.body(id)?;
        let cut = content.len().min(limits::COMPARE_BYTES);
        let head = content.get(..cut).unwrap_or_default();
        let places = match info.kind.as_str() {
            "json" | "ndjson" => of_json(head),
            "form" => of_form(head),
            _ => Vec::new(),
        };
        let mut side = Side::default();
        if places.is_empty() && !content.is_empty() {
            let shown = format!("{} {} B", info.kind, info.len);
            let clear = content;
            side.values.insert(String::new(), Told { clear, shown });
            side.open.insert(String::new(), String::new());
            return Ok(side);
        }
        let mut hits = body_hits(cx, api, dir, id)?;
        hits.sort_by_key(|h| h.range.start);
        for (place, open, range) in places {
            let Some(clear) = content.get(range.clone()) else {
                continue;
            };
            let shown = mask::text(cx, clear, within(&hits, &range));
            let shown = shown.chars().take(limits::COMPARE_SHOWN).collect();
            let clear = clear.to_vec();
            side.open.insert(place.clone(), open);
            side.values.insert(place, Told { clear, shown });
        }
        Ok(side)
    }
}

/// Hits in a range, counted from its start. `hits` are sorted by where they begin.
fn within(hits: &[Hit], r: &Range<usize>) -> Vec<Hit> {
    let end = hits.partition_point(|h| h.range.start < r.end);
    let all = hits.get(..end).unwrap_or_default();
    // one that began before the value may reach into it; findings are short, so few are looked at
    let near = all
        .iter()
        .rev()
        .take_while(|h| h.range.start + (1 << 16) > r.start);
    near.filter(|h| h.range.end > r.start)
        .map(|h| Hit {
            range: h.range.start.saturating_sub(r.start)..h.range.end.min(r.end) - r.start,
            ..h.clone()
        })
        .collect()
}

fn differ(part: &'static str, a: &Side, b: &Side, out: &mut Vec<Changed>) {
    let mut by: BTreeMap<&str, Changed> = BTreeMap::new();
    let mut places: Vec<&String> = a.values.keys().chain(b.values.keys()).collect();
    places.sort_unstable();
    places.dedup();
    for place in places {
        let (x, y) = (a.values.get(place), b.values.get(place));
        if x.map(|v| &v.clear) == y.map(|v| &v.clear) {
            continue;
        }
        let open = b.open.get(place).or_else(|| a.open.get(place));
        let open = open.map_or("", String::as_str);
        by.entry(open)
            .and_modify(|c| c.values += 1)
            .or_insert_with(|| Changed {
                part,
                field: open.to_owned(),
                before: x.map(|v| v.shown.clone()),
                now: y.map(|v| v.shown.clone()),
                values: 1,
            });
    }
    out.extend(by.into_values());
}

/// A level of the path: a key of an object, or the number of an element.
enum Level {
    Key(String),
    Element(usize),
}

#[derive(Default)]
struct Paths {
    stack: Vec<Level>,
    /// Containers below the limit of depth: their fields have no place of their own.
    deeper: usize,
    found: Vec<(String, String, Range<usize>)>,
}

impl Paths {
    fn value(&mut self, raw: &[u8], at: usize) {
        if self.found.len() < limits::COMPARE_VALUES && self.deeper == 0 {
            let (mut place, mut open) = (String::from("$"), String::from("$"));
            for l in &self.stack {
                match l {
                    Level::Key(k) => {
                        place.push_str(&format!(".{k}"));
                        open.push_str(&format!(".{k}"));
                    }
                    Level::Element(n) => {
                        place.push_str(&format!("[{n}]"));
                        open.push_str("[]");
                    }
                }
            }
            self.found.push((place, open, at..at + raw.len()));
        }
        self.next();
    }
    /// The value that was due is there.
    fn next(&mut self) {
        if let (0, Some(Level::Element(n))) = (self.deeper, self.stack.last_mut()) {
            *n += 1;
        }
    }
}

impl Visit for Paths {
    fn open(&mut self, array: bool) {
        if self.deeper > 0 || self.stack.len() >= limits::COMPARE_DEPTH {
            self.deeper += 1;
        } else if array {
            self.stack.push(Level::Element(0));
        } else {
            self.stack.push(Level::Key(String::new()));
        }
    }
    fn close(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
        } else {
            self.stack.pop();
        }
        self.next();
    }
    fn key(&mut self, raw: &[u8]) {
        if let (0, Some(Level::Key(k))) = (self.deeper, self.stack.last_mut()) {
            *k = crate::call::text::lossless(raw).into_owned();
        }
    }
    fn string(&mut self, raw: &[u8], at: usize, _: u16) {
        self.value(raw, at);
    }
    fn number(&mut self, raw: &[u8], at: usize) {
        self.value(raw, at);
    }
    fn word(&mut self, raw: &[u8], at: usize) {
        self.value(raw, at);
    }
}

/// Values of JSON, also of several texts one after the other: (place, place with elements as one, range).
fn of_json(s: &[u8]) -> Vec<(String, String, Range<usize>)> {
    let mut v = Paths::default();
    let first = json::walk(s, 0, &mut v).0;
    let blank = |at: usize| {
        s.get(at..)
            .unwrap_or_default()
            .iter()
            .all(u8::is_ascii_whitespace)
    };
    if blank(first) {
        return v.found;
    }
    // lines: each is an element
    let mut v = Paths {
        stack: vec![Level::Element(0)],
        ..Paths::default()
    };
    let mut at = 0;
    while !blank(at) && v.found.len() < limits::COMPARE_VALUES {
        let (end, whole) = json::walk(s, at, &mut v);
        if !whole || end <= at {
            break;
        }
        at = end;
    }
    v.found
}

/// Fields of a form, not decoded.
fn of_form(s: &[u8]) -> Vec<(String, String, Range<usize>)> {
    let mut out: Vec<(String, String, Range<usize>)> = Vec::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut at = 0;
    for pair in s.split(|b| *b == b'&').take(limits::COMPARE_VALUES) {
        let eq = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        let name = crate::call::text::lossless(pair.get(..eq).unwrap_or_default());
        let open = format!("form:{name}");
        let n = times.entry(open.clone()).or_default();
        let place = format!("{open}[{n}]");
        *n += 1;
        let from = (at + eq + 1).min(at + pair.len());
        if !pair.is_empty() {
            out.push((place, open, from..at + pair.len()));
        }
        at += pair.len() + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(places: &[(String, String, Range<usize>)], s: &[u8]) -> Vec<(String, String)> {
        places
            .iter()
            .map(|(p, _, r)| {
                (
                    p.clone(),
                    String::from_utf8_lossy(&s[r.clone()]).into_owned(),
                )
            })
            .collect()
    }

    #[test]
    fn places_are_those_of_findings() {
        let s = br#"{"a":1,"b":{"c":[true,"x",{"d":null}],"e":"y"},"f":[[2],[3]]}"#;
        let want = [
            ("$.a", "1"),
            ("$.b.c[0]", "true"),
            ("$.b.c[1]", "x"),
            ("$.b.c[2].d", "null"),
            ("$.b.e", "y"),
            ("$.f[0][0]", "2"),
            ("$.f[1][0]", "3"),
        ];
        let want = want.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(told(&of_json(s), s), want);
        let s = b"{\"a\":1}\n{\"a\":2}\n";
        let lines = told(&of_json(s), s);
        assert_eq!(
            lines,
            [("$[0].a".into(), "1".into()), ("$[1].a".into(), "2".into())]
        );
        let s = b"a=1&b=&a=2&c";
        let want = [
            ("form:a[0]", "1"),
            ("form:b[0]", ""),
            ("form:a[1]", "2"),
            ("form:c[0]", ""),
        ];
        let want = want.map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(told(&of_form(s), s), want);
    }

    #[test]
    fn depth_and_numbers_are_bounded() {
        let deep = "[".repeat(100_000);
        assert!(of_json(deep.as_bytes()).is_empty());
        let many = format!("[{}]", vec!["1"; 100_000].join(","));
        assert_eq!(of_json(many.as_bytes()).len(), limits::COMPARE_VALUES);
        let after = format!("[{}0{},7]", "[".repeat(200), "]".repeat(200));
        assert_eq!(
            told(&of_json(after.as_bytes()), after.as_bytes()),
            [("$[1]".to_owned(), "7".to_owned())]
        );
    }

    #[test]
    fn elements_of_a_list_are_told_once() {
        let side = |s: &[u8]| {
            let mut side = Side::default();
            for (p, o, r) in of_json(s) {
                let shown = String::from_utf8_lossy(&s[r.clone()]).into_owned();
                side.open.insert(p.clone(), o);
                let clear = s[r].to_vec();
                side.values.insert(p, Told { clear, shown });
            }
            side
        };
        let mut out = Vec::new();
        let a = side(br#"{"page":1,"items":[{"n":"a","k":1},{"n":"b","k":1}]}"#);
        let b = side(br#"{"page":2,"items":[{"n":"c","k":1},{"n":"d","k":1},{"n":"e","k":1}]}"#);
        differ("response", &a, &b, &mut out);
        let got: Vec<_> = out
            .iter()
            .map(|c| {
                (
                    c.field.as_str(),
                    c.before.as_deref(),
                    c.now.as_deref(),
                    c.values,
                )
            })
            .collect();
        assert_eq!(
            got,
            [
                ("$.items[].k", None, Some("1"), 1),
                ("$.items[].n", Some("a"), Some("c"), 3),
                ("$.page", Some("1"), Some("2"), 1)
            ]
        );
    }
}
