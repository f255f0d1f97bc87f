//! The vocabulary of credentials: what logins, tokens and session cookies are called. In: names. Out: yes or no.
//! Bounds: short lists; a name that is not here is judged by the value's randomness alone.

pub use super::programs::{program, program_secret, program_token, signing_key};
pub use super::random::{attempt_number, random};

/// A name without case and separators: `access_token`, `accessToken` and `Access-Token` are one.
pub fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    plain_into(name, &mut out);
    out
}

/// The same behind what stands there already.
pub fn plain_into(name: &str, out: &mut String) {
    let kept = |c: &char| !matches!(c, '_' | '-' | '.' | ' ' | ':' | '[' | ']');
    if name.is_ascii() {
        let chars = name.chars().filter(kept);
        out.extend(chars.map(|c| c.to_ascii_lowercase()));
    } else {
        out.extend(name.chars().filter(kept).flat_map(char::to_lowercase));
    }
}

/// Keys that hold who logs in, best first.
pub const USER_KEYS: &[&str] = &[
    "username",
    "loginname",
    "login",
    "loginid",
    "user",
    "useraccount",
    "account",
    "accountname",
    "accountno",
    "userid",
    "uname",
    "usr",
    "uid",
    "jusername",
    "log",
    "identifier",
    "principal",
    "email",
    "emailaddress",
    "useremail",
    "mail",
    "mobile",
    "mobilephone",
    "phone",
    "phonenumber",
    "tel",
    "telephone",
    "cellphone",
    "shouji",
    "手机号",
    "employeeid",
    "employeeno",
    "employeenumber",
    "empno",
    "staffid",
    "staffno",
    "workno",
    "jobnumber",
    "gonghao",
    "工号",
    "userno",
    "usercode",
    "name",
    "用户名",
    "账号",
    "帐号",
    "登录名",
    "benutzername",
    "benutzer",
    "kontoname",
    "yonghuming",
    "zhanghao",
    "usuario",
    "utilisateur",
    "brukernavn",
    "brugernavn",
    "användarnamn",
    "anvandarnamn",
    "epost",
    "konto",
    "gebruikersnaam",
    "käyttäjätunnus",
    "uzytkownik",
];
/// Keys that hold a password.
const PASSWORD_KEYS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "pass",
    "passphrase",
    "jpassword",
    "userpwd",
    "userpassword",
    "loginpwd",
    "loginpassword",
    "secret",
    "passcode",
    "credential",
    "credentials",
    "pw",
    "密码",
    "口令",
    "kennwort",
    "passwort",
    "mima",
    "contrasena",
    "contraseña",
    "motdepasse",
    "senha",
    "wachtwoord",
    "haslo",
    "passord",
    "lösenord",
    "losenord",
    "adgangskode",
    "kodeord",
    "salasana",
    "heslo",
    "пароль",
    "パスワード",
];
/// Keys that hold a second factor or a code that replaces the password.
const CODE_KEYS: &[&str] = &[
    "otp",
    "code",
    "smscode",
    "verifycode",
    "verificationcode",
    "totp",
    "pin",
    "captcha",
    "验证码",
    "authcode",
    "tmpauthcode",
    "jscode",
    "wxcode",
];
/// Keys under which answers hand out tokens.
const TOKEN_KEYS: &[&str] = &[
    "accesstoken",
    "token",
    "idtoken",
    "sessionid",
    "sessiontoken",
    "authtoken",
    "jwt",
    "jwttoken",
    "refreshtoken",
    "ticket",
    "sid",
    "bearer",
    "bearertoken",
    "xauthtoken",
    "usertoken",
    "logintoken",
    "authorization",
    "tokenvalue",
    "mfatoken",
    "sessionkey",
    "apikey",
    "access",
    "refresh",
    "clienttoken",
];
/// Request fields that present a token at a token or login path.
const PRESENT_KEYS: &[&str] = &[
    "refreshtoken",
    "refresh",
    "code",
    "mfatoken",
    "ticket",
    "sessiontoken",
    "logintoken",
    "token",
    "accesstoken",
    "idtoken",
    "assertion",
    "subjecttoken",
    "devicecode",
];
/// Answer headers that hand out tokens.
pub const TOKEN_HEADERS: &[&str] = &[
    "x-auth-token",
    "x-subject-token",
    "x-access-token",
    "x-session-token",
    "authorization",
    "x-token",
    "access-token",
    "token",
    "auth-token",
    "x-refresh-token",
    "x-new-token",
];
/// Request headers that present a key.
pub const KEY_HEADERS: &[&str] = &[
    "x-api-key",
    "api-key",
    "apikey",
    "x-apikey",
    "x-api-token",
    "x-app-key",
    "x-access-key",
    "ocp-apim-subscription-key",
    "x-functions-key",
    "x-goog-api-key",
    "x-client-key",
    "x-service-key",
];

/// Request headers that present a session token.
pub const SESSION_HEADERS: &[&str] = &[
    "x-auth-token",
    "x-access-token",
    "x-session-token",
    "x-session-id",
    "x-token",
    "token",
    "access-token",
    "accesstoken",
    "authtoken",
    "auth-token",
    "x-subject-token",
    "x-vault-token",
    "private-token",
    "x-amz-security-token",
    "x-jwt-assertion",
    "x-id-token",
];
/// Query parameters that present a key or a token.
pub const QUERY_KEYS: &[(&str, &str)] = &[
    ("apikey", "api-key"),
    ("xapikey", "api-key"),
    ("key", "api-key"),
    ("appkey", "api-key"),
    ("appid", "api-key"),
    ("clientkey", "api-key"),
    ("accesskey", "api-key"),
    ("subscriptionkey", "api-key"),
    ("accesstoken", "bearer"),
    ("token", "bearer"),
    ("authtoken", "bearer"),
    ("jwt", "bearer"),
    ("sessionid", "bearer"),
    ("sid", "bearer"),
    ("ticket", "oauth"),
    ("code", "oauth"),
    ("idtoken", "bearer"),
    ("auth", "bearer"),
];
/// Headers by which a caller says for whom it acts.
pub const BEHALF_HEADERS: &[&str] = &[
    "x-on-behalf-of",
    "on-behalf-of",
    "x-acting-for",
    "x-act-as",
    "x-impersonate-user",
    "impersonate-user",
    "x-delegated-user",
    "x-original-user",
    "x-end-user",
    "x-run-as",
    "x-acting-user",
    "x-behalf-of",
    "x-behalf-user",
    "x-sudo",
    "sudo",
];
/// Parts of names of cookies that never say who somebody is.
const IDLE_COOKIES: &[&str] = &[
    "csrf",
    "xsrf",
    "lang",
    "locale",
    "theme",
    "timezone",
    "consent",
    "utm",
    "hmlvt",
    "hmlpvt",
    "amplitude",
    "optimizely",
    "cfbm",
    "cfduid",
    "cfclearance",
    "awsalb",
    "awselb",
    "bigip",
    "incap",
    "visid",
    "nlbi",
    "route",
    "currency",
    "country",
    "analytics",
    "tracking",
    "visitor",
    "gdpr",
    "banner",
    "experiment",
    "abtest",
    "campaign",
    "referr",
    "sidebar",
    "captcha",
    "requestverification",
];
const IDLE_EXACT: &[&str] = &[
    "ga",
    "gid",
    "gat",
    "fbp",
    "fbc",
    "nid",
    "tz",
    "hjid",
    "cid",
    "deviceid",
    "did",
    "clientid",
    "buvid3",
    "uuid",
    "anonymousid",
    "muid",
    "ide",
    "srchd",
    "dsid",
    "1pjar",
    "ajsanonymousid",
    "flash",
    "returnto",
    "next",
    "redirect",
    "state",
    "nonce",
];

fn has(list: &[&str], k: &str) -> bool {
    list.contains(&k)
}
/// Rank of a key among those that hold a login name; lower is better. Before `username` makers put names of their own, and words
/// for somebody else: such a key counts where nothing else names who it is, and never where it tells of another.
pub fn user_rank(plain_key: &str) -> Option<usize> {
    const OTHERS: &str = "invit last prev imperson target refer parent manager owner author creat updat assign recipient recommend \
        friend boss approv display old new proxy smtp db behalf from to original contact emergency";
    let named = || {
        let before = plain_key.strip_suffix("username")?;
        let other = OTHERS.split(' ').any(|w| before.starts_with(w));
        (!other).then_some(USER_KEYS.len())
    };
    USER_KEYS
        .iter()
        .position(|k| *k == plain_key)
        .or_else(named)
}
/// Whether a key holds the name that somebody logs in with, never a number or an address.
pub fn login_key(plain_key: &str) -> bool {
    matches!(
        plain_key,
        "username"
            | "loginname"
            | "login"
            | "loginid"
            | "user"
            | "useraccount"
            | "accountname"
            | "uname"
            | "usr"
    )
}
/// Whether a key holds a password.
pub fn password(plain_key: &str) -> bool {
    has(PASSWORD_KEYS, plain_key)
        || plain_key.contains("passw")
        || plain_key.ends_with("pwd")
        || plain_key.ends_with("mima")
        || plain_key.ends_with("pw")
}
/// Whether a password's key says that it is not the one that is asked for: the new, the old, the one typed again.
pub fn password_change(plain_key: &str) -> bool {
    [
        "new", "old", "neu", "alt", "current", "origin", "xin", "jiu",
    ]
    .iter()
    .any(|w| plain_key.starts_with(w))
        || plain_key.contains("newpass")
        || plain_key.contains("oldpass")
}
/// Parts of keys of what goes along with a login: neither who nor with what.
const BESIDE: &[&str] = &[
    "csrf",
    "xsrf",
    "token",
    "captcha",
    "verif",
    "remember",
    "redirect",
    "return",
    "callback",
    "lang",
    "locale",
    "device",
    "client",
    "version",
    "platform",
    "grant",
    "scope",
    "nonce",
    "state",
    "time",
    "sign",
    "tenant",
    "domain",
    "realm",
    "action",
    "submit",
    "button",
    "format",
    "channel",
    "source",
    "uuid",
    "method",
    "operation",
    "query",
    "service",
    "execution",
    "event",
    "trace",
    "request",
    "company",
    "agent",
    "step",
    "avatar",
    "gender",
];
const BESIDE_EXACT: &[&str] = &[
    "type",
    "next",
    "url",
    "id",
    "lt",
    "from",
    "to",
    "app",
    "appid",
    "os",
    "ip",
    "ts",
    "text",
    "note",
    "title",
    "comment",
    "message",
    "role",
    "lastname",
    "firstname",
];
/// Whether a key belongs to what goes along with a login.
pub fn beside(plain_key: &str) -> bool {
    BESIDE.iter().any(|w| plain_key.contains(w)) || has(BESIDE_EXACT, plain_key)
}
/// Whether a key names something about the answer itself, which is random and no credential.
pub fn about_itself(plain_key: &str) -> bool {
    [
        "trace",
        "request",
        "correlation",
        "span",
        "csrf",
        "xsrf",
        "nonce",
        "etag",
    ]
    .iter()
    .any(|w| plain_key.contains(w))
}
/// Whether a field says how somebody comes in, not who.
pub fn way_in(plain_key: &str, value: &str) -> bool {
    let v = plain(value);
    matches!(
        plain_key,
        "kind" | "way" | "factor" | "logintype" | "authtype"
    ) || password(&v)
        || matches!(
            v.as_str(),
            "sms"
                | "email"
                | "otp"
                | "totp"
                | "webauthn"
                | "publickey"
                | "local"
                | "ldap"
                | "qrcode"
        )
}
/// Whether a key holds a one-time code.
pub fn code(plain_key: &str) -> bool {
    has(CODE_KEYS, plain_key)
        || "smscode mfacode otpcode factorcode otptoken otpattempt totp totpcode"
            .split(' ')
            .any(|w| plain_key.ends_with(w))
}
/// Whether an answer's key hands out a token.
pub fn token(plain_key: &str) -> bool {
    has(TOKEN_KEYS, plain_key)
        || plain_key.ends_with("accesstoken")
        || plain_key.ends_with("sessionid")
}

/// Whether a request's field presents a token at a login path.
pub fn presents(plain_key: &str) -> bool {
    has(PRESENT_KEYS, plain_key)
}

/// Whether a cookie's name alone says that it carries a session.
pub fn session_name(name: &str) -> bool {
    let p = plain(name);
    if idle(&p) {
        return false;
    }
    p.contains("sess")
        || p.contains("token")
        || p.contains("auth")
        || p.contains("jwt")
        || p.contains("login")
        || p.contains("loggedin")
        || p.contains("ticket")
        || p.trim_end_matches(|c: char| c.is_ascii_digit())
            .ends_with("sid")
        || p.contains("sso")
        || p.contains("remember")
        || p.contains("identity")
        || p == "connectsid"
        || p == "tgc"
        || p == "s"
        || p == "jsessionid"
}
fn idle(p: &str) -> bool {
    IDLE_COOKIES.iter().any(|w| p.contains(w))
        || has(IDLE_EXACT, p)
        || p.starts_with("ga")
            && p.len() < 14
            && p.chars()
                .nth(2)
                .is_some_and(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
}

/// Whether a cookie is a credential: its name says so, or its value is random and its name does not say otherwise.
pub fn session_cookie(name: &str, value: &str) -> bool {
    let p = plain(name);
    if value.len() < 6 || idle(&p) {
        return false;
    }
    session_name(name) || (value.len() >= 16 && random(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_that_say_who_and_cookies_that_do_not() {
        for (n, v) in [
            ("sid", "9f8a7b6c5d"),
            ("JSESSIONID", "A1B2C3D4E5F6"),
            ("PHPSESSID", "kq3v1s9d0f"),
            ("connect.sid", "s%3Aabc.def123"),
            ("SSID2", "pdmdzqahvjEpSesezkorMqfhTOUYTOD"),
            ("auth_token", "abcdef123"),
            ("_myapp", "f3a9c0e17b2d4856a0b1c2d3"),
        ] {
            assert!(session_cookie(n, v), "{n}");
        }
        for (n, v) in [
            ("lang", "zh-CN"),
            ("_ga", "GA1.2.1234567890.1600000000"),
            ("csrftoken", "f3a9c0e17b2d4856a0b1c2d3"),
            ("theme", "dark-mode-one"),
            ("_gid", "GA1.2.99887766.1600000000"),
            ("Hm_lvt_123", "1600000000,1600000001"),
            ("device_id", "f3a9c0e17b2d4856a0b1c2d3"),
        ] {
            assert!(!session_cookie(n, v), "{n}");
        }
    }
}
