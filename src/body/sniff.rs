//! What kind of content a body is. In: its first bytes and the declared media type. Out: one of thirteen words. Bounds: looks at 4 KiB.

/// `json ndjson xml html form multipart csv text binary grpc protobuf sse xlsx`. The content decides where it is clear; the media type where it is not.
pub fn kind(content: &[u8], media_type: Option<&str>) -> &'static str {
    let head = content.get(..content.len().min(4096)).unwrap_or(content);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let lead = head.trim_ascii_start();
    let mt = media_type
        .unwrap_or("")
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    if let Some(kind) = declared(&mt, content) {
        return kind;
    }
    if head.starts_with(b"PK\x03\x04") && super::sheet::is_workbook(content, &mt) {
        return "xlsx";
    }
    if lead.is_empty() {
        return if mt.starts_with("text/") || head.is_empty() {
            "text"
        } else {
            "binary"
        };
    }
    if mt.starts_with("multipart/")
        || (mt.is_empty() && lead.starts_with(b"--") && find(lead, b"ontent-"))
    {
        return "multipart";
    }
    // what ends a frame of STOMP
    let head = if content.len() == head.len() {
        head.strip_suffix(b"\0").unwrap_or(head)
    } else {
        head
    };
    let sample = head.get(..head.len().min(1024)).unwrap_or(head);
    if !is_text(sample, content.len() > sample.len()) {
        return if mt.is_empty() && published(lead).is_some() {
            "json"
        } else {
            "binary"
        };
    }
    if mt == "text/event-stream" {
        return "sse";
    }
    let first = lead.first().copied().unwrap_or(0);
    match first {
        b'{' | b'[' if mt != "text/csv" => {
            if first == b'{'
                && (mt.contains("ndjson")
                    || mt.contains("jsonl")
                    || mt.contains("json-seq")
                    || lines_of_objects(lead))
            {
                return "ndjson";
            }
            if looks_json(lead) || mt.contains("json") {
                return "json";
            }
        }
        b'<' => {
            if html(lead) || mt == "text/html" {
                return "html";
            }
            let second = lead.get(1).copied().unwrap_or(0);
            if second == b'?' || second == b'!' || second.is_ascii_alphabetic() || second == b'_' {
                return if mt.contains("html") { "html" } else { "xml" };
            }
        }
        _ => {}
    }
    if mt.contains("json") {
        return if mt.contains("ndjson") || mt.contains("jsonl") {
            "ndjson"
        } else {
            "json"
        };
    }
    if (mt.contains("javascript") || mt.is_empty()) && jsonp(lead).is_some()
        || (mt == "text/plain" || mt.is_empty()) && event(lead).is_some()
    {
        return "json";
    }
    if mt.contains("x-www-form-urlencoded") || (mt.is_empty() && form(lead)) {
        return "form";
    }
    if mt == "text/html" {
        return "html";
    }
    if mt.contains("csv") || mt.contains("tab-separated") {
        return "csv";
    }
    let open = mt.is_empty()
        || mt == "text/plain"
        || mt == "application/octet-stream"
        || mt.contains("excel");
    if open && csv(lead) {
        return "csv";
    }
    "text"
}

/// Kinds that no look at the bytes tells from others: they are what their media type says, where the bytes allow it.
fn declared(mt: &str, content: &[u8]) -> Option<&'static str> {
    let rest = mt.strip_prefix("application/")?;
    if (rest.starts_with("grpc") || rest.starts_with("connect+"))
        && super::protobuf::frames::plausible(content)
    {
        return Some("grpc");
    }
    let protobuf = matches!(
        rest,
        "x-protobuf" | "protobuf" | "proto" | "x-google-protobuf" | "vnd.google.protobuf"
    );
    (protobuf && !content.is_empty()).then_some("protobuf")
}

fn find(hay: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(hay, needle).is_some()
}

/// No control characters but white space, and UTF-8 (or at least not mostly high bytes, which older encodings of Chinese have in pairs).
fn is_text(head: &[u8], cut: bool) -> bool {
    // most texts have no control at all, which is told faster than which ones they have: without a way out in the middle it takes
    // many bytes at once
    let odd = if head.iter().fold(false, |some, b| some | (*b < 0x20)) {
        let allowed = |b: u8| matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | 0x1e);
        head.iter().filter(|b| **b < 0x20 && !allowed(**b)).count()
    } else {
        0
    };
    if odd * 200 > head.len() {
        return false;
    }
    match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(e) if cut && e.error_len().is_none() => true,
        Err(_) => {
            odd == 0
                && !head.starts_with(b"%PDF")
                && !head.starts_with(b"\x89PNG")
                && !head.starts_with(b"\xff\xd8")
        }
    }
}

fn looks_json(lead: &[u8]) -> bool {
    let mut rest = lead.iter().skip(1).filter(|b| !b.is_ascii_whitespace());
    matches!(
        (lead.first(), rest.next()),
        (Some(b'{'), Some(b'"' | b'}' | b'\'') | None)
            | (
                Some(b'['),
                Some(b'"' | b'{' | b'[' | b']' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') | None
            )
    )
}

/// Two lines, each of which begins with `{` and the first of which ends with `}`.
fn lines_of_objects(lead: &[u8]) -> bool {
    let mut rest = lead;
    let mut line = || loop {
        let end = memchr::memchr(b'\n', rest);
        let (line, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = after.get(1..).unwrap_or_default();
        let line = line.trim_ascii();
        if !line.is_empty() || end.is_none() {
            return Some(line);
        }
    };
    match (line(), line()) {
        (Some(a), Some(b)) => {
            a.len() > 2 && a.starts_with(b"{") && a.ends_with(b"}") && b.starts_with(b"{")
        }
        _ => false,
    }
}

fn html(lead: &[u8]) -> bool {
    let low = lead
        .get(..lead.len().min(512))
        .unwrap_or(lead)
        .to_ascii_lowercase();
    low.starts_with(b"<!doctype html")
        || find(&low, b"<html")
        || low.starts_with(b"<body")
        || low.starts_with(b"<div")
        || low.starts_with(b"<table")
}

/// Length of a JSONP or anti-hijacking prefix before the value.
pub(crate) fn jsonp(lead: &[u8]) -> Option<usize> {
    let at = lead
        .iter()
        .take(128)
        .position(|b| matches!(b, b'{' | b'['))?;
    let before = lead.get(..at)?;
    let call = before.last() == Some(&b'(')
        && before.len() > 1
        && before.iter().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'_' | b'$' | b'.' | b'(' | b'/' | b'*' | b' ' | b'\n' | b';'
                )
        });
    (call
        || before.starts_with(b")]}'")
        || before.starts_with(b"while(1)")
        || before.starts_with(b"for(;;)"))
    .then_some(at)
}

/// Where JSON begins behind what a messaging protocol puts before it: Socket.IO, SockJS, MQTT.
pub(crate) fn inside_message(lead: &[u8]) -> Option<usize> {
    event(lead).or_else(|| published(lead))
}

/// Packets of Engine.IO and Socket.IO (`42["name",{}]`, `42/space,7["name"]`, `451-["name"]`) and of SockJS (`a["{}"]`).
fn event(lead: &[u8]) -> Option<usize> {
    let at = lead
        .iter()
        .take(64)
        .position(|b| matches!(b, b'{' | b'['))?;
    let (before, json) = lead.split_at_checked(at)?;
    let digits = |b: &[u8]| b.len() <= 8 && b.iter().all(u8::is_ascii_digit);
    let kind = match before {
        b"a" => return (json.starts_with(b"[\"")).then_some(at),
        [_, ..] => before,
        [] => return None,
    };
    let (kind, ack) = match kind.iter().position(|b| *b == b'/') {
        Some(slash) => {
            let comma = kind.iter().rposition(|b| *b == b',')?;
            (kind.get(..slash)?, kind.get(comma + 1..)?)
        }
        None => match kind.iter().position(|b| *b == b'-') {
            Some(dash) => (kind.get(..dash)?, kind.get(dash + 1..)?),
            None => (kind, &[][..]),
        },
    };
    (!kind.is_empty()
        && digits(kind)
        && digits(ack)
        && matches!(json.get(..2), Some(b"[\"" | b"{\"" | b"[{")))
    .then_some(at)
}

/// Where the payload of an MQTT PUBLISH begins (MQTT 3.1.1 section 3.3, 5.0), if it is JSON.
fn published(b: &[u8]) -> Option<usize> {
    let (first, rest) = b.split_first()?;
    if first >> 4 != 3 || first & 6 == 6 {
        return None;
    }
    let size = rest.iter().take(4).position(|d| d & 0x80 == 0)? + 1;
    let topic = rest.get(size..size + 2)?;
    let topic = topic.iter().fold(0usize, |n, d| n << 8 | usize::from(*d));
    let after = 1 + size + 2 + topic + if first & 6 == 0 { 0 } else { 2 };
    // version 5 has properties there, whose length comes first
    let skips = [0, 1 + b.get(after).map_or(0, |n| usize::from(*n & 0x7f))];
    skips
        .into_iter()
        .map(|n| after + n)
        .find(|at| b.get(*at..).is_some_and(|p| looks_json(p) && p.len() > 1))
}

fn form(lead: &[u8]) -> bool {
    // base64 as a whole ends as a pair without a value does
    let coded = lead.trim_ascii_end();
    if coded.len() >= 24
        && coded.len().is_multiple_of(4)
        && memchr::memchr(b'=', coded).is_some_and(|eq| eq + 2 >= coded.len())
    {
        return false;
    }
    let mut pairs = 0;
    for pair in lead.split(|b| *b == b'&').take(8) {
        let Some(eq) = pair.iter().position(|b| *b == b'=') else {
            return false;
        };
        let name = pair.get(..eq).unwrap_or(pair);
        let plain = |b: &u8| {
            b.is_ascii_alphanumeric()
                || matches!(b, b'_' | b'-' | b'.' | b'%' | b'[' | b']' | b'+' | b'$')
        };
        if name.is_empty()
            || !name.iter().all(plain)
            || pair
                .iter()
                .any(|b| b.is_ascii_whitespace() || *b == b'<' || *b == b'{')
        {
            return false;
        }
        pairs += 1;
    }
    pairs > 0
}

/// The first lines have the same number of cells, more than one; or those behind a title have, more than two.
fn csv(lead: &[u8]) -> bool {
    table(lead) || titled(lead)
}

/// Lines of a title that may stand above a table, and lines that make one below them.
const TITLE: usize = 6;
const TABLE: usize = 4;

/// A table below lines of half as many cells at most: its title, who made it and when.
fn titled(lead: &[u8]) -> bool {
    let lines: Vec<&[u8]> = lead
        .split(|b| *b == b'\n')
        .filter(|l| !l.trim_ascii().is_empty())
        .take(TITLE + TABLE + 1)
        .collect();
    // the last line may be cut
    let Some((_, whole)) = lines.split_last() else {
        return false;
    };
    super::csv::DELIMITERS.into_iter().any(|d| {
        let width = whole.last().map_or(0, |l| cells(l, d));
        let filled = |l: &&&[u8]| {
            l.split(|b| *b == d)
                .filter(|c| !c.trim_ascii().is_empty())
                .count()
        };
        let title = whole.iter().take_while(|l| filled(l) * 2 <= width).count();
        let rows = whole.get(title..).unwrap_or_default();
        width > 2
            && (1..=TITLE).contains(&title)
            && rows.len() >= TABLE
            && rows.iter().all(|l| cells(l, d) == width)
            && !named(rows, d)
    })
}

fn table(lead: &[u8]) -> bool {
    let lines: Vec<&[u8]> = lead
        .split(|b| *b == b'\n')
        .filter(|l| !l.trim_ascii().is_empty())
        .take(6)
        .collect();
    // the last line may be cut
    let whole = lines
        .get(..lines.len().saturating_sub(1).max(2))
        .unwrap_or(&lines);
    if whole.len() < 2 {
        return false;
    }
    super::csv::DELIMITERS.into_iter().any(|d| {
        let counts: Vec<usize> = whole.iter().map(|l| cells(l, d)).collect();
        let first = counts.first().copied().unwrap_or(0);
        first > 1 && counts.iter().all(|c| *c == first) && !named(whole, d)
    })
}

/// Whether the cells of two lines say their own names alike (`id: 1; name: a`): that is a log, not a table.
fn named(lines: &[&[u8]], delimiter: u8) -> bool {
    let mut names = lines.iter().take(2).map(|l| {
        l.split(move |b| *b == delimiter)
            .map(|c| c.trim_ascii())
            .map(|c| {
                c.iter()
                    .position(|b| matches!(b, b':' | b'='))
                    .and_then(|n| c.get(..n))
            })
    });
    let (Some(a), Some(b)) = (names.next(), names.next()) else {
        return false;
    };
    let (mut all, mut same) = (0, 0);
    for (a, b) in a.zip(b) {
        all += 1;
        same += usize::from(a.is_some_and(|n| n.iter().any(|c| !c.is_ascii_digit())) && a == b);
    }
    same * 2 > all
}

fn cells(line: &[u8], delimiter: u8) -> usize {
    let mut quoted = false;
    let mut n = 1;
    for b in line {
        match *b {
            b'"' => quoted = !quoted,
            b if b == delimiter && !quoted => n += 1,
            _ => {}
        }
    }
    n
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn content_decides_and_the_media_type_helps() {
        for (content, mt, want) in [
            ("{\"a\":1}", None, "json"),
            ("[1,2]", Some("text/plain"), "json"),
            ("{\"a\":1}\n{\"a\":2}\n", Some("application/json"), "ndjson"),
            ("{\"a\":1}\n", Some("application/x-ndjson"), "ndjson"),
            ("{\n \"a\":1}", None, "json"),
            ("<?xml version=\"1.0\"?><a/>", Some("text/xml"), "xml"),
            ("<soap:Envelope/>", None, "xml"),
            ("<!DOCTYPE html><p>", None, "html"),
            ("a=1&b=%20", None, "form"),
            (
                "a=1&b=%20",
                Some("application/x-www-form-urlencoded; charset=utf-8"),
                "form",
            ),
            (
                "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--",
                None,
                "multipart",
            ),
            ("id,name\n1,a\n2,b\n", None, "csv"),
            ("id\tname\n1\ta\n2\tb\n", Some("text/plain"), "csv"),
            ("id;name\n", Some("text/csv"), "csv"),
            (
                "Customers;;\nMade: 2024-05-06\n\nid;name;no\n1;a;2\n3;b;4\n5;c;6\n7;d;8\n",
                None,
                "csv",
            ),
            (
                "Dear all,\n\nas we said, one, two, three\nand then more, or less\nthat is it, then\nand so on, as ever\nyours\n",
                None,
                "text",
            ),
            (
                "id: 1; name: a\nid: 2; name: b\n",
                Some("text/plain"),
                "text",
            ),
            ("hello, world", Some("text/plain"), "text"),
            ("cb({\"a\":1})", Some("application/javascript"), "json"),
            ("42[\"order\",{\"phone\":\"1\"}]", None, "json"),
            ("42/admin,7[\"order\"]", None, "json"),
            ("451-[\"file\",{\"_placeholder\":true}]", None, "json"),
            ("0{\"sid\":\"x\"}", Some("text/plain"), "json"),
            ("a[\"{}\"]", None, "json"),
            ("12 [\"not\"]", None, "text"),
            ("2024-10-11 [\"not\"]", None, "text"),
            ("MESSAGE\nid:1\n\n{\"a\":1}\0", None, "text"),
            ("0\u{b}\0\u{3}a/b{\"a\":1}", None, "json"),
            ("2\u{d}\0\u{3}a/b\0\u{7}{\"a\":1}", None, "json"),
            ("0\u{c}\0\u{3}a/b\0{\"a\":1}", None, "json"),
            (
                "\u{10}\u{b}\0\u{4}MQTT\u{4}\u{2}\0\u{1}{\"a\":1}",
                None,
                "binary",
            ),
            ("\u{0}\u{1}\u{2}abc", None, "binary"),
            ("", None, "text"),
            ("data: {}\n\n", Some("text/event-stream"), "sse"),
            (
                "\0\0\0\0\u{2}\u{8}\u{1}",
                Some("application/grpc+proto"),
                "grpc",
            ),
            ("<html>", Some("application/grpc"), "html"),
            ("\u{8}\u{1}", Some("application/x-protobuf"), "protobuf"),
        ] {
            assert_eq!(kind(content.as_bytes(), mt), want, "{content}");
        }
    }
}
