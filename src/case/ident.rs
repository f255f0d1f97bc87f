//! Credentials and identity events of a call in one small blob. In: the model's lists. Out: bytes, and back.
//! Bounds: decoding stops at the first byte that makes no sense and keeps what it read; counts never size memory.

use crate::call::model::{CredentialSeen, IdentityEvent, Print};
use crate::case::varint::{Cursor, put, put_bytes};

/// Kinds of credentials; their positions are stored, so new ones go to the end.
pub const KINDS: [&str; 16] = [
    "other",
    "jwt",
    "cookie",
    "basic",
    "digest",
    "bearer",
    "api-key",
    "oauth",
    "ntlm",
    "saml",
    "mtls",
    "header",
    "log-user",
    "cookie-login",
    "negotiate",
    "socket",
];

const NAME: u64 = 1;
const CLAIM: u64 = 2;
const SERVICE: u64 = 4;

/// Bytes for `call.ident`; empty where there is nothing to tell. A kind that is not in [`KINDS`] becomes `other`.
pub fn encode(credentials: &[CredentialSeen], events: &[IdentityEvent]) -> Vec<u8> {
    if credentials.is_empty() && events.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(64 * (credentials.len() + events.len()));
    put(&mut out, credentials.len() as u64);
    for c in credentials {
        put(
            &mut out,
            KINDS.iter().position(|k| *k == c.kind).unwrap_or(0) as u64,
        );
        let has = |yes: bool, bit: u64| if yes { bit } else { 0 };
        put(
            &mut out,
            has(c.name.is_some(), NAME) | has(c.claim.is_some(), CLAIM) | has(c.service, SERVICE),
        );
        put_bytes(&mut out, c.place.as_bytes());
        out.extend_from_slice(&c.print.to_le_bytes());
        for text in [&c.name, &c.claim].into_iter().flatten() {
            put_bytes(&mut out, text.as_bytes());
        }
    }
    for e in events {
        match e {
            IdentityEvent::Login {
                name,
                service,
                issued,
                sure,
            } => {
                out.push(match (*service, *sure) {
                    (false, true) => 1,
                    (true, _) => 2,
                    (false, false) => 11,
                });
                put_bytes(&mut out, name.as_bytes());
                put_issued(&mut out, issued);
            }
            IdentityEvent::LoginFailed { name } => put_named(&mut out, 3, name),
            IdentityEvent::Renewed { issued } => {
                out.push(4);
                put_issued(&mut out, issued);
            }
            IdentityEvent::Logout => out.push(5),
            IdentityEvent::Left { issued } => {
                out.push(20);
                put_issued(&mut out, issued);
            }
            IdentityEvent::WhoAmI { name, sure } => {
                put_named(&mut out, if *sure { 6 } else { 14 }, name);
            }
            IdentityEvent::Fronted { name, place } => {
                put_named(&mut out, 7, name);
                put_bytes(&mut out, place.as_bytes());
            }
            IdentityEvent::OnBehalf { name } => put_named(&mut out, 8, name),
            IdentityEvent::Owned {
                name,
                service,
                print,
            } => {
                put_named(&mut out, if *service { 13 } else { 12 }, name);
                out.extend_from_slice(&print.to_le_bytes());
            }
            IdentityEvent::Begun { name, issued } => {
                put_named(&mut out, 18, name);
                put_issued(&mut out, issued);
            }
            IdentityEvent::Refused => out.push(15),
            IdentityEvent::Switched { to: Some(name) } => put_named(&mut out, 16, name),
            IdentityEvent::Switched { to: None } => out.push(17),
            IdentityEvent::Tenant {
                name,
                tenant,
                place,
            } => {
                put_named(&mut out, 19, name);
                put_bytes(&mut out, tenant.as_bytes());
                put_bytes(&mut out, place.as_bytes());
            }
            IdentityEvent::SamePerson { names } => {
                out.push(9);
                put(&mut out, names.len() as u64);
                for name in names {
                    put_bytes(&mut out, name.as_bytes());
                }
            }
        }
    }
    out
}

fn put_named(out: &mut Vec<u8>, tag: u8, name: &str) {
    out.push(tag);
    put_bytes(out, name.as_bytes());
}

fn put_issued(out: &mut Vec<u8>, issued: &[(String, Print)]) {
    put(out, issued.len() as u64);
    for (place, print) in issued {
        put_bytes(out, place.as_bytes());
        out.extend_from_slice(&print.to_le_bytes());
    }
}

/// What [`encode`] wrote; of a damaged blob, what stands before the damage.
pub fn decode(blob: &[u8]) -> (Vec<CredentialSeen>, Vec<IdentityEvent>) {
    let (mut credentials, mut events) = (Vec::new(), Vec::new());
    let mut at = Cursor(blob);
    let n = at.number().unwrap_or(0);
    for _ in 0..n {
        match credential(&mut at) {
            Some(c) => credentials.push(c),
            None => return (credentials, events),
        }
    }
    while !at.is_empty() {
        match event(&mut at) {
            Some(e) => events.push(e),
            None => break,
        }
    }
    (credentials, events)
}

fn credential(at: &mut Cursor<'_>) -> Option<CredentialSeen> {
    let kind = usize::try_from(at.number()?).ok()?;
    let bits = at.number()?;
    let place = at.text()?.to_owned();
    let print = at.word()?;
    let mut optional = |bit| -> Option<Option<String>> {
        if bits & bit == 0 {
            return Some(None);
        }
        at.text().map(|t| Some(t.to_owned()))
    };
    Some(CredentialSeen {
        kind: KINDS.get(kind).copied().unwrap_or("other"),
        place,
        print,
        name: optional(NAME)?,
        claim: optional(CLAIM)?,
        service: bits & SERVICE != 0,
    })
}

fn event(at: &mut Cursor<'_>) -> Option<IdentityEvent> {
    let tag = at.byte()?;
    let mut text = || at.text().map(str::to_owned);
    Some(match tag {
        1 | 2 | 11 => IdentityEvent::Login {
            name: text()?,
            service: tag == 2,
            sure: tag != 11,
            issued: issued(at)?,
        },
        12 | 13 => IdentityEvent::Owned {
            name: text()?,
            service: tag == 13,
            print: at.word()?,
        },
        3 => IdentityEvent::LoginFailed { name: text()? },
        4 => IdentityEvent::Renewed {
            issued: issued(at)?,
        },
        5 => IdentityEvent::Logout,
        20 => IdentityEvent::Left {
            issued: issued(at)?,
        },
        6 | 14 => IdentityEvent::WhoAmI {
            name: text()?,
            sure: tag == 6,
        },
        7 => IdentityEvent::Fronted {
            name: text()?,
            place: text()?,
        },
        8 => IdentityEvent::OnBehalf { name: text()? },
        15 => IdentityEvent::Refused,
        16 => IdentityEvent::Switched { to: Some(text()?) },
        17 => IdentityEvent::Switched { to: None },
        18 => IdentityEvent::Begun {
            name: text()?,
            issued: issued(at)?,
        },
        19 => IdentityEvent::Tenant {
            name: text()?,
            tenant: text()?,
            place: text()?,
        },
        9 => {
            let n = at.number()?;
            let mut names = Vec::new();
            for _ in 0..n {
                names.push(at.text()?.to_owned());
            }
            IdentityEvent::SamePerson { names }
        }
        _ => return None,
    })
}

fn issued(at: &mut Cursor<'_>) -> Option<Vec<(String, Print)>> {
    let n = at.number()?;
    let mut out = Vec::new();
    for _ in 0..n {
        out.push((at.text()?.to_owned(), at.word()?));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> (Vec<CredentialSeen>, Vec<IdentityEvent>) {
        let cred = |kind, name: Option<&str>, service| CredentialSeen {
            kind,
            place: "header:authorization".into(),
            print: u64::MAX - 3,
            name: name.map(Into::into),
            claim: name.map(|_| "sub".into()),
            service,
        };
        let name = || "wú".to_owned();
        let issued = || {
            vec![
                ("cookie:sid".to_owned(), 7),
                ("$.access_token".to_owned(), 0),
            ]
        };
        (
            vec![
                cred("jwt", Some("u1"), false),
                cred("cookie", None, false),
                cred("oauth", Some(""), true),
            ],
            vec![
                IdentityEvent::Login {
                    name: name(),
                    service: false,
                    issued: issued(),
                    sure: false,
                },
                IdentityEvent::Login {
                    name: name(),
                    service: true,
                    issued: vec![],
                    sure: true,
                },
                IdentityEvent::Owned {
                    name: name(),
                    service: true,
                    print: 9,
                },
                IdentityEvent::LoginFailed { name: name() },
                IdentityEvent::Renewed { issued: issued() },
                IdentityEvent::Logout,
                IdentityEvent::Left { issued: issued() },
                IdentityEvent::WhoAmI {
                    name: name(),
                    sure: true,
                },
                IdentityEvent::WhoAmI {
                    name: name(),
                    sure: false,
                },
                IdentityEvent::Fronted {
                    name: name(),
                    place: "log-user".into(),
                },
                IdentityEvent::OnBehalf { name: name() },
                IdentityEvent::Refused,
                IdentityEvent::Begun {
                    name: name(),
                    issued: issued(),
                },
                IdentityEvent::Switched { to: Some(name()) },
                IdentityEvent::Switched { to: None },
                IdentityEvent::Tenant {
                    name: name(),
                    tenant: "acme".into(),
                    place: "$.company".into(),
                },
                IdentityEvent::SamePerson {
                    names: vec![name(), String::new(), name()],
                },
            ],
        )
    }

    #[test]
    fn everything_comes_back() {
        let (c, e) = sample();
        assert_eq!(decode(&encode(&c, &e)), (c.clone(), e.clone()));
        assert_eq!(decode(&encode(&[], &e)), (vec![], e));
        assert_eq!(decode(&encode(&c, &[])), (c, vec![]));
        assert!(encode(&[], &[]).is_empty());
    }

    #[test]
    fn a_cut_blob_gives_a_prefix() {
        let (c, e) = sample();
        let blob = encode(&c, &e);
        for cut in 0..blob.len() {
            let (c2, e2) = decode(&blob[..cut]);
            assert!(c.starts_with(&c2) && e.starts_with(&e2), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(blob in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&blob);
        }
    }
}
