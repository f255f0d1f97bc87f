//! Names the field that a byte of a body or head stands in. In: text, its kind, offsets in ascending order. Out: a field as
//! findings write it, and the record it stands in. Bounds: one pass over the text; nesting up to
//! [`crate::limits::NEST_DEPTH`] is named, deeper is named by its offset.

use crate::body::protobuf::frames::{REST, frames};
use crate::body::protobuf::walk::{Key, Leaf, Visit, walk};
use crate::limits::NEST_DEPTH;
use std::ops::Range;

/// Field and record (0 for none) for each offset; offsets ascend.
pub fn name(text: &[u8], kind: &str, offsets: &[u64]) -> Vec<(String, u32)> {
    let mut out = match kind {
        "json" | "ndjson" => json(text, offsets),
        "csv" => csv(text, offsets),
        "form" => offsets.iter().map(|o| (pair(text, *o), 0)).collect(),
        "grpc" | "protobuf" => messages(text, kind == "grpc", offsets),
        "head" => offsets.iter().map(|o| (head(text, *o), 0)).collect(),
        _ => lines(text, offsets),
    };
    out.resize(offsets.len(), (String::new(), 0));
    for ((field, _), o) in out.iter_mut().zip(offsets) {
        if field.is_empty() {
            *field = format!("byte:{o}");
        }
    }
    out
}

/// Fields of messages by number, without a schema: `$[0].3.1`, or `$.3.1` where the text is one message.
fn messages(text: &[u8], framed: bool, offsets: &[u64]) -> Vec<(String, u32)> {
    let mut v = Fields {
        path: vec!["$".to_owned()],
        offsets,
        next: 0,
        out: vec![(String::new(), 0); offsets.len()],
    };
    if framed {
        // what is left of a message without its beginning has no fields
        for (f, n) in frames(text).numbered().filter(|f| f.0.flags & REST == 0) {
            v.path.push(format!("[{n}]"));
            walk(text, f.body, None, &mut v);
            v.path.pop();
        }
    } else {
        walk(text, 0..text.len(), None, &mut v);
    }
    v.out
}

/// Gives offsets the path of the value that they stand in.
struct Fields<'a> {
    path: Vec<String>,
    offsets: &'a [u64],
    /// Offsets before this one have passed.
    next: usize,
    out: Vec<(String, u32)>,
}

fn step(key: &Key<'_>) -> String {
    let index = key.index.map_or(String::new(), |i| format!("[{i}]"));
    format!(".{}{index}", key.number)
}

impl Visit for Fields<'_> {
    fn open(&mut self, key: Key<'_>) {
        self.path.push(step(&key));
    }
    fn close(&mut self) {
        self.path.pop();
    }
    fn leaf(&mut self, key: Key<'_>, _: Leaf<'_>, at: Range<usize>) {
        while let Some(o) = self.offsets.get(self.next).copied() {
            let o = usize::try_from(o).unwrap_or(usize::MAX);
            if o >= at.end {
                return;
            }
            if o >= at.start
                && let Some(slot) = self.out.get_mut(self.next)
            {
                slot.0 = self.path.concat() + &step(&key);
            }
            self.next += 1;
        }
    }
    fn broken(&mut self, _: Range<usize>) {}
}

/// Walks JSON by its brackets and strings; text that breaks off, or several texts in a row, do not stop it.
fn json(text: &[u8], offsets: &[u64]) -> Vec<(String, u32)> {
    enum Level {
        Object(Option<String>, u32),
        Array(u64),
    }
    let path = |stack: &[Level]| {
        let mut s = String::from("$");
        let mut record = 0;
        for l in stack {
            match l {
                Level::Object(k, r) => {
                    record = *r;
                    if let Some(k) = k {
                        s.push('.');
                        s.push_str(k);
                    }
                }
                Level::Array(i) => s.push_str(&format!("[{i}]")),
            }
        }
        (s, record)
    };
    let mut out = Vec::with_capacity(offsets.len());
    let mut wanted = offsets.iter().map(|o| *o as usize).peekable();
    let mut stack: Vec<Level> = Vec::new();
    let mut objects = 0u32;
    let mut expect_key = false;
    let mut i = 0usize;
    while let Some(c) = text.get(i) {
        let mut next = i + 1;
        if *c == b'"' {
            // To the closing quote.
            while let Some(b) = text.get(next) {
                next += 1;
                match b {
                    b'\\' => next += 1,
                    b'"' => break,
                    _ => {}
                }
            }
            if expect_key {
                let raw = text.get(i + 1..next.saturating_sub(1)).unwrap_or_default();
                if let Some(Level::Object(k, _)) = stack.last_mut() {
                    *k = Some(String::from_utf8_lossy(raw).into_owned());
                }
                expect_key = false;
            }
        }
        while wanted.peek().is_some_and(|o| *o < next) {
            wanted.next();
            out.push(path(&stack));
        }
        match c {
            b'{' => {
                objects += 1;
                if stack.len() < NEST_DEPTH {
                    stack.push(Level::Object(None, objects));
                }
                expect_key = true;
            }
            b'[' if stack.len() < NEST_DEPTH => {
                stack.push(Level::Array(0));
                expect_key = false;
            }
            b'}' | b']' => {
                stack.pop();
                expect_key = false;
            }
            b',' => match stack.last_mut() {
                Some(Level::Array(n)) => *n += 1,
                Some(Level::Object(..)) => expect_key = true,
                None => {}
            },
            _ => {}
        }
        i = next;
    }
    for _ in wanted {
        out.push((String::new(), 0));
    }
    out
}

/// Column and row of delimited text; the row is the record.
fn csv(text: &[u8], offsets: &[u64]) -> Vec<(String, u32)> {
    let delimiter = crate::body::csv::delimiter(text, None);
    let (mut row, mut column, mut quoted) = (1u32, 1u32, false);
    let mut out = Vec::with_capacity(offsets.len());
    let mut wanted = offsets.iter().map(|o| *o as usize).peekable();
    for (i, c) in text.iter().enumerate() {
        while wanted.peek().is_some_and(|o| *o <= i) {
            wanted.next();
            out.push((format!("csv:{column}:{row}"), row));
        }
        match c {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                row += 1;
                column = 1;
            }
            c if *c == delimiter && !quoted => column += 1,
            _ => {}
        }
    }
    out
}

/// Name of the pair of a form.
fn pair(text: &[u8], offset: u64) -> String {
    let at = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(text.len());
    let start = text
        .get(..at)
        .and_then(|t| t.iter().rposition(|b| *b == b'&'))
        .map_or(0, |p| p + 1);
    let key: Vec<u8> = text
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|b| **b != b'=' && **b != b'&')
        .copied()
        .collect();
    format!("form:{}", String::from_utf8_lossy(&key))
}

/// Header name, or the parameter or segment of the target.
fn head(text: &[u8], offset: u64) -> String {
    let at = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(text.len());
    let before = text.get(..at).unwrap_or_default();
    let line_start = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |p| p + 1);
    let line = before.get(line_start..).unwrap_or_default();
    if line_start > 0 {
        let name: Vec<u8> = text
            .get(line_start..)
            .unwrap_or_default()
            .iter()
            .take_while(|b| **b != b':' && **b != b'\r' && **b != b'\n')
            .copied()
            .collect();
        return format!(
            "header:{}",
            String::from_utf8_lossy(&name).to_ascii_lowercase()
        );
    }
    match line.iter().position(|b| *b == b'?') {
        Some(q) => {
            let query = line.get(q + 1..).unwrap_or_default();
            let start = query.iter().rposition(|b| *b == b'&').map_or(0, |p| p + 1);
            let key: Vec<u8> = text
                .get(line_start + q + 1 + start..)
                .unwrap_or_default()
                .iter()
                .take_while(|b| **b != b'=' && **b != b'&' && **b != b' ')
                .copied()
                .collect();
            format!("query:{}", String::from_utf8_lossy(&key))
        }
        None => format!("path:{}", line.iter().filter(|b| **b == b'/').count()),
    }
}

fn lines(text: &[u8], offsets: &[u64]) -> Vec<(String, u32)> {
    let mut out = Vec::with_capacity(offsets.len());
    let (mut line, mut at) = (1u64, 0usize);
    for o in offsets {
        let to = usize::try_from(*o).unwrap_or(usize::MAX).min(text.len());
        line += text
            .get(at..to)
            .unwrap_or_default()
            .iter()
            .filter(|b| **b == b'\n')
            .count() as u64;
        at = to.max(at);
        out.push((format!("text:{line}"), 0));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, kind: &str, what: &str) -> (String, u32) {
        let o = text.find(what).unwrap() as u64;
        name(text.as_bytes(), kind, &[o]).remove(0)
    }

    #[test]
    fn fields_of_messages_go_by_number() {
        let text = b"\0\0\0\0\x04\x0a\x02ab\0\0\0\0\x0c\x12\x04\x1a\x02cd\x12\x04\x1a\x02ef";
        let got: Vec<String> = name(text, "grpc", &[7, 19, 24])
            .into_iter()
            .map(|n| n.0)
            .collect();
        assert_eq!(got, ["$[0].1", "$[1].2[0].3", "$[1].2[1].3"]);
    }

    #[test]
    fn fields_of_every_kind() {
        let j = r#"{"n":1,"items":[{"a":"x"},{"a":"b\"q","no":"ZZ1"}],"t":["u","v9"]}"#;
        assert_eq!(at(j, "json", "ZZ1"), ("$.items[1].no".into(), 3));
        assert_eq!(at(j, "json", "v9").0, "$.t[1]");
        assert_eq!(
            at("a,b\n1,\"x,\ny\"\n3,ZZ\n", "csv", "ZZ"),
            ("csv:2:3".into(), 3)
        );
        assert_eq!(at("a=1&no=ZZ", "form", "ZZ").0, "form:no");
        assert_eq!(at("GET /x/ZZ?q=1 HTTP/1.1\r\n", "head", "ZZ").0, "path:2");
        assert_eq!(
            at("GET /x?a=1&no=ZZ HTTP/1.1\r\n", "head", "ZZ").0,
            "query:no"
        );
        assert_eq!(
            at("GET / HTTP/1.1\r\nX-No: ZZ\r\n", "head", "ZZ").0,
            "header:x-no"
        );
        assert_eq!(at("a\nb ZZ", "text", "ZZ").0, "text:2");
        assert_eq!(at("{\"a\":[1,", "json", "1").0, "$.a[0]");
    }
}
