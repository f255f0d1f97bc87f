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

/// Whether a body may hold the token or the session that acts.
pub fn speaks_of_token(body: &[u8]) -> bool {
    [
        &b"oken"[..],
        b"essionI",
        b"ession_i",
        b"essionid",
        b"\"auth\"",
        b"icket",
    ]
    .iter()
    .any(|w| memmem::find(body, w).is_some())
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
