//! What a value looks like on the wire, and what it stands in.

use super::{Maker, Msg};
use crate::support::dress::{self, Cell, wrap};
use base64::Engine as _;
use sha2::Digest as _;
use std::fmt::Write as _;

/// A value as it is sent: its text, and the form in the contract's words.
pub type Shown = (String, String);

fn hex(b: &[u8]) -> String {
    b.iter().fold(String::new(), |mut s, x| {
        let _ = write!(s, "{x:02x}");
        s
    })
}

/// Undone by anybody.
pub fn two_way(m: &mut Maker, v: &str) -> Shown {
    let std = &base64::engine::general_purpose::STANDARD;
    let (text, form): (String, &str) = match m.r.below(16) {
        0..4 => (v.to_owned(), "plain"),
        4 => (wrap("url", v), "url>plain"),
        5 => (wrap("base64", v), "base64>plain"),
        6 => (wrap("base64url", v), "base64>plain"),
        // inside a longer text, at any of three places
        7 => {
            let before = "x".repeat(m.r.below(3) as usize + 9);
            (
                std.encode(format!("{before}|phone={v}|and more of it")),
                "base64>plain",
            )
        }
        8 => (wrap("hex", v), "hex>plain"),
        9 => (wrap("hex", v).to_uppercase(), "hex>plain"),
        10 => (wrap("unicode", v), "unicode>plain"),
        11 => (wrap("html", v), "html>plain"),
        12 => (wrap("gzip", v), "base64>gzip>plain"),
        13 => (wrap("base64", &wrap("url", v)), "base64>url>plain"),
        14 => (
            wrap("hex", &wrap("base64", &wrap("url", v))),
            "hex>base64>url>plain",
        ),
        _ => (respelt(m, v), "plain"),
    };
    (text, form.into())
}

/// The same in another spelling.
fn respelt(m: &mut Maker, v: &str) -> String {
    if v.len() == 11 && v.bytes().all(|b| b.is_ascii_digit()) {
        return match m.r.below(3) {
            0 => format!("{}-{}-{}", &v[..3], &v[3..7], &v[7..]),
            1 => format!("{} {} {}", &v[..3], &v[3..7], &v[7..]),
            _ => format!("+86 {v}"),
        };
    }
    if v.contains('@') || v.len() == 18 {
        return if v.bytes().any(|b| b.is_ascii_lowercase()) {
            v.to_uppercase()
        } else {
            v.to_lowercase()
        };
    }
    match m.r.below(3) {
        0 => v.to_lowercase(),
        1 => v.replace('-', ""),
        _ => v.replace('-', "_"),
    }
}

/// Undone by nobody; with what has to stand beside it (a salt).
pub fn hashed(m: &mut Maker, v: &str) -> (Shown, Option<String>) {
    let b64 = &base64::engine::general_purpose::STANDARD;
    let digest = |kind: u64, v: &[u8]| -> (Vec<u8>, &'static str) {
        match kind {
            0 => (md5::Md5::digest(v).to_vec(), "md5"),
            1 => (sha1::Sha1::digest(v).to_vec(), "sha1"),
            2 => (sha2::Sha256::digest(v).to_vec(), "sha256"),
            _ => (sm3::Sm3::digest(v).to_vec(), "sm3"),
        }
    };
    let kind = m.r.below(4);
    match m.r.below(5) {
        0 | 1 => {
            let (d, n) = digest(kind, v.as_bytes());
            ((hex(&d), n.into()), None)
        }
        2 => {
            let (d, n) = digest(kind, v.as_bytes());
            ((hex(&d).to_uppercase(), n.into()), None)
        }
        3 => {
            let (d, n) = digest(kind, v.as_bytes());
            ((b64.encode(&d), n.into()), None)
        }
        _ => {
            let salt = m.r.hex(8);
            let text = if m.r.chance(50) {
                format!("{salt}{v}")
            } else {
                format!("{v}{salt}")
            };
            let (d, n) = digest(kind, text.as_bytes());
            ((hex(&d), n.into()), Some(salt))
        }
    }
}

/// Some of it, the rest gone.
pub fn masked(m: &mut Maker, v: &str) -> Shown {
    if let Some((name, host)) = v.split_once('@') {
        return (format!("{}***@{host}", &name[..2]), "mask".into());
    }
    let (head, tail) = if v.len() == 18 { (6, 4) } else { (3, 4) };
    let stars = "*".repeat(v.len() - head - tail);
    match m.r.below(3) {
        0 if v.len() == 11 => (
            format!("{}{}", "*".repeat(7), &v[v.len() - 4..]),
            "last4".into(),
        ),
        1 if v.len() > 12 => (format!("{}...", &v[..v.len() - 5]), "mask".into()),
        _ => (
            format!("{}{stars}{}", &v[..head], &v[v.len() - tail..]),
            "mask".into(),
        ),
    }
}

fn quote(s: &str) -> String {
    // escapes of JSON that are part of the form stay as they are
    format!("\"{}\"", s.replace('"', "\\\""))
}

/// The record as JSON; the value stands under a key of its kind.
pub fn json(m: &mut Maker, shown: &str, salt: Option<&str>) -> String {
    let salt = salt.map_or(String::new(), |s| format!(",\"salt\":\"{s}\""));
    format!(
        "{{\"no\":{},\"age\":{},\"contact\":{}{salt},\"city\":\"{}\",\"level\":{}}}",
        m.r.below(900),
        20 + m.r.below(50),
        quote(shown),
        m.r.pick(&["Xian", "Wuhan", "Suzhou"]),
        m.r.below(5),
    )
}

/// Puts a value into a request: body, form, query, path, header, cookie, text.
pub fn ask(m: &mut Maker, mut msg: Msg, shown: &str, salt: Option<&str>) -> Msg {
    let word = shown
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b));
    let quoted = || {
        shown.bytes().fold(String::new(), |mut s, b| {
            if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
                s.push(b.into());
            } else {
                let _ = write!(s, "%{b:02X}");
            }
            s
        })
    };
    match m.r.below(8) {
        0 if salt.is_none() => {
            msg.target += &format!("?from=app&q={}", quoted());
            msg.body = b"{\"n\":1}".to_vec();
            kind(&mut msg, "application/json");
        }
        1 if word && salt.is_none() => {
            msg.target += &format!("/by/{shown}");
            msg.body = b"{\"n\":2}".to_vec();
            kind(&mut msg, "application/json");
        }
        2 if shown.is_ascii() && salt.is_none() => {
            msg.headers.push(("X-Subject".into(), shown.into()));
            msg.body = b"{\"n\":3}".to_vec();
            kind(&mut msg, "application/json");
        }
        3 if word && salt.is_none() => {
            msg.headers
                .push(("Cookie".into(), format!("lang=zh; last={shown}; theme=2")));
            msg.body = b"{\"n\":4}".to_vec();
            kind(&mut msg, "application/json");
        }
        4 => {
            let salt = salt.map_or(String::new(), |s| format!("&salt={s}"));
            msg.body = format!("a=1&contact={}{salt}&b=2", quoted()).into_bytes();
            kind(&mut msg, "application/x-www-form-urlencoded");
        }
        _ => {
            msg.body = json(m, shown, salt).into_bytes();
            kind(&mut msg, "application/json");
        }
    }
    msg
}

pub fn kind(msg: &mut Msg, kind: &str) {
    msg.headers.retain(|h| h.0 != "Content-Type");
    msg.headers.push(("Content-Type".into(), kind.into()));
}

/// Puts a value into an answer: JSON, a list of many, XML, CSV, text, gzip around it.
pub fn tell(m: &mut Maker, mut msg: Msg, shown: &str) -> Msg {
    match m.r.below(8) {
        0 => {
            let esc = shown.replace('<', "&lt;");
            msg.body =
                format!("<?xml version=\"1.0\"?><r><age>41</age><contact>{esc}</contact></r>")
                    .into_bytes();
            kind(&mut msg, "application/xml");
        }
        1 => {
            msg.body = format!("no,contact,age\n17,\"{shown}\",33\n").into_bytes();
            kind(&mut msg, "text/csv");
        }
        2 => {
            msg.body = format!("reached {shown} at noon\n").into_bytes();
            kind(&mut msg, "text/plain");
        }
        3 => {
            let mut rows: Vec<String> = Vec::new();
            for i in 0..4 {
                let own = m.crowd[(m.r.below(40) + i) as usize].mobile.clone();
                rows.push(json(m, &own, None));
            }
            let own = json(m, shown, None);
            let at = m.r.below(5) as usize;
            rows.insert(at, own);
            msg.body = format!("{{\"list\":[{}]}}", rows.join(",")).into_bytes();
        }
        4 => {
            msg.body = dress::gzip(json(m, shown, None).as_bytes());
            msg.headers.push(("Content-Encoding".into(), "gzip".into()));
        }
        _ => msg.body = json(m, shown, None).into_bytes(),
    }
    msg
}

/// A file of many records, as an export writes it: bytes, media type, form around the value.
pub fn file(m: &mut Maker, v: &str) -> (Vec<u8>, &'static str, &'static str) {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for i in 0..12 {
        let p = &m.crowd[(i + m.r.below(40) as usize).min(59)];
        rows.push(vec![
            Cell {
                key: "no".into(),
                value: format!("{}", 100 + i),
            },
            Cell {
                key: "contact".into(),
                value: p.mobile.clone(),
            },
        ]);
    }
    let at = m.r.below(12) as usize;
    rows[at][1].value = v.to_owned();
    let csv: String = rows.iter().fold(String::from("no,contact\n"), |mut s, r| {
        let _ = writeln!(s, "{},{}", r[0].value, r[1].value);
        s
    });
    match m.r.below(5) {
        0 => (csv.into_bytes(), "text/csv", "plain"),
        1 => (
            dress::xlsx(&mut m.r, &rows),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "xlsx>plain",
        ),
        2 => (
            dress::zip(&[
                ("readme.txt", b"exported"),
                ("customers.csv", csv.as_bytes()),
            ]),
            "application/zip",
            "zip>plain",
        ),
        3 => {
            let book = dress::xlsx(&mut m.r, &rows);
            (
                dress::zip(&[("customers.xlsx", &book)]),
                "application/zip",
                "zip>xlsx>plain",
            )
        }
        _ => (
            dress::gzip(csv.as_bytes()),
            "application/gzip",
            "gzip>plain",
        ),
    }
}
