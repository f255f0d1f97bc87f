//! `eve.json` of Suricata: JSON lines of many kinds, of which `http` ones stand for a call. In: one line. Out: a
//! [`LogCall`] with all of the connection's addresses and ports. Bounds: those of the JSON reader.

use super::{LogZone, NoCall, time};
use crate::call::model::LogCall;
use serde_json::Value;

/// A line.
pub fn parse(value: &Value, zone: &LogZone) -> Result<LogCall, NoCall> {
    let kind = value.get("event_type").and_then(Value::as_str);
    let kind = kind.ok_or_else(|| NoCall::unfit("an event_type", 0))?;
    let (ts, assumed_zone) = value
        .get("timestamp")
        .and_then(Value::as_str)
        .and_then(|t| time::any(t, zone))
        .ok_or_else(|| NoCall::unfit("a time (timestamp)", 0))?;
    if kind != "http" {
        return Err(NoCall::NoRequest);
    }
    let http = value.get("http").ok_or(NoCall::NoRequest)?;
    let text = |v: &Value, n: &str| v.get(n).and_then(Value::as_str).map(str::to_owned);
    let address = |n: &str| text(value, n).and_then(|a| a.parse().ok());
    let port = |n: &str| {
        value
            .get(n)
            .and_then(Value::as_u64)
            .and_then(|p| u16::try_from(p).ok())
    };
    // the port of the Host field stands apart
    let host =
        text(http, "hostname").map(|h| match http.get("http_port").and_then(Value::as_u64) {
            Some(p) if !h.contains(':') => format!("{h}:{p}"),
            _ => h,
        });
    let call = LogCall {
        ts,
        assumed_zone,
        src: address("src_ip"),
        sport: port("src_port"),
        dst: address("dest_ip"),
        dport: port("dest_port"),
        method: text(http, "http_method"),
        host,
        uri: text(http, "url"),
        version: text(http, "protocol").filter(|p| p.starts_with("HTTP")),
        status: http
            .get("status")
            .and_then(|s| s.as_u64().or_else(|| s.as_str()?.parse().ok()))
            .and_then(|s| u16::try_from(s).ok())
            .filter(|s| (100..1000).contains(s)),
        resp_body_len: http.get("length").and_then(Value::as_u64),
        user_agent: text(http, "http_user_agent"),
        referer: text(http, "http_refer"),
        ..LogCall::default()
    };
    if call.src.is_none() || call.dst.is_none() || (call.method.is_none() && call.uri.is_none()) {
        return Err(NoCall::NoRequest);
    }
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn http_events_are_calls_and_the_others_are_not() {
        let line = r#"{"timestamp":"2026-03-01T10:00:00.528812+0100","flow_id":1676750115612680,"pcap_cnt":7,"event_type":"http","src_ip":"10.16.1.11","src_port":43852,"dest_ip":"10.16.1.12","dest_port":8080,"proto":"TCP","tx_id":0,"http":{"hostname":"api.example","http_port":8080,"url":"/v1/x?a=1","http_user_agent":"curl/7.88.1","http_content_type":"application/json","http_method":"POST","protocol":"HTTP/1.1","status":201,"length":39}}"#;
        let c = parse(&value(line), &LogZone(None)).unwrap();
        assert_eq!(c.ts, 1_772_355_600_528_812_000);
        assert_eq!(
            (c.sport, c.dport, c.status),
            (Some(43852), Some(8080), Some(201))
        );
        assert_eq!(
            (c.host.as_deref(), c.uri.as_deref()),
            (Some("api.example:8080"), Some("/v1/x?a=1"))
        );
        assert_eq!((c.resp_body_len, c.assumed_zone), (Some(39), false));
        let dns =
            r#"{"timestamp":"2026-03-01T10:00:00.5+0100","event_type":"dns","src_ip":"10.0.0.1"}"#;
        assert_eq!(parse(&value(dns), &LogZone(None)), Err(NoCall::NoRequest));
        // an alert repeats the request of an http event of its own
        let alert = line.replace("\"event_type\":\"http\"", "\"event_type\":\"alert\"");
        assert_eq!(
            parse(&value(&alert), &LogZone(None)),
            Err(NoCall::NoRequest)
        );
        assert!(matches!(
            parse(&value(r#"{"event_type":"http"}"#), &LogZone(None)),
            Err(NoCall::Unfit(_))
        ));
    }
}
