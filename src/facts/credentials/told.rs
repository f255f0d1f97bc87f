//! Answers that tell who somebody is: the caller's own profile, whose a token is, lists of keys with their owners.
//! In: one call. Out: events. Bounds: bodies up to [`super::PARSE`] bytes, [`KEYS`] keys of a list.

use super::fields::{self, Field};
use super::presented::secret_print;
use super::{CallView, PARSE, fronts, jwt, paths, tenant, words};
use crate::call::model::{CredentialSeen, IdentityEvent};
use crate::detect::print::PrintKey;
use memchr::memmem;

/// Keys of one list that are told: pages of such lists are shorter.
const KEYS: usize = 200;

/// Names in an answer about the caller.
pub fn own_name(
    v: &CallView<'_>,
    path: &str,
    words: &paths::Says,
    query: &[u8],
    seen: &[CredentialSeen],
    events: &mut Vec<IdentityEvent>,
) {
    let head = v.resp.and_then(fronts::answered);
    if let Some(name) = head.clone() {
        events.push(IdentityEvent::WhoAmI { name, sure: true });
    }
    // A key has an owner; a person's profile may speak of the owner of something else.
    let key = words.own && seen.iter().all(|c| c.kind == "api-key");
    let graphql = v.req_kind == "json"
        && memmem::find(v.req_body, b"query").is_some()
        && memmem::find(v.resp_body, b"\"data\"").is_some();
    let own = words.own;
    let may = !own && v.req.is_some_and(|r| r.method() == Some(b"GET")) && words.maybe_own;
    if !(own || graphql || may)
        || !matches!(v.resp_kind, "json" | "xml")
        || v.resp_body.len() > PARSE
        || !graphql && asks_for_somebody(v, path, query)
    {
        return;
    }
    let mut names: Vec<(usize, String)> = Vec::new();
    let told = fields::read(v.resp_body, v.resp_kind);
    for f in &told {
        let owner = (key && f.key == "owner").then_some(5);
        let Some(rank) = own_rank(&f.key).or(owner) else {
            continue;
        };
        let text = bare_claim(f.value.trim());
        // A display name is no login name: it has blanks.
        let fits = !text.is_empty()
            && text.len() <= 200
            && (rank != MOBILE || own_number(&f.path, text))
            && (rank <= MOBILE || f.text && !text.contains(' '));
        if !fits || !stands_for_caller(&f.path, graphql) {
            continue;
        }
        match names.iter_mut().find(|(_, n)| n.eq_ignore_ascii_case(text)) {
            Some((r, _)) => *r = (*r).min(rank),
            None => names.push((rank, text.to_owned())),
        }
    }
    names.sort_by_key(|(r, _)| *r);
    // What names nobody better is no second name of somebody.
    if names.first().is_some_and(|(r, _)| *r < 4) {
        names.retain(|(r, _)| *r < 4);
    }
    if let Some(n) = head.clone() {
        names.retain(|(r, o)| *r < MOBILE && !o.eq_ignore_ascii_case(&n));
        names.insert(0, (0, n));
    }
    names.truncate(if names.first().is_some_and(|(r, _)| *r >= 4) {
        1
    } else {
        4
    });
    let names: Vec<String> = names.into_iter().map(|(_, n)| n).collect();
    // Somebody whose name stands in what was asked was looked up.
    let asked = |n: &String| {
        let whole = path.split('/').any(|s| s.eq_ignore_ascii_case(n));
        whole || !graphql && memmem::find(query, n.as_bytes()).is_some()
    };
    if names.iter().any(asked) {
        return;
    }
    if let Some(name) = names.first().cloned() {
        if own {
            tenant::of_answer(&told, &name, events);
        }
        if head.is_none() {
            events.push(IdentityEvent::WhoAmI { name, sure: !may });
        }
        if names.len() > 1 && !may {
            events.push(IdentityEvent::SamePerson { names });
        }
    }
}

/// A name without what tells which provider vouches for it: `i:0#.w|corp\ida`, `i:0#.f|membership|ida@x.example`.
fn bare_claim(name: &str) -> &str {
    match name.strip_prefix("i:0").and_then(|n| n.rsplit_once('|')) {
        Some((_, bare)) if !bare.is_empty() => bare,
        _ => name,
    }
}

/// Whom the answer names that hands out a session for a code.
pub fn named_by_answer(v: &CallView<'_>) -> Option<String> {
    let body = v
        .resp_body
        .get(..v.resp_body.len().min(PARSE))
        .unwrap_or_default();
    fields::read(body, v.resp_kind)
        .into_iter()
        .filter(|f| {
            let text = f.value.trim();
            !text.is_empty() && text.len() <= 200 && stands_for_caller(&f.path, false)
        })
        .filter_map(|f| {
            let rank = own_rank(&f.key).filter(|r| *r <= MOBILE)?;
            (rank != MOBILE || own_number(&f.path, f.value.trim())).then_some((rank, f.value))
        })
        .min_by_key(|(r, _)| *r)
        .map(|(_, n)| n.trim().to_owned())
}

/// Rank of a telephone number: it names its owner where nothing better does, and is no second name.
const MOBILE: usize = 4;

/// Whether a telephone number names its owner: it is whole, since many share what a mask leaves, and stands below no word for
/// somebody who is called by everybody.
fn own_number(path: &str, text: &str) -> bool {
    const OTHERS: &[&str] = &[
        "shop",
        "store",
        "contact",
        "service",
        "company",
        "hotline",
        "support",
        "merchant",
        "seller",
        "vendor",
        "customer",
        "emergency",
        "agent",
        "manager",
        "owner",
        "parent",
        "recei",
        "address",
        "order",
        "office",
        "branch",
        "school",
        "hospital",
        "org",
        "dept",
        "tenant",
        "site",
    ];
    let digits = text.strip_prefix('+').unwrap_or(text);
    let above = path.rsplit_once('.').map_or("", |(p, _)| p).to_lowercase();
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !OTHERS.iter().any(|w| above.contains(w))
}

fn own_rank(key: &str) -> Option<usize> {
    Some(match key {
        "username" | "login" | "loginname" | "preferredusername" | "useraccount" | "account"
        | "loginid" | "benutzername" => 0,
        "email" | "mail" | "emailaddress" => 1,
        "userid" | "uid" | "sub" | "usercode" | "userno" => 2,
        "openid" => 3,
        "mobile" | "phone" | "phonenumber" | "mobilephone" | "tel" | "telephone" => MOBILE,
        "user" => 5,
        "name" => 6,
        _ => return None,
    })
}

/// Whether a leaf stands where answers about the caller have it: at the top, or in one or two wrappers.
fn stands_for_caller(path: &str, graphql: bool) -> bool {
    let Some(path) = path.strip_prefix('$') else {
        return path.starts_with("xml:");
    };
    let Some((parent, _)) = path.rsplit_once('.') else {
        return false;
    };
    if parent.contains('[') {
        return false;
    }
    match parent.rsplit_once('.').map_or(parent, |(_, last)| last) {
        "me" | "viewer" | "currentUser" | "whoami" | "current_user" => true,
        _ if graphql => false,
        _ => parent.matches('.').count() <= 2,
    }
}

/// Whether the request names somebody: then the answer is about that one.
fn asks_for_somebody(v: &CallView<'_>, path: &str, query: &[u8]) -> bool {
    let id = |s: &str| {
        s.bytes().any(|b| b.is_ascii_digit())
            && !(s.len() <= 3 && s.starts_with(['v', 'V']) || s == "oauth2" || s.len() == 1)
    };
    if path.split('/').any(id) {
        return true;
    }
    let mut given = Vec::new();
    fields::form(query, "query:", &mut given);
    if v.req_body.len() <= 4096 {
        given.extend(fields::read(v.req_body, v.req_kind));
    }
    given.iter().any(|f| {
        let named = words::user_rank(&f.key).is_some() || f.key.ends_with("username");
        !f.value.is_empty() && (named || f.key == "id")
    })
}

/// Whose the token is that a server was asked about (RFC 7662).
pub fn introspected(
    v: &CallView<'_>,
    given: &[Field],
    key: &PrintKey,
    events: &mut Vec<IdentityEvent>,
) {
    let Some(token) = given
        .iter()
        .find(|f| {
            matches!(
                f.key.as_str(),
                "token" | "accesstoken" | "idtoken" | "ticket"
            )
        })
        .filter(|f| f.value.len() >= 8)
    else {
        return;
    };
    let body = v
        .resp_body
        .get(..v.resp_body.len().min(PARSE))
        .unwrap_or_default();
    let told = fields::read(body, v.resp_kind);
    if told.iter().any(|f| f.key == "active" && f.value == "false") {
        return;
    }
    let find = |keys: &[&str]| {
        keys.iter().find_map(|k| {
            told.iter()
                .find(|f| f.key == *k && !f.value.is_empty() && f.value.len() <= 200)
                .map(|f| f.value.clone())
        })
    };
    let user = find(&[
        "username",
        "preferredusername",
        "user",
        "login",
        "email",
        "userid",
        "sub",
    ]);
    let service = user.is_none();
    let Some(name) = user.or_else(|| find(&["clientid", "azp"])) else {
        return;
    };
    events.push(IdentityEvent::Owned {
        name,
        service,
        print: secret_print(key, &token.value),
    });
}

/// Keys with their owners in an answer: objects that hold one random value and a name.
pub fn listed(
    v: &CallView<'_>,
    seen: &[CredentialSeen],
    key: &PrintKey,
    events: &mut Vec<IdentityEvent>,
) {
    if v.resp_kind != "json" || v.resp_body.len() > PARSE {
        return;
    }
    let Ok(root) = serde_json::from_slice::<serde_json::Value>(v.resp_body) else {
        return;
    };
    let mut stack = vec![(&root, 0usize)];
    let mut told = 0;
    while let Some((v, depth)) = stack.pop() {
        if depth > 6 || told >= KEYS {
            continue;
        }
        match v {
            serde_json::Value::Array(a) => stack.extend(a.iter().rev().map(|v| (v, depth + 1))),
            serde_json::Value::Object(o) => {
                stack.extend(
                    o.values()
                        .filter(|v| v.is_object() || v.is_array())
                        .map(|v| (v, depth + 1)),
                );
                let mut name: Option<(usize, &str)> = None;
                let mut keys = Vec::new();
                for (k, v) in o {
                    let Some(text) = v.as_str() else { continue };
                    let k = words::plain(k);
                    let plain = !words::beside(&k)
                        && text.chars().any(char::is_alphabetic)
                        && !matches!(
                            k.as_str(),
                            "status"
                                | "created"
                                | "updated"
                                | "expires"
                                | "level"
                                | "msg"
                                | "errmsg"
                                | "error"
                                | "code"
                                | "result"
                                | "success"
                                | "scope"
                        )
                        // The answer itself is no entry of a list: there only a word for an owner says whose a key is.
                        && depth > 0;
                    if text.len() >= 16
                        && (words::random(text) || jwt::looks(text))
                        && !words::about_itself(&k)
                    {
                        keys.push(text);
                    } else if let Some(rank) = owner_rank(&k).or(plain.then_some(99))
                        && !text.is_empty()
                        && text.len() <= 128
                        && name.is_none_or(|(r, _)| rank < r)
                    {
                        name = Some((rank, text));
                    }
                }
                let Some((_, name)) = name else { continue };
                for k in keys.into_iter().take(2) {
                    let print = secret_print(key, k);
                    if !seen.iter().any(|c| c.print == print) {
                        told += 1;
                        events.push(IdentityEvent::Owned {
                            name: name.to_owned(),
                            service: true,
                            print,
                        });
                    }
                }
            }
            _ => {}
        }
    }
}

fn owner_rank(key: &str) -> Option<usize> {
    [
        "owner",
        "username",
        "user",
        "login",
        "createdfor",
        "account",
        "clientname",
        "appname",
        "consumer",
        "name",
        "label",
        "email",
        "clientid",
    ]
    .iter()
    .position(|k| *k == key)
}
