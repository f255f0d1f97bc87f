//! Exchanges made by hand, as they come out of any protocol, through the scanner of calls.

use super::super::scan::CallScanner;
use crate::call::model::{
    CallOut, Exchange, Facts, Flags, Message, Proto, RawBody, Stamp, Start, Unit,
};
use crate::detect::print::PrintKey;
use crate::detect::{self, Rules, Scanner};
use std::sync::Arc;

pub(crate) fn message(head: &str, body: &[u8], trailers: &str) -> Message {
    let mut headers = Vec::new();
    let mut at = head.find('\n').map_or(head.len(), |n| n + 1);
    let first = head[..at].trim_end().to_owned();
    for line in head[at..].split_inclusive('\n') {
        let text = line.trim_end();
        if let Some(colon) = text.find(':') {
            headers.push((at..at + colon, at + colon + 1..at + text.len()));
        }
        at += line.len();
    }
    let words: Vec<&str> = first.split(' ').collect();
    let response = first.starts_with("HTTP/");
    let version = if first.contains("HTTP/2") {
        (2, 0)
    } else {
        (1, 1)
    };
    let start = if response {
        Start::Response {
            status: words[1].parse().ok(),
        }
    } else {
        let m = words[0].len();
        Start::Request {
            method: 0..m,
            target: m + 1..m + 1 + words[1].len(),
        }
    };
    let stamp = Stamp {
        ts: 1,
        unit: Unit {
            source: 0,
            number: 1,
        },
    };
    Message {
        start,
        head: head.as_bytes().to_vec(),
        headers,
        trailers: trailers.as_bytes().to_vec(),
        version,
        body: RawBody {
            bytes: body.to_vec(),
            len: body.len() as u64,
            complete: true,
            ..RawBody::default()
        },
        first: stamp,
        last: stamp,
        seq: None,
        flags: Flags::default(),
    }
}

fn run(request: Option<Message>, response: Option<Message>) -> CallOut {
    let key = PrintKey::new([3; 16]);
    let scanner = Scanner::new(Arc::new(Rules::builtin()), key);
    CallScanner::new(scanner, key, Arc::from([])).exchange(&mut Exchange {
        flow: 0,
        ordinal: 0,
        client: ([10, 0, 0, 1].into(), 1),
        server: ([10, 0, 0, 2].into(), 2),
        request,
        response,
        interim: Vec::new(),
        flags: Flags::default(),
        tls: false,
        peer: None,
        proto: None,
        parent: None,
        context: None,
        done: true,
    })
}

/// Facts of a body, unpacked.
fn facts(body: &crate::call::model::BodyOut) -> Facts {
    let terms = body.facts.fields.as_deref().unwrap_or_default();
    let numbers: Vec<u32> = (0..).take(terms.len()).collect();
    let blob = detect::pack::blob(&body.facts, &numbers);
    detect::pack::decode(&blob, &|n| terms[n as usize].clone())
}

/// `PLACE CLASS FORM VALUE` of what was found in a body.
fn found(body: &crate::call::model::BodyOut) -> Vec<String> {
    let rules = Rules::builtin();
    let key = PrintKey::new([3; 16]);
    facts(body)
        .findings
        .iter()
        .filter(|f| f.class != detect::DIGEST)
        .map(|f| {
            let from = usize::try_from(f.offset).unwrap();
            let slice = &body.content[from..from + f.len as usize];
            let clear = detect::value_of(&key, f, slice).unwrap();
            format!(
                "{} {} {} {}",
                detect::place(&f.field, &f.index),
                rules.classes()[f.class as usize].name,
                f.form.name(),
                String::from_utf8_lossy(&clear)
            )
        })
        .collect()
}

fn frame(flags: u8, m: &[u8]) -> Vec<u8> {
    [
        &[flags][..],
        &u32::try_from(m.len()).unwrap().to_be_bytes(),
        m,
    ]
    .concat()
}

/// `{1: id card, 2: {3: mobile}, 4: mobile as a number}`
fn person() -> Vec<u8> {
    let mut m = b"\x0a\x1211010519491231002X\x12\x0d\x1a\x0b13812345678\x20".to_vec();
    let mut n = 13_912_345_678u64;
    while n > 127 {
        m.push(u8::try_from(n & 127).unwrap() | 128);
        n >>= 7;
    }
    m.push(u8::try_from(n).unwrap());
    m
}

const ASK: &str = "POST /crm.v1.Customers/Get HTTP/2\r\nhost: crm.example\r\ncontent-type: application/grpc\r\nte: trailers\r\n";

#[test]
fn a_grpc_call_is_its_method_with_its_status_and_messages() {
    let answer = [frame(0, &person()), frame(0, &person())].concat();
    let out = run(
        Some(message(ASK, &frame(0, b"\x0a\x0213"), "")),
        Some(message(
            "HTTP/2 200\r\ncontent-type: application/grpc+proto\r\n",
            &answer,
            "grpc-status: 5\r\ngrpc-message: no\r\n",
        )),
    );
    assert_eq!(
        (out.proto, out.kind, out.grpc_status),
        (Proto::Grpc, "grpc", Some(5))
    );
    assert_eq!(out.operation, None, "the route says it");
    let body = out.resp_body.unwrap();
    assert_eq!(body.kind, "grpc");
    assert_eq!(
        found(&body),
        [
            "$[0].1 cn-id plain 11010519491231002X",
            "$[0].2.3 cn-mobile plain 13812345678",
            "$[0].4 cn-mobile varint>plain 13912345678",
            "$[1].1 cn-id plain 11010519491231002X",
            "$[1].2.3 cn-mobile plain 13812345678",
            "$[1].4 cn-mobile varint>plain 13912345678",
        ]
    );
    assert_eq!(body.facts.records, 2, "each message is a record");
}

#[test]
fn grpc_status_stands_in_other_places_too_and_may_be_unknown() {
    let ask = || Some(message(ASK, &frame(0, b""), ""));
    let status = |m: Message| run(ask(), Some(m)).grpc_status;
    assert_eq!(
        status(message(
            "HTTP/2 200\r\ncontent-type: application/grpc\r\ngrpc-status: 16\r\n",
            b"",
            ""
        )),
        Some(16)
    );
    assert_eq!(
        status(message(
            "HTTP/2 200\r\ncontent-type: application/grpc\r\n",
            &frame(0, b""),
            ""
        )),
        None
    );
    let web = [frame(0, &person()), frame(0x80, b"grpc-status:0\r\n")].concat();
    let web_head = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web+proto\r\n";
    assert_eq!(status(message(web_head, &web, "")), Some(0));
    // an ordinary call has none, whatever a header says
    let plain = run(
        Some(message("GET / HTTP/1.1\r\n", b"", "")),
        Some(message("HTTP/1.1 200 OK\r\ngrpc-status: 1\r\n", b"", "")),
    );
    assert_eq!((plain.grpc_status, plain.kind), (None, "rest"));
}

#[test]
fn compressed_messages_and_base64_are_undone_before_anything_is_looked_for() {
    use base64::Engine as _;
    use std::io::Write as _;
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    e.write_all(&person()).unwrap();
    let packed = frame(1, &e.finish().unwrap());
    let out = run(
        Some(message(ASK, &frame(0, b""), "")),
        Some(message(
            "HTTP/2 200\r\ncontent-type: application/grpc\r\ngrpc-encoding: gzip\r\n",
            &packed,
            "grpc-status: 0\r\n",
        )),
    );
    let body = out.resp_body.unwrap();
    assert_eq!(body.content, frame(0, &person()));
    assert_eq!((body.codings.as_slice(), body.cut), (&["gzip"][..], None));
    assert_eq!(found(&body).len(), 3);
    assert_eq!(
        out.resp_body_len,
        Some(packed.len() as u64),
        "as it was sent"
    );

    let text = base64::engine::general_purpose::STANDARD.encode(frame(0, &person()));
    let out = run(
        Some(message(
            "POST /prefix/a.B/C HTTP/1.1\r\nContent-Type: application/grpc-web-text\r\n",
            text.as_bytes(),
            "",
        )),
        None,
    );
    assert_eq!((out.proto, out.kind), (Proto::Grpc, "grpc"));
    assert_eq!(
        found(&out.req_body.unwrap())[0],
        "$[0].1 cn-id plain 11010519491231002X"
    );
}

#[test]
fn events_and_parts_are_scanned_by_what_they_hold() {
    let events = b": hi\n\ndata: {\"phone\":\"13812345678\"}\n\nevent: x\ndata: {\"list\":[\ndata: {\"mobile\":\"13912345678\"}]}\n\ndata: call 13712345678\n\ndata: [DONE]\n\n";
    let out = run(
        Some(message(
            "POST /v1/chat HTTP/1.1\r\nContent-Type: application/json\r\n",
            b"{}",
            "",
        )),
        Some(message(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n",
            events,
            "",
        )),
    );
    assert_eq!(
        found(out.resp_body.as_ref().unwrap()),
        [
            "$[0].phone cn-mobile plain 13812345678",
            "$[1].list[0].mobile cn-mobile plain 13912345678",
            "text:9 cn-mobile plain 13712345678",
        ]
    );
    let form = "--b\nContent-Disposition: form-data; name=\"meta\"\nContent-Type: application/json\n\n{\"phone\":\"13812345678\"}\n--b\nContent-Disposition: form-data; name=x\nContent-Type: text/xml\n\n<u><mobile>13912345678</mobile></u>\n--b\nContent-Disposition: form-data; name=\"m\"\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Disposition: attachment; filename=a.txt\n\nhello\nphone: 13712345678\n--c--\n--b\nContent-Disposition: form-data; name=\"b\"\nContent-Transfer-Encoding: base64\n\nMTM2\nMTIzNDU2Nzg=\n--b--\n";
    let out = run(
        Some(message(
            "POST /up HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\n",
            form.as_bytes(),
            "",
        )),
        None,
    );
    assert_eq!(
        found(out.req_body.as_ref().unwrap()),
        [
            "form:meta.phone cn-mobile plain 13812345678",
            "form:x.u.mobile cn-mobile plain 13912345678",
            "form:part1:text:phone:2 cn-mobile plain 13712345678",
            "form:b cn-mobile base64>plain 13612345678",
        ]
    );
}

#[test]
fn operations_reach_the_call() {
    let out = run(
        Some(message(
            "POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\n",
            br#"{"query":"query GetUser { user { id } }"}"#,
            "",
        )),
        None,
    );
    assert_eq!(
        (out.kind, out.operation.as_deref(), out.op_note.as_deref()),
        ("graphql", Some("GetUser"), Some("query GetUser of user"))
    );
    let out = run(
        Some(message(
            "POST /api.do HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            b"method=user.get&id=1",
            "",
        )),
        Some(message(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
            br#"{"code":0}"#,
            "",
        )),
    );
    assert_eq!((out.kind, out.operation), ("rest", None));
    assert_eq!(out.dispatch.unwrap().fields, "form:method=user.get");
    // an answer alone says of what kind it is
    let out = run(
        None,
        Some(message(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
            br#"{"jsonrpc":"2.0","id":1,"result":5}"#,
            "",
        )),
    );
    assert_eq!(out.kind, "json-rpc");
}
