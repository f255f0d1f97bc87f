//! Credentials that say in clear whose they are: a name, when it ends, and a signature over both. In: text. Out: the name.
//! Bounds: text of at most [`LONG`] bytes, [`PARTS`] parts.
//!
//! Cookies of WordPress, tokens by which Spring remembers somebody, tickets of many a maker's own are made so: `ida|1790000000|...|HMAC`,
//! plain or as base64. Whether it is let in is for the answers to say, as of any token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

const LONG: usize = 1024;
const PARTS: usize = 8;

/// Who a signed text names. What is no cookie must have an address of mail there: keys of programs begin with any word.
pub fn name(kind: &str, secret: &str) -> Option<String> {
    named(secret).filter(|n| kind == "cookie" || n.contains('@'))
}

fn named(secret: &str) -> Option<String> {
    if !(40..=LONG).contains(&secret.len()) {
        return None;
    }
    if secret.contains(['|', ':']) {
        return of(secret);
    }
    // Only what begins as letters do is text in base64.
    let bytes = STANDARD_NO_PAD
        .decode(secret.trim_end_matches('='))
        .ok()
        .filter(|b| b.iter().all(|c| matches!(c, 0x20..=0x7e)))?;
    of(std::str::from_utf8(&bytes).ok()?)
}

fn of(text: &str) -> Option<String> {
    let sign = if text.contains('|') { '|' } else { ':' };
    let mut parts = text.split(sign);
    let who = parts.next()?.trim();
    let rest: Vec<&str> = parts.take(PARTS).collect();
    let (last, between) = rest.split_last()?;
    let signature = last.len() >= 20
        && last
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'));
    let fits = (2..=64).contains(&who.len())
        && who.bytes().any(|b| b.is_ascii_alphabetic())
        && who
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@' | b'+'))
        && (who.contains('@') || who.len() <= 32 && !drawn(who) && !scheme(who));
    (signature && fits && between.iter().any(|p| time(p))).then(|| who.to_owned())
}

/// Seconds or milliseconds of a day between 2001 and 2033.
fn time(part: &str) -> bool {
    matches!(part.len(), 10 | 13)
        && part.starts_with('1')
        && part.bytes().all(|b| b.is_ascii_digit())
}

/// Whether it is a number in hex rather than somebody's name.
fn drawn(who: &str) -> bool {
    who.len() >= 12 && who.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether one of its words tells how the text is made, where it is good or what it is: everybody's begins with it.
fn scheme(who: &str) -> bool {
    const WORDS: &[&str] = &[
        "ver",
        "version",
        "sess",
        "session",
        "sid",
        "token",
        "tok",
        "ticket",
        "jwt",
        "jws",
        "auth",
        "oauth",
        "bearer",
        "sso",
        "saml",
        "oidc",
        "cookie",
        "csrf",
        "xsrf",
        "nonce",
        "state",
        "key",
        "apikey",
        "api",
        "app",
        "web",
        "mobile",
        "ios",
        "android",
        "client",
        "service",
        "svc",
        "access",
        "refresh",
        "id",
        "uid",
        "user",
        "userid",
        "login",
        "account",
        "member",
        "anon",
        "anonymous",
        "guest",
        "none",
        "null",
        "true",
        "false",
        "prod",
        "production",
        "live",
        "dev",
        "development",
        "test",
        "testing",
        "staging",
        "stage",
        "stg",
        "uat",
        "qa",
        "pre",
        "beta",
        "local",
        "default",
        "main",
        "master",
        "sig",
        "sign",
        "signed",
        "signature",
        "hmac",
        "sha",
        "md",
        "mac",
        "hash",
        "aes",
        "gcm",
        "rsa",
        "ecdsa",
        "hs",
        "rs",
        "es",
        "ps",
        "enc",
        "encrypted",
        "secure",
        "remember",
        "rememberme",
        "me",
        "data",
        "payload",
        "exp",
        "ts",
        "iat",
        "sk",
        "pk",
        "pat",
        "secret",
        "blake",
    ];
    let who = who.to_ascii_lowercase();
    // `v1` and `s` alone; a letter among other words is an initial
    let short = who.trim_end_matches(|c: char| c.is_ascii_digit()).len() < 2;
    short
        || who
            .split(|c: char| !c.is_ascii_alphanumeric())
            .map(|w| w.trim_end_matches(|c: char| c.is_ascii_digit()))
            .any(|w| WORDS.contains(&w))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn who_signed_text_names() {
        let mac = "9f8e7d6c5b4a39281706f5e4d3c2b1a0";
        let press = format!("ida.k|1790000000|Zq3fKd81Lxw0PbTn5RyVa2cMe|{mac}");
        assert_eq!(name("cookie", &press).as_deref(), Some("ida.k"));
        let spring = STANDARD.encode(format!("ida@x.example:1790000000123:SHA256:{mac}"));
        assert_eq!(name("bearer", &spring).as_deref(), Some("ida@x.example"));
        for no in [
            // no time, no signature, no name
            format!("ida|theme|dark|{mac}"),
            "ida|1790000000|dark|short|and more of it than enough".to_owned(),
            format!("9f8e7d6c5b4a3928|1790000000|x|{mac}"),
            format!("17|1790000000|x|{mac}"),
            // how it is made, where it is good, what it is
            format!("v1:1790000000:{mac}"),
            format!("prod|1790000000|{mac}"),
            format!("sess:1790000000:{mac}"),
            format!("sha256:1790000000:{mac}"),
            format!("acme-api_key|1790000000|{mac}"),
            STANDARD.encode(format!("session-v2:1790000000:{mac}")),
            mac.repeat(2),
            STANDARD.encode(vec![200u8; 60]),
        ] {
            assert_eq!(name("cookie", &no), None, "{no}");
        }
        assert_eq!(name("bearer", &press), None);
    }
}
