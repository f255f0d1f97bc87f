//! Scenes of people who log in: forms of every make, failures, second factors, shared browsers, carts that become theirs.

use super::*;

type Scene = (&'static str, usize, fn(&mut Maker<'_>));

pub const SCENES: &[Scene] = &[
    ("login-token", 8, token_login),
    ("login-cookie", 8, cookie_login),
    ("login-kept-cookie", 4, fixed_cookie),
    ("login-rotating", 3, rotating),
    ("login-fails", 4, only_failures),
    ("login-graphql", 3, graphql),
    ("two-step", 4, two_steps),
    ("kiosk", 4, kiosk),
    ("relogin-same-cookie", 3, relogin),
    ("cart", 3, cart),
    ("sms", 2, sms),
    ("anonymous", 4, anonymous),
    ("admin-creates", 3, admin),
    ("password-change", 3, change),
    ("register", 2, register),
    ("search-decoy", 3, search),
];

/// A body with user and password in one of many forms: type, text.
fn form(
    m: &mut Maker<'_>,
    user_key: &str,
    pass_key: &str,
    user: &str,
    pass: &str,
) -> (&'static str, String) {
    let extra = m.r.below(3);
    match m.r.below(6) {
        0 | 1 => {
            let more = [
                "",
                ",\"rememberMe\":true",
                ",\"captcha\":\"x7Kp\",\"deviceId\":\"f3a9c0e17b2d4856a0b1\"",
            ][extra as usize];
            (
                "application/json",
                format!("{{\"{user_key}\":\"{user}\",\"{pass_key}\":\"{pass}\"{more}}}"),
            )
        }
        2 => (
            "application/json",
            format!(
                "{{\"data\":{{\"{user_key}\":\"{user}\",\"{pass_key}\":\"{pass}\"}},\"client\":\"web\",\"version\":\"4.1\"}}"
            ),
        ),
        3 => {
            let csrf = m.r.hex(32);
            let more = [
                String::new(),
                format!("&_csrf={csrf}"),
                format!("&__RequestVerificationToken={csrf}&returnUrl=%2Fhome"),
            ][extra as usize]
                .clone();
            (
                "application/x-www-form-urlencoded",
                format!(
                    "{}={}&{}={}{more}",
                    pct(user_key),
                    pct(user),
                    pct(pass_key),
                    pct(pass)
                ),
            )
        }
        4 => {
            let b = m.r.hex(16);
            let part = |k: &str, v: &str| {
                format!("--{b}\r\nContent-Disposition: form-data; name=\"{k}\"\r\n\r\n{v}\r\n")
            };
            let kind: &'static str =
                Box::leak(format!("multipart/form-data; boundary={b}").into_boxed_str());
            (
                kind,
                format!(
                    "{}{}--{b}--\r\n",
                    part(user_key, user),
                    part(pass_key, pass)
                ),
            )
        }
        _ if user_key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && pass_key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
        {
            (
                "text/xml",
                format!(
                    "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><t:logon xmlns:t=\"urn:t\"><t:{user_key}>{user}</t:{user_key}><t:{pass_key}>{pass}</t:{pass_key}></t:logon></s:Body></s:Envelope>"
                ),
            )
        }
        _ => (
            "application/x-www-form-urlencoded",
            format!(
                "{}={}&{}={}",
                pct(user_key),
                pct(user),
                pct(pass_key),
                pct(pass)
            ),
        ),
    }
}

/// The name that a person types for a key.
fn typed(h: &Human, key: &str) -> String {
    if key.to_lowercase().contains("mail") {
        h.mail.clone()
    } else {
        h.login.clone()
    }
}

pub(super) fn pair(m: &mut Maker<'_>) -> (&'static str, &'static str) {
    *m.r.pick(m.w.pairs)
}

/// A request that logs in, and the name typed.
fn asks<'a>(
    m: &mut Maker<'_>,
    host: &'a str,
    path: &'a str,
    h: &Human,
    pair: (&str, &str),
) -> (Ask<'a>, String) {
    let name = typed(h, pair.0);
    let pass = m.password();
    let (kind, body) = form(m, pair.0, pair.1, &name, &pass);
    (ask("POST", host, path).body(kind, body), name)
}

/// An object with a token in it.
fn holder(m: &mut Maker<'_>, key: &str, token: &str) -> String {
    let (a, b) = *m.r.pick(m.w.around);
    let more = [
        "",
        ",\"expiresIn\":7200",
        ",\"tokenType\":\"bearer\",\"scope\":\"read write\"",
    ][m.r.below(3) as usize];
    format!("{a}\"{key}\":\"{token}\"{more}{b}")
}

fn carry(m: &mut Maker<'_>, header: &'static str, token: &str) -> (&'static str, String) {
    let bearer = header == "Authorization" && m.r.chance(85);
    (
        header,
        if bearer {
            format!("Bearer {token}")
        } else {
            token.to_owned()
        },
    )
}

fn failure(m: &mut Maker<'_>, host: &str, path: &str) -> Answer {
    match m.r.below(4) {
        0 => answer(
            "401 Unauthorized",
            "application/json",
            "{\"error\":\"unauthorized\"}",
        ),
        1 => answer("403 Forbidden", "text/plain", "no"),
        _ => json(m.refusal(host, path)),
    }
}

/// JSON and others that answer with a token in the body or a header.
fn token_login(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, path) = (m.word(m.w.hosts), m.word(m.w.logins));
    let pair = pair(m);
    for _ in 0..m.r.below(3) {
        let (q, _) = asks(m, host, path, &h, pair);
        let f = failure(m, host, path);
        m.call(a, q, f, Who::Nobody);
    }
    let (q, name) = asks(m, host, path, &h, pair);
    let (token, header) = (m.secret(), m.word(m.w.headers));
    let ans = if m.r.chance(12) {
        json("{\"code\":0,\"msg\":\"ok\"}").with(
            if header == "Authorization" {
                "X-Auth-Token"
            } else {
                header
            },
            token.clone(),
        )
    } else {
        let key = m.word(m.w.tokens);
        let body = holder(m, key, &token);
        json(body)
    };
    m.call(a, q, ans, is(&name));
    m.interval();
    let head = carry(m, header, &token);
    let n = 2 + m.r.below(4);
    m.work(a, host, std::slice::from_ref(&head), &is(&name), n);
    if m.r.chance(40) {
        let (method, path) = *m.r.pick(m.w.logouts);
        m.call(
            a,
            ask(method, host, path).with(head.0, head.1.clone()),
            json("{\"code\":0}"),
            is(&name),
        );
        if m.r.chance(60) {
            m.call(
                a,
                ask("GET", host, "/api/orders").with(head.0, head.1.clone()),
                answer("401 Unauthorized", "application/json", "{}"),
                Who::Free,
            );
        }
    }
}

/// A page before the login: session and tracking cookies are set, a token against forgery is in the form.
fn landing(
    m: &mut Maker<'_>,
    a: Agent,
    host: &'static str,
    cookie: &str,
    sid: &str,
    track: &str,
    who: Who,
) {
    let (t, csrf) = (m.word(m.w.tracking), m.r.hex(32));
    let body = format!(
        "<html><form action=\"/login\" method=\"post\"><input type=\"hidden\" name=\"_csrf\" value=\"{csrf}\"><input name=\"u\"><input type=\"password\" name=\"p\"></form></html>"
    );
    m.call(
        a,
        ask("GET", host, "/"),
        answer("200 OK", "text/html", body)
            .set(cookie, sid)
            .set(t, track),
        who,
    );
}

fn cookies(pairs: &[(&str, &str)]) -> String {
    pairs
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect::<Vec<_>>()
        .join("; ")
}

/// Forms that set a new cookie, as pages and as JSON, often with another session before them.
fn cookie_login(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, path, cookie, track) = (
        m.word(m.w.hosts),
        m.word(m.w.logins),
        m.word(m.w.cookies),
        m.word(m.w.tracking),
    );
    let (before, sid, tv) = (m.secret(), m.secret(), m.r.hex(24));
    let pair = pair(m);
    let first = m.r.chance(60);
    let (probe, name) = asks(m, host, path, &h, pair);
    let mut jar = String::new();
    if first {
        landing(m, a, host, cookie, &before, &tv, Who::Free);
        jar = cookies(&[(track, &tv), (cookie, &before), ("lang", "de")]);
        for _ in 0..1 + m.r.below(2) {
            m.call(
                a,
                ask("GET", host, "/static/terms").with("Cookie", jar.clone()),
                answer("200 OK", "text/html", "<p>x</p>"),
                is(&name),
            );
        }
        m.interval();
    }
    if m.r.chance(30) {
        let (q, _) = asks(m, host, path, &h, pair);
        let ans = match m.r.below(2) {
            0 => answer("302 Found", "", "").with("Location", format!("{path}?error=1")),
            _ => answer(
                "200 OK",
                "text/html",
                "<html><p>Anmeldung</p><form><input type=\"password\" name=\"p\"></form></html>",
            ),
        };
        m.call(
            a,
            q.maybe("Cookie", &jar),
            ans,
            if first { Who::Free } else { Who::Nobody },
        );
    }
    let ans = match m.r.below(4) {
        0 => json("{\"success\":true,\"redirect\":\"/home\"}"),
        1 => json("{\"code\":0,\"data\":{\"level\":3}}"),
        2 => answer("303 See Other", "", "").with("Location", "/home"),
        _ => answer("302 Found", "", "").with("Location", "/index.do?x=1"),
    };
    m.call(
        a,
        probe.maybe("Cookie", &jar),
        ans.set(cookie, &sid),
        is(&name),
    );
    m.interval();
    let jar = cookies(&[(cookie, &sid), (track, &tv), ("theme", "dark")]);
    let n = 2 + m.r.below(4);
    m.work(a, host, &[("Cookie", jar.clone())], &is(&name), n);
    if m.r.chance(50) {
        let (method, path) = *m.r.pick(m.w.logouts);
        let gone = answer("302 Found", "", "")
            .with("Location", "/")
            .with("Set-Cookie", format!("{cookie}=; Path=/; Max-Age=0"));
        m.call(
            a,
            ask(method, host, path).with("Cookie", jar),
            gone,
            is(&name),
        );
        m.call(
            a,
            ask("GET", host, "/static/terms").with("Cookie", cookies(&[(track, &tv)])),
            answer("200 OK", "text/html", "<p>x</p>"),
            Who::Nobody,
        );
    }
}

/// The cookie from before the login is kept.
fn fixed_cookie(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, path, cookie) = (m.word(m.w.hosts), m.word(m.w.logins), m.word(m.w.cookies));
    let (sid, tv) = (m.secret(), m.r.hex(24));
    let pair = pair(m);
    let (q, name) = asks(m, host, path, &h, pair);
    landing(m, a, host, cookie, &sid, &tv, Who::Free);
    let jar = cookies(&[(cookie, &sid), ("lang", "zh-CN")]);
    m.work(a, host, &[("Cookie", jar.clone())], &is(&name), 1);
    if m.r.chance(40) {
        let (q, _) = asks(m, host, path, &h, pair);
        let f = json(m.refusal(host, path));
        m.call(a, q.with("Cookie", jar.clone()), f, Who::Free);
    }
    let ans = match m.r.below(3) {
        0 => json("{\"success\":true,\"redirect\":\"/home\"}"),
        1 => answer("302 Found", "", "").with("Location", "/dashboard"),
        _ => json("{\"code\":0,\"msg\":\"\",\"data\":{\"menu\":[\"a\",\"b\"]}}"),
    };
    m.call(a, q.with("Cookie", jar.clone()), ans, is(&name));
    m.interval();
    let n = 2 + m.r.below(4);
    m.work(a, host, &[("Cookie", jar)], &is(&name), n);
}

/// Each answer replaces the session's cookie.
fn rotating(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, path, cookie) = (m.word(m.w.hosts), m.word(m.w.logins), m.word(m.w.cookies));
    let pair = pair(m);
    let (q, name) = asks(m, host, path, &h, pair);
    let mut sid = m.secret();
    m.call(a, q, json("{\"code\":0}").set(cookie, &sid), is(&name));
    m.interval();
    for n in 0..5 {
        let next = m.secret();
        m.call(
            a,
            ask("GET", host, format!("/api/orders/{n}")).with("Cookie", cookies(&[(cookie, &sid)])),
            json("{\"id\":1}").set(cookie, &next),
            is(&name),
        );
        m.interval();
        sid = next;
    }
    m.work(
        a,
        host,
        &[("Cookie", cookies(&[(cookie, &sid)]))],
        &is(&name),
        1,
    );
}

fn only_failures(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, path) = (m.word(m.w.hosts), m.word(m.w.logins));
    let pair = pair(m);
    let (cookie, sid) = (m.word(m.w.cookies), m.secret());
    for _ in 0..3 {
        let (mut q, _) = asks(m, host, path, &h, pair);
        let mut f = failure(m, host, path);
        if m.r.chance(50) {
            // a session of nobody goes along, or a tracking cookie comes
            q = q.with("Cookie", cookies(&[(cookie, &sid)]));
        } else if m.r.chance(50) {
            f = f.set(m.word(m.w.tracking), &m.r.hex(24));
        }
        m.call(a, q, f, Who::Nobody);
    }
    m.call(
        a,
        ask("GET", host, "/api/orders").with("Cookie", cookies(&[(cookie, &sid)])),
        answer("401 Unauthorized", "application/json", "{}"),
        Who::Nobody,
    );
}

fn graphql(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let doc = m.word(m.w.graphql);
    let (pass, token) = (m.password(), m.secret());
    let name = if doc.contains("email") {
        h.mail.clone()
    } else {
        h.login.clone()
    };
    let body = if doc.contains('$') {
        format!(
            "{{\"operationName\":null,\"query\":\"{doc}\",\"variables\":{{\"u\":\"{name}\",\"p\":\"{pass}\"}}}}"
        )
    } else {
        format!(
            "{{\"query\":\"{}\"}}",
            doc.replace("{U}", &name)
                .replace("{P}", &pass)
                .replace('"', "\\\"")
        )
    };
    let wrong = m.r.chance(40);
    if wrong {
        m.call(
            a,
            ask("POST", host, "/graphql").body("application/json", body.clone()),
            json("{\"data\":null,\"errors\":[{\"message\":\"bad login\",\"path\":[\"login\"]}]}"),
            Who::Nobody,
        );
    }
    m.call(
        a,
        ask("POST", host, "/graphql").body("application/json", body),
        json(format!(
            "{{\"data\":{{\"login\":{{\"token\":\"{token}\"}}}}}}"
        )),
        is(&name),
    );
    m.interval();
    for n in 0..3 {
        let q = ask("POST", host, "/graphql")
            .with("Authorization", format!("Bearer {token}"))
            .body(
                "application/json",
                format!("{{\"query\":\"query {{ order(id: {n}) {{ id user {{ name }} }} }}\"}}"),
            );
        m.call(a, q, json(format!("{{\"data\":{{\"order\":{{\"id\":{n},\"user\":{{\"name\":\"someone{n}\",\"login\":\"other{n}\"}}}}}}}}")), is(&name));
    }
}

fn two_steps(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, path) = (m.word(m.w.hosts), m.word(m.w.logins));
    let pair = pair(m);
    let (q, name) = asks(m, host, path, &h, pair);
    let (ticket_key, code_key) = *m.r.pick(m.w.codes);
    let (ticket, token, key) = (m.secret(), m.secret(), m.word(m.w.tokens));
    m.call(
        a,
        q,
        json(format!(
            "{{\"code\":0,\"data\":{{\"mfaRequired\":true,\"{ticket_key}\":\"{ticket}\"}}}}"
        )),
        is(&name),
    );
    m.interval();
    let second = format!("{path}/verify");
    let body = |code: &str| format!("{{\"{ticket_key}\":\"{ticket}\",\"{code_key}\":\"{code}\"}}");
    if m.r.chance(40) {
        let f = json(m.refusal(host, path));
        m.call(
            a,
            ask("POST", host, second.clone()).body("application/json", body("000000")),
            f,
            Who::Free,
        );
    }
    let ok = holder(m, key, &token);
    m.call(
        a,
        ask("POST", host, second).body("application/json", body("493021")),
        json(ok),
        is(&name),
    );
    m.interval();
    let head = ("Authorization", format!("Bearer {token}"));
    m.work(a, host, &[head], &is(&name), 3);
}

/// One browser, one person after the other; the session's cookie is new for each, the device's stays.
fn kiosk(m: &mut Maker<'_>) {
    let a = m.agent();
    let (host, path, cookie) = (m.word(m.w.hosts), m.word(m.w.logins), m.word(m.w.cookies));
    let (track, tv) = (m.word(m.w.tracking), m.r.hex(24));
    for _ in 0..3 {
        let h = m.human();
        let pair = pair(m);
        let (q, name) = asks(m, host, path, &h, pair);
        let sid = m.secret();
        m.call(
            a,
            q.with("Cookie", cookies(&[(track, &tv)])),
            json("{\"code\":0}").set(cookie, &sid),
            is(&name),
        );
        m.interval();
        let jar = cookies(&[(track, &tv), (cookie, &sid)]);
        m.work(a, host, &[("Cookie", jar.clone())], &is(&name), 2);
        let (method, out) = *m.r.pick(m.w.logouts);
        m.call(
            a,
            ask(method, host, out).with("Cookie", jar),
            json("{\"code\":0}").with(
                "Set-Cookie",
                format!("{cookie}=deleted; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
            ),
            is(&name),
        );
        m.call(
            a,
            ask("GET", host, "/static/a.css").with("Cookie", cookies(&[(track, &tv)])),
            answer("200 OK", "text/css", "a{}"),
            Who::Nobody,
        );
    }
}

/// The server keeps the cookie: logout and another person's login on the same one.
fn relogin(m: &mut Maker<'_>) {
    let a = m.agent();
    let (host, path, cookie) = (m.word(m.w.hosts), m.word(m.w.logins), m.word(m.w.cookies));
    let sid = m.secret();
    let jar = cookies(&[(cookie, &sid)]);
    for n in 0..3 {
        let h = m.human();
        let pair = pair(m);
        let (mut q, name) = asks(m, host, path, &h, pair);
        let mut ok = json("{\"success\":true}");
        if n == 0 {
            ok = ok.set(cookie, &sid);
        } else {
            q = q.with("Cookie", jar.clone());
        }
        m.call(a, q, ok, is(&name));
        m.interval();
        m.work(a, host, &[("Cookie", jar.clone())], &is(&name), 2);
        if n == 0 {
            let (method, out) = *m.r.pick(m.w.logouts);
            m.call(
                a,
                ask(method, host, out).with("Cookie", jar.clone()),
                json("{\"success\":true}"),
                is(&name),
            );
        }
    }
}

/// Somebody fills a cart and then logs in.
fn cart(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, path, cookie) = (m.word(m.w.hosts), m.word(m.w.logins), m.word(m.w.cookies));
    let (sid, cart, new) = (m.secret(), m.uuid(), m.secret());
    let pair = pair(m);
    let (q, name) = asks(m, host, path, &h, pair);
    m.call(
        a,
        ask("GET", host, "/shop"),
        answer("200 OK", "text/html", "<p>x</p>")
            .set(cookie, &sid)
            .set("cart_id", &cart),
        Who::Free,
    );
    let jar = cookies(&[(cookie, &sid), ("cart_id", &cart)]);
    m.work(a, host, &[("Cookie", jar.clone())], &is(&name), 2);
    m.interval();
    m.call(
        a,
        q.with("Cookie", jar),
        answer("302 Found", "", "")
            .with("Location", "/checkout")
            .set(cookie, &new),
        is(&name),
    );
    m.interval();
    m.work(
        a,
        host,
        &[("Cookie", cookies(&[(cookie, &new), ("cart_id", &cart)]))],
        &is(&name),
        3,
    );
}

/// A telephone number and a code, no password.
fn sms(m: &mut Maker<'_>) {
    let a = m.agent();
    let host = m.word(m.w.hosts);
    let phone = format!("138{}", m.r.digits(8));
    let (token, key) = (m.secret(), m.word(m.w.tokens));
    m.call(
        a,
        ask("POST", host, "/api/sms/send")
            .body("application/json", format!("{{\"mobile\":\"{phone}\"}}")),
        json("{\"code\":0,\"msg\":\"sent\"}"),
        Who::Nobody,
    );
    let ok = holder(m, key, &token);
    let code = m.r.digits(6);
    m.call(
        a,
        ask("POST", host, "/api/login/sms").body(
            "application/json",
            format!("{{\"mobile\":\"{phone}\",\"smsCode\":\"{code}\"}}"),
        ),
        json(ok),
        is(&phone),
    );
    m.interval();
    m.work(
        a,
        host,
        &[("Authorization", format!("Bearer {token}"))],
        &is(&phone),
        3,
    );
}

/// People behind the same addresses who never log in.
fn anonymous(m: &mut Maker<'_>) {
    let a = m.agent();
    let (host, cookie, track) = (m.word(m.w.hosts), m.word(m.w.cookies), m.word(m.w.tracking));
    let (sid, tv) = (m.secret(), m.r.hex(24));
    landing(m, a, host, cookie, &sid, &tv, Who::Nobody);
    let jar = if m.r.chance(50) {
        cookies(&[(cookie, &sid), (track, &tv)])
    } else {
        cookies(&[(track, &tv)])
    };
    m.work(a, host, &[("Cookie", jar)], &Who::Nobody, 3);
}

/// Logs a person in by a cookie and gives the jar.
pub(super) fn signed_in(
    m: &mut Maker<'_>,
    a: Agent,
    host: &'static str,
    h: &Human,
) -> (String, String) {
    let (path, cookie) = (m.word(m.w.logins), m.word(m.w.cookies));
    let sid = m.secret();
    let pair = pair(m);
    let (q, name) = asks(m, host, path, h, pair);
    m.call(a, q, json("{\"code\":0}").set(cookie, &sid), is(&name));
    m.interval();
    (cookies(&[(cookie, &sid)]), name)
}

/// An administrator makes and resets accounts of others.
fn admin(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let (jar, name) = signed_in(m, a, host, &h);
    for _ in 0..3 {
        let other = m.human();
        let pass = m.password();
        let (user_key, pass_key) = pair(m);
        let (path, body, ok) = match m.r.below(4) {
            0 => (
                "/admin/users",
                format!(
                    "{{\"{user_key}\":\"{}\",\"{pass_key}\":\"{pass}\",\"role\":\"clerk\"}}",
                    other.login
                ),
                answer(
                    "201 Created",
                    "application/json",
                    format!(
                        "{{\"id\":\"{}\",\"username\":\"{}\"}}",
                        m.uuid(),
                        other.login
                    ),
                ),
            ),
            1 => (
                "/api/user/add",
                format!(
                    "{{\"{user_key}\":\"{}\",\"{pass_key}\":\"{pass}\",\"confirmPassword\":\"{pass}\"}}",
                    other.login
                ),
                json("{\"code\":0}"),
            ),
            2 => (
                "/api/users/resetPwd",
                format!(
                    "{{\"{user_key}\":\"{}\",\"newPassword\":\"{pass}\"}}",
                    other.login
                ),
                json("{\"success\":true}"),
            ),
            _ => (
                "/api/users",
                format!(
                    "{{\"{user_key}\":\"{}\",\"{pass_key}\":\"{pass}\"}}",
                    other.login
                ),
                json(format!(
                    "{{\"code\":0,\"data\":{{\"userName\":\"{}\",\"activationToken\":\"{}\"}}}}",
                    other.login,
                    m.secret()
                )),
            ),
        };
        m.call(
            a,
            ask("POST", host, path)
                .with("Cookie", jar.clone())
                .body("application/json", body),
            ok,
            is(&name),
        );
        m.work(a, host, &[("Cookie", jar.clone())], &is(&name), 1);
    }
}

fn change(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let (jar, name) = signed_in(m, a, host, &h);
    let (old, new) = (m.password(), m.password());
    let path = m.word(&[
        "/api/user/changePassword",
        "/auth/password",
        "/account/passwd",
        "/api/login/modifyPwd",
    ]);
    let other = m.human();
    let body = match m.r.below(3) {
        0 => format!("{{\"oldPassword\":\"{old}\",\"newPassword\":\"{new}\"}}"),
        1 => format!(
            "{{\"username\":\"{name}\",\"oldPwd\":\"{old}\",\"newPwd\":\"{new}\",\"confirmPwd\":\"{new}\"}}"
        ),
        _ => format!(
            "{{\"supervisor\":\"{}\",\"password\":\"{old}\",\"newPassword\":\"{new}\"}}",
            other.login
        ),
    };
    m.call(
        a,
        ask("POST", host, path)
            .with("Cookie", jar.clone())
            .body("application/json", body),
        json("{\"success\":true}"),
        is(&name),
    );
    m.work(a, host, &[("Cookie", jar)], &is(&name), 3);
}

fn register(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let (pass, cookie, sid) = (m.password(), m.word(m.w.cookies), m.secret());
    let body = format!(
        "{{\"username\":\"{}\",\"email\":\"{}\",\"password\":\"{pass}\",\"passwordConfirm\":\"{pass}\"}}",
        h.login, h.mail
    );
    m.call(
        a,
        ask("POST", host, "/api/register").body("application/json", body),
        answer(
            "201 Created",
            "application/json",
            "{\"status\":\"created\"}",
        )
        .set(cookie, &sid),
        is(&h.login),
    );
    m.interval();
    m.work(
        a,
        host,
        &[("Cookie", cookies(&[(cookie, &sid)]))],
        &is(&h.login),
        3,
    );
}

/// Forms with a field `user` that log nobody in, pages of other people, mails to other people.
fn search(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let anon = m.r.chance(40);
    let (jar, who) = if anon {
        (cookies(&[(m.word(m.w.cookies), &m.secret())]), Who::Nobody)
    } else {
        let (jar, name) = signed_in(m, a, host, &h);
        (jar, is(&name))
    };
    for _ in 0..4 {
        let o = m.human();
        let track = m.word(m.w.tracking);
        let (q, ans) = match m.r.below(6) {
            0 => (
                ask("POST", host, "/api/search").body(
                    "application/x-www-form-urlencoded",
                    format!("user={}&type=all", pct(&o.login)),
                ),
                json(format!("{{\"rows\":[{{\"username\":\"{}\"}}]}}", o.login))
                    .set(track, &m.r.hex(24)),
            ),
            1 => (
                ask("GET", host, format!("/users/{}/profile", o.login)),
                json(format!(
                    "{{\"username\":\"{}\",\"email\":\"{}\"}}",
                    o.login, o.mail
                )),
            ),
            2 => (
                ask("GET", host, format!("/api/profile?user={}", o.login)),
                json(format!("{{\"data\":{{\"username\":\"{}\"}}}}", o.login)),
            ),
            3 => (
                ask("GET", host, format!("/api/users/{}", m.r.below(900))),
                json(format!(
                    "{{\"data\":{{\"login\":\"{}\",\"email\":\"{}\"}}}}",
                    o.login, o.mail
                )),
            ),
            4 => (
                ask("POST", host, "/api/messages").body(
                    "application/json",
                    format!("{{\"user\":\"{}\",\"text\":\"hello pass it on\"}}", o.login),
                ),
                json(format!("{{\"id\":\"{}\"}}", m.uuid())),
            ),
            _ => (
                ask("POST", host, "/api/getUserInfo")
                    .body("application/json", format!("{{\"userId\":\"{}\"}}", o.sub)),
                json(format!(
                    "{{\"code\":0,\"data\":{{\"userName\":\"{}\",\"mail\":\"{}\"}}}}",
                    o.login, o.mail
                )),
            ),
        };
        m.call(a, q.with("Cookie", jar.clone()), ans, who.clone());
        m.work(a, host, &[("Cookie", jar.clone())], &who, 1);
    }
}
