//! Reading a log line by line: places, what is no call, lines beyond the limit, characters of two bytes.

use super::*;

fn read(text: &str, format: &str) -> (Vec<LogCall>, Vec<(&'static str, u64)>) {
    let zone = LogZone::named(None).unwrap();
    let formats = Formats::default();
    let format = formats.all().find(|f| f.name == format).unwrap();
    let kind = LogKind {
        format: format.clone(),
        wraps: Vec::new(),
        timeless: false,
        also: None,
    };
    let input = Box::new(std::io::Cursor::new(text.to_string()));
    let mut r = LogReader::new(input, &kind, zone, 3);
    let (mut calls, mut diags) = (Vec::new(), Vec::new());
    while let Some(e) = r.next() {
        match e {
            LogEvent::Call(c) => calls.push(*c),
            LogEvent::Diag(code, line, _) => diags.push((code, line)),
            LogEvent::Wait => panic!("it does not grow"),
        }
    }
    (calls, diags)
}

#[test]
fn fields_of_json_are_told_by_their_look_where_one_is_a_request() {
    let told = |line: &str| {
        let format = Formats::default();
        let format = format.all().find(|f| f.name == "json").unwrap();
        let mut cx = Context::new(LogZone(None), false);
        let call = format.parse(&Line::with_json(line.as_bytes()), &mut cx);
        call.ok().map(|c| {
            (
                c.method,
                c.uri,
                c.status,
                c.src.map(|a| a.to_string()),
                c.user,
            )
        })
    };
    let text = |t: &str| Some(t.to_owned());
    let want = |user| Some((text("GET"), text("/a"), Some(404), text("10.0.0.1"), user));
    let short =
        r#"{"t":1772330400.5,"c":"10.0.0.1","u":"amy","rq":"GET /a HTTP/1.1","st":404,"sz":308}"#;
    assert_eq!(told(short), want(text("amy")));
    let gelf = r#"{"host":"w","short_message":"GET /a HTTP/1.1","timestamp":1772330400.5,"_status":404,"_remote_addr":"10.0.0.1"}"#;
    assert_eq!(told(gelf), want(None));
    let nested = r#"{"content":{"timestamp":"2026-03-01T02:00:00Z","attributes":{"http":{"url":"/a","status_code":404,"method":"GET"},"network":{"client":{"ip":"10.0.0.1"}}}}}"#;
    assert_eq!(told(nested), want(None));
    let note =
        r#"{"s":"x","text":"I saw GET /a HTTP/1.1 today","n":200,"t":"2026-03-01T02:00:00Z"}"#;
    assert_eq!(told(note), None);
}

#[test]
fn a_log_of_two_byte_characters_is_the_log_with_its_own_places() {
    let text = COMBINED.replace("/a?q=1", "/\u{4e2d}\u{10a}?q=\u{1f600}");
    let (plain, diags) = read(&text, "combined");
    for low in [true, false] {
        let mut bytes = Vec::new();
        for u in std::iter::once(0xfeff).chain(text.encode_utf16()) {
            bytes.extend(if low {
                u.to_le_bytes()
            } else {
                u.to_be_bytes()
            });
        }
        let kind = sniff(&bytes, &Formats::default()).unwrap();
        assert_eq!(kind.name(), "combined");
        let zone = LogZone::named(None).unwrap();
        let input = Box::new(std::io::Cursor::new(bytes.clone()));
        let mut r = LogReader::new(input, &kind, zone, 3);
        let (mut calls, mut met) = (Vec::new(), Vec::new());
        while let Some(e) = r.next() {
            match e {
                LogEvent::Call(c) => calls.push(*c),
                LogEvent::Diag(code, line, _) => met.push((code, line)),
                LogEvent::Wait => panic!("it does not grow"),
            }
        }
        assert_eq!(met, diags);
        assert_eq!(calls.len(), plain.len());
        for (c, p) in calls.iter().zip(&plain) {
            assert_eq!((&c.uri, c.ts, c.at), (&p.uri, p.ts, p.at));
            let line = &bytes[c.offset as usize..(c.offset + c.len) as usize];
            let said = String::from_utf8(narrow(line, low)).unwrap();
            let own = &text[p.offset as usize..(p.offset + p.len) as usize];
            assert_eq!(said.trim_start_matches('\u{feff}'), own);
        }
    }
    // too long a line is skipped whole, and the next is read
    let long = format!("{}\n{COMBINED}", "x".repeat(LOG_LINE));
    let bytes: Vec<u8> = std::iter::once(0xfeff)
        .chain(long.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let input = Box::new(std::io::Cursor::new(bytes));
    let zone = LogZone::named(None).unwrap();
    let kind = sniff(COMBINED.as_bytes(), &Formats::default()).unwrap();
    let mut r = LogReader::new(input, &kind, zone, 3);
    assert!(matches!(
        r.next(),
        Some(LogEvent::Diag("log-line-cut", 1, _))
    ));
    assert!(matches!(r.next(), Some(LogEvent::Call(c)) if c.at.number == 2));
}

const COMBINED: &str = concat!(
    "10.0.0.9 - alice [10/Oct/2026:13:55:36 +0200] \"GET /a?q=1 HTTP/1.1\" 200 2326 \"-\" \"curl/8.0\"\n",
    "\n",
    "10.0.0.9 - - [10/Oct/2026:13:55:37 +0200] \"-\" 408 0 \"-\" \"-\"\r\n",
    "garbage\n",
    "::1 - - [10/Oct/2026:13:55:38 +0200] \"POST /b HTTP/1.0\" 500 - \"http://r/\" \"a \\\"b\\\" \\x41\"",
);

#[test]
fn combined_lines_keep_place_and_count_what_is_no_call() {
    let kind = sniff(COMBINED.as_bytes(), &Formats::default()).unwrap();
    assert_eq!(kind.name(), "combined");
    let (calls, diags) = read(COMBINED, "combined");
    assert_eq!(diags, [("log-no-request", 3), ("log-unfit", 4)]);
    let a = &calls[0];
    assert_eq!((a.at.number, a.offset, a.len), (1, 0, 91));
    assert_eq!(a.ts, 1_791_633_336_000_000_000);
    assert_eq!(
        (a.user.as_deref(), a.uri.as_deref(), a.resp_body_len),
        (Some("alice"), Some("/a?q=1"), Some(2326))
    );
    let b = &calls[1];
    assert_eq!(
        (b.at.number, b.status, b.resp_body_len),
        (5, Some(500), Some(0))
    );
    assert_eq!(
        (b.user_agent.as_deref(), b.referer.as_deref()),
        (Some("a \"b\" A"), Some("http://r/"))
    );
    assert_eq!(
        &COMBINED.as_bytes()[b.offset as usize..(b.offset + b.len) as usize][..3],
        b"::1"
    );
}

#[test]
fn a_line_beyond_the_limit_is_skipped_and_the_next_one_read() {
    let long = "x".repeat(LOG_LINE * 2 + 5);
    let (calls, diags) = read(&format!("{long}\n{COMBINED}"), "combined");
    assert_eq!(diags.first(), Some(&("log-line-cut", 1)));
    assert_eq!(calls[0].at.number, 2);
    assert_eq!(calls[0].offset, long.len() as u64 + 1);
}

#[test]
fn zones_are_names_or_offsets() {
    assert_eq!(offset_seconds("+08:00"), Some(28_800));
    assert_eq!(offset_seconds("-0530"), Some(-19_800));
    assert_eq!(offset_seconds("+99"), None);
    assert!(LogZone::named(Some("Nowhere/Land")).is_err());
    let (calls, _) = read(
        "{\"time\":\"2026-10-10 12:00:00\",\"method\":\"GET\",\"path\":\"/x\",\"status\":200}\n",
        "json",
    );
    assert!(calls[0].assumed_zone);
}

/// Kind, what is said of each call, and codes of what is none.
fn document(text: &str) -> (String, Vec<String>, Vec<&'static str>) {
    let kind = sniff(text.as_bytes(), &Formats::default()).unwrap();
    let zone = LogZone::named(None).unwrap();
    let input = Box::new(std::io::Cursor::new(text.to_string()));
    let mut r = LogReader::new(input, &kind, zone, 3);
    let (mut calls, mut diags) = (Vec::new(), Vec::new());
    while let Some(e) = r.next() {
        match e {
            LogEvent::Call(c) => calls.push(format!(
                "{} {} {:?} {} {}",
                c.method.as_deref().unwrap_or("-"),
                c.uri.as_deref().unwrap_or("-"),
                c.status,
                c.host.as_deref().unwrap_or("-"),
                c.ts
            )),
            LogEvent::Diag(code, ..) => diags.push(code),
            LogEvent::Wait => panic!("it does not grow"),
        }
    }
    (kind.name(), calls, diags)
}

/// A span of OpenTelemetry, of the kind 2 (who answered) or 3 (who asked), with names of before and since 2023.
fn span(kind: u8, old: bool, path: &str) -> String {
    let names = match old {
        true => [
            "http.method",
            "http.target",
            "http.status_code",
            "http.host",
        ],
        false => [
            "http.request.method",
            "url.path",
            "http.response.status_code",
            "server.address",
        ],
    };
    let [method, target, status, host] = names;
    format!(
        r#"{{"traceId":"5b8e","spanId":"eee1","name":"x","kind":{kind},"startTimeUnixNano":"1772359201000000000","attributes":[
{{"key":"{method}","value":{{"stringValue":"GET"}}}},{{"key":"{target}","value":{{"stringValue":"{path}"}}}},
{{"key":"{status}","value":{{"intValue":"200"}}}},{{"key":"{host}","value":{{"stringValue":"w.example"}}}}]}}"#
    )
    .replace('\n', "\n   ")
}

#[test]
fn spans_of_who_answered_are_calls_once() {
    let spans = [
        span(2, true, "/a"),
        span(3, true, "/a"),
        span(2, false, "/b"),
    ]
    .join(",");
    let text = format!(
        "{{\"resourceSpans\":[{{\"resource\":{{\"attributes\":[]}},\"scopeSpans\":[{{\"scope\":{{}},\"spans\":[{spans}]}}]}}]}}\n"
    );
    for text in [text.replace('\n', " "), text] {
        let (kind, calls, diags) = document(&text);
        assert_eq!(kind, "json+records");
        let ts = 1_772_359_201_000_000_000_i64;
        let want = ["a", "b"].map(|p| format!("GET /{p} Some(200) w.example {ts}"));
        assert_eq!(calls, want, "{text}");
        assert_eq!(diags.len(), 1);
    }
}

#[test]
fn spans_of_jaeger_are_calls_and_those_of_databases_are_none() {
    let tag = |k: &str, v: &str| format!(r#"{{"key":"{k}","type":"string","value":{v}}}"#);
    let span = |tags: &[String]| {
        let tags = tags.join(",");
        format!(r#"{{"traceID":"a","spanID":"b","startTime":1772359201000000,"tags":[{tags}]}}"#)
    };
    let http = span(&[
        tag("span.kind", "\"server\""),
        tag("http.method", "\"POST\""),
        tag("http.url", "\"http://w.example/c\""),
        tag("http.status_code", "201"),
    ]);
    let base = span(&[tag("db.statement", "\"GET /x\"")]);
    let text = format!(r#"{{"data":[{{"traceID":"a","spans":[{http},{base},{http}]}}]}}"#);
    let (_, calls, diags) = document(&text);
    assert_eq!((calls.len(), diags.len()), (2, 1), "{calls:?} {diags:?}");
    let want = "POST http://w.example/c Some(201) w.example";
    let said = calls
        .iter()
        .map(|c| c.replace(" /c ", " http://w.example/c "));
    assert!(said.into_iter().all(|c| c.starts_with(want)), "{calls:?}");
}

#[test]
fn log_records_of_opentelemetry_hold_lines() {
    let body = COMBINED.lines().next().unwrap().replace('"', "\\\"");
    let record =
        format!(r#"{{"timeUnixNano":"1772359201000000000","body":{{"stringValue":"{body}"}}}}"#);
    let text = format!(
        r#"{{"resourceLogs":[{{"resource":{{}},"scopeLogs":[{{"logRecords":[{record},{record}]}}]}}]}}"#
    );
    let (kind, calls, diags) = document(&text);
    assert_eq!(kind, "combined+json+records");
    assert_eq!((calls.len(), diags.len()), (2, 0));
}
