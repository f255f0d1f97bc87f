//! What a front tells of the user to what stands behind it, and a server to its client: names in headers, subjects of certificates.
//! In: headers. Out: names, a credential. Bounds: one pass over a name's words; a name is at most 128 characters.

use super::fields::percent;
use super::presented::secret_print;
use super::words;
use crate::call::model::{CredentialSeen, Message};
use crate::detect::print::PrintKey;

/// Headers by which a front tells who the user is, that their words alone do not give away.
const FRONT_HEADERS: &[&str] = &[
    "x-forwarded-user",
    "x-auth-user",
    "x-auth-username",
    "x-authenticated-user",
    "x-authenticated-userid",
    "x-consumer-username",
    "x-remote-user",
    "remote-user",
    "x-forwarded-preferred-username",
    "x-auth-request-user",
    "x-auth-request-preferred-username",
    "x-user",
    "x-username",
    "x-user-name",
    "x-user-id",
    "x-userid",
    "x-login-name",
    "x-webauth-user",
    "x-proxy-user",
    "x-endpoint-api-userinfo",
    "x-goog-authenticated-user-email",
    "x-ms-client-principal-name",
    "x-credential-username",
    "x-consumer-custom-id",
    "x-forwarded-email",
    "x-auth-request-email",
    "x-account",
];
/// Whether a header tells for whom its sender acts: it is known, or it is about a user and about taking somebody's place
/// (`X-Redmine-Switch-User`, `X-Impersonated-Username`).
pub fn names_another(name: &str) -> bool {
    if words::BEHALF_HEADERS.contains(&name) {
        return true;
    }
    let mut words = name.rsplit(['-', '_']).filter(|w| !w.is_empty());
    let user = |w: &str| matches!(w, "user" | "username" | "login" | "userid");
    let about = match words.next() {
        Some("name" | "id" | "email") => words.next().is_some_and(user),
        Some(last) => user(last),
        None => false,
    };
    about
        && words.any(|w| {
            matches!(
                w,
                "switch"
                    | "impersonate"
                    | "impersonated"
                    | "sudo"
                    | "behalf"
                    | "delegated"
                    | "acting"
            )
        })
}

/// Whether a header tells who the user is: it is known, or it ends in a word for one and has another that vouches for it.
pub fn names_user(name: &str) -> bool {
    FRONT_HEADERS.contains(&name) || by_words(name)
}

/// `x-pomerium-claim-email`, `cf-access-authenticated-user-email`, `x-authentik-username`, `oidc_claim_sub`; not `x-contact-email`,
/// nor what tells of somebody beside the caller: whom it acts for, who wrote or owns something.
fn by_words(name: &str) -> bool {
    let another = |w: &str| {
        matches!(
            w,
            "target"
                | "impersonate"
                | "impersonated"
                | "impersonator"
                | "behalf"
                | "delegate"
                | "delegated"
                | "act"
                | "acting"
                | "end"
                | "customer"
                | "original"
                | "assignee"
                | "author"
                | "owner"
                | "recipient"
                | "invited"
                | "inviter"
                | "sudo"
                | "run"
                | "as"
                | "for"
                | "to"
                | "last"
                | "previous"
                | "parent"
                | "manager"
                | "referrer"
                | "issuer"
                | "contact"
                | "support"
                | "service"
                | "backend"
                | "upstream"
                | "db"
                | "database"
        )
    };
    if name.split(['-', '_']).any(another) {
        return false;
    }
    let mut words = name.rsplit(['-', '_']).filter(|w| !w.is_empty());
    let Some(last) = words.next() else {
        return false;
    };
    let of_user = |w: &str| matches!(w, "user" | "principal" | "login");
    let vouches = |w: &str| {
        of_user(w)
            || matches!(
                w,
                "auth"
                    | "authenticated"
                    | "authenticate"
                    | "authentication"
                    | "authn"
                    | "authentik"
                    | "oauth"
                    | "oauth2"
                    | "webauth"
                    | "oidc"
                    | "jwt"
                    | "sso"
                    | "saml"
                    | "shib"
                    | "claim"
                    | "token"
                    | "forwarded"
                    | "remote"
                    | "vouch"
                    | "iap"
                    | "proxy"
                    | "access"
            )
    };
    match last {
        "name" | "id" => words.next().is_some_and(of_user) && words.any(vouches),
        "user" | "username" | "userid" | "login" | "email" | "mail" | "upn" | "subject" | "sub"
        | "identity" | "principal" => words.any(vouches),
        _ => false,
    }
}

/// Headers of answers by which servers tell who asked.
const ANSWERS: &[&str] = &[
    "x-ausername",
    "x-username",
    "x-user-name",
    "x-user",
    "x-user-login",
    "x-login-name",
    "x-current-user",
    "x-remote-user",
    "x-auth-user",
    "x-authenticated-user",
];

/// Whom an answer's head says that it is for.
pub fn answered(resp: &Message) -> Option<String> {
    resp.headers.iter().find_map(|(n, v)| {
        let n = resp.head.get(n.clone())?;
        // Most headers are too short, too long, or none of a maker's own.
        if !(6..=20).contains(&n.len()) || !n.starts_with(b"x-") && !n.starts_with(b"X-") {
            return None;
        }
        ANSWERS
            .iter()
            .any(|a| n.eq_ignore_ascii_case(a.as_bytes()))
            .then(|| {
                person(&String::from_utf8_lossy(
                    resp.head.get(v.clone())?.trim_ascii(),
                ))
            })?
    })
}

/// Headers that fronts are known to put the subject into, however it is written.
const SUBJECTS: &[&str] = &[
    "x-ssl-client-s-dn",
    "ssl-client-subject-dn",
    "ssl-client-s-dn",
    "x-client-cert-dn",
    "x-client-dn",
    "x-ssl-client-dn",
    "x-ssl-subject-dn",
    "x-client-subject-dn",
    "x-forwarded-client-cert",
];

/// Whether a header holds the subject of a client's certificate: it is known, or its words say so and its value is one with a name;
/// not that of who issued it, nor of the server's.
pub fn tells_subject(name: &str, v: &str) -> bool {
    if SUBJECTS.contains(&name) {
        return true;
    }
    let words = || name.split(['-', '_']);
    let one = |of: &[&str]| words().any(|w| of.contains(&w));
    one(&["dn", "subject"])
        && one(&[
            "cert",
            "certificate",
            "ssl",
            "tls",
            "mtls",
            "client",
            "peer",
        ])
        && !one(&[
            "i",
            "issuer",
            "ca",
            "server",
            "chain",
            "root",
            "intermediate",
            "upstream",
            "backend",
        ])
        && v.len() <= 512
        && ["CN=", "CN ="].iter().any(|w| v.contains(w))
}

/// A client's certificate by its subject, `CN=...` among other parts.
pub fn certificate(place: String, dn: &str, key: &PrintKey) -> CredentialSeen {
    let mut parts = dn.split([',', '/']);
    let cn = parts.find_map(|p| p.trim().strip_prefix("CN")?.trim_start().strip_prefix('='));
    let cn = cn.map(|n| n.trim().trim_matches('"'));
    CredentialSeen {
        kind: "mtls",
        place,
        print: secret_print(key, dn),
        name: Some(cn.unwrap_or(dn).to_owned()),
        claim: Some("subject".into()),
        service: false,
    }
}

/// The subject in a header about a client's certificate; Envoy's header holds it among other elements, the nearest last.
pub fn subject<'a>(header: &str, v: &'a str) -> Option<&'a str> {
    if header != "x-forwarded-client-cert" {
        return Some(v);
    }
    let of = |k: &str| v.rsplit_once(k).map(|(_, s)| s);
    of("Subject=\"")
        .and_then(|s| s.split('"').next())
        .or_else(|| of("URI=").and_then(|s| s.split([';', ',']).next()))
        .filter(|s| !s.is_empty())
}

/// Whether the front says beside a certificate that it did not verify it: anybody signs one with any subject.
pub fn unverified(req: &Message) -> bool {
    const HEADERS: &[&str] = &[
        "x-ssl-client-verify",
        "ssl-client-verify",
        "x-client-verify",
        "x-client-cert-verify",
        "x-ssl-client-verified",
        "x-ssl-verify",
    ];
    // `ssl_client_verify` is the same word
    let same = |n: &[u8], h: &str| {
        n.len() == h.len()
            && n.iter()
                .map(|b| {
                    if *b == b'_' {
                        b'-'
                    } else {
                        b.to_ascii_lowercase()
                    }
                })
                .eq(h.bytes())
    };
    req.headers
        .iter()
        .filter_map(|(n, v)| Some((req.head.get(n.clone())?, req.head.get(v.clone())?)))
        .filter(|(n, _)| HEADERS.iter().any(|h| same(n, h)))
        .any(|(_, v)| {
            let v = v.trim_ascii();
            !["SUCCESS", "OK", "0", "true", "1", "verified"]
                .iter()
                .any(|w| v.eq_ignore_ascii_case(w.as_bytes()))
        })
}

/// A header value that can be a name: short, printable, not a placeholder.
pub fn person(v: &str) -> Option<String> {
    let v = percent(v.as_bytes(), false);
    let v = v.strip_prefix("accounts.google.com:").unwrap_or(&v).trim();
    let placeholder = matches!(
        v.to_ascii_lowercase().as_str(),
        "-" | "anonymous" | "null" | "none" | "guest" | "undefined" | "unknown" | "(null)" | ""
    );
    (!placeholder
        && v.chars().count() <= 128
        && !v.chars().any(char::is_control)
        && !v.starts_with(['{', '[']))
    .then(|| v.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_tell_who_the_user_is() {
        for n in [
            "x-forwarded-user",
            "x-pomerium-claim-email",
            "cf-access-authenticated-user-email",
            "x-authentik-username",
            "tailscale-user-login",
            "x-amzn-oidc-identity",
            "oidc_claim_preferred_username",
            "x-token-subject",
            "x-auth-user-name",
        ] {
            assert!(names_user(n), "{n}");
        }
        for n in [
            "x-contact-email",
            "x-user-agent",
            "x-request-id",
            "x-token-id",
            "x-end-user",
            "x-impersonate-user",
            "x-customer-name",
            "x-auth-token",
            "subject",
            "x-project-id",
            // of somebody beside the caller
            "x-author-email",
            "x-authority-id",
            "x-commit-author-user-name",
            "x-auth-target-user",
            "x-forwarded-original-user",
            "x-remote-impersonated-user",
            "x-user-assignee-email",
        ] {
            assert!(!names_user(n), "{n}");
        }
    }

    #[test]
    fn headers_that_tell_for_whom_somebody_acts() {
        for n in [
            "x-on-behalf-of",
            "x-redmine-switch-user",
            "x-impersonated-user-name",
            "impersonate-user",
            "x-acme-sudo-login",
        ] {
            assert!(names_another(n), "{n}");
        }
        for n in [
            "x-user",
            "x-switch",
            "x-switch-port",
            "x-feature-switch-id",
            "x-user-agent",
            "x-forwarded-user",
        ] {
            assert!(!names_another(n), "{n}");
        }
    }

    #[test]
    fn subjects_in_whatever_header_and_way_of_writing() {
        let key = PrintKey::new([7; 16]);
        for dn in [
            "CN=ida,OU=Ops,O=acme,C=DE",
            "/C=DE/O=acme/CN=ida",
            "C = DE, O = acme, CN = ida",
            "CN=ida,O=\"Muster, GmbH\",C=DE",
        ] {
            assert!(tells_subject("x-client-cert-subject", dn), "{dn}");
            let c = certificate(String::new(), dn, &key);
            assert_eq!(c.name.as_deref(), Some("ida"), "{dn}");
        }
        assert!(!tells_subject("x-ssl-client-i-dn", "CN=ca,O=acme"));
        assert!(!tells_subject("x-client-cert-subject", "acme"));
        for n in [
            "ssl_client_i_dn",
            "x-ssl-client-ca-dn",
            "x-ssl-server-s-dn",
            "x-cdn-pop",
            "x-client-cert-chain-subject",
        ] {
            assert!(!tells_subject(n, "CN=edge-7,O=acme"), "{n}");
        }
        assert!(tells_subject("ssl_client_s_dn", "CN=ida"));
        for dn in ["uid=ida,ou=x", "cn=ida"] {
            assert!(tells_subject("x-ssl-client-s-dn", dn), "{dn}");
        }
    }
}
