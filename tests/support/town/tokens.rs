//! Scenes of tokens that one server gives and another takes: OAuth in all its grants, OpenID, introspection, refresh, JWTs.

use super::logins::{pair, signed_in};
use super::*;

type Scene = (&'static str, usize, fn(&mut Maker<'_>));

pub const SCENES: &[Scene] = &[
    ("refresh", 4, refresh),
    ("oauth-code", 3, code_flow),
    ("oauth-code-public", 2, public_client),
    ("client-credentials", 3, client_credentials),
    ("device-code", 2, device),
    ("introspection", 2, introspection),
    ("jwt", 5, jwt_claims),
    ("jwt-cookie", 2, jwt_cookie),
    ("jwt-query", 1, jwt_query),
    ("whoami", 5, whoami),
    ("saml", 3, saml),
    ("on-behalf-of", 3, on_behalf),
    ("actor-claim", 2, actor),
];

fn bearer(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}

fn refresh(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, path) = (m.word(m.w.hosts), m.word(m.w.logins));
    let (access_key, refresh_key) = *m.r.pick(m.w.refresh);
    let (user_key, pass_key) = pair(m);
    let name = if user_key.to_lowercase().contains("mail") {
        h.mail.clone()
    } else {
        h.login.clone()
    };
    let (mut access, mut renew) = (m.secret(), m.secret());
    let body = format!(
        "{{\"{user_key}\":\"{name}\",\"{pass_key}\":\"{}\"}}",
        m.password()
    );
    m.call(
        a,
        ask("POST", host, path).body("application/json", body),
        json(format!(
            "{{\"{access_key}\":\"{access}\",\"{refresh_key}\":\"{renew}\",\"expires_in\":300}}"
        )),
        is(&name),
    );
    m.interval();
    for _ in 0..3 {
        m.work(a, host, &[bearer(&access)], &is(&name), 2);
        let (next, then) = (
            m.secret(),
            if m.r.chance(70) {
                m.secret()
            } else {
                renew.clone()
            },
        );
        let q = match m.r.below(3) {
            0 => ask("POST", host, "/oauth/token").body(
                "application/x-www-form-urlencoded",
                format!("grant_type=refresh_token&refresh_token={renew}&client_id=web"),
            ),
            1 => ask("POST", host, "/api/auth/refresh").body(
                "application/json",
                format!("{{\"{refresh_key}\":\"{renew}\"}}"),
            ),
            _ => ask("POST", host, "/api/token/renew")
                .with("Authorization", format!("Bearer {renew}"))
                .body("application/json", "{\"client\":\"web\"}"),
        };
        m.call(
            a,
            q,
            json(format!(
                "{{\"data\":{{\"{access_key}\":\"{next}\",\"{refresh_key}\":\"{then}\"}}}}"
            )),
            is(&name),
        );
        m.interval();
        (access, renew) = (next, then);
    }
    m.work(a, host, &[bearer(&access)], &is(&name), 2);
}

/// A browser, an identity provider and an application with a server of its own.
fn code_flow(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (idp, app) = ("id.town.example", m.word(m.w.hosts));
    let (app_cookie, app_before, app_sid) = (m.word(m.w.cookies), m.secret(), m.secret());
    let state = m.r.hex(20);
    m.call(
        a,
        ask("GET", app, "/"),
        answer("302 Found", "", "")
            .with(
                "Location",
                format!("https://{idp}/oauth/authorize?client_id=web&state={state}"),
            )
            .set(app_cookie, &app_before),
        Who::Free,
    );
    let (jar, name) = signed_in(m, a, idp, &h);
    let (code, token) = (m.secret(), m.secret());
    m.call(a, ask("GET", idp, format!("/oauth/authorize?client_id=web&response_type=code&state={state}&redirect_uri=https%3A%2F%2F{app}%2Fcallback")).with("Cookie", jar), answer("302 Found", "", "").with("Location", format!("https://{app}/callback?code={code}&state={state}")), is(&name));
    let back = m.agent_in(30, "Java/17");
    // The browser brings the code, the application's server exchanges it and asks who it is.
    m.call(
        a,
        ask("GET", app, format!("/callback?code={code}&state={state}"))
            .with("Cookie", format!("{app_cookie}={app_before}")),
        answer("302 Found", "", "")
            .with("Location", "/home")
            .set(app_cookie, &app_sid),
        is(&name),
    );
    m.interval();
    let client = b64(b"web-app:s3cr3tvalue");
    m.call(
        back,
        ask("POST", idp, "/oauth/token")
            .with("Authorization", format!("Basic {client}"))
            .body(
                "application/x-www-form-urlencoded",
                format!("grant_type=authorization_code&code={code}&redirect_uri=x"),
            ),
        json(format!(
            "{{\"access_token\":\"{token}\",\"token_type\":\"bearer\",\"expires_in\":3600}}"
        )),
        Who::Free,
    );
    m.interval();
    if m.r.chance(60) {
        m.call(
            back,
            ask("GET", idp, "/oauth/userinfo").with("Authorization", format!("Bearer {token}")),
            json(format!(
                "{{\"sub\":\"{}\",\"preferred_username\":\"{name}\",\"name\":\"{}\"}}",
                h.sub, h.display
            )),
            is(&name),
        );
    }
    m.work(
        a,
        app,
        &[("Cookie", format!("{app_cookie}={app_sid}"))],
        &is(&name),
        3,
    );
    m.work(back, "api.town.example", &[bearer(&token)], &is(&name), 2);
}

/// A telephone's application: no secret, an ID token names the user.
fn public_client(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (idp, api) = ("id.town.example", m.word(m.w.hosts));
    let (code, token, renew) = (m.secret(), m.secret(), m.secret());
    let id = m.jwt(&format!("{{\"iss\":\"https://id\",\"sub\":\"{}\",\"preferred_username\":\"{}\",\"email\":\"{}\",\"aud\":\"mobile\"}}", h.sub, h.login, h.mail));
    let (who, proof) = (is(&h.login), m.r.hex(43));
    m.call(
        a,
        ask("POST", idp, "/oauth/token").body(
            "application/x-www-form-urlencoded",
            format!(
                "grant_type=authorization_code&code={code}&client_id=mobile&code_verifier={proof}"
            ),
        ),
        json(format!(
            "{{\"access_token\":\"{token}\",\"refresh_token\":\"{renew}\",\"id_token\":\"{id}\"}}"
        )),
        who.clone(),
    );
    m.interval();
    m.work(a, api, &[bearer(&token)], &who, 3);
    let next = m.secret();
    m.call(
        a,
        ask("POST", idp, "/oauth/token").body(
            "application/x-www-form-urlencoded",
            format!("grant_type=refresh_token&refresh_token={renew}&client_id=mobile"),
        ),
        json(format!("{{\"access_token\":\"{next}\"}}")),
        who.clone(),
    );
    m.interval();
    m.work(a, api, &[bearer(&next)], &who, 2);
}

fn service(m: &mut Maker<'_>) -> String {
    let n = m.r.below(90);
    format!("{}-{n}", m.word(m.w.services))
}

/// A program gets a token; its name.
fn service_token(m: &mut Maker<'_>, a: Agent, opaque: bool) -> (String, String) {
    let name = service(m);
    let token = if opaque {
        m.secret()
    } else {
        let claims = match m.r.below(3) {
            0 => format!("{{\"sub\":\"{name}\",\"client_id\":\"{name}\",\"scope\":\"read\"}}"),
            1 => format!(
                "{{\"sub\":\"{name}@clients\",\"azp\":\"{name}\",\"gty\":\"client-credentials\"}}"
            ),
            _ => format!(
                "{{\"sub\":\"{}\",\"preferred_username\":\"service-account-{name}\",\"azp\":\"{name}\"}}",
                m.uuid()
            ),
        };
        m.jwt(&claims)
    };
    let secret = m.secret();
    let q = ask("POST", "id.town.example", "/oauth/token");
    let q = if m.r.chance(50) {
        q.with(
            "Authorization",
            format!("Basic {}", b64(format!("{name}:{secret}").as_bytes())),
        )
        .body(
            "application/x-www-form-urlencoded",
            "grant_type=client_credentials&scope=read",
        )
    } else {
        q.body(
            "application/x-www-form-urlencoded",
            format!("grant_type=client_credentials&client_id={name}&client_secret={secret}"),
        )
    };
    m.call(
        a,
        q,
        json(format!(
            "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}"
        )),
        is(&name),
    );
    m.interval();
    (name, token)
}

fn client_credentials(m: &mut Maker<'_>) {
    let a = m.agent();
    let host = m.word(m.w.hosts);
    let opaque = m.r.chance(50);
    let (name, token) = service_token(m, a, opaque);
    m.work(a, host, &[bearer(&token)], &is(&name), 4);
}

/// A television shows a code, its owner types it into a browser.
fn device(m: &mut Maker<'_>) {
    let (h, browser, tv) = (m.human(), m.agent(), m.agent());
    let (idp, api) = ("id.town.example", m.word(m.w.hosts));
    let (device, token) = (m.secret(), m.secret());
    let user_code = format!(
        "{}-{}",
        m.r.hex(4).to_uppercase(),
        m.r.hex(4).to_uppercase()
    );
    m.call(tv, ask("POST", idp, "/oauth/device/code").body("application/x-www-form-urlencoded", "client_id=tv&scope=read"), json(format!("{{\"device_code\":\"{device}\",\"user_code\":\"{user_code}\",\"verification_uri\":\"https://{idp}/device\",\"interval\":5}}")), Who::Free);
    let poll = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code={device}&client_id=tv"
    );
    m.call(
        tv,
        ask("POST", idp, "/oauth/token").body("application/x-www-form-urlencoded", poll.clone()),
        answer(
            "400 Bad Request",
            "application/json",
            "{\"error\":\"authorization_pending\"}",
        ),
        Who::Free,
    );
    let (jar, name) = signed_in(m, browser, idp, &h);
    m.call(
        browser,
        ask("POST", idp, "/device").with("Cookie", jar).body(
            "application/x-www-form-urlencoded",
            format!("user_code={user_code}&action=allow"),
        ),
        answer("200 OK", "text/html", "<p>done</p>"),
        is(&name),
    );
    m.call(
        tv,
        ask("POST", idp, "/oauth/token").body("application/x-www-form-urlencoded", poll),
        json(format!(
            "{{\"access_token\":\"{token}\",\"token_type\":\"bearer\"}}"
        )),
        is(&name),
    );
    m.interval();
    m.work(tv, api, &[bearer(&token)], &is(&name), 3);
}

/// A resource server asks whose token it was shown.
fn introspection(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let api = m.word(m.w.hosts);
    let token = m.secret();
    let who = is(&h.login);
    m.work(a, api, &[bearer(&token)], &who, 1);
    let asker = m.agent_in(31, "Java/17");
    let rs = service(m);
    let basic = b64(format!("{rs}:x{}", m.r.hex(12)).as_bytes());
    m.call(asker, ask("POST", "id.town.example", "/oauth/introspect").with("Authorization", format!("Basic {basic}")).body("application/x-www-form-urlencoded", format!("token={token}&token_type_hint=access_token")), json(format!("{{\"active\":true,\"client_id\":\"mobile\",\"username\":\"{}\",\"sub\":\"{}\",\"exp\":1900000000}}", h.login, h.sub)), is(&rs));
    m.interval();
    m.interval();
    m.work(a, api, &[bearer(&token)], &who, 3);
}

/// Claims of a token that name this person in one of many ways, and the name.
fn claims(m: &mut Maker<'_>, h: &Human) -> (String, String) {
    let claim = m.word(m.w.claims);
    let name = match claim {
        "email" | "upn" => h.mail.clone(),
        "sub" => h.sub.clone(),
        _ => h.login.clone(),
    };
    let mut body = String::from("{\"iss\":\"https://id.town.example\",\"exp\":1900000000,");
    if let Some((outer, inner)) = claim.split_once('.').filter(|_| !claim.contains(':')) {
        body.push_str(&format!(
            "\"{outer}\":{{\"id\":{},\"{inner}\":\"{name}\"}},\"jti\":\"{}\"",
            m.r.below(99999),
            m.uuid()
        ));
    } else {
        if claim != "sub" && m.r.chance(60) {
            body.push_str(&format!("\"sub\":\"{}\",", h.sub));
        }
        if m.r.chance(50) {
            body.push_str(&format!(
                "\"oid\":\"{}\",\"azp\":\"web\",\"name\":\"{}\",",
                m.uuid(),
                h.display
            ));
        }
        body.push_str(&format!("\"{claim}\":\"{name}\""));
    }
    body.push('}');
    (m.jwt(&body), name)
}

fn jwt_claims(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, header) = (m.word(m.w.hosts), m.word(m.w.headers));
    let (token, name) = claims(m, &h);
    m.interval();
    let value = if header == "Authorization" {
        format!("Bearer {token}")
    } else {
        token
    };
    m.work(a, host, &[(header, value)], &is(&name), 4);
}

fn jwt_cookie(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let (token, name) = claims(m, &h);
    m.interval();
    let cookie = m.word(&["access_token", "jwt", "id", "AUTH"]);
    m.work(
        a,
        host,
        &[("Cookie", format!("lang=de; {cookie}={token}"))],
        &is(&name),
        4,
    );
}

fn jwt_query(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let (token, name) = claims(m, &h);
    m.interval();
    for n in 0..3 {
        m.call(
            a,
            ask(
                "GET",
                host,
                format!("/download/{n}.pdf?access_token={token}"),
            ),
            answer("200 OK", "application/pdf", "%PDF-1.4"),
            is(&name),
        );
    }
}

/// A token or cookie of which only an answer tells the owner.
fn whoami(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let (path, before, behind, key) = *m.r.pick(m.w.whoami);
    let token = m.secret();
    let head = if m.r.chance(60) {
        bearer(&token)
    } else {
        ("Cookie", format!("{}={token}", m.word(m.w.cookies)))
    };
    m.interval();
    let who = is(&h.login);
    m.work(a, host, std::slice::from_ref(&head), &who, 2);
    let body = format!(
        "{}\"{key}\":\"{}\",\"roles\":[\"clerk\"]{behind}",
        before.replace("{SUB}", &h.sub),
        h.login
    );
    m.call(
        a,
        ask("GET", host, path).with(head.0, head.1.clone()),
        json(body),
        who.clone(),
    );
    m.work(a, host, &[head], &who, 2);
}

fn saml(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (app, cookie, sid) = (m.word(m.w.hosts), m.word(m.w.cookies), m.secret());
    let p = m.word(&["saml:", "saml2:", ""]);
    let (format, id, more) = if m.r.chance(30) {
        (
            "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
            format!("_{}", m.r.hex(40)),
            format!(
                "<{p}AttributeStatement><{p}Attribute Name=\"uid\"><{p}AttributeValue>{}</{p}AttributeValue></{p}Attribute></{p}AttributeStatement>",
                h.login
            ),
        )
    } else {
        (
            "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
            h.login.clone(),
            String::new(),
        )
    };
    let xml = format!(
        "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\"><{p}Issuer>https://idp</{p}Issuer><{p}Assertion><{p}Subject><{p}NameID Format=\"{format}\">{id}</{p}NameID></{p}Subject>{more}</{p}Assertion></samlp:Response>"
    );
    let body = format!(
        "SAMLResponse={}&RelayState=%2Fhome",
        pct(&b64(xml.as_bytes()))
    );
    let path = m.word(&[
        "/saml/acs",
        "/Shibboleth.sso/SAML2/POST",
        "/sso/saml/consume",
        "/adfs/post",
    ]);
    m.call(
        a,
        ask("POST", app, path).body("application/x-www-form-urlencoded", body),
        answer("302 Found", "", "")
            .with("Location", "/home")
            .set(cookie, &sid),
        is(&h.login),
    );
    m.interval();
    m.work(
        a,
        app,
        &[("Cookie", format!("{cookie}={sid}"))],
        &is(&h.login),
        3,
    );
}

/// A program says for whom it acts, in a header or in the body.
fn on_behalf(m: &mut Maker<'_>) {
    let a = m.agent();
    let host = m.word(m.w.hosts);
    let (name, token) = service_token(m, a, false);
    let header = m.word(m.w.behalf);
    let by_body = m.r.chance(30);
    for n in 0..3 {
        let h = m.human();
        let q = ask("POST", host, format!("/api/transfer/{n}"))
            .with("Authorization", format!("Bearer {token}"));
        let q = if by_body {
            q.body(
                "application/json",
                format!("{{\"onBehalfOf\":\"{}\",\"amount\":5}}", h.login),
            )
        } else {
            q.with(header, h.login.clone())
                .body("application/json", "{\"amount\":5}")
        };
        m.call_for(a, q, json("{\"ok\":true}"), is(&name), &h.login);
    }
}

/// RFC 8693: the subject is the user, `act` the program that acts.
fn actor(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let name = service(m);
    let token = m.jwt(&format!(
        "{{\"sub\":\"{}\",\"act\":{{\"sub\":\"{name}\"}},\"aud\":\"api\"}}",
        h.login
    ));
    m.interval();
    for n in 0..3 {
        m.call_for(
            a,
            ask("GET", host, format!("/api/balance/{n}"))
                .with("Authorization", format!("Bearer {token}")),
            json("{\"v\":1}"),
            is(&name),
            &h.login,
        );
    }
}
