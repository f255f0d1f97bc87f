//! What a path says a call is for: a login, a logout, the own profile, keys. In: paths. Out: yes or no.
//! Bounds: short lists of words in several languages; they open gates, they name nobody.

use super::fields::percent;
use super::words::{plain, plain_into};
use crate::body::operation::dispatch;
use crate::call::model::Message;
use rustc_hash::FxHashMap;

/// What a path says.
#[derive(Debug, Clone, Copy)]
pub struct Says {
    /// One of its words makes it a place of logins or tokens.
    pub login: bool,
    /// Its last word says that somebody comes in here.
    pub enters: bool,
    /// It ends a session.
    pub logout: bool,
    /// It answers with the caller's own profile.
    pub own: bool,
    /// It may: it speaks of one user and names none.
    pub maybe_own: bool,
    /// It makes or changes accounts of others.
    pub creates: bool,
    /// It speaks of keys or tokens as things that are kept: lists of them tell whose they are.
    pub keeps_keys: bool,
    /// It asks whose a token is (RFC 7662 and its like).
    pub asks_whose: bool,
    /// Its last word is what a session is given for another way in: a socket's ticket, a token for one purpose.
    pub hands: bool,
    /// It speaks of a code on a screen.
    pub screen: bool,
}

/// What paths said, by their words: without ids there are few of them. Bounds: [`SAID`] paths of [`LONG`] bytes.
#[derive(Debug, Default)]
pub struct Said(FxHashMap<Words, Says>);

const SAID: usize = 4096;
const LONG: usize = 256;

impl Said {
    /// Of a path without its query.
    pub fn of(&mut self, path: &str) -> Says {
        let words = Words::of(path);
        if let Some(known) = self.0.get(&words) {
            return *known;
        }
        let says = words.says();
        if self.0.len() < SAID && words.text.len() <= LONG {
            self.0.insert(words, says);
        }
        says
    }
}

/// Whom an address names behind the word for a login, at its end: `/auth/userpass/login/ida`. Elsewhere what stands there is the way
/// in (`/login/account`, `/login/mobile`), so the ways of Vault that take a name there must stand before it.
pub fn after_login(path: &str) -> Option<String> {
    let mut last = path.trim_end_matches('/').rsplit('/');
    let who = last.next()?;
    let word = |s: &str| {
        ["login", "signin", "logon"]
            .iter()
            .any(|w| s.eq_ignore_ascii_case(w))
    };
    let fits = (2..=64).contains(&who.len())
        && who.bytes().any(|b| b.is_ascii_alphabetic())
        && !who.bytes().any(|b| b.is_ascii_control() || b == b' ');
    let takes = |s: &str| {
        ["userpass", "ldap", "okta", "radius"]
            .iter()
            .any(|w| plain(s).contains(w))
    };
    (last.next().is_some_and(word)
        && last.next().is_some_and(takes)
        && fits
        && bare(who) == who
        && Words::of(who).names())
    .then(|| who.to_owned())
}

/// Whether somebody new comes in at an address.
pub fn registers(path: &str) -> bool {
    let words = Words::of(path);
    ["regist", "signup", "join", "zhuce", "enrol"]
        .iter()
        .any(|w| words.has(w))
}

/// Operations of a query that are read.
const OPERATIONS: usize = 3;

/// What one address does where its path does not say so: `?r=site/login`, `?m=user&a=login`, the action that SOAP or
/// JSON by AWS names. As a path.
pub fn operation(req: &Message, query: &[u8]) -> Option<String> {
    let mut out: Vec<String> = Vec::new();
    if !query.is_empty() {
        let pairs = query.split(|b| *b == b'&').filter_map(|p| {
            let at = p.iter().position(|b| *b == b'=')?;
            Some((p.get(..at)?, p.get(at + 1..)?))
        });
        let named = pairs.filter(|(k, v)| {
            v.first().is_some_and(u8::is_ascii_alphabetic)
                && v.len() <= 64
                && dispatch::word(k).is_some()
        });
        out.extend(named.take(OPERATIONS).map(|(_, v)| percent(v, false)));
    }
    let target = req.header("soapaction").or(req.header("x-amz-target"));
    if let Some(action) = target {
        let action = String::from_utf8_lossy(action);
        let name = action.trim_matches('"').rsplit(['/', '#', ':', '.']).next();
        out.extend(name.filter(|n| n.len() <= 64).map(str::to_owned));
    }
    (!out.is_empty()).then(|| out.join("/"))
}

/// The words of a path: its segments without the signs that divide words, in small letters; those of digits alone are left out (no
/// word is, and ids are most of what differs between paths).
#[derive(Debug, PartialEq, Eq, Hash)]
struct Words {
    /// Each behind a slash.
    text: String,
    /// Whether the last segment is a word.
    ends: bool,
}

/// A segment without the name of what serves it: `denglu` of `denglu.do` and of `denglu;jsessionid=7`.
fn bare(s: &str) -> &str {
    let s = match s.split_once(';') {
        Some((head, _)) if !head.is_empty() => head,
        _ => s,
    };
    let served = |e: &str| {
        [
            "do", "action", "php", "jsp", "jspx", "asp", "aspx", "ashx", "htm", "html", "shtml",
            "json", "cgi",
        ]
        .iter()
        .any(|k| e.eq_ignore_ascii_case(k))
    };
    match s.rsplit_once('.') {
        Some((head, ext)) if !head.is_empty() && served(ext) => head,
        _ => s,
    }
}

impl Words {
    fn says(&self) -> Says {
        Says {
            login: self.login(),
            enters: ["login", "signin", "logon", "denglu"]
                .iter()
                .any(|w| self.last().contains(w)),
            logout: self.logout(),
            own: self.own(),
            maybe_own: self.maybe_own(),
            creates: self.creates(),
            keeps_keys: self.keeps_keys(),
            asks_whose: self.asks_whose(),
            hands: ["token", "ticket", "negotiate", "handshake"]
                .iter()
                .any(|w| self.last().ends_with(w)),
            screen: self.has("qr"),
        }
    }

    fn of(path: &str) -> Words {
        let mut text = String::with_capacity(path.len());
        let mut ends = false;
        for s in path.split('/').filter(|s| !s.is_empty()) {
            ends = !s.bytes().all(|b| b.is_ascii_digit());
            if ends {
                text.push('/');
                plain_into(bare(s), &mut text);
            }
        }
        Words { text, ends }
    }

    fn each(&self) -> impl Iterator<Item = &str> {
        self.text.split('/')
    }
    /// Whether `part` stands in one of the words.
    fn has(&self, part: &str) -> bool {
        self.text.contains(part)
    }
    /// The last segment, where it is a word.
    fn last(&self) -> &str {
        let last = self.text.rsplit('/').next().unwrap_or_default();
        if self.ends { last } else { "" }
    }

    /// Whether none of its words says what is done.
    fn names(&self) -> bool {
        !self.login()
            && !self.logout()
            && !matches!(
                self.last(),
                "password"
                    | "step"
                    | "submit"
                    | "check"
                    | "verify"
                    | "local"
                    | "ldap"
                    | "user"
                    | "admin"
                    | "api"
                    | "form"
                    | "email"
                    | "account"
                    | "challenge"
                    | "pwd"
                    | "mobile"
                    | "phone"
                    | "sms"
                    | "otp"
                    | "mfa"
                    | "code"
                    | "basic"
                    | "default"
                    | "index"
                    | "process"
                    | "do"
                    | "post"
                    | "step1"
                    | "step2"
                    | "v1"
                    | "v2"
                    | "web"
            )
    }

    fn login(&self) -> bool {
        self.each().any(|s| {
            matches!(
                s,
                "auth"
                    | "token"
                    | "tokens"
                    | "session"
                    | "sessions"
                    | "oauth"
                    | "oauth2"
                    | "sso"
                    | "passport"
                    | "cas"
                    | "jsecuritycheck"
                    | "jspringsecuritycheck"
                    | "saml"
                    | "saml2"
                    | "acs"
                    | "callback"
                    | "register"
                    | "signup"
                    | "otp"
                    | "mfa"
                    | "2fa"
                    | "authorize"
                    | "anmelden"
                    | "anmeldung"
                    | "denglu"
                    | "connexion"
                    | "entrar"
                    | "refresh"
                    | "unlock"
                    | "doauth"
                    | "authn"
            ) || s.contains("sesion") && !s.contains("cerrar")
        }) || [
            "login",
            "signin",
            "signup",
            "inlog",
            "aanmeld",
            "zaloguj",
            "giris",
            "acceder",
            "accedi",
            "logon",
            "authenticat",
            "accesstoken",
            "gettoken",
            "code2session",
            "initiateauth",
            "authchallenge",
        ]
        .iter()
        .any(|w| self.has(w))
    }
    fn logout(&self) -> bool {
        self.has("logout")
            || self.has("signout")
            || self.has("logoff")
            || ["destroy", "end", "close", "terminate"]
                .iter()
                .any(|w| self.last() == *w && self.has(&format!("session/{w}")))
            || self.each().any(|s| {
                matches!(
                    s,
                    "cerrarsesion"
                        | "uitloggen"
                        | "afmelden"
                        | "sair"
                        | "wyloguj"
                        | "cikis"
                        | "esci"
                        | "desconectar"
                        | "revoke"
                        | "abmelden"
                        | "abmeldung"
                        | "tuichu"
                        | "zhuxiao"
                        | "deconnexion"
                        | "salir"
                )
            })
    }
    fn own(&self) -> bool {
        // `/user/info`
        let about = || {
            let mut last = self.text.rsplit('/');
            matches!(last.next(), Some("info" | "detail" | "details"))
                && matches!(last.next(), Some("user" | "member" | "my" | "me"))
        };
        self.ends && about()
            || matches!(
                self.last(),
                "me" | "userinfo"
                    | "whoami"
                    | "profile"
                    | "currentuser"
                    | "getcurrentuser"
                    | "getuserinfo"
                    | "self"
                    | "session"
                    | "myinfo"
                    | "current"
                    | "myprofile"
                    | "getuser"
                    | "getinfo"
                    | "loginuser"
                    | "getcurrentuserinfo"
                    | "getsessioninfo"
                    | "sessioninfo"
                    | "viewer"
                    | "authtest"
                    | "myaccount"
                    | "getloginuser"
                    | "authenticate"
                    | "myself"
            )
    }
    fn maybe_own(&self) -> bool {
        let s = self.last();
        [
            "user", "account", "konto", "member", "profil", "myself", "session", "identity",
            "person", "perfil",
        ]
        .iter()
        .any(|w| s.contains(w))
            && !s.ends_with('s')
            && !s.contains("search")
            && !s.contains("list")
    }
    fn creates(&self) -> bool {
        self.each().any(|s| {
            matches!(
                s,
                "users"
                    | "user"
                    | "accounts"
                    | "members"
                    | "employees"
                    | "staff"
                    | "admin"
                    | "add"
                    | "create"
                    | "new"
                    | "save"
                    | "update"
                    | "edit"
            )
        }) || self.has("reset")
            || self.has("adduser")
            || self.has("createuser")
    }
    fn keeps_keys(&self) -> bool {
        self.has("key")
            || self.has("token")
            || self.has("credential")
            || self.has("secret")
            || self
                .each()
                .any(|s| matches!(s, "clients" | "applications" | "apps"))
    }
    fn asks_whose(&self) -> bool {
        self.each().any(|s| {
            matches!(
                s,
                "introspect"
                    | "introspection"
                    | "checktoken"
                    | "tokeninfo"
                    | "validate"
                    | "verifytoken"
                    | "servicevalidate"
                    | "proxyvalidate"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let login = |p| Words::of(p).login();
        assert!(login("/api/v1/auth/login") && login("/oauth2/token") && login("/userLogin.do"));
        assert!(!login("/api/orders") && !login("/authors"));
        assert!(login("/bank/j_security_check;jsessionid=9F8E7D") && !login("/bank;session=7/x"));
        // words do not run together over a slash, nor does what is between them count
        assert!(!login("/blog/info") && !login("/lo/gin") && login("/LOG-IN/12/"));
        assert!(login("/sesion") && !login("/cerrar-sesion") && login("/cerrar/sesion"));
        let own = |p| Words::of(p).own();
        assert!(Words::of("/api/log-out").logout() && own("/api/users/me/") && own("/ME"));
        assert!(!own("/api/users/7") && !own("/me/7") && !own("/") && !own(""));
        assert!(Words::of("/api/user/7").creates() && !Words::of("/user/7").maybe_own());
    }
}
