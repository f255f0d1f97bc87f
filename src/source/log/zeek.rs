//! `http.log` of Zeek, as tab separated values with its header lines and as JSON lines. In: one line. Out: a [`LogCall`]
//! with all of the connection's addresses and ports. Bounds: linear in the line; [`COLUMNS`] columns.
//!
//! Another log of Zeek (`conn.log`, `dns.log`) has the same header and none of the columns of a request: it does not fit.

use super::format::Context;
use super::{LogZone, NoCall, time};
use crate::call::model::LogCall;
use crate::call::text::lossless;
use serde_json::Value;
use std::borrow::Cow;

/// Columns of a header line that are looked at: Zeek's own has 30, scripts add some.
const COLUMNS: usize = 256;

/// What is read of a line, in any order of columns.
const NAMES: [&str; 14] = [
    "ts",
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "method",
    "host",
    "uri",
    "version",
    "user_agent",
    "request_body_len",
    "response_body_len",
    "status_code",
    "username",
];

/// What the header lines of a file say. A header may come again where files were joined.
#[derive(Debug, Clone)]
pub struct Header {
    separator: Vec<u8>,
    empty: Vec<u8>,
    unset: Vec<u8>,
    /// Column of each of [`NAMES`], and of `referrer` last.
    columns: Option<[Option<usize>; NAMES.len() + 1]>,
}

impl Default for Header {
    fn default() -> Header {
        Header {
            separator: b"\t".to_vec(),
            empty: b"(empty)".to_vec(),
            unset: b"-".to_vec(),
            columns: None,
        }
    }
}

impl Header {
    /// Takes a line that begins with `#`.
    fn line(&mut self, line: &[u8]) {
        if let Some(v) = line.strip_prefix(b"#separator ") {
            // the one line that is split by a space, its value always escaped
            *self = Header {
                separator: unescape(v).into_owned(),
                ..Header::default()
            };
            return;
        }
        let mut words = split(line, &self.separator);
        let name = words.next().unwrap_or_default();
        match name {
            b"#empty_field" => self.empty = words.next().unwrap_or_default().to_vec(),
            b"#unset_field" => self.unset = words.next().unwrap_or_default().to_vec(),
            b"#fields" => {
                let mut columns = [None; NAMES.len() + 1];
                for (n, word) in words.take(COLUMNS).enumerate() {
                    let name = NAMES
                        .iter()
                        .chain(&["referrer"])
                        .position(|k| k.as_bytes() == word);
                    if let Some(slot) = name.and_then(|i| columns.get_mut(i)) {
                        *slot = Some(n);
                    }
                }
                self.columns = Some(columns);
            }
            _ => {}
        }
    }
}

fn split<'a>(line: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let all = rest?;
        if let Some(at) = Some(separator)
            .filter(|s| !s.is_empty())
            .and_then(|s| memchr::memmem::find(all, s))
        {
            rest = all.get(at + separator.len()..);
            all.get(..at)
        } else {
            rest = None;
            Some(all)
        }
    })
}

/// Undoes `\xHH` and `\\`.
fn unescape(field: &[u8]) -> Cow<'_, [u8]> {
    if !field.contains(&b'\\') {
        return Cow::Borrowed(field);
    }
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&b, tail)) = rest.split_first() {
        rest = tail;
        if b != b'\\' {
            out.push(b);
            continue;
        }
        let code = tail
            .strip_prefix(b"x")
            .and_then(|t| std::str::from_utf8(t.get(..2)?).ok())
            .and_then(|t| u8::from_str_radix(t, 16).ok());
        if let Some(code) = code {
            out.push(code);
            rest = tail.get(3..).unwrap_or_default();
        } else {
            out.push(b'\\');
            rest = tail.strip_prefix(b"\\").unwrap_or(tail);
        }
    }
    Cow::Owned(out)
}

/// A line of the tab separated form.
pub fn parse_tsv(line: &[u8], cx: &mut Context) -> Result<LogCall, NoCall> {
    if line.is_empty() {
        return Err(NoCall::Blank);
    }
    if line.first() == Some(&b'#') {
        cx.zeek.line(line);
        return Err(NoCall::Blank);
    }
    let header = &cx.zeek;
    let columns = header.columns.as_ref();
    let columns = columns.ok_or_else(|| NoCall::unfit("a #fields line before it", 0))?;
    let fields: Vec<&[u8]> = split(line, &header.separator).take(COLUMNS).collect();
    let name = |name: &str| NAMES.iter().position(|n| *n == name).unwrap_or(NAMES.len());
    let has = |n: &str| columns.get(name(n)).is_some_and(Option::is_some);
    if !has("ts") || !has("id.orig_h") || !has("method") || !has("uri") || !has("status_code") {
        return Err(NoCall::unfit(
            "the columns of Zeek's http.log in #fields",
            0,
        ));
    }
    let text = |n: &str| -> Option<String> {
        let raw = *fields.get((*columns.get(name(n))?)?)?;
        (raw != header.unset && raw != header.empty).then(|| lossless(&unescape(raw)).into_owned())
    };
    call(&text, &LogZone(None))
}

/// A line of the JSON form. Other JSON with a time does not have `id.orig_h` and `uid`.
pub fn parse_json(value: &Value, zone: &LogZone) -> Result<LogCall, NoCall> {
    let field = |n: &str| match value.get(n)? {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    };
    let path = field("_path");
    if field("uid").is_none()
        || field("id.orig_h").is_none()
        || field("ts").is_none()
        || path.as_deref().is_some_and(|p| p != "http")
        || (path.is_none() && value.get("trans_depth").is_none())
    {
        return Err(NoCall::unfit("the fields of Zeek's http.log", 0));
    }
    call(&field, zone)
}

/// A call from fields by their names.
fn call(field: &dyn Fn(&str) -> Option<String>, zone: &LogZone) -> Result<LogCall, NoCall> {
    let (ts, assumed_zone) = field("ts")
        .and_then(|t| time::any(&t, zone))
        .ok_or_else(|| NoCall::unfit("a time (ts)", 0))?;
    let port = |n: &str| field(n).and_then(|p| p.parse().ok());
    let address = |n: &str| field(n).and_then(|a| a.parse().ok());
    let call = LogCall {
        ts,
        assumed_zone,
        src: address("id.orig_h"),
        sport: port("id.orig_p"),
        dst: address("id.resp_h"),
        dport: port("id.resp_p"),
        method: field("method"),
        host: field("host"),
        uri: field("uri"),
        version: field("version").map(|v| format!("HTTP/{v}")),
        status: field("status_code")
            .and_then(|s| s.parse().ok())
            .filter(|s| (100..1000).contains(s)),
        req_body_len: field("request_body_len").and_then(|n| n.parse().ok()),
        resp_body_len: field("response_body_len").and_then(|n| n.parse().ok()),
        user: field("username"),
        user_agent: field("user_agent"),
        referer: field("referrer"),
        ..LogCall::default()
    };
    if call.src.is_none() || call.dst.is_none() {
        return Err(NoCall::unfit("two addresses (id.orig_h, id.resp_h)", 0));
    }
    // a reply whose request was not seen, or a connection that only began
    if call.method.is_none() && call.uri.is_none() {
        return Err(NoCall::NoRequest);
    }
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Zeek 3 to 7 write it, with the columns of its own documentation.
    const LOG: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\thttp\n\
#open\t2026-03-01-10-00-00\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\ttrans_depth\tmethod\thost\turi\treferrer\tversion\tuser_agent\torigin\trequest_body_len\tresponse_body_len\tstatus_code\tstatus_msg\tinfo_code\tinfo_msg\ttags\tusername\tpassword\tproxied\torig_fuids\torig_filenames\torig_mime_types\tresp_fuids\tresp_filenames\tresp_mime_types\n\
#types\ttime\tstring\taddr\tport\taddr\tport\tcount\tstring\tstring\tstring\tstring\tstring\tstring\tstring\tcount\tcount\tcount\tstring\tcount\tstring\tset[enum]\tstring\tstring\tset[string]\tvector[string]\tvector[string]\tvector[string]\tvector[string]\tvector[string]\tvector[string]\n\
1772359200.784020\tCHhAvVGS1DHFjwGM9\t141.142.228.5\t59856\t192.150.187.43\t80\t1\tGET\tbro.org\t/a\\x09b?x=1\t-\t1.1\tWget/1.14 (darwin12.2.0)\t-\t0\t4705\t200\tOK\t-\t-\t(empty)\tamy\t-\t-\t-\t-\t-\tFakNcS1Jfe01uljb3\t-\ttext/plain\n\
1772359201.000000\tCx\t10.0.0.1\t1\t10.0.0.2\t80\t1\t-\t-\t-\t-\t1.1\t-\t-\t0\t9\t404\tNot Found\t-\t-\t(empty)\t-\t-\t-\t-\t-\t-\t-\t-\t-\n\
#close\t2026-03-01-11-00-00\n";

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn lines(text: &str) -> Vec<Result<LogCall, NoCall>> {
        let mut cx = Context::new(LogZone(None), false);
        text.lines()
            .map(|l| parse_tsv(l.as_bytes(), &mut cx))
            .filter(|r| *r != Err(NoCall::Blank))
            .collect()
    }

    #[test]
    fn columns_are_taken_by_the_names_of_the_header() {
        let read = lines(LOG);
        assert_eq!(read.len(), 2);
        let c = read[0].as_ref().unwrap();
        assert_eq!(c.ts, 1_772_359_200_784_020_000);
        assert_eq!((c.sport, c.dport), (Some(59856), Some(80)));
        assert_eq!(c.dst, Some("192.150.187.43".parse().unwrap()));
        assert_eq!(c.uri.as_deref(), Some("/a\tb?x=1"));
        assert_eq!((c.status, c.resp_body_len), (Some(200), Some(4705)));
        assert_eq!(
            (c.user.as_deref(), c.referer.as_deref()),
            (Some("amy"), None)
        );
        assert_eq!(read[1], Err(NoCall::NoRequest));
    }

    #[test]
    fn another_separator_and_order_are_read_and_another_log_is_not() {
        let other = "#separator \\x2c\n#unset_field,NA\n#fields,status_code,uri,method,id.resp_p,id.resp_h,id.orig_p,id.orig_h,ts\n\
                     NA,/b,PUT,8080,::1,5,::2,1772359200\n";
        let read = lines(other);
        let c = read[0].as_ref().unwrap();
        assert_eq!(
            (c.status, c.dport, c.method.as_deref()),
            (None, Some(8080), Some("PUT"))
        );
        let conn =
            "#separator \\x09\n#fields\tts\tuid\tid.orig_h\tproto\n1772359200\tC\t10.0.0.1\ttcp\n";
        for text in [conn, "1772359200\tC\t10.0.0.1\n"] {
            assert!(matches!(lines(text).as_slice(), [Err(NoCall::Unfit(_))]));
        }
    }

    #[test]
    fn json_lines_are_told_from_those_of_other_writers() {
        let http = r#"{"ts":1591367999.305988,"uid":"C5bLoe2Mvxqhawzqqd","id.orig_h":"192.168.4.76","id.orig_p":46378,"id.resp_h":"31.3.245.133","id.resp_p":80,"trans_depth":1,"method":"GET","host":"testmyids.com","uri":"/","version":"1.1","user_agent":"curl/7.47.0","request_body_len":0,"response_body_len":39,"status_code":200,"status_msg":"OK","tags":[]}"#;
        let c = parse_json(&value(http), &LogZone(None)).unwrap();
        assert_eq!((c.sport, c.status, c.user), (Some(46378), Some(200), None));
        assert_eq!(c.ts, 1_591_367_999_305_988_000);
        let iso = http.replace("1591367999.305988", "\"2020-06-05T14:39:59.305988Z\"");
        assert_eq!(parse_json(&value(&iso), &LogZone(None)).unwrap().ts, c.ts);
        let conn = r#"{"ts":1591367999.3,"uid":"C","id.orig_h":"192.168.4.76","proto":"tcp"}"#;
        assert!(matches!(
            parse_json(&value(conn), &LogZone(None)),
            Err(NoCall::Unfit(_))
        ));
    }
}
