//! The ways that records take, one function a kind, and what only looks like one.

use super::forms::{self, ask, hashed, json, masked, tell, two_way};
use super::*;

type Draw = fn(&mut Maker, i64);

pub const KINDS: [(&str, Draw); 11] = [
    ("chain", chain),
    ("retry", retry),
    ("fan-out", fan_out),
    ("queue", queue),
    ("callback", callback),
    ("cache", cache),
    ("hash", hash),
    ("mask", mask),
    ("export", export),
    ("push", push),
    ("grpc", grpc),
];

/// A value that is followed: of a class that the program knows, or a code that no class covers.
fn value(m: &mut Maker) -> String {
    let p = people::person(&mut m.r);
    match m.r.below(8) {
        0..4 => p.mobile,
        4 | 5 => p.cn_id,
        6 => p.email,
        _ => format!(
            "ORD-{}-{}-{}",
            m.r.hex(4).to_uppercase(),
            m.r.digits(5),
            m.r.hex(3).to_uppercase()
        ),
    }
}

/// Begin and end inside another exchange.
fn inside(m: &mut Maker, t: (i64, i64)) -> (i64, i64) {
    let room = t.1 - t.0;
    let a = room / 10 + m.r.below((room / 10) as u64) as i64;
    let b = room / 10 + m.r.below((room / 10) as u64) as i64;
    (t.0 + a, t.1 - b)
}

/// Records of other people.
fn crowd(m: &mut Maker, n: usize, step: usize) -> Vec<String> {
    let own: Vec<String> = m
        .crowd
        .iter()
        .step_by(step)
        .take(n)
        .map(|p| p.mobile.clone())
        .collect();
    own.iter().map(|v| json(m, v, None)).collect()
}

fn span(m: &mut Maker, t: i64) -> (i64, i64) {
    (t, t + m.ms(40, 140))
}

/// A read that is answered through gateway, service and store.
fn chain(m: &mut Maker, t: i64) {
    let v = value(m);
    let w = m.way("chain", &v);
    let (c, k) = (m.client(), m.opaque());
    let outer = span(m, t);
    let middle = inside(m, outer);
    let inner = inside(m, middle);
    let (s1, s2) = (two_way(m, &v), two_way(m, &v));
    let stored = tell(m, ok(), &v);
    let x = m.call(
        (A, B),
        inner,
        &get("store.svc", format!("/rows/{k}")),
        &stored,
    );
    let h = m.hop(w, x, true, None, "plain");
    let told = tell(m, ok(), &s1.0);
    let x = m.call(
        (GATEWAY, A),
        middle,
        &get("customers.svc", format!("/customers/{k}")),
        &told,
    );
    let h = m.hop(w, x, true, Some(h), &s1.1);
    let told = tell(m, ok(), &s2.0);
    let x = m.call(
        (c, GATEWAY),
        outer,
        &get("shop.example", format!("/api/customers/{k}")),
        &told,
    );
    m.hop(w, x, true, Some(h), &s2.1);
}

/// An upload whose last leg fails and is sent again.
fn retry(m: &mut Maker, t: i64) {
    let v = value(m);
    let w = m.way("retry", &v);
    let c = m.client();
    let outer = (t, t + m.ms(120, 240));
    let middle = inside(m, outer);
    let third = (middle.1 - middle.0) / 3;
    let first = (middle.0 + third / 8, middle.0 + third);
    let second = (middle.0 + third + third / 8, middle.1 - third / 8);
    let s = two_way(m, &v);
    let req = ask(m, post("shop.example", "/api/signup"), &s.0, None);
    let x = m.call((c, GATEWAY), outer, &req, &ok());
    let h = m.hop(w, x, false, None, &s.1);
    let s = two_way(m, &v);
    let req = ask(m, post("signup.svc", "/signup"), &s.0, None);
    let x = m.call((GATEWAY, A), middle, &req, &ok());
    let h = m.hop(w, x, false, Some(h), &s.1);
    let s = two_way(m, &v);
    let req = ask(m, post("ledger.svc", "/ledger"), &s.0, None);
    let x = m.call((A, E), first, &req, &status("503 Service Unavailable"));
    m.hop(w, x, false, Some(h), &s.1);
    let x = m.call((A, E), second, &req, &status("201 Created"));
    m.hop(w, x, false, Some(h), &s.1);
}

/// A service that asks one, tells two, and answers.
fn fan_out(m: &mut Maker, t: i64) {
    let v = value(m);
    let w = m.way("fan-out", &v);
    let (c, k) = (m.client(), m.opaque());
    let outer = (t, t + m.ms(150, 300));
    let middle = inside(m, outer);
    let third = (middle.1 - middle.0) / 4;
    let part = |n: i64| (middle.0 + third * n + third / 8, middle.0 + third * (n + 1));
    let stored = tell(m, ok(), &v);
    let x = m.call(
        (C, D),
        part(0),
        &get("profiles.svc", format!("/profiles/{k}")),
        &stored,
    );
    let root = m.hop(w, x, true, None, "plain");
    let (s, salt) = hashed(m, &v);
    let req = ask(m, post("score.svc", "/score"), &s.0, salt.as_deref());
    let x = m.call((C, E), part(1), &req, &ok());
    m.hop(w, x, false, Some(root), &s.1);
    let s = two_way(m, &v);
    let req = ask(m, post("notes.svc", "/notes"), &s.0, None);
    let x = m.call((C, A), part(2), &req, &ok());
    m.hop(w, x, false, Some(root), &s.1);
    let s = two_way(m, &v);
    let told = tell(m, ok(), &s.0);
    let x = m.call(
        (GATEWAY, C),
        middle,
        &get("offers.svc", format!("/offers/{k}")),
        &told,
    );
    let h = m.hop(w, x, true, Some(root), &s.1);
    let s = two_way(m, &v);
    let told = tell(m, ok(), &s.0);
    let x = m.call(
        (c, GATEWAY),
        outer,
        &get("shop.example", format!("/api/offers/{k}")),
        &told,
    );
    m.hop(w, x, true, Some(h), &s.1);
}

/// What is put into a queue, fetched with others by a worker, and sent on.
fn queue(m: &mut Maker, t: i64) {
    let v = value(m);
    let w = m.way("queue", &v);
    let c = m.client();
    let outer = span(m, t);
    let middle = inside(m, outer);
    let inner = inside(m, middle);
    let mut h = None;
    for (ends, when, msg) in [
        ((c, GATEWAY), outer, post("shop.example", "/api/orders")),
        ((GATEWAY, A), middle, post("orders.svc", "/orders")),
        ((A, E), inner, post("queue.svc", "/queue/orders")),
    ] {
        let s = two_way(m, &v);
        let req = ask(m, msg, &s.0, None);
        let x = m.call(ends, when, &req, &ok());
        h = Some(m.hop(w, x, false, h, &s.1));
    }
    let at = t + m.ms(1500, 4000);
    let fetched = span(m, at);
    let s = two_way(m, &v);
    let mut rows = crowd(m, 5, 3);
    let own = json(m, &s.0, None);
    let place = m.r.below(6) as usize;
    rows.insert(place, own);
    let mut told = ok();
    told.body = format!("[{}]", rows.join(",")).into_bytes();
    let x = m.call(
        (D, E),
        fetched,
        &get("queue.svc", "/queue/orders?batch=6"),
        &told,
    );
    h = Some(m.hop(w, x, true, h, &s.1));
    let s = two_way(m, &v);
    let req = ask(m, post("delivery.svc", "/delivery"), &s.0, None);
    let at = fetched.1 + m.ms(5, 300);
    let sent = span(m, at);
    let x = m.call((D, B), sent, &req, &ok());
    m.hop(w, x, false, h, &s.1);
}

/// Asked now, answered later by a call the other way.
fn callback(m: &mut Maker, t: i64) {
    let v = value(m);
    let w = m.way("callback", &v);
    let c = m.client();
    let outer = span(m, t);
    let middle = inside(m, outer);
    let s = two_way(m, &v);
    let req = ask(m, post("shop.example", "/api/checks"), &s.0, None);
    let x = m.call((c, GATEWAY), outer, &req, &status("202 Accepted"));
    let h = m.hop(w, x, false, None, &s.1);
    let s = two_way(m, &v);
    let req = ask(m, post("checks.svc", "/checks"), &s.0, None);
    let x = m.call((GATEWAY, C), middle, &req, &status("202 Accepted"));
    let h = m.hop(w, x, false, Some(h), &s.1);
    let at = outer.1 + m.ms(20, 400);
    let when = span(m, at);
    let s = two_way(m, &v);
    let req = ask(m, post("bureau.svc", "/inquiries"), &s.0, None);
    let x = m.call((C, D), when, &req, &status("202 Accepted"));
    let h = m.hop(w, x, false, Some(h), &s.1);
    let at = when.1 + m.ms(200, 1500);
    let when = span(m, at);
    let s = two_way(m, &v);
    let req = ask(m, post("checks.svc", "/callback"), &s.0, None);
    let x = m.call((D, C), when, &req, &ok());
    let h = m.hop(w, x, false, Some(h), &s.1);
    let when = inside(m, when);
    let s = masked(m, &v);
    let req = ask(m, post("shop.example", "/internal/notify"), &s.0, None);
    let x = m.call((C, GATEWAY), when, &req, &ok());
    m.hop(w, x, false, Some(h), &s.1);
}

/// Read twice; the second time a service has it still.
fn cache(m: &mut Maker, t: i64) {
    let v = value(m);
    let w = m.way("cache", &v);
    let k = m.opaque();
    let mut kept = None;
    let mut at = t;
    for turn in 0..2 {
        let c = m.client();
        let outer = span(m, at);
        let middle = inside(m, outer);
        let inner = inside(m, middle);
        if turn == 0 {
            let stored = tell(m, ok(), &v);
            let x = m.call(
                (B, E),
                inner,
                &get("vault.svc", format!("/vault/{k}")),
                &stored,
            );
            kept = Some(m.hop(w, x, true, None, "plain"));
        }
        let s = two_way(m, &v);
        let told = tell(m, ok(), &s.0);
        let x = m.call(
            (GATEWAY, B),
            middle,
            &get("cards.svc", format!("/cards/{k}")),
            &told,
        );
        let h = m.hop(w, x, true, kept, &s.1);
        let s = two_way(m, &v);
        let told = tell(m, ok(), &s.0);
        let x = m.call(
            (c, GATEWAY),
            outer,
            &get("shop.example", format!("/api/cards/{k}")),
            &told,
        );
        m.hop(w, x, true, Some(h), &s.1);
        at += m.ms(1500, 5000);
    }
}

/// A service that hands on a digest, which then leaves.
fn hash(m: &mut Maker, t: i64) {
    let v = value(m);
    let w = m.way("hash", &v);
    let c = m.client();
    let outer = (t, t + m.ms(90, 200));
    let middle = inside(m, outer);
    let inner = inside(m, middle);
    let last = inside(m, inner);
    let mut h = None;
    for (ends, when, msg) in [
        ((c, GATEWAY), outer, post("shop.example", "/api/ads")),
        ((GATEWAY, A), middle, post("ads.svc", "/ads")),
        ((A, C), inner, post("hash.svc", "/match")),
    ] {
        let s = two_way(m, &v);
        let req = ask(m, msg, &s.0, None);
        let x = m.call(ends, when, &req, &ok());
        h = Some(m.hop(w, x, false, h, &s.1));
    }
    let (s, salt) = hashed(m, &v);
    let req = ask(m, post("partner.svc", "/audience"), &s.0, salt.as_deref());
    let x = m.call((C, D), last, &req, &ok());
    h = Some(m.hop(w, x, false, h, &s.1));
    let at = outer.1 + m.ms(300, 2500);
    let when = span(m, at);
    let mut req = post("ads.partner.example", "/v1/audience");
    req.body = json(m, &s.0, salt.as_deref()).into_bytes();
    forms::kind(&mut req, "application/json");
    let x = m.call((D, OUTSIDE), when, &req, &ok());
    m.hop(w, x, false, h, &s.1);
}

/// A service that shows a part.
fn mask(m: &mut Maker, t: i64) {
    let v = value(m);
    let w = m.way("mask", &v);
    let (c, k) = (m.client(), m.opaque());
    let outer = span(m, t);
    let middle = inside(m, outer);
    let inner = inside(m, middle);
    let stored = tell(m, ok(), &v);
    let x = m.call(
        (D, E),
        inner,
        &get("safe.svc", format!("/safe/{k}")),
        &stored,
    );
    let h = m.hop(w, x, true, None, "plain");
    let s = masked(m, &v);
    let told = tell(m, ok(), &s.0);
    let x = m.call(
        (GATEWAY, D),
        middle,
        &get("care.svc", format!("/care/{k}")),
        &told,
    );
    let h = m.hop(w, x, true, Some(h), &s.1);
    let told = tell(m, ok(), &s.0);
    let x = m.call(
        (c, GATEWAY),
        outer,
        &get("shop.example", format!("/api/care/{k}")),
        &told,
    );
    m.hop(w, x, true, Some(h), &s.1);
}

/// A list taken as a file, which leaves later.
fn export(m: &mut Maker, t: i64) {
    let v = people::mobile(&mut m.r);
    let w = m.way("export", &v);
    let c = m.client();
    let outer = (t, t + m.ms(150, 300));
    let middle = inside(m, outer);
    let inner = inside(m, middle);
    let mut rows = crowd(m, 10, 2);
    let own = json(m, &v, None);
    let place = m.r.below(11) as usize;
    rows.insert(place, own);
    let mut stored = ok();
    stored.body = format!("{{\"rows\":[{}]}}", rows.join(",")).into_bytes();
    let x = m.call((A, B), inner, &post("store.svc", "/query"), &stored);
    let h = m.hop(w, x, true, None, "plain");
    let (body, media, form) = forms::file(m, &v);
    let mut told = ok();
    told.body = body;
    forms::kind(&mut told, media);
    let x = m.call((GATEWAY, A), middle, &get("export.svc", "/export"), &told);
    let h = m.hop(w, x, true, Some(h), form);
    let x = m.call(
        (c, GATEWAY),
        outer,
        &get("shop.example", "/api/export"),
        &told,
    );
    let h = m.hop(w, x, true, Some(h), form);
    let (body, media, form) = forms::file(m, &v);
    let mut put = Msg {
        method: "PUT",
        ..get("files.example", format!("/up/{}", m.opaque()))
    };
    put.body = body;
    forms::kind(&mut put, media);
    let at = outer.1 + m.ms(1000, 5000);
    let when = span(m, at);
    let x = m.call((c, OUTSIDE), when, &put, &status("201 Created"));
    m.hop(w, x, false, Some(h), form);
}

/// An event that is pushed to a page that is open.
fn push(m: &mut Maker, t: i64) {
    let v = value(m);
    let w = m.way("push", &v);
    let c = m.client();
    let outer = span(m, t);
    let middle = inside(m, outer);
    let s = two_way(m, &v);
    let req = ask(m, post("events.svc", "/events"), &s.0, None);
    let x = m.call((D, C), outer, &req, &ok());
    let h = m.hop(w, x, false, None, &s.1);
    let s = two_way(m, &v);
    let req = ask(m, post("shop.example", "/internal/push"), &s.0, None);
    let x = m.call((C, GATEWAY), middle, &req, &ok());
    let h = m.hop(w, x, false, Some(h), &s.1);
    let s = two_way(m, &v);
    let text = json(m, &s.0, None);
    let opened = t - m.ms(200, 900);
    let x = m.socket(
        (c, GATEWAY),
        (opened, opened + 4 * MS),
        middle.0 + (middle.1 - middle.0) / 2,
        text.as_bytes(),
    );
    m.hop(w, x, true, Some(h), &s.1);
}

/// A service that asks by gRPC.
fn grpc(m: &mut Maker, t: i64) {
    let v = value(m);
    let w = m.way("grpc", &v);
    let (c, k) = (m.client(), m.opaque());
    let outer = span(m, t);
    let middle = inside(m, outer);
    let inner = inside(m, middle);
    let field = |n: u8, s: &str| [&[n << 3 | 2, s.len() as u8][..], s.as_bytes()].concat();
    let person = [field(1, &k), field(2, "Suzhou"), field(5, &v)].concat();
    let answer = [&[0x0a, person.len() as u8][..], &person].concat();
    let x = m.grpc(
        (B, C),
        inner,
        "/crm.v1.Members/Get",
        [&field(1, &k), &answer],
    );
    let h = m.hop(w, x, true, None, "plain");
    let s = two_way(m, &v);
    let told = tell(m, ok(), &s.0);
    let x = m.call(
        (GATEWAY, B),
        middle,
        &get("members.svc", format!("/members/{k}")),
        &told,
    );
    let h = m.hop(w, x, true, Some(h), &s.1);
    let s = two_way(m, &v);
    let told = tell(m, ok(), &s.0);
    let x = m.call(
        (c, GATEWAY),
        outer,
        &get("shop.example", format!("/api/members/{k}")),
        &told,
    );
    m.hop(w, x, true, Some(h), &s.1);
}

/// Ordinary work: other people's records, small numbers, common names.
pub fn noise(m: &mut Maker, t: i64) {
    let (c, k) = (m.client(), m.opaque());
    let who = m.r.below(60) as usize;
    let p = m.crowd[who].clone();
    let body = format!(
        "{{\"no\":{},\"name\":\"{}\",\"mobile\":\"{}\",\"email\":\"{}\",\"age\":{}}}",
        m.r.below(900),
        p.name,
        p.mobile,
        p.email,
        20 + m.r.below(40)
    );
    let outer = span(m, t);
    let middle = inside(m, outer);
    let inner = inside(m, middle);
    let told = |m: &mut Maker| tell(m, ok(), &body.replace('"', "'"));
    let mut full = ok();
    full.body = body.clone().into_bytes();
    match m.r.below(3) {
        0 => {
            m.call(
                (c, GATEWAY),
                outer,
                &get("shop.example", format!("/api/customers/{k}")),
                &full,
            );
            m.call(
                (GATEWAY, A),
                middle,
                &get("customers.svc", format!("/customers/{k}")),
                &full,
            );
            m.call(
                (A, B),
                inner,
                &get("store.svc", format!("/rows/{k}")),
                &full,
            );
        }
        1 => {
            m.call(
                (c, GATEWAY),
                outer,
                &get("shop.example", format!("/api/members/{k}")),
                &full,
            );
            m.call(
                (GATEWAY, B),
                middle,
                &get("members.svc", format!("/members/{k}")),
                &full,
            );
        }
        _ => {
            let t = told(m);
            m.call(
                (c, GATEWAY),
                outer,
                &get("shop.example", format!("/api/news/{k}")),
                &t,
            );
            m.call(
                (GATEWAY, C),
                middle,
                &get("news.svc", format!("/news/{k}")),
                &ok(),
            );
        }
    }
}

/// What looks like a value that is followed and is another: inside a longer number, a digit away, the same last digits, a digest of
/// a neighbour.
pub fn decoys(m: &mut Maker, from: i64, to: i64) {
    let values: Vec<String> = m.ways.iter().map(|w| w.value.clone()).collect();
    for v in values {
        let t = from + m.r.below((to - from) as u64) as i64;
        let (c, k) = (m.client(), m.opaque());
        let mut near = v.clone().into_bytes();
        let at = near.len() / 2;
        near[at] = if near[at] == b'7' { b'3' } else { b'7' };
        let near = String::from_utf8(near).unwrap();
        let digits: String = v.chars().filter(char::is_ascii_digit).collect();
        let tail = &digits[digits.len().saturating_sub(4)..];
        let body = match m.r.below(6) {
            0 => format!("{{\"serial\":\"9{v}4\",\"n\":{}}}", m.r.below(99)),
            1 => format!("{{\"contact\":\"{near}\",\"n\":42}}"),
            2 => format!("{{\"pin\":\"{tail}\",\"n\":{}}}", m.r.below(99)),
            3 => format!("{{\"contact\":\"***{tail}\",\"n\":7}}"),
            4 => format!("{{\"ref\":\"{}\"}}", wrap_digest(&near)),
            _ => format!(
                "{{\"ref\":\"{}\"}}",
                crate::support::dress::wrap("base64", &near)
            ),
        };
        let mut told = ok();
        told.body = body.into_bytes();
        let outer = span(m, t);
        m.call(
            (c, GATEWAY),
            outer,
            &get("shop.example", format!("/api/news/{k}")),
            &told,
        );
    }
}

fn wrap_digest(v: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(v.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}
