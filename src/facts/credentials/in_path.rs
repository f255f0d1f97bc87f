//! Sessions that stand in the address: `;jsessionid=...`, `/(S(...))/`, a segment that a login sent the browser to.
//! In: targets and Location headers. Out: what they present and hand out. Bounds: [`SEGMENTS`] segments of an address.
//!
//! A number of a thing may look like a session's. A bare segment therefore counts only where a login handed it out and nothing
//! else with it, and where whoever shows it shows nothing better (`facts/identity`).

use super::presented::{Presented, secret_print};
use super::words;
use crate::call::model::{CredentialSeen, Message};
use crate::detect::print::PrintKey;

/// Segments looked at: sessions stand early in an address.
const SEGMENTS: usize = 12;

/// Place of a session that names itself.
pub const SESSION: &str = "path:session";

/// Begins the place of a bare segment.
pub const BARE: &str = "~path";

/// A parameter of a segment that names itself a session, or what stands in `(S(...))`.
fn named(segment: &str) -> Option<&str> {
    let parameter = segment
        .split(';')
        .skip(1)
        .filter_map(|p| p.split_once('='))
        .find(|(k, v)| {
            let k = words::plain(k);
            v.len() >= 8 && (k.ends_with("sessionid") || k == "sid" || k.ends_with("sessid"))
        });
    parameter.map(|(_, v)| v).or_else(|| {
        let s = segment.strip_prefix("(S(")?.strip_suffix("))")?;
        (s.len() >= 16).then_some(s)
    })
}

/// The token of a bot in front of its methods: `bot`, a number, a colon and a secret.
fn bot(segment: &str) -> Option<&str> {
    let rest = segment.strip_prefix("bot")?;
    let (number, secret) = rest.split_once(':')?;
    ((6..=12).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
        && (30..=64).contains(&secret.len())
        && words::random(secret))
    .then_some(rest)
}

fn bare(segment: &str) -> bool {
    (16..=512).contains(&segment.len())
        && !segment.contains(['.', ';', '%'])
        && words::random(segment)
}

fn path(target: &str) -> &str {
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(""),
        None => target,
    };
    target.split(['?', '#']).next().unwrap_or_default()
}

/// Adds the sessions that name themselves in a request's path.
pub fn presented(req: &Message, key: &PrintKey, out: &mut Presented) {
    let Some(target) = req.target() else { return };
    // Most paths have neither.
    if !target.iter().any(|b| matches!(b, b';' | b'(' | b':')) {
        return;
    }
    let target = String::from_utf8_lossy(target);
    for k in path(&target).split('/').take(SEGMENTS).filter_map(bot) {
        out.token("api-key", "path:key".into(), k, key);
    }
    for id in path(&target).split('/').take(SEGMENTS).filter_map(named) {
        out.token("bearer", SESSION.into(), id, key);
    }
}

/// Segments of a request that shows nothing else, which may be its session.
pub fn alone(req: &Message, key: &PrintKey) -> Vec<CredentialSeen> {
    let target = String::from_utf8_lossy(req.target().unwrap_or_default());
    path(&target)
        .split('/')
        .take(SEGMENTS)
        .filter(|s| bare(s))
        .map(|s| CredentialSeen {
            kind: "bearer",
            place: BARE.into(),
            print: secret_print(key, s),
            name: None,
            claim: None,
            service: false,
        })
        .collect()
}

/// What an answer's Location hands out in its path: text, and whether it names itself a session.
pub fn handed(location: &str) -> Vec<(String, bool)> {
    path(location)
        .split('/')
        .take(SEGMENTS)
        .filter_map(|s| {
            let id = named(s);
            id.or_else(|| bare(s).then_some(s))
                .map(|t| (t.to_owned(), id.is_some()))
        })
        .collect()
}
