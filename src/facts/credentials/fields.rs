//! A small body as flat fields. In: decoded content and its kind. Out: path, key and text of every leaf.
//! Bounds: [`FIELDS`] leaves, [`crate::limits::NEST_DEPTH`] deep, values up to 16 KB; more is left out, since logins are small.

use super::words::plain;
use crate::body::protobuf::frames::frames;
use crate::body::protobuf::wire::{self, Wire};
use crate::limits::NEST_DEPTH;
use serde_json::Value;
use std::ops::Range;

/// Leaves kept: a login answer with a whole menu tree inside has a few hundred before its token.
const FIELDS: usize = 2000;
const VALUE: usize = 16 << 10;

/// One leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// `$.data.token`, `form:user`, `xml:password`.
    pub path: String,
    /// Last key without case and separators.
    pub key: String,
    /// Text; numbers and booleans as written.
    pub value: String,
    /// Whether it stood as a string.
    pub text: bool,
}

/// Leaves of a body.
pub fn read(body: &[u8], kind: &str) -> Vec<Field> {
    let mut out = Vec::new();
    match kind {
        "json" | "ndjson" => {
            if let Ok(v) = serde_json::from_slice::<Value>(body) {
                json(&v, &mut out);
            }
        }
        "form" => form(body, "form:", &mut out),
        "multipart" => multipart(body, &mut out),
        "xml" => xml(body, &mut out),
        "grpc" => {
            for f in frames(body).take(MESSAGES).filter(|f| f.message()) {
                protobuf(body, f.body, "pb:", 0, &mut out);
            }
        }
        "protobuf" => protobuf(body, 0..body.len(), "pb:", 0, &mut out),
        // Kinds are sniffed; a short text may still be one of these.
        "text" => match body.first() {
            Some(b'{' | b'[') => {
                if let Ok(v) = serde_json::from_slice::<Value>(body) {
                    json(&v, &mut out);
                }
            }
            Some(b'<') => xml(body, &mut out),
            _ if body.contains(&b'=') && !body.contains(&b' ') => form(body, "form:", &mut out),
            _ => {}
        },
        _ => {}
    }
    out
}

fn push(out: &mut Vec<Field>, path: String, key: &str, value: String, text: bool) {
    if out.len() < FIELDS && value.len() <= VALUE {
        out.push(Field {
            path,
            key: plain(last_key(key)),
            value,
            text,
        });
    }
}

/// `user[email]` is about an e-mail.
fn last_key(key: &str) -> &str {
    let inner = key
        .strip_suffix(']')
        .and_then(|k| k.rsplit_once('['))
        .map(|(_, k)| k)
        .filter(|k| k.len() > 1 && !k.bytes().all(|b| b.is_ascii_digit()));
    inner.unwrap_or(key)
}

fn json(root: &Value, out: &mut Vec<Field>) {
    let mut named = Vec::new();
    let mut stack = vec![(root, "$".to_owned(), String::new(), 0usize)];
    while let Some((v, path, key, depth)) = stack.pop() {
        if out.len() >= FIELDS {
            return;
        }
        match v {
            Value::Object(m) if depth < NEST_DEPTH => {
                for (k, v) in m.iter().rev().take(FIELDS) {
                    stack.push((v, format!("{path}.{k}"), k.clone(), depth + 1));
                }
            }
            Value::Array(a) if depth < NEST_DEPTH => {
                for v in a.iter().take(20).rev() {
                    stack.push((v, format!("{path}[*]"), key.clone(), depth + 1));
                }
            }
            Value::String(s) => {
                if s.contains('{')
                    && s.contains(':')
                    && matches!(plain(&key).as_str(), "query" | "mutation")
                {
                    arguments(s, out, &mut named);
                }
                push(out, path, &key, s.clone(), true);
            }
            Value::Number(n) => push(out, path, &key, n.to_string(), false),
            Value::Bool(b) => push(out, path, &key, b.to_string(), false),
            Value::Null => push(out, path, &key, String::new(), false),
            _ => {}
        }
    }
    // `login(username: $u)`: the variable `u` is a user name.
    for (variable, argument) in named {
        let path = format!("$.variables.{variable}");
        if let Some(f) = out.iter_mut().find(|f| f.path == path) {
            f.key = plain(&argument);
        }
    }
}

/// Arguments written into a GraphQL document: `login(user: "a", password: "b")`.
/// Variables that stand for arguments go to `named`: variable, argument.
fn arguments(doc: &str, out: &mut Vec<Field>, named: &mut Vec<(String, String)>) {
    let mut rest = doc;
    while let Some(at) = rest.find(':') {
        let (before, after) = rest.split_at(at);
        let after = after.get(1..).unwrap_or_default();
        let name: String = before
            .chars()
            .rev()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let name: String = name.chars().rev().collect();
        if let Some(s) = after.trim_start().strip_prefix('"')
            && let Some((value, tail)) = s.split_once('"')
        {
            push(
                out,
                format!("$.query.{name}"),
                &name,
                value.to_owned(),
                true,
            );
            rest = tail;
        } else {
            if let Some(v) = after.trim_start().strip_prefix('$')
                && named.len() < 64
            {
                let end = v
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(v.len());
                named.push((v.get(..end).unwrap_or_default().to_owned(), name));
            }
            rest = after;
        }
        if out.len() >= FIELDS {
            return;
        }
    }
}

/// Messages of one direction of a call that are read: logins are one.
const MESSAGES: usize = 4;
/// Messages within messages.
const WITHIN: usize = 4;

/// Texts and numbers of a protobuf message without its schema: keys are numbers of fields. What reads as text is text.
fn protobuf(body: &[u8], range: Range<usize>, path: &str, depth: usize, out: &mut Vec<Field>) {
    for f in wire::fields(body, range).take(FIELDS) {
        let key = f.number.to_string();
        let path = format!("{path}{key}");
        match f.wire {
            Wire::Varint(n) => push(out, path, &key, n.to_string(), false),
            Wire::Len => {
                let value = body.get(f.value.clone()).unwrap_or_default();
                match std::str::from_utf8(value) {
                    Ok(t) if !t.chars().any(char::is_control) => {
                        push(out, path, &key, t.to_owned(), true);
                    }
                    _ if depth < WITHIN => {
                        protobuf(body, f.value, &format!("{path}."), depth + 1, out);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        if out.len() >= FIELDS {
            return;
        }
    }
}

/// `a=b&c=d`, percent-encoded, `+` for a blank.
pub fn form(body: &[u8], prefix: &str, out: &mut Vec<Field>) {
    for pair in body.split(|b| *b == b'&').take(FIELDS) {
        let mut kv = pair.splitn(2, |b| *b == b'=');
        let k = percent(kv.next().unwrap_or_default(), true);
        let v = percent(kv.next().unwrap_or_default(), true);
        if !k.is_empty() {
            push(out, format!("{prefix}{k}"), &k, v, true);
        }
    }
}

/// Percent-decoded text; invalid escapes stay as they are.
pub fn percent(raw: &[u8], plus: bool) -> String {
    let mut out = Vec::with_capacity(raw.len());
    let mut it = raw.iter().copied();
    while let Some(b) = it.next() {
        match b {
            b'+' if plus => out.push(b' '),
            b'%' => {
                let mut ahead = it.clone();
                let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                match (hex(ahead.next()), hex(ahead.next())) {
                    (Some(h), Some(l)) => {
                        out.push(u8::try_from(h * 16 + l).unwrap_or(b'%'));
                        it = ahead;
                    }
                    _ => out.push(b'%'),
                }
            }
            b => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn multipart(body: &[u8], out: &mut Vec<Field>) {
    let Some(end) = body.iter().position(|b| *b == b'\n') else {
        return;
    };
    let boundary = body.get(..end).unwrap_or_default().trim_ascii_end();
    if boundary.len() < 3 {
        return;
    }
    let text = String::from_utf8_lossy(body);
    let boundary = String::from_utf8_lossy(boundary).into_owned();
    for part in text.split(boundary.as_str()).take(200) {
        let Some((head, value)) = part
            .split_once("\r\n\r\n")
            .or_else(|| part.split_once("\n\n"))
        else {
            continue;
        };
        if head.contains("filename=") {
            continue;
        }
        let Some(name) = head.split("name=").nth(1) else {
            continue;
        };
        let name = name
            .trim_start_matches('"')
            .split(['"', ';', '\r', '\n'])
            .next()
            .unwrap_or_default();
        push(
            out,
            format!("form:{name}"),
            name,
            value.trim_end_matches(['\r', '\n', '-']).to_owned(),
            true,
        );
    }
}

/// Elements with text and attributes of an XML body, without a tree: enough to find a name and a password.
fn xml(body: &[u8], out: &mut Vec<Field>) {
    let text = String::from_utf8_lossy(body);
    let mut rest: &str = &text;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        let Some((tag, after)) = rest.split_once('>') else {
            return;
        };
        rest = after;
        if tag.starts_with(['/', '?', '!']) {
            continue;
        }
        let mut words = tag.split_ascii_whitespace();
        let full = words.next().unwrap_or_default().trim_end_matches('/');
        let name = full.rsplit(':').next().unwrap_or_default();
        let content = after.split('<').next().unwrap_or_default().trim();
        if !content.is_empty() {
            push(out, format!("xml:{name}"), name, content.to_owned(), true);
        }
        attributes(tag, name, out);
        if out.len() >= FIELDS {
            return;
        }
    }
}

/// Attributes of an element that hold a name beside a password, or a token: `<credentials name="a" password="b"/>`.
fn attributes(tag: &str, element: &str, out: &mut Vec<Field>) {
    let all: Vec<(&str, &str)> = tag
        .split(['"', '\''])
        .collect::<Vec<_>>()
        .chunks_exact(2)
        .take(32)
        .filter_map(|p| match p {
            [before, value] => {
                let name = before.trim_end().strip_suffix('=')?.trim_end();
                let name = name.rsplit(|c: char| c.is_whitespace()).next()?;
                Some((name.rsplit(':').next().unwrap_or(name), *value))
            }
            _ => None,
        })
        .collect();
    let secret = all.iter().any(|(n, _)| super::words::password(&plain(n)));
    for (name, value) in all {
        if !value.is_empty() && (secret || super::words::token(&plain(name))) {
            let path = format!("xml@{element}:{name}");
            push(out, path, name, value.to_owned(), true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get<'a>(f: &'a [Field], key: &str) -> Option<&'a str> {
        f.iter().find(|f| f.key == key).map(|f| f.value.as_str())
    }

    #[test]
    fn every_kind_gives_its_leaves() {
        let j = read(
            br#"{"data":{"accessToken":"t1","n":[{"Pass_Word":"p"}]}}"#,
            "json",
        );
        assert_eq!(get(&j, "accesstoken"), Some("t1"));
        assert_eq!(get(&j, "password"), Some("p"));
        let f = read(b"user%20name=a%40b&pass=x+y%zz", "form");
        assert_eq!(
            (get(&f, "username"), get(&f, "pass")),
            (Some("a@b"), Some("x y%zz"))
        );
        let m = read(b"--b1\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nalice\r\n--b1\r\nContent-Disposition: form-data; name=\"pwd\"\r\n\r\ns3\r\n--b1--\r\n", "multipart");
        assert_eq!(
            (get(&m, "user"), get(&m, "pwd")),
            (Some("alice"), Some("s3"))
        );
        let x = read(b"<?xml version=\"1.0\"?><s:Envelope><s:Body><ns:login><ns:userName>al</ns:userName><password>x</password></ns:login></s:Body></s:Envelope>", "xml");
        assert_eq!(
            (get(&x, "username"), get(&x, "password")),
            (Some("al"), Some("x"))
        );
        let g = read(
            br#"{"query":"mutation { login(username: \"bob\", password: \"pw\") { token } }"}"#,
            "json",
        );
        assert_eq!(
            (get(&g, "username"), get(&g, "password")),
            (Some("bob"), Some("pw"))
        );
    }

    #[test]
    fn no_bytes_break_it() {
        for k in ["json", "form", "multipart", "xml", "text", "binary"] {
            for b in [
                &b""[..],
                b"%",
                b"<",
                b"{",
                b"--\n",
                b"\xff\xfe<\xff>%f",
                b"a=%4",
                b"<a",
                b"[[[[[[[",
            ] {
                let _ = read(b, k);
            }
        }
        let deep = "[".repeat(100_000);
        assert!(read(deep.as_bytes(), "json").is_empty());
    }
}
