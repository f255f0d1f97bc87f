//! The scanner over targets and header blocks: secrets, path segments, queries, cookies.

use crate::detect::{KEY, scanner};
use leaktrace::call::model::{Message, RawBody, Stamp, Start};
use leaktrace::detect::{DIGEST, Rules, place, value_of};

/// A message from its head as text.
fn message(head: &str) -> Message {
    let line = head.lines().next().unwrap().len();
    let start = if head.starts_with("HTTP/") {
        Start::Response { status: Some(200) }
    } else {
        let method = head.find(' ').unwrap();
        let target = method + 1 + head[method + 1..].find(' ').unwrap();
        Start::Request {
            method: 0..method,
            target: method + 1..target,
        }
    };
    let mut headers = Vec::new();
    let mut at = line + 2;
    for l in head[at..].split("\r\n").filter(|l| !l.is_empty()) {
        let colon = l.find(':').unwrap();
        headers.push((at..at + colon, at + colon + 1..at + l.len()));
        at += l.len() + 2;
    }
    Message {
        start,
        head: head.as_bytes().to_vec(),
        headers,
        trailers: Vec::new(),
        version: (1, 1),
        body: RawBody::default(),
        first: Stamp::default(),
        last: Stamp::default(),
        seq: None,
        flags: Default::default(),
    }
}

/// Place, class, form, clear value.
fn rows(head: &str) -> Vec<String> {
    let rules = Rules::builtin();
    let m = message(head);
    let facts = scanner().scan_request(&m);
    facts
        .findings
        .iter()
        .filter(|f| f.class != DIGEST)
        .map(|f| {
            let slice = &m.head[f.offset as usize..f.offset as usize + f.len as usize];
            let value = String::from_utf8(value_of(&KEY, f, slice).unwrap()).unwrap();
            format!(
                "{} {} {} {value}",
                place(&f.field, &f.index),
                rules.classes()[usize::from(f.class)].name,
                f.form.name()
            )
        })
        .collect()
}

const JWT: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

#[test]
fn targets_and_secrets() {
    assert_eq!(
        rows(
            "GET /users/13812345678/cards?phone=139%2D1234%2D5678&name=%E5%BC%A0%E4%B8%89&page=2 HTTP/1.1\r\nHost: a.example\r\n\r\n"
        ),
        [
            "path:2 cn-mobile plain 13812345678",
            "query:phone cn-mobile url>plain 139-1234-5678",
            "query:name name url>plain 张三"
        ]
    );
    assert_eq!(
        rows(&format!(
            "GET / HTTP/1.1\r\nAuthorization: Bearer {JWT}\r\nX-Api-Key: a8f5f167f44f4964e6c998dee827110c\r\n\r\n"
        )),
        [
            format!("header:authorization jwt plain {JWT}"),
            "header:x-api-key api-key plain a8f5f167f44f4964e6c998dee827110c".into()
        ]
    );
    // alice:s3cret!
    assert_eq!(
        rows("GET / HTTP/1.1\r\nAuthorization: Basic YWxpY2U6czNjcmV0IQ==\r\n\r\n"),
        ["header:authorization password base64>plain s3cret!"]
    );
    assert_eq!(
        rows(
            "POST /x HTTP/1.1\r\nCookie: theme=dark; JSESSIONID=0A1B2C3D4E5F60718293A4B5C6D7E8F9; lang=zh\r\n\r\n"
        ),
        ["header:cookie session-token plain 0A1B2C3D4E5F60718293A4B5C6D7E8F9"]
    );
    assert_eq!(
        rows(
            "HTTP/1.1 200 OK\r\nSet-Cookie: sid=9f86d081884c7d659a2feaa0c55ad015; Path=/; HttpOnly\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nETag: \"13812345678\"\r\n\r\n"
        ),
        ["header:set-cookie session-token plain 9f86d081884c7d659a2feaa0c55ad015"]
    );
    assert_eq!(
        rows(
            "GET /x HTTP/1.1\r\nReferer: https://a.example/find?mobile=13812345678\r\nUser-Agent: 13812345678\r\n\r\n"
        ),
        ["header:referer cn-mobile plain 13812345678"]
    );
    assert!(rows("GET /api/v1/orders/202403011022331234?traceId=9f86d081884c7d659a2feaa0c55ad015&_=1709258553123 HTTP/1.1\r\nX-Request-Id: 550e8400-e29b-41d4-a716-446655440000\r\n\r\n").is_empty());
}

#[test]
fn targets_of_logs() {
    let uri = "/find?idCard=11010519491231002X#x";
    let facts = scanner().scan_uri(uri);
    let f = &facts.findings[0];
    assert_eq!(
        &uri[f.offset as usize..f.offset as usize + f.len as usize],
        "11010519491231002X"
    );
    assert_eq!(&*f.field, "query:idCard");
}

/// All cookies have one place: numbers of other things among them say nothing of those that a name makes a card's.
#[test]
fn cookies_are_no_column() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\nCookie: orderNo=202411287816868303; bankAccount=6228488057673864759; id=997820974718737048; orderId=327294497060612673; seq=6751661858320788; productName=%E9%A9%AC%E5%85%8B%E6%9D%AF; title=Blue; customerName=Olivia%20Moore; name=%E5%BC%A0%E4%B8%89; passwd=2R2%2421r88g25\r\n\r\n";
    let rules = Rules::builtin();
    let facts = [scanner().scan_request(&message(head))];
    let held = crate::detect_noise::accepted(&rules, &facts);
    let got: Vec<&str> = held
        .iter()
        .map(|(_, f)| &head[f.offset as usize..(f.offset + u64::from(f.len)) as usize])
        .collect();
    assert_eq!(
        got,
        [
            "6228488057673864759",
            "Olivia%20Moore",
            "%E5%BC%A0%E4%B8%89",
            "2R2%2421r88g25"
        ]
    );
    assert_eq!(
        rows(head).last().map(String::as_str),
        Some("header:cookie password url>plain 2R2$21r88g25")
    );
}
