//! `show`: one call, whole. In: its id. Out: one object, or text for people. Bounds: one call.

use super::args::Args;
use super::{NOTHING, OK, case, out, table};
use crate::call::text::visible;
use crate::error::{Error, Result};
use crate::query::read::{self, Part, Show};
use serde_json::Value;
use std::fmt::Write as _;

pub(super) fn show(args: &Args, id: &str) -> Result<u8> {
    let cx = case::open(args)?;
    let found = match read::find_call(&cx, id)? {
        Some(row) => read::show(&cx, row)?,
        None => None,
    };
    let Some(call) = found else {
        crate::tell!("leaktrace: no call has the id {}", visible(id));
        return Ok(NOTHING);
    };
    if args.common.count {
        out::text("1\n")?;
        return Ok(OK);
    }
    if args.common.json || !args.common.fields.is_empty() {
        let mut value = serde_json::to_value(&call)
            .map_err(|e| Error::io("standard output", "cannot write")(e.into()))?;
        if let (Value::Object(map), false) = (&mut value, args.common.fields.is_empty()) {
            let mut picked = serde_json::Map::new();
            for f in &args.common.fields {
                let v = map.remove(f).ok_or_else(|| Error::Usage {
                    msg: format!("--fields: a call has no field {}", visible(f)),
                    at: None,
                })?;
                picked.insert(f.clone(), v);
            }
            *map = picked;
        }
        out::object(args, &value)?;
        return Ok(OK);
    }
    out::text(&readable(&call))?;
    Ok(OK)
}

/// The call for people: what it was, what was sent, what was answered, what was found.
fn readable(call: &Show) -> String {
    let mut out = String::new();
    let r = &call.row;
    let text = |s: &Option<String>| {
        s.as_deref()
            .map_or_else(|| "-".to_owned(), |s| visible(s).into_owned())
    };
    let _ = writeln!(out, "call      {}", visible(&r.id));
    let _ = writeln!(out, "time      {}  to  {}", r.ts, text(&r.end_ts));
    let place = |a: &Option<String>, p: Option<u16>| match (a, p) {
        (Some(a), Some(p)) => format!("{a} port {p}"),
        (Some(a), None) => a.clone(),
        _ => "-".to_owned(),
    };
    let _ = writeln!(
        out,
        "from, to  {}  ->  {}  {}",
        place(&r.src, r.sport),
        place(&r.dst, r.dport),
        r.proto
    );
    let _ = writeln!(out, "api       {}", text(&r.api));
    let conf = r
        .account_conf
        .map_or(String::new(), |c| format!("  {c:.2}"));
    let _ = writeln!(
        out,
        "account   {}  by {}{conf}",
        text(&r.account),
        text(&r.account_via)
    );
    if let Some(why) = &call.account_why {
        let _ = writeln!(out, "          {}", visible(why));
    }
    let _ = writeln!(out, "session   {}", text(&r.session));
    let _ = writeln!(
        out,
        "data      {}  {}  records {}",
        r.level.unwrap_or("-"),
        visible(&r.classes.join(" ")),
        r.records.map_or_else(|| "-".to_owned(), |n| n.to_string())
    );
    if !r.flags.is_empty() {
        let _ = writeln!(out, "flags     {}", r.flags.join(" "));
    }
    for l in &r.locators {
        let range = match (l.offset, l.len) {
            (Some(o), Some(n)) => format!("  bytes {o} to {}", o.saturating_add(n)),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "stands    {}  {} to {}{range}  {}",
            visible(&l.source),
            l.first,
            l.last,
            l.role
        );
    }
    for (name, part) in [("request", &call.request), ("response", &call.response)] {
        match part {
            Some(p) => message(&mut out, name, p),
            None => {
                let _ = writeln!(out, "\n{name}: not captured");
            }
        }
    }
    for p in &call.interim {
        message(&mut out, "interim response", p);
    }
    if !call.messages.is_empty() {
        let _ = writeln!(out, "\nmessages");
        for m in &call.messages {
            let _ = writeln!(out, "  {}", table::cut(&visible(&of_messages(m)), 4000));
        }
    }
    if !call.findings.is_empty() {
        let _ = writeln!(out, "\nfindings");
        for f in &call.findings {
            let _ = writeln!(
                out,
                "  {} {} {} {} {} {:.2} {}",
                f.level,
                visible(&f.class),
                f.dir,
                visible(&f.place),
                f.form,
                f.conf,
                f.value.as_deref().map_or("-".into(), visible)
            );
        }
    }
    out
}

/// A message in a line: its place, its direction, what it holds.
fn of_messages(m: &Value) -> String {
    let text = |k: &str| match m.get(k) {
        None | Some(Value::Null) => None,
        Some(Value::String(s)) => Some(s.clone()),
        Some(v) => Some(v.to_string()),
    };
    if let Some(left) = text("more") {
        return format!("... {left} more");
    }
    if text("dir").is_none() {
        // a message of a WebSocket is a call of its own
        return m.to_string();
    }
    let held = ["json", "text", "base64"].into_iter().find_map(text);
    let mut out = format!(
        "{} {} {} bytes",
        text("dir").unwrap_or_default(),
        text("n").unwrap_or_default(),
        text("len").unwrap_or_default()
    );
    for k in ["event", "id", "cut"] {
        if let Some(v) = text(k) {
            let _ = write!(out, "  {k} {v}");
        }
    }
    let _ = write!(out, "  {}", held.unwrap_or_default());
    out
}

fn message(out: &mut String, name: &str, p: &Part) {
    let _ = writeln!(out, "\n{name}\n  {}", visible(&p.start));
    for (n, v) in &p.headers {
        let _ = writeln!(out, "  {}: {}", visible(n), visible(v));
    }
    for (n, v) in &p.trailers {
        let _ = writeln!(out, "  trailer {}: {}", visible(n), visible(v));
    }
    let Some(b) = &p.body else { return };
    let cut = b
        .cut
        .as_deref()
        .map_or(String::new(), |c| format!("  cut: {c}"));
    let _ = writeln!(out, "  body {} bytes, {}{cut}", b.len, b.kind);
    if matches!(b.kind.as_str(), "grpc" | "protobuf") {
        // its messages are listed below
        return;
    }
    let lines = b.text.as_deref().or(b.base64.as_deref()).unwrap_or("");
    for line in lines.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let _ = writeln!(out, "    {}", table::cut(&visible(line), 4000));
    }
}
