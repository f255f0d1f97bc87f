//! Who asks to be let in, and with what. In: the fields of a request. Out: a name, and whether a password or a code stands
//! beside it. Bounds: one pass or two over the fields.
//!
//! Names of keys are many and their languages more, so words decide only where there are some: else the name is what
//! stands before the secret in the same object.

use super::fields::Field;
use super::{jwt, words};

/// What a request gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// Who.
    pub name: Option<String>,
    /// A password stands beside it.
    pub password: bool,
    /// A one-time code does.
    pub code: bool,
    /// It sets a password: a change, a reset, somebody made anew.
    pub changes: bool,
    /// Neither key was a known word: a name and a secret by their places alone.
    pub guessed: bool,
}

/// Reads the fields.
pub fn of(given: &[Field]) -> Attempt {
    let mut a = Attempt::default();
    let mut secret: Option<(usize, &Field)> = None;
    let mut first: Option<&str> = None;
    for (i, f) in given.iter().enumerate() {
        if f.value.is_empty() {
            continue;
        }
        if words::password(&f.key) {
            a.password = true;
            a.changes |= words::password_change(&f.key) || first.is_some_and(|v| v != f.value);
            first.get_or_insert(&f.value);
            secret = secret.or(Some((i, f)));
        } else if words::code(&f.key) {
            a.code = true;
        }
    }
    a.name = known(given);
    if a.name.is_some() {
        return a;
    }
    let near = |f: &Field| secret.is_none_or(|(_, s)| parent(&s.path) == parent(&f.path));
    let mut left = given.iter().enumerate().filter(|(_, f)| may(f) && near(f));
    match secret {
        Some((at, _)) => {
            let (before, after): (Vec<_>, Vec<_>) = left.partition(|(i, _)| *i < at);
            a.name = before
                .last()
                .or(after.first())
                .map(|(_, f)| f.value.trim().to_owned());
        }
        None => {
            let (one, two, more) = (left.next(), left.next(), left.next());
            match (one, two, more) {
                (Some((_, n)), Some((_, s)), None) if parent(&n.path) == parent(&s.path) => {
                    a.name = Some(n.value.trim().to_owned());
                    (a.guessed, a.password) = (true, true);
                }
                (Some((_, n)), None, None) if a.code => a.name = Some(n.value.trim().to_owned()),
                _ => {}
            }
        }
    }
    a
}

/// The best name under a known key.
fn known(given: &[Field]) -> Option<String> {
    given
        .iter()
        .filter(|f| !f.value.trim().is_empty() && f.value.chars().count() <= 200)
        .filter_map(|f| Some((words::user_rank(&f.key)?, f)))
        .min_by_key(|(r, _)| *r)
        .map(|(_, f)| f.value.trim().to_owned())
}

/// Whether a field can be a name or a secret that nobody knows the key of.
fn may(f: &Field) -> bool {
    let v = f.value.trim();
    let n = v.chars().count();
    f.text
        && (2..=128).contains(&n)
        && !words::password(&f.key)
        && !words::code(&f.key)
        && !words::beside(&f.key)
        && !v.starts_with(['/', '{', '['])
        && !v.contains(['\n', '\r'])
        && !v.contains("://")
        && !matches!(v, "true" | "false" | "on" | "off" | "null")
        && !jwt::looks(v)
        && !(n >= 20 && words::random(v))
}

fn parent(path: &str) -> &str {
    path.rsplit_once(['.', ':']).map_or("", |(p, _)| p)
}

#[cfg(test)]
mod tests {
    use super::super::fields::read;
    use super::*;

    fn json(body: &str) -> Attempt {
        of(&read(body.as_bytes(), "json"))
    }

    #[test]
    fn names_by_words_and_by_places() {
        for (body, name) in [
            (r#"{"userName":"al","pwd":"x9"}"#, "al"),
            (r#"{"gonghao":"e77","kouling":"x9x"}"#, "e77"),
            (r#"{"lang":"de","nutzer":"al","kennwort":"x9","deviceId":"f3a9c0e17b2d4856a0b1"}"#, "al"),
            (r#"{"client":"web","data":{"mitglied":"al","passwort":"x9"}}"#, "al"),
            (r#"{"mobile":"13800001111","smsCode":"493021"}"#, "13800001111"),
        ] {
            let a = json(body);
            assert_eq!(a.name.as_deref(), Some(name), "{body}");
            assert!(a.password || a.code, "{body}");
            assert!(!a.changes);
        }
        let form = read(b"user%5Bemail%5D=a%40b.c&user%5Bpassword%5D=x", "form");
        assert_eq!(of(&form).name.as_deref(), Some("a@b.c"));
    }

    #[test]
    fn changes_of_passwords_are_no_logins() {
        for body in [
            r#"{"username":"al","oldPwd":"x","newPwd":"y"}"#,
            r#"{"user":"al","newPassword":"y"}"#,
            r#"{"password":"x","password2":"y"}"#,
        ] {
            assert!(json(body).changes, "{body}");
        }
        assert!(!json(r#"{"username":"al","password":"x","passwordConfirm":"x"}"#).changes);
        assert_eq!(json(r#"{"text":"hello","amount":"5"}"#).password, false);
    }
}
