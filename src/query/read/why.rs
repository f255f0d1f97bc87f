//! Why a call is an account's, in words. In: a call. Out: a sentence, and the id of the call that it rests on.
//! Bounds: the credentials of two calls; nothing is decided here, only told.

use super::call::id_of;
use super::cx::Cx;
use crate::call::model::{CredentialSeen, IdentityEvent, MAYBE};
use crate::case::ident;
use crate::error::Result;
use crate::facts::credentials::tenant;
use rusqlite::OptionalExtension;

/// Why, and the id of the call that shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reason {
    /// A sentence or two.
    pub text: String,
    /// The call that shows it, where it is another one.
    pub proof: Option<String>,
}

/// The reason of a call's account; empty before facts are decided.
pub fn account(cx: &Cx, call: i64) -> Result<Reason> {
    type Row = (
        String,
        f64,
        Option<i64>,
        String,
        Option<Vec<u8>>,
        Option<i64>,
    );
    let row: Option<Row> = cx
        .conn
        .prepare_cached(
            "SELECT f.account_via,f.account_conf,f.proof_id,a.name,c.ident,f.parent_id FROM call_fact f JOIN account a ON a.id=f.account_id \
             JOIN call c ON c.id=f.call_id WHERE f.call_id=?1",
        )?
        .query_row([call], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
        })
        .optional()?;
    let Some((via, conf, proof, name, own, parent)) = row else {
        return Ok(Reason::default());
    };
    let (mine, here) = ident::decode(&own.unwrap_or_default());
    let Some(proof) = proof else {
        return Ok(Reason {
            text: nobody(&name, &mine, &here),
            proof: None,
        });
    };
    let told: Option<Vec<u8>> = cx
        .conn
        .prepare_cached("SELECT ident FROM call WHERE id=?1")?
        .query_row([proof], |r| r.get(0))
        .optional()?
        .flatten();
    let (theirs, events) = ident::decode(&told.unwrap_or_default());
    let other = proof != call;
    let id = if other { id_of(cx, proof)? } else { None };
    let place = if other {
        id.as_ref()
            .map_or_else(|| "another call".to_owned(), |i| format!("call {i}"))
    } else {
        "this call".to_owned()
    };
    let mut text = told_by(&name, &place, other, &mine, &theirs, &events)
        .unwrap_or_else(|| format!("known by {via}; {place} shows it"));
    if parent == Some(proof) && mine.is_empty() {
        text = format!("{place} caused this one, and it is {name}'s");
    }
    text.push_str(&of_tenant(&name, &place, &here, &events));
    let person = mine
        .iter()
        .filter(|c| c.name.as_deref().is_some_and(|n| n != name))
        .find_map(|c| c.name.clone());
    if let Some(p) = person.filter(|p| !text.contains(p.as_str())) {
        text.push_str(&format!("; its credential calls itself {p}"));
    }
    Ok(Reason {
        text: format!("{text} (confidence {conf:.2})"),
        proof: id,
    })
}

/// The tenant that the name is of, where this call or the one that shows it names one.
fn of_tenant(name: &str, place: &str, here: &[IdentityEvent], theirs: &[IdentityEvent]) -> String {
    let bare = name.rsplit('/').next().unwrap_or(name);
    let said = |events: &[IdentityEvent], whose: &str| {
        events.iter().find_map(|e| match e {
            IdentityEvent::Tenant {
                name: of,
                tenant,
                place,
            } if (of.eq_ignore_ascii_case(bare) || of.eq_ignore_ascii_case(name))
                && (!tenant::possible(place) || *name == format!("{tenant}/{bare}")) =>
            {
                Some(format!(
                    "; of tenant {tenant}, read in {}{whose}",
                    tenant::told(place)
                ))
            }
            _ => None,
        })
    };
    let whose = match place {
        "this call" => String::new(),
        other => format!(", {other}"),
    };
    said(theirs, &whose)
        .or_else(|| said(here, ""))
        .unwrap_or_default()
}

fn nobody(name: &str, mine: &[CredentialSeen], here: &[IdentityEvent]) -> String {
    if here
        .iter()
        .any(|e| matches!(e, IdentityEvent::LoginFailed { .. }))
    {
        return "a login that was refused names nobody".into();
    }
    let shown: Vec<&str> = mine
        .iter()
        .filter(|c| !c.place.starts_with(MAYBE))
        .map(|c| c.place.as_str())
        .collect();
    if name.starts_with("unattributed@") && shown.is_empty() {
        return "nothing in it says who called; only the address is known".into();
    }
    if name.starts_with("unattributed@") {
        return format!(
            "it shows {}, and no login and no answer tells whose that is",
            shown.join(", ")
        );
    }
    "the investigator or a log beside the capture tells it".into()
}

/// What the call that shows it says.
fn told_by(
    name: &str,
    place: &str,
    other: bool,
    mine: &[CredentialSeen],
    theirs: &[CredentialSeen],
    events: &[IdentityEvent],
) -> Option<String> {
    let shown = |print: u64| {
        mine.iter()
            .find(|c| c.print == print)
            .map(|c| plain(&c.place))
    };
    for e in events {
        match e {
            IdentityEvent::Login {
                name: typed,
                issued,
                ..
            } => {
                if !other {
                    return Some(format!(
                        "this call is the login of {typed}, and it was let in"
                    ));
                }
                let got = issued.iter().find_map(|(_, p)| shown(*p));
                return Some(match got {
                    Some(what) => format!(
                        "{what} was handed out or confirmed at the login of {typed}, {place}"
                    ),
                    None => {
                        format!("the login of {typed}, {place}, followed on the same credential")
                    }
                });
            }
            IdentityEvent::Begun { name: typed, .. } if other => {
                return Some(format!(
                    "the login of {typed} began with {place}, and its second step was let in"
                ));
            }
            IdentityEvent::WhoAmI { name: told, .. } => {
                return Some(format!(
                    "the answer of {place} says that its caller is {told}"
                ));
            }
            IdentityEvent::Owned {
                name: told, print, ..
            } if shown(*print).is_some() => {
                let what = shown(*print).unwrap_or_default();
                return Some(format!(
                    "the answer of {place} names {told} as the owner of {what}"
                ));
            }
            IdentityEvent::Fronted {
                name: told,
                place: header,
            } => {
                return Some(format!("{} of {place} names {told}", plain(header)));
            }
            _ => {}
        }
    }
    for e in events {
        if let IdentityEvent::Renewed { issued } = e
            && other
            && let Some(what) = issued.iter().find_map(|(_, p)| shown(*p))
        {
            let from = theirs
                .iter()
                .find(|c| c.kind == "oauth")
                .or(theirs.first())
                .map_or_else(|| "another".to_owned(), |c| plain(&c.place));
            return Some(format!(
                "{what} was handed out by {place} in exchange for {from}, which is {name}'s"
            ));
        }
    }
    if let Some(c) = theirs.iter().find(|c| c.name.is_some()) {
        let claim = c.claim.as_deref().unwrap_or("user");
        let said = c.name.as_deref().unwrap_or(name);
        let same = mine.iter().any(|m| m.print == c.print);
        let first = match (other, same) {
            (false, _) => String::new(),
            (true, true) => format!(", first shown by {place}"),
            (true, false) => format!(" in {place}, and that let the connection in"),
        };
        return Some(format!(
            "{} itself says so: {claim} is {said}{first}",
            plain(&c.place)
        ));
    }
    if theirs
        .iter()
        .any(|c| c.claim.as_deref() == Some("user_code"))
    {
        return Some(format!(
            "{place} brought the code of this device from a session of {name}"
        ));
    }
    (name.starts_with("key:") && !mine.is_empty()).then(|| {
        let what = mine.first().map(|c| plain(&c.place)).unwrap_or_default();
        format!("no login and no answer names the owner of {what}; its print stands for it")
    })
}

/// `cookie:sid` in words.
fn plain(place: &str) -> String {
    let place = place.trim_start_matches(MAYBE);
    match place.split_once(':') {
        Some(("cookie", n)) => format!("the cookie {n}"),
        Some(("header", n)) => format!("the header {n}"),
        Some(("query", n)) => format!("the parameter {n}"),
        Some(("form", n)) => format!("the field {n}"),
        _ => place.to_owned(),
    }
}
