//! What operation a request asks for where the URL alone does not tell: GraphQL, JSON-RPC, XML-RPC, SOAP, OData, gRPC.
//! In: a request's method, target, media type, headers and decoded body. Out: the kind of API, the operation's name, a note
//! for people; or the fields by which a dispatcher may choose (`?action=`), which only all calls together can decide.
//! Bounds: [`limits::OPERATION_BYTES`] of a body are looked at, and only where media type, path or first byte point to it.
//!
//! One file a kind, one line in [`KINDS`].

mod awsjson;
pub mod dispatch;
pub mod graphql;
mod grpc;
mod jsonrpc;
mod odata;
mod soap;
mod top;
mod xmlrpc;

pub use grpc::is as grpc_media;

use crate::limits;
use std::borrow::Cow;
use std::cell::OnceCell;

/// A request as far as it tells an operation.
pub struct Request<'a> {
    /// Method; empty where it is not known.
    pub method: &'a [u8],
    /// Request target as sent.
    pub target: &'a [u8],
    /// Media type of the request, lower case, without parameters.
    pub media: &'a str,
    /// Media type of the response.
    pub answer: &'a str,
    /// Looks up a request header, without regard to case.
    pub header: &'a dyn Fn(&str) -> Option<&'a [u8]>,
    /// Decoded body.
    pub body: &'a [u8],
    /// Its kind, see [`crate::body::sniff::kind`].
    pub body_kind: &'a str,
    top: OnceCell<top::Top<'a>>,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// `graphql json-rpc xml-rpc soap odata grpc`.
    pub kind: &'static str,
    /// Operation beside the route; `None` where the route says it all or nothing is known.
    pub name: Option<String>,
    /// What was read, for people.
    pub note: String,
}

type Judge = for<'a> fn(&Request<'a>) -> Option<Operation>;

/// Kinds in the order in which they are asked.
const KINDS: [Judge; 7] = [
    grpc::operation,
    graphql::operation,
    awsjson::operation,
    jsonrpc::operation,
    soap::operation,
    xmlrpc::operation,
    odata::operation,
];

/// The operation of a request; `None` where it is known by its route alone.
pub fn of(r: &Request<'_>) -> Option<Operation> {
    KINDS.iter().find_map(|judge| judge(r)).map(|mut op| {
        op.name = op.name.map(clean).filter(|n| !n.is_empty());
        op
    })
}

impl<'a> Request<'a> {
    /// Of these parts.
    pub fn new(
        method: &'a [u8],
        target: &'a [u8],
        media: &'a str,
        answer: &'a str,
        header: &'a dyn Fn(&str) -> Option<&'a [u8]>,
        body: &'a [u8],
        body_kind: &'a str,
    ) -> Request<'a> {
        Request {
            method,
            target,
            media,
            answer,
            header,
            body: body.get(..limits::OPERATION_BYTES).unwrap_or(body),
            body_kind,
            top: OnceCell::new(),
        }
    }
    /// Path of the target, as sent.
    fn path(&self) -> &'a [u8] {
        self.split().0
    }
    /// Query of the target, as sent; empty where there is none.
    fn query(&self) -> &'a [u8] {
        self.split().1
    }
    fn split(&self) -> (&'a [u8], &'a [u8]) {
        let t = self.target;
        let end = memchr::memchr(b'#', t).unwrap_or(t.len());
        let t = t.get(..end).unwrap_or(t);
        match memchr::memchr(b'?', t) {
            Some(at) => (
                t.get(..at).unwrap_or_default(),
                t.get(at + 1..).unwrap_or_default(),
            ),
            None => (t, &[]),
        }
    }
    /// First query parameter of this name, escapes undone.
    fn param(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        pairs(self.query())
            .find(|(k, _)| *k == name.as_bytes())
            .map(|(_, v)| unescaped(v))
    }
    /// Keys of the JSON body's outermost object or objects, read once.
    fn top(&self) -> &top::Top<'a> {
        self.top.get_or_init(|| {
            if self.body_kind == "json" {
                top::read(self.body)
            } else {
                top::Top::default()
            }
        })
    }
    /// Whether the last segments of the path have this word, without regard to case.
    fn ends_in(&self, words: &[&str]) -> bool {
        let path = self.path();
        path.rsplit(|b| *b == b'/')
            .filter(|s| !s.is_empty())
            .take(2)
            .any(|s| {
                let s = s.split(|b| *b == b'.').next().unwrap_or(s);
                words.iter().any(|w| s.eq_ignore_ascii_case(w.as_bytes()))
            })
    }
}

/// Pairs of a query or form, names and values as sent.
fn pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|b| *b == b'&')
        .filter(|p| !p.is_empty())
        .map(|p| match memchr::memchr(b'=', p) {
            Some(at) => (
                p.get(..at).unwrap_or_default(),
                p.get(at + 1..).unwrap_or_default(),
            ),
            None => (p, &[][..]),
        })
}

/// Percent-escapes and `+` undone.
fn unescaped(v: &[u8]) -> Cow<'_, [u8]> {
    if !v.iter().any(|b| matches!(b, b'%' | b'+')) {
        return Cow::Borrowed(v);
    }
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(v.len());
    let mut i = 0;
    while let Some(b) = v.get(i) {
        i += 1;
        match (b, digit(v.get(i)), digit(v.get(i + 1))) {
            (b'%', Some(a), Some(c)) => {
                out.push(u8::try_from(a * 16 + c).unwrap_or(b'?'));
                i += 2;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(*b),
        }
    }
    Cow::Owned(out)
}

/// Longest name of an operation kept.
const NAME: usize = 200;

/// A name as it may stand in an API: no controls, no second `#`, bounded.
fn clean(name: String) -> String {
    name.trim()
        .chars()
        .map(|c| {
            let odd = c.is_whitespace() && c != ' ' || c.is_control() || c == '#';
            if odd { '_' } else { c }
        })
        .take(NAME)
        .collect()
}

/// Names of several operations of one call as one: each once, in order of name, so that the order in which a client happened
/// to send them makes no other API of it.
fn joined(mut names: Vec<String>) -> Option<String> {
    const SHOWN: usize = 8;
    names.sort();
    names.dedup();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    if names.is_empty() {
        return None;
    }
    let mut out = names.join(",");
    if more > 0 {
        out.push_str(&format!(",+{more}"));
    }
    Some(out)
}

/// A JSON string's text with its escapes undone.
fn text(raw: &[u8]) -> String {
    let mut out = Vec::new();
    if raw.contains(&b'\\') {
        crate::body::json::unescape(raw, &mut out);
    } else {
        out.extend_from_slice(raw);
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
pub(crate) mod tests;
