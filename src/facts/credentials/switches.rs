//! Calls by which somebody begins to stand for somebody else, and ends it. In: a path's words, what a request gives.
//! Out: for whom. Bounds: short lists of words; they open a gate, the request says who.

use super::CallView;
use super::fields::{self, Field};
use super::words::{plain, user_rank};
use crate::call::model::{CredentialSeen, IdentityEvent};
use memchr::memmem;

/// Bytes of a request's body that are read for whom it names.
const SMALL: usize = 4 << 10;

/// Whether a segment says that one stands for another, and whether it says that this ends.
fn word(segment: &str) -> Option<bool> {
    let s = plain(segment);
    let ends = |s: &str| {
        [
            "stop", "end", "exit", "leave", "un", "back", "cancel", "quit", "return", "release",
        ]
        .iter()
        .any(|w| s.starts_with(w))
    };
    let bare = ends(&s);
    let begins = s.contains("impersonat")
        || s.contains("switchuser")
        || s.contains("masquerad")
        || matches!(
            s.as_str(),
            "become" | "unbecome" | "loginas" | "actas" | "sudo" | "assumeuser" | "hijack"
        );
    begins.then_some(bare)
}

fn leaves(segment: &str) -> bool {
    matches!(
        plain(segment).as_str(),
        "logout"
            | "exit"
            | "stop"
            | "end"
            | "leave"
            | "cancel"
            | "quit"
            | "back"
            | "return"
            | "release"
    )
}

/// Whether a path is one of those: it is then no logout, whatever else stands in it.
pub fn switches(path: &str) -> bool {
    // Of each word a part that is written in one way; nearly every path has none.
    const PARTS: [&str; 11] = [
        "mperson", "witch", "asquer", "ecome", "inAs", "inas", "in-as", "in_as", "act", "udo",
        "ssume",
    ];
    let some = PARTS
        .iter()
        .any(|w| memmem::find(path.as_bytes(), w.as_bytes()).is_some());
    (some || path.contains("ijack")) && path.split('/').any(|s| word(s).is_some())
}

/// For whom a request begins to stand: `Some(None)` where it ends that, `None` where it says neither.
pub fn of(
    path: &str,
    query: &[u8],
    body: &[u8],
    kind: &str,
    method: &[u8],
) -> Option<Option<String>> {
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).take(16).collect();
    let at = segments.iter().position(|s| word(s).is_some());
    let mut given: Vec<Field> = Vec::new();
    fields::form(query, "query:", &mut given);
    let Some(at) = at else {
        // One parameter does it at any address.
        let f = given.iter().find(|f| f.key == "switchuser")?;
        let ends = f.value.starts_with('_') || f.value.is_empty();
        return Some((!ends).then(|| f.value.clone()));
    };
    let ends = segments.get(at).and_then(|s| word(s)).unwrap_or(false)
        || segments.iter().any(|s| leaves(s))
        || method == b"DELETE";
    if ends {
        return Some(None);
    }
    if body.len() <= SMALL {
        given.extend(fields::read(body, kind));
    }
    let named = given
        .iter()
        .filter(|f| !f.value.is_empty() && f.value.len() <= 128)
        .filter_map(|f| {
            let other =
                f.key == "id" || f.key.starts_with("target") || f.key.starts_with("impersonat");
            Some((user_rank(&f.key).or(other.then_some(99))?, f))
        })
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, f)| f.value.clone());
    // `/users/{who}/impersonate`, `/impersonate/{who}`
    let before = at.checked_sub(1).and_then(|i| segments.get(i)).filter(|s| {
        let several = at
            .checked_sub(2)
            .and_then(|i| segments.get(i))
            .is_some_and(|s| s.ends_with('s'));
        several || s.bytes().any(|b| b.is_ascii_digit()) && s.len() > 2
    });
    let who = named.or_else(|| {
        let s = segments.get(at + 1).or(before)?;
        Some(super::percent(s.as_bytes()))
    });
    who.map(Some)
}

/// A program that says in the body for whom it acts.
pub fn behalf(
    v: &CallView<'_>,
    body: &[u8],
    seen: &[CredentialSeen],
    events: &mut Vec<IdentityEvent>,
) {
    let program = seen.iter().any(|c| c.service || c.kind == "api-key");
    if !program
        || v.req_kind != "json"
        || body.len() > SMALL
        || !["ehalf", "mpersonat", "actingFor", "actingUser"]
            .iter()
            .any(|w| memmem::find(body, w.as_bytes()).is_some())
    {
        return;
    }
    let name = fields::read(body, v.req_kind).into_iter().find(|f| {
        matches!(
            f.key.as_str(),
            "onbehalfof"
                | "behalfof"
                | "onbehalfofuser"
                | "impersonate"
                | "impersonateuser"
                | "impersonateduser"
                | "actingfor"
                | "actinguser"
        )
    });
    if let Some(f) = name.filter(|f| !f.value.is_empty() && f.value.len() <= 128) {
        events.push(IdentityEvent::OnBehalf { name: f.value });
    }
}
