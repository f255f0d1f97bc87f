//! Whether a field of one URL chooses the operation (`?action=list`, a form's `method`). In: all calls that have such fields, by
//! API. Out: the fields that do, with the reason. Bounds: [`VALUES`] values of a field, beyond which it is data and no choice.
//!
//! Decided over all calls at once, whatever their order: a field is a choice where it takes several values and what is asked or
//! answered goes with it, or where its values are verbs. A parameter that only looks like one (`method=alipay`) changes neither.

use crate::body::operation::dispatch::{Word, word};
use std::collections::{BTreeMap, BTreeSet};

/// More values than any dispatcher has operations.
const VALUES: usize = 500;

/// How the operations of one URL are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Places of the fields, groups before actions.
    places: Vec<String>,
    /// Why they are.
    pub why: String,
}

impl Choice {
    /// Operation of a call by its fields; `None` where it has none of them.
    pub fn operation(&self, fields: &str) -> Option<String> {
        let value = |place: &str| split(fields).find(|(p, _)| *p == place).map(|(_, v)| v);
        let parts: Vec<&str> = self.places.iter().filter_map(|p| value(p)).collect();
        (!parts.is_empty()).then(|| parts.join("."))
    }
}

fn split(fields: &str) -> impl Iterator<Item = (&str, &str)> {
    fields.lines().filter_map(|l| l.split_once('='))
}

/// Calls by shape, of one value of a field.
type Shapes = BTreeMap<u64, u32>;

/// Decides for each API. `calls`: API, fields, prints of what was asked (high half) and answered (low half, 0 for unknown);
/// `totals`: all calls of an API.
pub fn decide<'a>(
    calls: impl Iterator<Item = (&'a str, &'a str, u64)>,
    totals: &BTreeMap<&str, u32>,
) -> BTreeMap<&'a str, Choice> {
    let mut all: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, Shapes>>> = BTreeMap::new();
    for (api, fields, shape) in calls {
        for (place, value) in split(fields) {
            let values = all.entry(api).or_default().entry(place).or_default();
            let n = values.entry(value).or_default().entry(shape).or_default();
            *n = n.saturating_add(1);
        }
    }
    let mut out = BTreeMap::new();
    for (api, fields) in all {
        let total = totals.get(api).copied().unwrap_or(0);
        let mut found: Vec<(Word, usize, &str, String)> = fields
            .iter()
            .filter_map(|(place, values)| {
                let word = word(key(place).as_bytes())?;
                let why = chooses(word, values, total)?;
                Some((word, values.len(), *place, why))
            })
            .collect();
        if found.is_empty() {
            continue;
        }
        // One of each kind, the one with the most values; a doubtful one only where no other speaks.
        found.sort_by(|a, b| {
            (a.0, std::cmp::Reverse(a.1), a.2).cmp(&(b.0, std::cmp::Reverse(b.1), b.2))
        });
        found.dedup_by_key(|f| f.0);
        if found.len() > 1 {
            found.retain(|f| f.0 != Word::Maybe);
        }
        out.insert(
            api,
            Choice {
                places: found.iter().map(|f| f.2.to_owned()).collect(),
                why: found
                    .iter()
                    .map(|(_, n, place, why)| format!("operation by {place}: {n} values, {why}"))
                    .collect::<Vec<_>>()
                    .join("; "),
            },
        );
    }
    out
}

/// Last part of a place: `query:action`, `$.header.transCode`.
fn key(place: &str) -> &str {
    place.rsplit([':', '.']).next().unwrap_or(place)
}

/// Why the values of a field choose; `None` where they do not.
fn chooses(word: Word, values: &BTreeMap<&str, Shapes>, total: u32) -> Option<String> {
    if !(2..=VALUES).contains(&values.len()) {
        return None;
    }
    let calls: u64 = values
        .values()
        .flat_map(BTreeMap::values)
        .map(|n| u64::from(*n))
        .sum();
    let asked = differ(values, 32);
    let answered = differ(values, 0);
    let verbs = values.keys().filter(|v| verb(v)).count();
    let spoken = verbs * 5 >= values.len() * 3;
    // Seen once each, two values differ by chance.
    let often = calls > values.len() as u64;
    // `user/view`: what is written as a route is one.
    let routes = values.keys().all(|v| route(v));
    let ok = routes
        || match word {
            Word::Action => spoken || often && (answered || asked && values.len() >= 3),
            Word::Group => often && (answered || asked),
            Word::Maybe => often && answered && (asked || spoken) && calls * 2 >= u64::from(total),
        };
    if !ok {
        return None;
    }
    let mut why = Vec::new();
    if routes {
        why.push("which are routes");
    }
    if spoken {
        why.push("which are verbs");
    }
    if answered {
        why.push("answers differ with it");
    }
    if asked {
        why.push("other parameters differ with it");
    }
    Some(why.join(", "))
}

/// Whether shapes go with the values: most calls of one value look alike, and those of different values do not.
fn differ(values: &BTreeMap<&str, Shapes>, shift: u32) -> bool {
    let mut most: BTreeSet<u64> = BTreeSet::new();
    let (mut with, mut alike, mut all) = (0usize, 0u64, 0u64);
    for shapes in values.values() {
        let mut by: BTreeMap<u64, u64> = BTreeMap::new();
        for (shape, n) in shapes {
            let half = shape >> shift & 0xffff_ffff;
            if half != 0 {
                *by.entry(half).or_default() += u64::from(*n);
            }
        }
        let Some((shape, n)) = by.iter().max_by_key(|(s, n)| (**n, std::cmp::Reverse(**s))) else {
            continue;
        };
        with += 1;
        alike += n;
        all += by.values().sum::<u64>();
        most.insert(*shape);
    }
    with >= 2 && most.len() >= 2 && most.len() * 2 >= with && alike * 5 >= all * 3
}

const VERBS: &[&str] = &[
    "activate",
    "add",
    "all",
    "apply",
    "approve",
    "assign",
    "audit",
    "auth",
    "batch",
    "bind",
    "buy",
    "by",
    "cancel",
    "change",
    "check",
    "clear",
    "close",
    "commit",
    "confirm",
    "count",
    "create",
    "deactivate",
    "del",
    "delete",
    "describe",
    "detail",
    "details",
    "disable",
    "download",
    "edit",
    "enable",
    "exec",
    "export",
    "fetch",
    "find",
    "generate",
    "get",
    "heartbeat",
    "import",
    "info",
    "init",
    "insert",
    "invoke",
    "list",
    "load",
    "lock",
    "login",
    "logout",
    "lookup",
    "make",
    "modify",
    "move",
    "new",
    "notify",
    "open",
    "page",
    "pay",
    "post",
    "preview",
    "print",
    "process",
    "publish",
    "pull",
    "push",
    "put",
    "query",
    "read",
    "refund",
    "register",
    "reject",
    "remove",
    "rename",
    "report",
    "reset",
    "restore",
    "retrieve",
    "revoke",
    "run",
    "save",
    "search",
    "select",
    "send",
    "set",
    "show",
    "start",
    "stat",
    "stats",
    "status",
    "stop",
    "store",
    "submit",
    "sync",
    "test",
    "transfer",
    "unbind",
    "unlock",
    "update",
    "upload",
    "validate",
    "verify",
    "view",
    "write",
];

/// Whether a value is a verb, or a name that begins or ends with one (`getUser`, `user.list`, `order_query`), or a dotted name
/// of three parts.
fn verb(value: &str) -> bool {
    let parts = words(value);
    let is = |w: Option<&String>| w.is_some_and(|w| VERBS.binary_search(&w.as_str()).is_ok());
    is(parts.first()) || is(parts.last()) || value.split('.').filter(|p| !p.is_empty()).count() >= 3
}

/// Whether a value is a path of words.
fn route(value: &str) -> bool {
    let mut parts = value.split('/').filter(|p| !p.is_empty());
    let word = |p: &str| {
        p.bytes()
            .all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'))
    };
    value.matches('/').count() <= 4 && parts.clone().count() >= 2 && parts.all(word)
}

/// Words of a name, lower case: at separators and at capitals.
fn words(value: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut lower = false;
    let mut fresh = true;
    for c in value.chars() {
        if !c.is_ascii_alphanumeric() {
            fresh = true;
            continue;
        }
        let up = c.is_ascii_uppercase();
        if fresh || up && lower {
            out.push(String::new());
        }
        fresh = false;
        lower = !up;
        if let Some(w) = out.last_mut() {
            w.push(c.to_ascii_lowercase());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(asked: u32, answered: u32) -> u64 {
        u64::from(asked) << 32 | u64::from(answered)
    }

    /// Calls of one API in three orders; all must agree.
    fn one(calls: &[(&str, u64)]) -> Option<Choice> {
        let totals = BTreeMap::from([("a", u32::try_from(calls.len()).unwrap())]);
        let mut first = None;
        for turn in 0..3 {
            let mut c = calls.to_vec();
            if turn == 1 {
                c.reverse();
            } else {
                let n = c.len() / 2 * turn;
                c.rotate_left(n % calls.len());
            }
            let got = decide(c.iter().map(|(f, s)| ("a", *f, *s)), &totals);
            let got = got.get("a").cloned();
            if turn == 0 {
                first = got;
            } else {
                assert_eq!(got, first);
            }
        }
        first
    }

    #[test]
    fn verbs_choose() {
        let c = one(&[("query:action=list", 0), ("query:action=delete", 0)]).unwrap();
        assert_eq!(c.operation("query:action=list").as_deref(), Some("list"));
        assert_eq!(
            c.why,
            "operation by query:action: 2 values, which are verbs"
        );
        assert!(
            one(&[
                ("form:method=alipay.trade.query", 0),
                ("form:method=alipay.trade.pay", 0)
            ])
            .is_some()
        );
        assert!(
            one(&[("query:action=list", 0), ("query:action=list", 0)]).is_none(),
            "one value is no choice"
        );
    }

    #[test]
    fn codes_choose_where_answers_go_with_them() {
        let a = [
            ("$.header.transCode=200301", shape(1, 10)),
            ("$.header.transCode=200301", shape(1, 10)),
            ("$.header.transCode=200302", shape(1, 11)),
            ("$.header.transCode=200303", shape(1, 12)),
            ("$.header.transCode=200303", shape(1, 12)),
        ];
        assert_eq!(
            one(&a).unwrap().why,
            "operation by $.header.transCode: 3 values, answers differ with it"
        );
        // a way of paying changes neither what is asked nor what is answered
        let b = [
            ("form:method=alipay", shape(1, 10)),
            ("form:method=wechat", shape(1, 10)),
            ("form:method=card", shape(1, 10)),
            ("form:method=card", shape(1, 10)),
        ];
        assert_eq!(one(&b), None);
        // answers that change without regard to the value
        let c = [
            ("query:action=x1a", shape(1, 10)),
            ("query:action=x1a", shape(1, 11)),
            ("query:action=x1a", shape(1, 12)),
            ("query:action=x2b", shape(1, 10)),
            ("query:action=x2b", shape(1, 11)),
            ("query:action=x2b", shape(1, 13)),
        ];
        assert_eq!(one(&c), None);
    }

    #[test]
    fn groups_stand_before_actions_and_doubtful_names_need_more() {
        let a = [
            ("query:method=get\nquery:service=user", shape(1, 10)),
            ("query:method=list\nquery:service=user", shape(2, 11)),
            ("query:method=get\nquery:service=order", shape(3, 12)),
            ("query:method=get\nquery:service=order", shape(3, 12)),
            ("query:method=get\nquery:service=user", shape(1, 10)),
        ];
        let c = one(&a).unwrap();
        assert_eq!(c.operation(a[0].0).as_deref(), Some("user.get"));
        assert_eq!(c.operation("query:page=1"), None);
        let r = [
            ("query:r=user/view", shape(1, 10)),
            ("query:r=site/login", shape(2, 10)),
        ];
        assert_eq!(
            one(&r).unwrap().why,
            "operation by query:r: 2 values, which are routes, which are verbs, other parameters differ with it"
        );
        let sought = [
            ("query:s=boots", shape(1, 10)),
            ("query:s=a/c", shape(1, 10)),
        ];
        assert_eq!(one(&sought), None);
        // a file format is no operation
        let t = [
            ("query:type=csv", shape(1, 10)),
            ("query:type=json", shape(1, 11)),
            ("query:type=json", shape(1, 11)),
        ];
        assert_eq!(one(&t), None);
        assert!(VERBS.is_sorted());
    }
}
