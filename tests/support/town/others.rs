//! Scenes of credentials that need no login, of fronts that tell who somebody is, and of logs.

use super::*;

type Scene = (&'static str, usize, fn(&mut Maker<'_>));

pub const SCENES: &[Scene] = &[
    ("basic", 3, basic),
    ("digest", 2, digest),
    ("ntlm", 2, ntlm),
    ("negotiate", 1, negotiate),
    ("api-key", 4, api_key),
    ("api-key-listed", 2, listed),
    ("sigv4", 2, sigv4),
    ("mtls-header", 2, mtls),
    ("gateway-header", 3, gateway),
    ("gateway-only-inside", 1, inside),
    ("forged-header", 2, forged),
    ("log-user", 2, log_user),
    ("key-of-front", 1, consumer),
];

fn basic(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let good = b64(format!("{}:{}", h.login, m.password()).as_bytes());
    if m.r.chance(40) {
        let bad = b64(format!("{}:nope", h.login).as_bytes());
        m.call(
            a,
            ask("GET", host, "/dav/").with("Authorization", format!("Basic {bad}")),
            answer("401 Unauthorized", "", "").with("WWW-Authenticate", "Basic realm=\"x\""),
            Who::Nobody,
        );
    }
    m.interval();
    m.work(
        a,
        host,
        &[("Authorization", format!("Basic {good}"))],
        &is(&h.login),
        4,
    );
}

fn digest(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let nonce = m.r.hex(32);
    m.call(
        a,
        ask("GET", host, "/cam/1"),
        answer("401 Unauthorized", "", "").with(
            "WWW-Authenticate",
            format!("Digest realm=\"cam, north\", nonce=\"{nonce}\", qop=\"auth\""),
        ),
        Who::Nobody,
    );
    m.interval();
    for n in 1..5 {
        let v = format!(
            "Digest username=\"{}\", realm=\"cam, north\", nonce=\"{}\", uri=\"/cam/1\", response=\"{}\", qop=auth, nc=0000000{n}, cnonce=\"{}\"",
            h.login,
            m.r.hex(32),
            m.r.hex(32),
            m.r.hex(8)
        );
        m.call(
            a,
            ask("GET", host, "/cam/1").with("Authorization", v),
            answer("200 OK", "image/jpeg", "JFIF"),
            is(&h.login),
        );
    }
}

fn ntlm_message(kind: u8, domain: &str, user: &str) -> Vec<u8> {
    let mut b = b"NTLMSSP\0".to_vec();
    b.extend([kind, 0, 0, 0]);
    if kind != 3 {
        b.extend([0u8; 28]);
        return b;
    }
    let wide = |s: &str| {
        s.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let (d, u, w) = (wide(domain), wide(user), wide("PC17"));
    let mut at = 72u32;
    let mut heads = Vec::new();
    // LM and NT answers, domain, user, workstation, key
    for n in [24, 24, d.len(), u.len(), w.len(), 0] {
        heads.extend((n as u16).to_le_bytes());
        heads.extend((n as u16).to_le_bytes());
        heads.extend(at.to_le_bytes());
        at += n as u32;
    }
    b.extend(heads);
    b.extend([0x05, 0x02, 0x88, 0xa2]);
    b.resize(72, 0);
    b.extend([7u8; 48]);
    b.extend(d);
    b.extend(u);
    b.extend(w);
    b
}

/// Three messages on one connection, which then belongs to the user without any header.
fn ntlm(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    m.one_line();
    let scheme = m.word(&["NTLM", "Negotiate"]);
    m.call(
        a,
        ask("GET", host, "/sites/team").with(
            "Authorization",
            format!("{scheme} {}", b64(&ntlm_message(1, "", ""))),
        ),
        answer("401 Unauthorized", "", "").with(
            "WWW-Authenticate",
            format!("{scheme} {}", b64(&ntlm_message(2, "", ""))),
        ),
        Who::Free,
    );
    let third = ntlm_message(3, "TOWN", &h.login);
    let third = if scheme == "NTLM" {
        third
    } else {
        [
            b"\xa1\x82\x01\x20\x30\x82\x01\x1c\xa2\x82\x01\x18".to_vec(),
            third,
        ]
        .concat()
    };
    m.call(
        a,
        ask("GET", host, "/sites/team").with("Authorization", format!("{scheme} {}", b64(&third))),
        answer("200 OK", "text/html", "<p>x</p>"),
        is(&h.login),
    );
    m.interval();
    m.work(a, host, &[], &is(&h.login), 3);
}

/// Kerberos: the ticket is closed, the cookie that follows is named by an answer.
fn negotiate(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, cookie, sid) = (m.word(m.w.hosts), m.word(m.w.cookies), m.secret());
    let ticket: Vec<u8> = (0..300).map(|_| m.r.next() as u8).collect();
    m.call(
        a,
        ask("GET", host, "/").with("Authorization", format!("Negotiate YIIB{}", b64(&ticket))),
        answer("200 OK", "text/html", "<p>x</p>").set(cookie, &sid),
        Who::Free,
    );
    m.interval();
    let (path, before, behind, key) = m.w.whoami[0];
    let jar = format!("{cookie}={sid}");
    m.call(
        a,
        ask("GET", host, path).with("Cookie", jar.clone()),
        json(format!("{before}\"{key}\":\"{}\"{behind}", h.login)),
        is(&h.login),
    );
    m.work(a, host, &[("Cookie", jar)], &is(&h.login), 2);
}

fn api_key(m: &mut Maker<'_>) {
    let a = m.agent();
    let host = m.word(m.w.hosts);
    let key = m.secret();
    m.interval();
    if m.r.chance(50) {
        let header = m.word(m.w.keys);
        m.work(a, host, &[(header, key.clone())], &Who::Key(key), 3);
    } else {
        let name = m.word(m.w.query_keys);
        for n in 0..3 {
            m.call(
                a,
                ask("GET", host, format!("/v1/weather?city={n}&{name}={key}")),
                json("{\"t\":20}"),
                Who::Key(key.clone()),
            );
        }
    }
}

/// An administrator's list of keys tells whose they are.
fn listed(m: &mut Maker<'_>) {
    let (h, admin) = (m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let token = m.jwt(&format!(
        "{{\"preferred_username\":\"{}\",\"sub\":\"{}\"}}",
        h.login, h.sub
    ));
    m.interval();
    let (owner, value) = *m.r.pick(m.w.owners);
    let (header, mut rows, mut keys) = (m.word(m.w.keys), Vec::new(), Vec::new());
    for n in 0..3 {
        let (name, key, a) = (format!("partner-{}-{n}", m.r.hex(3)), m.secret(), m.agent());
        rows.push(format!("{{\"id\":{n},\"{owner}\":\"{name}\",\"{value}\":\"{key}\",\"created\":\"2026-01-0{}\"}}", n + 1));
        keys.push((name, key, a));
        m.interval();
    }
    let (name, key, a) = keys[0].clone();
    m.work(a, host, &[(header, key)], &is(&name), 1);
    m.call(
        admin,
        ask("GET", host, "/admin/api-keys").with("Authorization", format!("Bearer {token}")),
        json(format!("{{\"items\":[{}]}}", rows.join(","))),
        is(&h.login),
    );
    for (name, key, a) in keys {
        m.work(a, host, &[(header, key)], &is(&name), 2);
    }
}

fn sigv4(m: &mut Maker<'_>) {
    let a = m.agent();
    let id = format!("AKIA{}", m.r.hex(16).to_uppercase());
    m.interval();
    for n in 0..4 {
        let scope = format!("{id}/2026070{}/eu-central-1/s3/aws4_request", n + 1);
        let q = if n == 3 {
            ask(
                "GET",
                "bucket.s3.town.example",
                format!(
                    "/f{n}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date=20260701T000000Z&X-Amz-Signature={}",
                    pct(&scope),
                    m.r.hex(64)
                ),
            )
        } else {
            ask("GET", "bucket.s3.town.example", format!("/f{n}")).with("Authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={}", m.r.hex(64)))
        };
        m.call(
            a,
            q,
            answer("200 OK", "application/xml", "<a/>"),
            Who::Key(id.clone()),
        );
    }
}

fn mtls(m: &mut Maker<'_>) {
    let host = m.word(m.w.hosts);
    let a = m.agent_in(32, "envoy");
    let (name, header) = (format!("node-{}.town", m.r.hex(4)), m.word(m.w.certs));
    let value = match header {
        "X-Forwarded-Client-Cert" => format!(
            "By=spiffe://town/ns/x;Hash={};Subject=\"CN={name},OU=a\\,b,O=Town\";URI=",
            m.r.hex(64)
        ),
        _ if m.r.chance(50) => format!("CN={name},OU=Ops,O=Town"),
        _ => format!("/C=DE/O=Town/CN={name}"),
    };
    m.interval();
    m.work(a, host, &[(header, value)], &is(&name), 3);
}

/// An opaque cookie outside, a header inside.
fn gateway(m: &mut Maker<'_>) {
    let (h, a) = (m.human(), m.agent());
    let (host, cookie, sid, header) = (
        m.word(m.w.hosts),
        m.word(m.w.cookies),
        m.secret(),
        m.word(m.w.fronts),
    );
    m.interval();
    for n in 0..4 {
        let who = is(&h.login);
        m.call(
            a,
            ask("GET", host, format!("/api/gw/{n}")).with("Cookie", format!("{cookie}={sid}")),
            json("{\"a\":1}"),
            who.clone(),
        );
        m.passed_on(
            ask("GET", "backend", format!("/gw/{n}")).with(header, h.login.clone()),
            json("{\"a\":1}"),
            who,
        );
    }
}

/// Only the calls behind a gateway were captured: one address, many people.
fn inside(m: &mut Maker<'_>) {
    let a = m.agent_at(Ipv4Addr::new(10, 33, 0, 7), "gateway/1.0");
    let header = m.word(m.w.fronts);
    for _ in 0..4 {
        let h = m.human();
        m.interval();
        m.work(
            a,
            "inner.town.example",
            &[(header, h.login.clone())],
            &is(&h.login),
            2,
        );
    }
    m.work(a, "inner.town.example", &[], &Who::Nobody, 2);
}

/// A client that sends the front's header itself, beside its own credential.
fn forged(m: &mut Maker<'_>) {
    let (h, victim, a) = (m.human(), m.human(), m.agent());
    let host = m.word(m.w.hosts);
    let header = m.word(m.w.fronts);
    m.interval();
    let token = m.jwt(&format!(
        "{{\"preferred_username\":\"{}\",\"sub\":\"{}\"}}",
        h.login, h.sub
    ));
    m.work(
        a,
        host,
        &[("Authorization", format!("Bearer {token}"))],
        &is(&h.login),
        2,
    );
    m.work(
        a,
        host,
        &[
            ("Authorization", format!("Bearer {token}")),
            (header, victim.login),
        ],
        &is(&h.login),
        1,
    );
}

fn log_user(m: &mut Maker<'_>) {
    let h = m.human();
    m.interval();
    for n in 0..3 {
        let id = m.r.hex(6);
        m.line(
            "files.town.example",
            &h.login,
            &format!("/share/{id}/{n}"),
            "10.44.0.9",
            is(&h.login),
        );
    }
    let id = m.r.hex(6);
    m.line(
        "files.town.example",
        "-",
        &format!("/pub/{id}"),
        "10.44.0.9",
        Who::Nobody,
    );
}

/// A gateway names the consumer of a key.
fn consumer(m: &mut Maker<'_>) {
    let a = m.agent();
    let (host, key) = (m.word(m.w.hosts), m.secret());
    let (header, name) = (m.word(m.w.keys), format!("partner-{}", m.r.hex(4)));
    m.interval();
    for n in 0..3 {
        m.call(
            a,
            ask("GET", host, format!("/api/feed/{n}")).with(header, key.clone()),
            json("{\"a\":1}"),
            is(&name),
        );
        m.passed_on(
            ask("GET", "backend", format!("/feed/{n}")).with("X-Consumer-Username", name.clone()),
            json("{\"a\":1}"),
            is(&name),
        );
    }
}
