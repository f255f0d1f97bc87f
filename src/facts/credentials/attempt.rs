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
    /// The password is typed again, as who makes an account does.
    pub twice: bool,
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
        let flag = matches!(f.value.as_str(), "true" | "false" | "on" | "off");
        if words::password(&f.key) && flag {
            // something about the password, not one
        } else if words::password(&f.key) {
            a.password = true;
            a.changes |= words::password_change(&f.key) || first.is_some_and(|v| v != f.value);
            a.twice |= first.is_some_and(|v| v == f.value);
            first.get_or_insert(&f.value);
            secret = secret.or(Some((i, f)));
        } else if words::code(&f.key) {
            a.code = true;
        }
    }
    let near = |f: &Field| secret.is_none_or(|(_, s)| parent(&s.path) == parent(&f.path));
    if let Some(named) = known(given) {
        a.name = Some(named.value.trim().to_owned());
        if secret.is_none() && !a.code {
            // A secret under an unknown key: the only thing beside the name that looks like one.
            let mut left = given
                .iter()
                .filter(|f| *f != named && parent(&f.path) == parent(&named.path))
                .filter(|f| (may(f) || digest(f)) && secretive(&f.value));
            let (one, two) = (left.next(), left.next());
            (a.guessed, a.password) = match (one, two) {
                (Some(_), None) => (true, true),
                _ => (false, false),
            };
        }
        return a;
    }
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
            let hashed = given.iter().find(|f| digest(f));
            let (one, two, more) = (left.next(), left.next(), left.next());
            let pair = match (one, two, more) {
                (Some((_, n)), Some((_, s)), None) => Some((n, s)),
                (Some((_, n)), None, None) => hashed.map(|s| (n, s)),
                // among more, what alone stands beside a hash
                _ => hashed.and_then(|s| beside_hash(given, s)),
            };
            match (pair, one) {
                (Some((n, s)), _)
                    if parent(&n.path) == parent(&s.path)
                        && secretive(&s.value)
                        && login_name(&n.value) =>
                {
                    a.name = Some(n.value.trim().to_owned());
                    (a.guessed, a.password) = (true, true);
                }
                (None, Some((_, n))) if a.code && two.is_none() && !shown_as(&n.key) => {
                    a.name = Some(n.value.trim().to_owned());
                }
                _ => {}
            }
        }
    }
    a
}

/// Whether a value looks like a password: letters with digits or signs, or what a browser makes of one before it sends it.
pub fn secretive(value: &str) -> bool {
    let v = value.trim();
    let any = |f: fn(&char) -> bool| v.chars().any(|c| f(&c));
    let letters = any(|c| c.is_alphabetic());
    let more = any(|c| c.is_ascii_digit() || "!$%&?*+#~^()=".contains(*c))
        || any(|c| c.is_uppercase()) && any(|c| c.is_lowercase());
    (6..=1024).contains(&v.len())
        && letters
        && more
        && !v.contains(char::is_whitespace)
        && !v.contains('@')
        || v.contains('@') && more && !v.contains('.') && v.len() >= 6
}

/// Whether a value can be the name of somebody.
fn login_name(value: &str) -> bool {
    let v = value.trim();
    let digits = v.bytes().filter(u8::is_ascii_digit).count();
    !v.contains(char::is_whitespace)
        && v.len() <= 80
        && (digits >= 5 || v.chars().any(char::is_alphabetic))
}

/// Whether a value is a hash or an encrypted text as logins send them instead of a password.
fn digest(f: &Field) -> bool {
    let v = f.value.as_str();
    let hex = matches!(v.len(), 32 | 40 | 64) && v.bytes().all(|b| b.is_ascii_hexdigit());
    let rsa = matches!(v.len(), 172 | 344) && v.ends_with('=');
    f.text && (hex || rsa) && !words::beside(&f.key) && !words::about_itself(&f.key)
}

/// Who tried to come in at a place of logins with something beside the name, whatever that looks like: wrong passwords are short
/// and plain as well.
pub fn tried(given: &[Field]) -> Option<String> {
    let mut left = given.iter().filter(|f| may(f));
    let (a, b, more) = (left.next()?, left.next()?, left.next());
    let pair = more.is_none() && parent(&a.path) == parent(&b.path);
    let name = known(given).unwrap_or(a);
    (pair && (name == a || name == b)).then(|| name.value.trim().to_owned())
}

/// The name beside a hash in the same object, where nothing else stands there that can be one.
fn beside_hash<'a>(given: &'a [Field], hash: &'a Field) -> Option<(&'a Field, &'a Field)> {
    let mut near = given
        .iter()
        .filter(|f| *f != hash && may(f) && parent(&f.path) == parent(&hash.path));
    match (near.next(), near.next()) {
        (Some(n), None) => Some((n, hash)),
        _ => None,
    }
}

/// The best name under a known key.
fn known(given: &[Field]) -> Option<&Field> {
    given
        .iter()
        .filter(|f| !f.value.trim().is_empty() && f.value.chars().count() <= 200)
        .filter(|f| !caption(&f.key, &f.value))
        .filter_map(|f| Some((words::user_rank(&f.key)?, f)))
        .min_by_key(|(r, _)| *r)
        .map(|(_, f)| f)
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
        && !words::way_in(&f.key, v)
        && !caption(&f.key, v)
        && !jwt::looks(v)
        && !(n >= 20 && words::random(v))
}

/// Whether a field is the button that was pressed: `login=Log+In`. Nobody is called so.
fn caption(plain_key: &str, value: &str) -> bool {
    let v = words::plain(value.trim());
    let said = [
        "login",
        "signin",
        "logon",
        "submit",
        "anmelden",
        "einloggen",
        "connexion",
        "entrar",
        "登录",
        "登陆",
    ];
    said.contains(&v.as_str()) || v == plain_key && value.contains(' ')
}

/// Whether a key holds what somebody is shown as, which others may be as well.
fn shown_as(plain_key: &str) -> bool {
    ["nick", "displayname", "fullname", "realname"]
        .iter()
        .any(|w| plain_key.contains(w))
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
            (r#"{"gonghao":"e77","kouling":"x9xyz7"}"#, "e77"),
            (r#"{"login":"al","kl":"Sommer12"}"#, "al"),
            (
                r#"{"dlm":"al","kl":"5f4dcc3b5aa765d61d8327deb882cf99"}"#,
                "al",
            ),
            (
                r#"{"lang":"de","nutzer":"al","kennwort":"x9","deviceId":"f3a9c0e17b2d4856a0b1"}"#,
                "al",
            ),
            (
                r#"{"client":"web","data":{"mitglied":"al","passwort":"x9"}}"#,
                "al",
            ),
            (
                r#"{"mobile":"13800001111","smsCode":"493021"}"#,
                "13800001111",
            ),
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
        for body in [
            r#"{"text":"hello","amount":"5"}"#,
            r#"{"user":"bob","type":"all"}"#,
            r#"{"user":"bob","text":"hello pass it on"}"#,
            r#"{"from":"2026-01-02","until":"2026-02-03"}"#,
        ] {
            assert!(!json(body).password, "{body}");
        }
    }
}
