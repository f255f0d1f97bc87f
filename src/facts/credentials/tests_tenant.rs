//! Tenants, as logins, tokens and headers name them.

use super::jwt::tests::token;
use super::tests::*;
use crate::call::model::IdentityEvent as E;

/// Name, tenant and place of each.
fn tenants(events: &[E]) -> Vec<(&str, &str, &str)> {
    events
        .iter()
        .filter_map(|e| match e {
            E::Tenant {
                name,
                tenant,
                place,
            } => Some((name.as_str(), tenant.as_str(), place.as_str())),
            _ => None,
        })
        .collect()
}

fn login(path: &str, head: &str, body: &str, answer: &str) -> Vec<E> {
    let (_, e) = run(
        &format!("POST {path} HTTP/1.1\nhost: crm.x.example\n{head}\n{body}"),
        &format!("HTTP/1.1 200 OK\n\n{answer}"),
    );
    assert_eq!(logins(&e).len(), 1, "{e:?}");
    e
}

#[test]
fn a_login_names_its_tenant_in_its_body_a_header_or_the_token_it_gets() {
    let opaque = "{\"token\":\"Zq3fKd81Lxw0PbTn5RyVa2cMe\"}";
    for (body, place, tenant) in [
        (
            r#"{"company":"acme","user":"ida","password":"x1"}"#,
            "$.company",
            "acme",
        ),
        (
            r#"{"tenantCode":"T7","org":"b","username":"ida","password":"x1"}"#,
            "$.tenantCode",
            "T7",
        ),
        (
            r#"{"account":"123456789012","username":"ida","password":"x1"}"#,
            "$.account",
            "123456789012",
        ),
        (
            r#"{"domain":"CORP","username":"ida","password":"x1"}"#,
            "$.domain",
            "CORP",
        ),
    ] {
        let e = login("/api/login", "", body, opaque);
        assert_eq!(tenants(&e), [("ida", tenant, place)], "{body}");
    }
    let bare = r#"{"username":"ida","password":"x1"}"#;
    let e = login("/api/login", "x-tenant-id: acme\n", bare, opaque);
    assert_eq!(tenants(&e), [("ida", "acme", "header:x-tenant-id")]);
    let t = token(r#"{"uid":7,"usr":"ida","org":{"id":4,"slug":"acme"}}"#);
    let e = login("/api/login", "", bare, &format!("{{\"token\":\"{t}\"}}"));
    assert_eq!(tenants(&e), [("ida", "acme", "claim:org")]);
    // nothing but the address
    let e = login("/t/acme/login", "", bare, opaque);
    assert_eq!(
        tenants(&e),
        [("ida", "crm", "host"), ("ida", "acme", "path")]
    );
    // who logs in with an address of mail is one person everywhere
    let mail = r#"{"company":"acme","username":"ida@x.example","password":"x1"}"#;
    assert!(tenants(&login("/api/login", "", mail, opaque)).is_empty());
    // the only name is no tenant
    let alone = r#"{"customerNo":"4711","password":"x1"}"#;
    assert!(
        tenants(&login("/api/login", "", alone, opaque))
            .iter()
            .all(|t| t.2 == "host")
    );
}

#[test]
fn a_token_names_a_tenant_and_a_login_before_a_number() {
    for (claims, name, tenant) in [
        (
            r#"{"uid":7,"usr":"ida","org":"acme"}"#,
            "ida",
            Some(("acme", "claim:org")),
        ),
        (
            r#"{"user_id":7,"user":"ida","tid":"t-9"}"#,
            "ida",
            Some(("t-9", "claim:tid")),
        ),
        (r#"{"user_id":7,"mobile":"13800001111"}"#, "7", None),
        (
            r#"{"preferred_username":"ida","iss":"https://sso.x.example/realms/acme"}"#,
            "ida",
            Some(("acme", "claim:iss")),
        ),
        (
            r#"{"email":"ida@x.example","tid":"t-9"}"#,
            "ida@x.example",
            None,
        ),
    ] {
        let (c, e) = run(
            &format!(
                "GET /x HTTP/1.1\nhost: a\nauthorization: Bearer {}",
                token(claims)
            ),
            "HTTP/1.1 200 OK",
        );
        assert_eq!(c[0].name.as_deref(), Some(name), "{claims}");
        let want: Vec<_> = tenant.map(|(t, p)| (name, t, p)).into_iter().collect();
        assert_eq!(tenants(&e), want, "{claims}");
    }
}

#[test]
fn a_header_names_the_tenant_of_a_password() {
    let (_, e) = run(
        "GET /x HTTP/1.1\nhost: a\nx-org-id: acme\nauthorization: Basic aWRhOngx",
        "HTTP/1.1 200 OK",
    );
    assert_eq!(tenants(&e), [("ida", "acme", "header:x-org-id")]);
}

#[test]
fn profiles_name_tenants_by_fields_and_by_objects() {
    let at = |body: &str| -> Vec<(String, String)> {
        let (_, e) = run(
            "GET /api/me HTTP/1.1\nhost: a\ncookie: sid=aa8e7d6c5b4a39281706",
            &format!("HTTP/1.1 200 OK\n\n{body}"),
        );
        e.into_iter()
            .filter_map(|e| match e {
                E::Tenant { tenant, place, .. } => Some((tenant, place)),
                _ => None,
            })
            .collect()
    };
    let one = |t: &str, p: &str| vec![(t.to_owned(), p.to_owned())];
    assert_eq!(
        at(r#"{"username":"ida","tenantId":"acme"}"#),
        one("acme", "answer:$.tenantId")
    );
    assert_eq!(
        at(r#"{"data":{"username":"ida","tenant":{"id":7,"name":"Acme AG","slug":"acme"}}}"#),
        one("acme", "answer:$.data.tenant")
    );
    // what somebody looks at, or one of several, is no tenant of theirs
    for body in [
        r#"{"username":"ida","customerId":"acme"}"#,
        r#"{"username":"ida","tenants":[{"tenant":"acme"},{"tenant":"globex"}]}"#,
        r#"{"username":"ida@acme.example","tenant":"acme"}"#,
    ] {
        assert!(at(body).is_empty(), "{body}");
    }
}
