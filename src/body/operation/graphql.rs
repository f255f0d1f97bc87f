//! GraphQL over HTTP: POST with JSON, `application/graphql`, a form or an upload, and GET. In: a request. Out: the operation's
//! name, or its top fields where it has none. Bounds: one pass over the document, [`DEFS`] definitions, [`FIELDS`] fields.

use super::{Operation, Request, joined, pairs, top, unescaped};
use crate::body::multipart;

/// Definitions of one document that are told apart.
const DEFS: usize = 64;
/// Top fields of one definition.
const FIELDS: usize = 64;
/// Selection sets inside top-level fragments that are opened.
const DEPTH: usize = 16;

/// One operation of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// `query mutation subscription`.
    pub kind: &'static str,
    /// Name, where it has one.
    pub name: Option<String>,
    /// Fields of the outermost selection, in order of name, aliases and fragments undone.
    pub fields: Vec<String>,
}

/// What one request of a batch asks for.
struct Asked {
    name: Option<String>,
    note: String,
}

/// See [`super::KINDS`].
pub(super) fn operation(r: &Request<'_>) -> Option<Operation> {
    let path = r.ends_in(&["graphql", "gql", "graphiql"]);
    let asked = match (r.media, r.body_kind) {
        ("application/graphql", _) => vec![document(&String::from_utf8_lossy(r.body), None)?],
        (_, "json") if !r.body.is_empty() => json(r.top(), path)?,
        (_, "form") if path => vec![form(r.body)?],
        (_, "multipart") => upload(r, path)?,
        _ if r.body.is_empty() && !r.query().is_empty() => get(r, path)?,
        // what a server tells of itself: the playground page
        _ => return None,
    };
    let mut note = if asked.len() > 1 {
        format!("batch of {}: ", asked.len())
    } else {
        String::new()
    };
    let mut notes: Vec<&str> = asked.iter().map(|a| a.note.as_str()).collect();
    notes.sort_unstable();
    notes.dedup();
    note.push_str(&notes.iter().take(8).copied().collect::<Vec<_>>().join("; "));
    Some(Operation {
        kind: "graphql",
        name: joined(asked.into_iter().filter_map(|a| a.name).collect()),
        note,
    })
}

fn json(t: &top::Top<'_>, path: bool) -> Option<Vec<Asked>> {
    let mut out = Vec::new();
    for o in &t.objects {
        out.push(request(o, path)?);
    }
    (!out.is_empty()).then_some(out)
}

/// One request in JSON: a document, or what names one that the server knows.
fn request(o: &top::Object<'_>, path: bool) -> Option<Asked> {
    let name = top::get_text(o, "operationName");
    if let Some(query) = top::get_text(o, "query")
        && let Some(asked) = document(&query, name.as_deref())
    {
        return Some(asked);
    }
    let hash = top::get(o, "extensions")
        .and_then(top::inner)
        .and_then(|e| top::get(&e, "persistedQuery").and_then(top::inner))
        .and_then(|p| top::get_text(&p, "sha256Hash"));
    let shaped = o
        .iter()
        .any(|(k, _)| matches!(*k, b"variables" | b"operationName" | b"extensions"));
    let id = || {
        ["documentId", "doc_id", "queryId", "id", "query_hash"]
            .iter()
            .find_map(|k| top::get_text(o, k))
            .filter(|_| path || shaped)
    };
    persisted(name, hash.or_else(id).filter(|_| path || shaped), path)
}

fn persisted(name: Option<String>, id: Option<String>, path: bool) -> Option<Asked> {
    let name = name.filter(|n| is_name(n));
    match (name, id) {
        (Some(n), Some(id)) => Some(Asked {
            note: format!("persisted query {} named {n}", short(&id)),
            name: Some(n),
        }),
        (Some(n), None) if path => Some(Asked {
            note: format!("operation {n}, its document not sent"),
            name: Some(n),
        }),
        (None, Some(id)) => Some(Asked {
            name: Some(format!("persisted:{}", short(&id))),
            note: format!("persisted query {}", short(&id)),
        }),
        _ => None,
    }
}

/// Of a hash the first digits, which tell it from others; any other id whole.
fn short(id: &str) -> String {
    let hex = id.len() >= 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    id.chars().take(if hex { 12 } else { 64 }).collect()
}

fn form(body: &[u8]) -> Option<Asked> {
    let find = |name: &str| {
        pairs(body)
            .find(|(k, _)| *k == name.as_bytes())
            .map(|(_, v)| String::from_utf8_lossy(&unescaped(v)).into_owned())
    };
    let name = find("operationName").filter(|n| !n.is_empty());
    match find("query").and_then(|q| document(&q, name.as_deref())) {
        Some(a) => Some(a),
        None => persisted(name, find("doc_id").or_else(|| find("documentId")), true),
    }
}

fn get(r: &Request<'_>, path: bool) -> Option<Vec<Asked>> {
    let text = |name: &str| {
        r.param(name)
            .map(|v| String::from_utf8_lossy(&v).into_owned())
            .filter(|v| !v.is_empty())
    };
    // no other query string costs more than this look
    if !path && memchr::memmem::find(r.query(), b"query=").is_none() {
        return None;
    }
    let name = text("operationName").filter(|n| is_name(n));
    if let Some(q) = text("query")
        && let Some(a) = document(&q, name.as_deref())
    {
        return Some(vec![a]);
    }
    if !path {
        return None;
    }
    let hash = text("extensions").and_then(|e| {
        let e = top::inner(e.as_bytes())?;
        top::get_text(&top::inner(top::get(&e, "persistedQuery")?)?, "sha256Hash")
    });
    let id = hash.or_else(|| {
        ["documentId", "doc_id", "queryId", "id", "query_hash"]
            .iter()
            .find_map(|n| text(n))
    });
    persisted(name, id, true).map(|a| vec![a])
}

/// The multipart form of uploads: a field `operations` with the request, `map`, and the files.
fn upload(r: &Request<'_>, path: bool) -> Option<Vec<Asked>> {
    if !path && memchr::memmem::find(r.body, b"\"operations\"").is_none() {
        return None;
    }
    let part =
        multipart::parts(r.body).find(|p| p.name(r.body).as_deref() == Some("operations"))?;
    let t = top::read(r.body.get(part.body)?);
    json(&t, true)
}

/// The operation of a document that `chosen` names, or its only one, or all.
fn document(doc: &str, chosen: Option<&str>) -> Option<Asked> {
    let mut ops = parse(doc)?;
    if let Some(c) = chosen
        && ops.iter().any(|o| o.name.as_deref() == Some(c))
    {
        ops.retain(|o| o.name.as_deref() == Some(c));
    }
    let name = joined(
        ops.iter()
            .filter_map(|o| o.name.clone().or_else(|| joined(o.fields.clone())))
            .collect(),
    );
    let note = ops
        .iter()
        .map(|o| {
            format!(
                "{}{} of {}",
                o.kind,
                o.name.as_ref().map_or(String::new(), |n| format!(" {n}")),
                joined(o.fields.clone()).unwrap_or_else(|| "nothing".into())
            )
        })
        .collect::<Vec<_>>()
        .join("; ");
    Some(Asked { name, note })
}

fn is_name(s: &str) -> bool {
    !s.is_empty()
        && s.len() <= super::NAME
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    Mark(u8),
    Spread,
    /// A number or string.
    Value,
}

/// Tokens of a document (October 2021 specification, section 2.1); what is no token is passed over.
struct Lexer<'a> {
    s: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let b = self.s.as_bytes();
        loop {
            let c = *b.get(self.at)?;
            match c {
                b'#' => {
                    let rest = b.get(self.at..).unwrap_or_default();
                    self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                }
                b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                    let from = self.at;
                    while b
                        .get(self.at)
                        .is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'_')
                    {
                        self.at += 1;
                    }
                    return self.s.get(from..self.at).map(Token::Name);
                }
                b'0'..=b'9' | b'-' => {
                    while b.get(self.at).is_some_and(|c| {
                        c.is_ascii_digit() || matches!(c, b'-' | b'+' | b'.' | b'e' | b'E')
                    }) {
                        self.at += 1;
                    }
                    return Some(Token::Value);
                }
                b'"' => {
                    self.string();
                    return Some(Token::Value);
                }
                b'.' => {
                    let n = b.get(self.at..).unwrap_or_default();
                    let n = n.iter().take_while(|c| **c == b'.').count();
                    self.at += n;
                    if n >= 3 {
                        return Some(Token::Spread);
                    }
                }
                b'{' | b'}' | b'(' | b')' | b'[' | b']' | b':' | b'=' | b'@' | b'$' | b'!'
                | b'|' | b'&' => {
                    self.at += 1;
                    return Some(Token::Mark(c));
                }
                _ => self.at += 1,
            }
        }
    }
    fn string(&mut self) {
        let b = self.s.as_bytes();
        let rest = b.get(self.at..).unwrap_or_default();
        if rest.starts_with(b"\"\"\"") {
            let inner = rest.get(3..).unwrap_or_default();
            let end = memchr::memmem::find_iter(inner, b"\"\"\"")
                .find(|n| *n == 0 || inner.get(n - 1) != Some(&b'\\'));
            self.at += end.map_or(rest.len(), |n| n + 6);
            return;
        }
        let mut i = 1;
        while let Some(c) = rest.get(i) {
            i += match c {
                b'\\' => 2,
                b'"' | b'\n' => {
                    i += 1;
                    break;
                }
                _ => 1,
            };
        }
        self.at = (self.at + i).min(b.len());
    }
    fn peek(&self) -> Option<Token<'a>> {
        Lexer {
            s: self.s,
            at: self.at,
        }
        .next()
    }
    /// Passes over everything up to the mark that closes the one just read.
    fn close(&mut self) {
        let mut depth = 1usize;
        while depth > 0 {
            match self.next() {
                Some(Token::Mark(b'{' | b'(' | b'[')) => depth += 1,
                Some(Token::Mark(b'}' | b')' | b']')) => depth -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }
    /// Up to and over the `{` of a definition; false where there is none.
    fn body(&mut self) -> bool {
        loop {
            match self.next() {
                Some(Token::Mark(b'{')) => return true,
                Some(Token::Mark(b'(' | b'[')) => self.close(),
                Some(Token::Mark(b'}')) | None => return false,
                Some(_) => {}
            }
        }
    }
    /// Fields of the selection that was just opened, and fragments that it spreads.
    fn selection(&mut self) -> (Vec<&'a str>, Vec<&'a str>) {
        let (mut fields, mut spreads) = (Vec::new(), Vec::new());
        let mut depth = 1;
        while let Some(t) = self.next() {
            match t {
                Token::Mark(b'}') => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                Token::Mark(b'(' | b'[') => self.close(),
                Token::Mark(b'@') => {
                    self.next();
                }
                // of a field that was just named
                Token::Mark(b'{') => self.close(),
                Token::Spread => match self.peek() {
                    Some(Token::Name(n)) if n != "on" => {
                        self.next();
                        if spreads.len() < FIELDS {
                            spreads.push(n);
                        }
                    }
                    _ => {
                        // an inline fragment: its fields count as those around it
                        if depth >= DEPTH || !self.body() {
                            break;
                        }
                        depth += 1;
                    }
                },
                Token::Name(mut n) => {
                    if self.peek() == Some(Token::Mark(b':')) {
                        self.next();
                        match self.next() {
                            Some(Token::Name(real)) => n = real,
                            _ => continue,
                        }
                    }
                    if fields.len() < FIELDS {
                        fields.push(n);
                    }
                }
                _ => {}
            }
        }
        (fields, spreads)
    }
}

/// Operations of a document; `None` where the text is none. A document that breaks off gives what stands before.
pub fn parse(doc: &str) -> Option<Vec<Op>> {
    let mut l = Lexer { s: doc, at: 0 };
    /// Kind, name, fields, fragments spread at the top.
    type Raw<'a> = (&'static str, Option<&'a str>, Vec<&'a str>, Vec<&'a str>);
    let mut ops: Vec<Raw<'_>> = Vec::new();
    let mut fragments: Vec<(&str, Vec<&str>)> = Vec::new();
    while ops.len() + fragments.len() < DEFS {
        let Some(t) = l.next() else { break };
        match t {
            Token::Mark(b'{') => {
                let (f, s) = l.selection();
                ops.push(("query", None, f, s));
            }
            Token::Name(word @ ("query" | "mutation" | "subscription")) => {
                let kind = match word {
                    "query" => "query",
                    "mutation" => "mutation",
                    _ => "subscription",
                };
                let name = match l.peek() {
                    Some(Token::Name(n)) => Some(n),
                    _ => None,
                };
                // behind the word stands a name, variables, directives or the selection: anything else is no document
                if name.is_none() && !matches!(l.peek(), Some(Token::Mark(b'{' | b'(' | b'@'))) {
                    return None;
                }
                if name.is_some() {
                    l.next();
                }
                if !matches!(l.peek(), Some(Token::Mark(b'{' | b'(' | b'@')) | None) {
                    return None;
                }
                let (f, s) = if l.body() {
                    l.selection()
                } else {
                    Default::default()
                };
                ops.push((kind, name, f, s));
            }
            Token::Name("fragment") => {
                let Some(Token::Name(n)) = l.next() else {
                    return None;
                };
                if !l.body() {
                    break;
                }
                fragments.push((n, l.selection().0));
            }
            _ if ops.is_empty() => return None,
            _ => break,
        }
    }
    let ops: Vec<Op> = ops
        .into_iter()
        .map(|(kind, name, mut fields, spreads)| {
            for s in spreads {
                match fragments.iter().find(|(n, _)| *n == s) {
                    Some((_, f)) => fields.extend(f),
                    None => fields.push(s),
                }
            }
            fields.sort_unstable();
            fields.dedup();
            Op {
                kind,
                name: name.map(str::to_owned),
                fields: fields.into_iter().map(str::to_owned).collect(),
            }
        })
        .filter(|o| o.name.is_some() || !o.fields.is_empty())
        .collect();
    (!ops.is_empty()).then_some(ops)
}
