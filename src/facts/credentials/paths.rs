//! What a path says a call is for: a login, a logout, the own profile, keys. In: paths. Out: yes or no.
//! Bounds: short lists of words in several languages; they open gates, they name nobody.

use super::words::plain;

/// Segments of a path that make it a place of logins or tokens.
pub fn login_path(path: &str) -> bool {
    segments(path).any(|s| {
        matches!(
            s.as_str(),
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
        ) || s.contains("login")
            || s.contains("signin")
            || s.contains("sesion") && !s.contains("cerrar")
            || s.contains("inlog")
            || s.contains("aanmeld")
            || s.contains("zaloguj")
            || s.contains("giris")
            || s.contains("acceder")
            || s.contains("accedi")
            || s.contains("logon")
            || s.contains("authenticat")
            || s.contains("accesstoken")
    })
}
/// Whether a path ends a session.
pub fn logout_path(path: &str) -> bool {
    segments(path).any(|s| {
        s.contains("logout")
            || s.contains("signout")
            || s.contains("logoff")
            || matches!(
                s.as_str(),
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
/// Whether a path answers with the caller's own profile.
pub fn own_path(path: &str) -> bool {
    let last = path.rsplit('/').find(|s| !s.is_empty()).map(plain);
    let last = last.unwrap_or_default();
    matches!(
        last.as_str(),
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
            | "myaccount"
            | "getloginuser"
            | "myself"
    )
}
/// Whether a path may answer with the caller's own profile: it speaks of one user and names none.
pub fn maybe_own_path(path: &str) -> bool {
    let last = path.rsplit('/').find(|s| !s.is_empty()).map(plain);
    last.is_some_and(|s| {
        [
            "user", "account", "konto", "member", "profil", "myself", "session", "identity",
            "person", "perfil",
        ]
        .iter()
        .any(|w| s.contains(w))
            && !s.ends_with('s')
            && !s.contains("search")
            && !s.contains("list")
    })
}
/// Whether a path makes or changes accounts of others.
pub fn creates(path: &str) -> bool {
    segments(path).any(|s| {
        matches!(
            s.as_str(),
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
        ) || s.contains("reset")
            || s.contains("adduser")
            || s.contains("createuser")
    })
}
/// Whether a path speaks of keys or tokens as things that are kept: lists of them tell whose they are.
pub fn keeps_keys(path: &str) -> bool {
    segments(path).any(|s| {
        s.contains("key")
            || s.contains("token")
            || s.contains("credential")
            || s.contains("secret")
            || matches!(s.as_str(), "clients" | "applications" | "apps")
    })
}
/// Whether a path asks whose a token is (RFC 7662 and its like).
pub fn asks_whose(path: &str) -> bool {
    segments(path).any(|s| {
        matches!(
            s.as_str(),
            "introspect"
                | "introspection"
                | "checktoken"
                | "tokeninfo"
                | "validate"
                | "verifytoken"
        )
    })
}
fn segments(path: &str) -> impl Iterator<Item = String> + '_ {
    // no word is all digits, and ids are most of what differs between paths
    path.split('/')
        .filter(|s| !s.bytes().all(|b| b.is_ascii_digit()))
        .map(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert!(
            login_path("/api/v1/auth/login")
                && login_path("/oauth2/token")
                && login_path("/userLogin.do")
        );
        assert!(!login_path("/api/orders") && !login_path("/authors"));
        assert!(
            logout_path("/api/log-out") && own_path("/api/users/me") && !own_path("/api/users/7")
        );
    }
}
