use super::*;
use crate::source::entry::{EntryEvent, EntryReader};

/// What a reader gives of a file: entries, and diags as code and number.
pub(crate) fn read(text: &str) -> (Vec<Entry>, Vec<(&'static str, u64)>) {
    let input = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
    let mut r = EntryReader::new(input, "har", LogZone(None), 2).unwrap();
    let (mut entries, mut diags) = (Vec::new(), Vec::new());
    while let Some(e) = r.next() {
        match e {
            EntryEvent::Entry(e) => entries.push(*e),
            EntryEvent::Diag(code, at, _, _) => diags.push((code, at)),
        }
    }
    (entries, diags)
}

const CHROME: &str = r#"{"_initiator":{"type":"other"},"startedDateTime":"2026-03-01T10:00:00.123Z","time":12.5,
 "request":{"method":"POST","url":"https://api.example:8443/v1/x?a=1#top","httpVersion":"h2",
  "headers":[{"name":":authority","value":"api.example:8443"},{"name":":path","value":"/v1/x?a=1"},{"name":"content-type","value":"application/json"}],
  "queryString":[],"cookies":[],"headersSize":-1,"bodySize":7,"postData":{"mimeType":"application/json","text":"{\"a\":1}"}},
 "response":{"status":200,"statusText":"","httpVersion":"h2",
  "headers":[{"name":"content-encoding","value":"gzip"},{"name":"set-cookie","value":"a=1\nb=2"}],
  "cookies":[],"content":{"size":5,"mimeType":"image/png","text":"aGVsbG8=","encoding":"base64"},"redirectURL":"","headersSize":-1,"bodySize":31},
 "cache":{},"timings":{},"serverIPAddress":"[::1]","connection":"443"}"#;

fn archive(entries: &str) -> String {
    format!(
        "\u{feff}{{\"log\":{{\"version\":\"1.2\",\"creator\":{{\"name\":\"x, \\\"entries\\\":[\"}},\"pages\":[{{\"id\":\"]\"}}],\"entries\":[{entries}]}}}}\n"
    )
}

#[test]
fn a_browsers_entry_is_a_call_with_its_bodies() {
    let text = archive(&format!("{CHROME},\n{CHROME}"));
    assert!(sniff(text.as_bytes()));
    let (entries, diags) = read(&text);
    assert_eq!(diags, []);
    assert_eq!(entries.len(), 2);
    let e = &entries[1];
    assert_eq!((e.at.number, e.at.source), (2, 2));
    let (from, len) = (e.range.0 as usize, e.range.1 as usize);
    assert_eq!(&text.as_bytes()[from..from + len], CHROME.as_bytes());
    let req = e.exchange.request.as_ref().unwrap();
    assert_eq!(req.target(), Some(&b"/v1/x?a=1"[..]));
    assert_eq!(req.body.bytes, b"{\"a\":1}");
    assert_eq!(req.headers.len(), 1, "pseudo fields are in the start line");
    assert_eq!(req.first.ts, 1_772_359_200_123_000_000);
    let resp = e.exchange.response.as_ref().unwrap();
    assert_eq!(
        (resp.status(), &resp.body.bytes[..]),
        (Some(200), &b"hello"[..])
    );
    assert_eq!(resp.header_all("set-cookie").count(), 2);
    assert_eq!(resp.last.ts - resp.first.ts, 12_500_000);
    assert_eq!(e.host.as_deref(), Some("api.example:8443"));
    assert_eq!(e.server, (Some("::1".parse().unwrap()), Some(8443)));
    assert_eq!((e.exchange.tls, e.exchange.proto), (true, Some(Proto::H2)));
    assert_eq!(e.body_len, [Some(Some(7)), Some(Some(31))]);
}

#[test]
fn what_a_writer_leaves_out_is_counted_not_made_up() {
    let blocked = r#"{"startedDateTime":"2026-03-01T10:00:00Z","request":{"method":"GET","url":"http://h/"},"response":{"status":0}}"#;
    let unkept = r#"{"startedDateTime":"2026-03-01T10:00:00Z","request":{"method":"POST","url":"http://h/f","postData":{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"a","value":"1"},{"name":"b","value":"2"}]}},"response":{"status":200,"content":{"size":900}}}"#;
    let data = r#"{"startedDateTime":"2026-03-01T10:00:00Z","request":{"method":"GET","url":"data:image/png;base64,AA"},"response":{"status":200}}"#;
    let (entries, diags) = read(&archive(&[blocked, unkept, data, "{\"a\":1}"].join(",")));
    assert_eq!(entries.len(), 2);
    assert!(entries[0].exchange.response.is_none());
    assert!(entries[0].exchange.flags.has(Flags::NO_RESPONSE));
    let form = entries[1].exchange.request.as_ref().unwrap();
    assert_eq!(form.body.bytes, b"a=1&b=2");
    let resp = entries[1].exchange.response.as_ref().unwrap();
    assert!(resp.flags.has(Flags::TRUNCATED) && !resp.body.complete);
    let mut codes = diags;
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            ("body-not-kept", 2),
            ("body-rebuilt", 2),
            ("entry-no-call", 3),
            ("entry-unfit", 4)
        ]
    );
}

#[test]
fn damage_costs_the_entry_it_hit() {
    // a quote or a brace is lost: what opens and closes no longer fits, the next entry is found by how entries begin
    for (from, to, code) in [
        ("\"POST\"", "\"POST", "entry-unfit"),
        ("\"443\"}", "\"443\"", "entry-damaged"),
        ("\"443\"}", "\"443}", "entry-damaged"),
        ("\"cache\":{}", "\"cache\":[{}", "entry-damaged"),
    ] {
        let broken = CHROME.replacen(from, to, 1);
        let text = archive(&[CHROME, &broken, CHROME, CHROME].join(","));
        let (entries, diags) = read(&text);
        let numbers: Vec<u64> = entries.iter().map(|e| e.at.number).collect();
        assert_eq!(
            (numbers, diags),
            (vec![1, 3, 4], vec![(code, 2)]),
            "{from} {to}"
        );
    }
    // garbage between entries
    let (entries, diags) = read(&archive(&format!("{CHROME}, \u{0}\u{1}junk {CHROME}")));
    assert_eq!((entries.len(), diags.len()), (2, 1));
    // cut: every whole entry is read, and the cut is said
    let text = archive(&[CHROME, CHROME].join(","));
    for cut in (60..text.len() - 4).step_by(97) {
        let Some(part) = text.get(..cut) else {
            continue;
        };
        let (entries, diags) = read(part);
        let whole = text[..cut].matches("\"connection\":\"443\"}").count();
        assert_eq!(entries.len(), whole, "cut at {cut}");
        assert_eq!(
            diags.last().map(|d| d.0),
            Some("truncated-file"),
            "cut at {cut}"
        );
    }
}

#[test]
fn other_json_is_no_archive() {
    for text in [
        "{\"log\":\"10.0.0.1 - - [..] \\\"GET / HTTP/1.1\\\" 200 1\"}",
        "{\"log\":{\"level\":\"info\",\"creator\":\"x\"},\"method\":\"GET\"}",
        "[{\"log\":{\"creator\":{}}}]",
        "",
    ] {
        assert!(!sniff(text.as_bytes()), "{text}");
    }
}
