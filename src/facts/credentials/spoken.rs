//! Whether a body or a path speaks of a login or a logout at all. In: bytes, a path. Out: yes or no. Bounds: a few searches; they
//! open gates, they name nobody.

use super::PARSE;
use memchr::memmem;

pub fn speaks_of_password(body: &[u8]) -> bool {
    body.windows(3)
        .any(|w| matches!(w, b"pas" | b"Pas" | b"PAS" | b"pwd" | b"Pwd" | b"PWD"))
        && body.len() < PARSE
        || ["密码", "口令", "ennwort", "mima"]
            .iter()
            .any(|w| memmem::find(body, w.as_bytes()).is_some())
        || memmem::find(body, b"SAMLResponse").is_some()
}

pub fn speaks_of_login(body: &[u8]) -> bool {
    [
        &b"login"[..],
        b"Login",
        b"signIn",
        b"signin",
        b"authenticate",
        b"tokenAuth",
        b"createToken",
        b"refreshToken",
    ]
    .iter()
    .any(|w| memmem::find(body, w).is_some())
}

/// Whether a body may hold the token or the session that acts: a key for one, in JSON, a form or XML. Prose has the words, too, and
/// is not parsed for them.
pub fn speaks_of_token(body: &[u8]) -> bool {
    let key = |end: &[u8]| {
        matches!(end, [b'"' | b'\'' | b'=' | b'>' | b'\\', ..]) || end.starts_with(b" x")
    };
    memmem::find(body, b"\"auth\"").is_some()
        || [
            &b"oken"[..],
            b"okenValue",
            b"essionId",
            b"essionID",
            b"ession_id",
            b"essionid",
            b"icket",
        ]
        .iter()
        .any(|w| {
            memmem::find_iter(body, w).any(|at| key(body.get(at + w.len()..).unwrap_or_default()))
        })
}

/// Whether a path is that of the session that asks: `/session`, `/sessions/current`; another's has its number there.
pub fn own_session(path: &str) -> bool {
    let mut last = path
        .trim_end_matches('/')
        .rsplit('/')
        .map(super::words::plain);
    let kept = |s: &str| {
        s.ends_with("session") || s.ends_with("sessions") || s == "token" || s == "tokens"
    };
    match last.next() {
        Some(s) if s.ends_with("session") || s == "sessions" => true,
        Some(s) => {
            matches!(
                s.as_str(),
                "current" | "me" | "self" | "this" | "own" | "mine"
            ) && last.next().is_some_and(|s| kept(&s))
        }
        None => false,
    }
}

pub fn speaks_of_logout(body: &[u8]) -> bool {
    [
        &b"logout"[..],
        b"Logout",
        b"logOut",
        b"LogOut",
        b"signOut",
        b"SignOut",
        b"signout",
        b"logoff",
        b"revokeToken",
    ]
    .iter()
    .any(|w| memmem::find(body, w).is_some())
}

#[cfg(test)]
mod tests {
    use super::speaks_of_token as says;

    #[test]
    fn only_a_key_speaks_of_a_token() {
        for yes in [
            &br#"{"token":"x"}"#[..],
            br#"{"session_id" : 7}"#,
            br#"{\"accessToken\":\"x\"}"#,
            b"a=1&id_token=x",
            b"<sessionId>7</sessionId>",
            b"<n:sessionId xsi:type=\"xsd:string\">7</n:sessionId>",
            b"<call ticket='7'/>",
        ] {
            assert!(says(yes), "{}", String::from_utf8_lossy(yes));
        }
        for no in [
            &br#"{"text":"a ticket was broken, session_it tokens"}"#[..],
            br#"{"ticketList":[1,2],"sessionInfo":{}}"#,
        ] {
            assert!(!says(no), "{}", String::from_utf8_lossy(no));
        }
    }
}
