//! What answers say of routes: which texts they handed out as identifiers, which name their own path, which are alike. In: the
//! evidence, its paths. Out: [`Answers`]. Bounds: one answer a path and [`limits::ROUTE_LIKE`] paths of one look are read, in all
//! [`limits::ROUTE_ANSWERS`] of them, of each [`limits::ROUTE_ANSWER_BYTES`]: the cost does not grow with the number of calls.

use super::read::Evidence;
use crate::body::json::{self, Visit, chars};
use crate::case::bodies::BodyReader;
use crate::facts::calls::NONE;
use crate::facts::templates::{path_of, segments, shapes, worded};
use crate::limits;
use rusqlite::Connection;
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher as _;

/// Field names of an answer that are compared; more say nothing new.
const FIELDS: usize = 64;
/// Levels of an answer whose field names are compared.
const LEVELS: usize = 5;

/// Where a text was handed out.
struct Handed {
    field: String,
    /// The first host, and others, which few texts have.
    host: usize,
    others: BTreeSet<usize>,
}

/// What was read.
#[derive(Default)]
pub struct Answers {
    /// Prints of field names by path, ascending.
    fields: FxHashMap<u32, Vec<u32>>,
    named: BTreeSet<u32>,
    handed: FxHashMap<Box<str>, Handed>,
}

impl Answers {
    /// Prints of an answer's field names.
    pub fn fields(&self, path: u32) -> &[u32] {
        self.fields.get(&path).map_or(&[], Vec::as_slice)
    }
    /// Whether an answer names the last segment of its own path.
    pub fn named(&self, path: u32) -> bool {
        self.named.contains(&path)
    }
    /// Whether a host handed a text out itself.
    pub fn handed_by(&self, host: usize, text: &str) -> bool {
        self.handed
            .get(text)
            .is_some_and(|h| h.host == host || h.others.contains(&host))
    }
    /// The field in which a text was handed out.
    pub fn handed(&self, text: &str) -> Option<String> {
        self.handed.get(text).map(|h| h.field.clone())
    }
}

/// Reads the answers of paths whose segments may be names. `hosts`: the host of each path, one number for one host.
pub fn read(conn: &Connection, ev: &Evidence, hosts: &[usize]) -> Answers {
    let mut out = Answers::default();
    if ev.calls.iter().all(|c| c.resp_body == 0) {
        return out;
    }
    // Segments without a shape: only of them answers decide anything.
    let mut open: FxHashSet<Box<str>> = FxHashSet::default();
    let mut looks: BTreeMap<(u32, usize, String), Vec<u32>> = BTreeMap::new();
    for (i, p) in (0u32..).zip(&ev.paths) {
        if !p.path.starts_with('/') || p.op != 0 {
            continue;
        }
        let mut look = String::new();
        let segs = segments(path_of(&p.path));
        for s in &segs {
            look.push('/');
            let known = open.contains(s.as_ref())
                || shapes::shape(s).is_none()
                    && !shapes::version(s)
                    && open.insert(s.as_ref().into());
            look.push_str(if known {
                s.trim_start_matches('@')
            } else {
                "{}"
            });
        }
        looks.entry((p.host, segs.len(), look)).or_default().push(i);
    }
    if open.is_empty() {
        return out;
    }
    let bodies = first_answers(ev);
    let mut chosen: Vec<(i64, u32)> = Vec::new();
    for paths in looks.into_values() {
        let mut with: Vec<(&str, i64, u32)> = paths
            .iter()
            .filter_map(|i| {
                let body = bodies.get(*i as usize).copied().filter(|b| *b != 0)?;
                Some((&*ev.paths.get(*i as usize)?.path, body, *i))
            })
            .collect();
        with.sort_unstable();
        chosen.extend(
            with.iter()
                .take(limits::ROUTE_LIKE)
                .map(|(_, b, i)| (*b, *i)),
        );
        if chosen.len() >= limits::ROUTE_ANSWERS {
            break;
        }
    }
    // Neighbours in one pack are unpacked once.
    chosen.sort_unstable();
    let mut reader = BodyReader::new();
    for (body, path) in chosen {
        let Ok(content) = reader.get(conn, body) else {
            continue;
        };
        let content = content
            .get(..limits::ROUTE_ANSWER_BYTES)
            .unwrap_or(&content);
        let start = content.iter().position(|b| !b.is_ascii_whitespace());
        let Some(start) = start.filter(|s| matches!(content.get(*s), Some(b'{' | b'['))) else {
            continue;
        };
        let segs = ev
            .paths
            .get(path as usize)
            .map(|p| segments(path_of(&p.path)))
            .unwrap_or_default();
        let last = segs
            .last()
            .map(|s| s.trim_start_matches('@').to_owned())
            .unwrap_or_default();
        let mut look = Look {
            open: &open,
            out: &mut out,
            path,
            host: hosts.get(path as usize).copied().unwrap_or(0),
            last,
            segs,
            own: false,
            stack: Vec::new(),
            key: Vec::new(),
            fields: BTreeSet::new(),
            text: Vec::new(),
        };
        json::walk(content, start, &mut look);
        let fields: Vec<u32> = look.fields.into_iter().collect();
        out.fields.insert(path, fields);
    }
    out
}

/// Body of the first good answer of each path, in the order of time and evidence.
fn first_answers(ev: &Evidence) -> Vec<i64> {
    let mut first: Vec<u32> = vec![NONE; ev.paths.len()];
    for (i, c) in (0u32..).zip(&ev.calls) {
        if c.resp_body == 0 || !(200..300).contains(&c.status) {
            continue;
        }
        let Some(slot) = first.get_mut(c.path as usize) else {
            continue;
        };
        let key = |n: u32| {
            ev.keys
                .get(n as usize)
                .map(|k| (k.ts, k.source, k.unit, k.ord))
        };
        if *slot == NONE || key(i) < key(*slot) {
            *slot = i;
        }
    }
    first
        .into_iter()
        .map(|i| ev.calls.get(i as usize).map_or(0, |c| c.resp_body))
        .collect()
}

/// Whether a field's name is that of an identifier; `Some(false)` for one that may name anything.
fn identifies(key: &str) -> Option<bool> {
    let plain: String = key
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    const WHOLE: [&str; 26] = [
        "id",
        "ids",
        "uuid",
        "guid",
        "slug",
        "login",
        "username",
        "userid",
        "account",
        "code",
        "no",
        "key",
        "sku",
        "isbn",
        "symbol",
        "iata",
        "ticker",
        "handle",
        "alias",
        "ref",
        "oid",
        "uid",
        "gid",
        "sid",
        "permalink",
        "identifier",
    ];
    const MAY: [&str; 4] = ["name", "fullname", "tag", "tags"];
    if WHOLE.contains(&plain.as_str())
        || plain.len() > 2
            && (plain.ends_with("id") || plain.ends_with("code") || plain.ends_with("slug"))
        || key.ends_with("No")
        || key.ends_with("_no")
    {
        Some(true)
    } else {
        (MAY.contains(&plain.as_str()) || plain.ends_with("name")).then_some(false)
    }
}

/// Looks at one answer.
struct Look<'l> {
    open: &'l FxHashSet<Box<str>>,
    out: &'l mut Answers,
    path: u32,
    host: usize,
    last: String,
    segs: Vec<Cow<'l, str>>,
    /// Whether the field that is open is called as a segment of the path: an object there is one of a map by names.
    own: bool,
    /// Length of the key path at each open container.
    stack: Vec<(usize, bool)>,
    /// Names of fields down to here.
    key: Vec<String>,
    fields: BTreeSet<u32>,
    text: Vec<u8>,
}

impl Look<'_> {
    /// Ends a field.
    fn value(&mut self) {
        if std::mem::take(&mut self.own) {
            self.field();
        }
        if self.stack.last().is_some_and(|(_, array)| !array) {
            self.key.pop();
        }
    }

    /// Notes the field that is open.
    fn field(&mut self) {
        if self.key.len() > LEVELS || self.fields.len() >= FIELDS {
            return;
        }
        let mut h = rustc_hash::FxHasher::default();
        for (i, k) in self.key.iter().enumerate() {
            if i > 0 {
                h.write_u8(b'.');
            }
            h.write(k.as_bytes());
        }
        let print = h.finish();
        #[allow(clippy::cast_possible_truncation)]
        // both halves of a print, folded into one: no bit is lost that is meant
        self.fields.insert((print ^ print >> 32) as u32);
    }

    fn seen(&mut self, text: &str) {
        let Some(key) = self.key.last() else { return };
        if text.is_empty() || text.len() > 200 || !self.open.contains(text) {
            return;
        }
        match identifies(key) {
            None => return,
            // Menus and dictionaries name routes.
            Some(false) if worded(text) => return,
            Some(_) => {}
        }
        if text == self.last {
            self.out.named.insert(self.path);
        }
        if let Some(known) = self.out.handed.get_mut(text) {
            if known.host != self.host {
                known.others.insert(self.host);
            }
        } else {
            let new = Handed {
                field: format!("$.{}", self.key.join(".")),
                host: self.host,
                others: BTreeSet::new(),
            };
            self.out.handed.insert(text.into(), new);
        }
    }
}

impl Visit for Look<'_> {
    fn open(&mut self, array: bool) {
        if std::mem::take(&mut self.own) {
            if !array && let Some(k) = self.key.last_mut() {
                *k = "{}".into();
            }
            self.field();
        }
        self.stack.push((self.key.len(), array));
    }
    fn close(&mut self) {
        if let Some((len, _)) = self.stack.pop() {
            self.key.truncate(len);
        }
        self.value();
    }
    fn key(&mut self, raw: &[u8]) {
        if let Some((len, _)) = self.stack.last() {
            self.key.truncate(*len);
        }
        let key = String::from_utf8_lossy(raw.get(..64).unwrap_or(raw)).into_owned();
        // A map by identifiers has no fields of its own.
        let shaped = shapes::shape(&key).is_some();
        self.own = !shaped && self.segs.iter().any(|s| *s == key);
        // Deeper than any answer of a person's making.
        if self.key.len() < 200 {
            self.key.push(key);
            if !shaped && !self.own {
                self.field();
            }
        }
    }
    fn string(&mut self, raw: &[u8], _: usize, bits: u16) {
        if raw.len() <= 600 {
            if bits & chars::BACKSLASH != 0 {
                let mut text = std::mem::take(&mut self.text);
                json::unescape(raw, &mut text);
                if let Ok(t) = std::str::from_utf8(&text) {
                    self.seen(t);
                }
                self.text = text;
            } else if let Ok(t) = std::str::from_utf8(raw) {
                self.seen(t);
            }
        }
        self.value();
    }
    fn number(&mut self, _: &[u8], _: usize) {
        self.value();
    }
    fn word(&mut self, _: &[u8], _: usize) {
        self.value();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_fields_of_identifiers_are_handed_out() {
        let open: FxHashSet<Box<str>> = ["alice", "bob", "export", "orders", "zed"]
            .into_iter()
            .map(Into::into)
            .collect();
        let mut out = Answers::default();
        let body = br#"{"data":[{"login":"alice","role":"zed"},{"login":"\u0062ob"}],"menu":[{"name":"orders"}],"state":"export"}"#;
        let mut look = Look {
            open: &open,
            out: &mut out,
            path: 3,
            host: 0,
            last: "bob".into(),
            segs: Vec::new(),
            own: false,
            stack: Vec::new(),
            key: Vec::new(),
            fields: BTreeSet::new(),
            text: Vec::new(),
        };
        json::walk(body, 0, &mut look);
        assert_eq!(look.fields.len(), 6, "data, login, role, menu, name, state");
        assert_eq!(out.handed("alice").as_deref(), Some("$.data.login"));
        assert_eq!(out.handed("bob").as_deref(), Some("$.data.login"));
        assert!(out.named(3));
        assert!(out.handed_by(0, "alice") && !out.handed_by(1, "alice"));
        for no in ["export", "orders", "zed"] {
            assert_eq!(out.handed(no), None, "{no}");
        }
    }

    #[test]
    fn what_is_called_as_the_path_is_an_entry_of_a_map() {
        let open: FxHashSet<Box<str>> = FxHashSet::default();
        let fields = |segs: &[&'static str], body: &str| {
            let mut out = Answers::default();
            let mut look = Look {
                open: &open,
                out: &mut out,
                path: 1,
                host: 0,
                last: String::new(),
                segs: segs.iter().map(|s| Cow::Borrowed(*s)).collect(),
                own: false,
                stack: Vec::new(),
                key: Vec::new(),
                fields: BTreeSet::new(),
                text: Vec::new(),
            };
            json::walk(body.as_bytes(), 0, &mut look);
            look.fields
        };
        let one = fields(&["users"], r#"{"users":{"aliases":{},"mappings":{}}}"#);
        let two = fields(&["audit"], r#"{"audit":{"aliases":{},"mappings":{}}}"#);
        assert_eq!(one, two);
        assert_eq!(one.len(), 3);
        // A list of what the path is called after is a field as any other.
        let one = fields(&["users"], r#"{"users":[{"id":1}]}"#);
        let two = fields(&["ports"], r#"{"ports":[{"id":1}]}"#);
        assert!(one.is_disjoint(&two));
    }
}
