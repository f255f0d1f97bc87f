//! The scanner against hostile content: no panic, no hang, memory and time by the size of the content.

use crate::corpus::targets::KINDS;
use crate::detect::{scan, scanner};
use proptest::prelude::*;

/// Pieces that the walkers treat in special ways, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{\"mobile\":\"13812345678\"".to_string()),
        Just("{\"a\":[".to_string()),
        Just("\"idCard\":\"11010519491231002X\",".to_string()),
        Just("\\u5f20\\".to_string()),
        Just("</a><b c='".to_string()),
        Just("<![CDATA[".to_string()),
        Just("&#x4e2d;&".to_string()),
        Just("--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n".to_string()),
        Just("a,\"b\"\"c\n".to_string()),
        Just("姓名：张三，手机号13812345678".to_string()),
        Just("eyJhbGciOiJIUzI1NiJ9.".to_string()),
        Just("-----BEGIN PRIVATE KEY-----".to_string()),
        Just("6222 **** **** 1234".to_string()),
        Just("password=%41%".to_string()),
        Just("H4sIAAAAAAAA".to_string()),
        "[ -~]{0,12}",
        ".{0,6}",
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|p| p.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_content_does_harm(mut content in pieces(), flip in any::<(u16, u8)>(), cut in any::<u16>()) {
        if !content.is_empty() {
            let at = usize::from(flip.0) % content.len();
            content[at] ^= flip.1;
            content.truncate(usize::from(cut) % (content.len() + 1));
        }
        let mut s = scanner();
        for kind in KINDS {
            let facts = s.scan_body(&content, kind, Some("multipart/form-data; boundary=b"));
            for f in &facts.findings {
                prop_assert!(f.offset + u64::from(f.len) <= content.len() as u64, "{kind} {f:?}");
                prop_assert!(f.conf <= 100);
            }
        }
        s.scan_uri(&String::from_utf8_lossy(&content));
    }
    #[test]
    fn random_bytes_do_no_harm(content in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut s = scanner();
        for kind in KINDS {
            s.scan_body(&content, kind, None);
        }
    }
}

#[test]
fn depth_costs_nothing() {
    for unit in ["[", "{\"a\":", "<a>", "<div>"] {
        let mut s = unit.repeat(200_000);
        s.push_str("\"13812345678\"");
        scan(s.as_bytes(), None);
    }
    // documents in strings in strings: cut at the depth, not at the stack
    let mut doc = "{\"mobile\":\"13812345678\"}".to_string();
    for _ in 0..7 {
        doc = format!("{{\"p\":{}}}", serde_json::to_string(&doc).unwrap());
    }
    scan(doc.as_bytes(), None);
}

#[test]
fn keys_that_are_data_do_not_fill_memory() {
    let mut s = String::from("{");
    for i in 0..60_000 {
        s += &format!("\"k{i}\":{{\"mobile\":\"138{:08}\"}},", i);
    }
    s += "\"end\":1}";
    let facts = scan(s.as_bytes(), None);
    assert_eq!(facts.findings.len(), 60_000);
    let mut fields: Vec<&str> = facts.findings.iter().map(|f| &*f.field).collect();
    fields.sort_unstable();
    fields.dedup();
    assert!(fields.len() < 25_000, "{}", fields.len());
}

#[test]
fn a_large_export_is_scanned_to_its_end_in_linear_time() {
    let body = |n: usize| {
        let mut s = String::from("{\"rows\":[");
        for i in 0..n {
            s += &format!(
                "{{\"realName\":\"张三\",\"mobile\":\"138{:08}\",\"note\":\"x {i}\"}},",
                i % 100_000_000
            );
        }
        s + "{}]}"
    };
    let time = |n: usize| {
        let b = body(n);
        let t = std::time::Instant::now();
        let facts = scan(b.as_bytes(), None);
        assert_eq!((facts.findings.len(), facts.records as usize), (2 * n, n));
        t.elapsed().as_secs_f64()
    };
    time(1000);
    let (a, b) = (time(10_000), time(40_000));
    // 4 times the size; anything quadratic would be 16 times
    assert!(b < a * 10.0, "{a} {b}");
}

#[test]
fn a_text_without_line_ends_is_linear_too() {
    let s = "key=value; id:12345 张三，x@y ".repeat(20_000);
    let t = std::time::Instant::now();
    scan(s.as_bytes(), Some("text/plain"));
    assert!(t.elapsed().as_secs() < 60);
}

#[test]
fn framed_bodies_made_to_cost_are_linear_too() {
    let nested = |n: usize| {
        let mut v = Vec::new();
        while v.len() < n {
            let mut outer = vec![0x0a];
            let mut len = v.len();
            while len > 127 {
                outer.push((len & 127) as u8 | 128);
                len >>= 7;
            }
            outer.push(len as u8);
            // growing from the inside by copying would itself be quadratic: a level adds a tenth
            outer.extend_from_slice(&v);
            outer.extend(std::iter::repeat_n(*b"\x08\x01", v.len() / 20 + 1).flatten());
            v = outer;
        }
        v
    };
    type Make<'a> = Box<dyn Fn(usize) -> Vec<u8> + 'a>;
    let of =
        |unit: &'static [u8]| -> Make<'static> { Box::new(move |n| unit.repeat(n / unit.len())) };
    let cases: Vec<(&str, Make<'_>)> = vec![
        ("sse", of(b"data: 13812345678\n\n")),
        ("sse", of(b"data:{\n")),
        ("sse", of(b":\n\n")),
        ("grpc", of(b"\0\0\0\0\0")),
        ("grpc", of(b"\x80\0\0\0\0")),
        ("grpc", of(b"\0\0\0\0\x02{}")),
        ("protobuf", of(b"\x0a\x00")),
        ("protobuf", of(b"\x0a\x02\x0a\x00")),
        ("protobuf", of(b"\x0b\x0c")),
        ("protobuf", of(b"\x0b")),
        (
            "protobuf",
            of(b"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c"),
        ),
        ("ndjson", of(b"[[1,\"a\"]]\n")),
        ("ndjson", of(b"[[\"columns\"],[\"a\",\"b\"]]\n")),
        (
            "json",
            Box::new(|n| {
                let names = "\"a\",".repeat(250);
                let rows = "[[1]],".repeat(n / 6);
                format!("{{\"columns\":[{names}\"b\"],\"x\":[{rows}0]}}").into_bytes()
            }),
        ),
        (
            "json",
            Box::new(|n| format!("[[1],{}]", "\"fields\":[".repeat(n / 10)).into_bytes()),
        ),
        ("text", of(b"a=b;c:d ")),
        ("text", of("名:\u{4e00}\u{4e00}".as_bytes())),
        ("text", of(b"pwd:\\u0031")),
        ("text", of(b"key:QUJDQUJDQUJDQUJDQUJDQUJD ")),
        (
            "text",
            Box::new(|n| [b"pwd:", &b"QUJD".repeat(n / 4)[..]].concat()),
        ),
        ("html", of(b"<table><tr><td>a</td><td>b</td></tr>")),
        ("html", of(b"<td>a</td>")),
        ("protobuf", Box::new(nested)),
        ("multipart", of(b"--b\n")),
        ("multipart", of(b"--b\n\nx\n")),
        (
            "multipart",
            of(b"--b\nContent-Type: multipart/mixed\n\n--c\n\nx\n"),
        ),
        (
            "multipart",
            of(b"--b\nContent-Transfer-Encoding: base64\n\nAAAA\n"),
        ),
    ];
    let mut s = scanner();
    for (kind, make) in cases {
        let mut time = |n: usize| {
            let content = make(n);
            let begin = std::time::Instant::now();
            s.scan_body(&content, kind, None);
            begin.elapsed()
        };
        let (once, twice) = (time(1 << 19), time(1 << 20));
        // other work on the machine counts here: only growth far beyond linear is a fault
        assert!(
            twice.as_secs_f64() < 3.4 * once.as_secs_f64().max(0.5),
            "{kind} {:?}: {once:?} then {twice:?}",
            String::from_utf8_lossy(&make(16))
        );
    }
}
