//! Bodies as lines. In: text of a body and its findings. Out: lines with the class at the right edge of those that carry
//! a sensitive value. Bounds: [`PREVIEW`] bytes of a body, [`LINES`] lines.

use crate::query::read::BodyPart;
use crate::query::rows::FindingRow;
use crate::trace::Question;
use crate::ui::model::BodyMode;
use crate::ui::nav::Jump;
use crate::ui::theme::Role;
use crate::ui::widget::doc::{Doc, Held, Line};
use crate::ui::widget::safe_text::{bytes, grouped};
use base64::Engine as _;
use std::collections::BTreeMap;

/// Bytes of a body that a pane shows; the export has all.
pub const PREVIEW: usize = 256 << 10;
/// Lines of a body.
pub const LINES: usize = 20_000;
/// Columns of one line; what is longer is broken.
const LONG: usize = 2_000;
/// Nesting that is indented.
const DEEP: usize = 64;

/// Adds a body's lines.
pub fn add(d: &mut Doc, b: &BodyPart, mode: BodyMode, findings: &[&FindingRow]) {
    let raw: Vec<u8>;
    let text = match (&b.text, &b.base64) {
        (Some(t), _) => t.as_str(),
        (None, Some(x)) => {
            raw = base64::engine::general_purpose::STANDARD
                .decode(x)
                .unwrap_or_default();
            return hex(d, &raw, b.len);
        }
        _ => {
            return d.add(Line::new(
                if b.len == 0 {
                    "(empty)"
                } else {
                    "(not stored)"
                },
                Role::Dim,
            ));
        }
    };
    if mode == BodyMode::Hex {
        return hex(d, text.as_bytes(), b.len);
    }
    let mut end = text.len().min(PREVIEW);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let shown = text.get(..end).unwrap_or("");
    let by: BTreeMap<&str, &FindingRow> = findings
        .iter()
        .rev()
        .map(|f| (f.place.as_str(), *f))
        .collect();
    let json = matches!(b.kind.as_str(), "json" | "ndjson");
    match (mode, json, b.kind.as_str()) {
        (BodyMode::Pretty, true, kind) => pretty(d, shown, &by, kind == "ndjson"),
        (BodyMode::Pretty, false, "form") => {
            for part in shown.split('&') {
                let name = part.split('=').next().unwrap_or("");
                let l = Line::new(part, Role::Text);
                d.add(note(l, by.get(format!("form:{name}").as_str()).copied()));
            }
        }
        _ => {
            let rows = by_line(findings);
            for (i, l) in shown.lines().enumerate().take(LINES) {
                let mut rest = l;
                while rest.len() > LONG {
                    let cut = (0..=LONG)
                        .rev()
                        .find(|i| rest.is_char_boundary(*i))
                        .unwrap_or(0)
                        .max(1);
                    let Some((a, z)) = rest.split_at_checked(cut) else {
                        break;
                    };
                    d.add(Line::new(a, Role::Text));
                    rest = z;
                }
                d.add(row_note(
                    Line::new(rest, Role::Text),
                    rows.get(&(i + 1)).map(Vec::as_slice).unwrap_or_default(),
                ));
            }
        }
    }
    if end < text.len() {
        d.add(Line::new(
            format!(
                "... {} more bytes; X exports all",
                grouped((text.len() - end) as u64)
            ),
            Role::Partial,
        ));
    }
    if let Some(c) = &b.cut {
        d.add(Line::new(
            format!("the evidence ends here: {c}"),
            Role::Warn,
        ));
    }
}

/// Findings by the line that they stand on: `csv:COLUMN:ROW` and `text:LINE`, both from 1.
fn by_line<'a>(findings: &[&'a FindingRow]) -> BTreeMap<usize, Vec<&'a FindingRow>> {
    let mut out: BTreeMap<usize, Vec<&FindingRow>> = BTreeMap::new();
    for f in findings
        .iter()
        .filter(|f| f.place.starts_with("csv:") || f.place.starts_with("text:"))
    {
        if let Some(n) = f.place.rsplit(':').next().and_then(|n| n.parse().ok()) {
            out.entry(n).or_default().push(f);
        }
    }
    out
}

/// What a correction needs of a finding.
pub fn held(f: &FindingRow) -> Held {
    Held {
        class: f.class.clone(),
        field: f.field.clone(),
        api: f.api.as_deref().map(str::to_owned),
    }
}

/// The classes of a row at its right edge.
fn row_note(mut l: Line, found: &[&FindingRow]) -> Line {
    let Some(worst) = found.iter().max_by_key(|f| f.level) else {
        return l;
    };
    let mut names: Vec<&str> = found.iter().map(|f| f.class.as_str()).collect();
    names.dedup();
    l.right = Some((
        format!("{} {}", worst.level, names.join(" ")).into(),
        Role::level(worst.level),
    ));
    l.hot = true;
    l.record = true;
    l.found = found.iter().map(|f| held(f)).collect();
    l.why = Some(
        found
            .iter()
            .map(|f| format!("{} at {}: confidence {:.2}", f.class, f.place, f.conf))
            .collect::<Vec<_>>()
            .join("; "),
    );
    if let Some(r) = found.iter().find_map(|f| f.record.as_ref()) {
        l.jump = Some(Jump::Trace(Question::Record(r.clone())));
    }
    l
}

/// Why a value is taken for what it is.
pub fn why(f: &FindingRow) -> String {
    let record = f.record.as_ref();
    format!(
        "{} at {}: confidence {:.2} from the value, its key and the other values of its column; form {}.{} C corrects the class.",
        f.class,
        f.place,
        f.conf,
        f.form,
        record
            .map(|r| format!(" Record {r}; T traces it."))
            .unwrap_or_default()
    )
}

/// Puts a finding at the right edge of its line.
fn note(mut l: Line, f: Option<&FindingRow>) -> Line {
    let Some(f) = f else { return l };
    let form = if f.form == "plain" {
        String::new()
    } else {
        format!(" {}", f.form)
    };
    // a form that is a mask alone says so already
    let masked = if f.masked && f.form != "mask" {
        " masked"
    } else {
        ""
    };
    let form = form.replace(" mask", " masked");
    l.right = Some((
        format!("{} {}{form}{masked}", f.level, f.class).into(),
        Role::level(f.level),
    ));
    l.hot = matches!(f.level, "S2" | "S3" | "S4");
    l.found = vec![held(f)];
    l.why = Some(why(f));
    if let Some(r) = &f.record {
        l.jump = Some(Jump::Trace(Question::Record(r.clone())));
    }
    l
}

enum Level {
    Object(String),
    Array(usize),
}

struct Pretty<'a, 'b> {
    d: &'a mut Doc,
    by: &'a BTreeMap<&'b str, &'b FindingRow>,
    stack: Vec<Level>,
    line: String,
    /// Path of the value on the line, once it has one.
    place: String,
    record: bool,
}

impl Pretty<'_, '_> {
    fn path(&self) -> String {
        let mut p = String::from("$");
        for l in &self.stack {
            match l {
                Level::Object(k) => {
                    p.push('.');
                    p.push_str(k);
                }
                Level::Array(i) => p.push_str(&format!("[{i}]")),
            }
        }
        p
    }
    fn end_line(&mut self) {
        let text = std::mem::take(&mut self.line);
        if text.trim().is_empty() {
            return;
        }
        let indent = "  ".repeat(self.stack.len().min(DEEP));
        let mut l = Line::new(format!("{indent}{}", text.trim()), Role::Text);
        l.record = std::mem::take(&mut self.record);
        let place = std::mem::take(&mut self.place);
        let f = self.by.get(place.as_str()).copied();
        self.d.add(note(l, f));
    }
}

/// JSON with its nesting, token by token: order, repeated keys and numbers stay as they came, and what breaks off is
/// shown as far as it goes.
fn pretty(d: &mut Doc, text: &str, by: &BTreeMap<&str, &FindingRow>, lines: bool) {
    let mut p = Pretty {
        d,
        by,
        stack: Vec::new(),
        line: String::new(),
        place: String::new(),
        record: false,
    };
    let mut it = text.char_indices().peekable();
    let mut key_next = false;
    while let Some((at, c)) = it.next() {
        if p.d.lines.len() > LINES {
            p.d.add(Line::new("... more lines; X exports all", Role::Partial));
            return;
        }
        match c {
            '"' => {
                let mut end = text.len();
                let mut esc = false;
                for (i, x) in it.by_ref() {
                    if esc {
                        esc = false;
                    } else if x == '\\' {
                        esc = true;
                    } else if x == '"' {
                        end = i + 1;
                        break;
                    }
                }
                let s = text.get(at..end).unwrap_or("");
                if key_next {
                    let k = s.trim_matches('"').to_string();
                    if let Some(Level::Object(o)) = p.stack.last_mut() {
                        *o = k;
                    }
                    key_next = false;
                } else {
                    p.place = p.path();
                }
                p.line.push_str(s);
            }
            '{' | '[' => {
                p.line.push(c);
                p.record = c == '{' && matches!(p.stack.last(), Some(Level::Array(_)));
                let empty = matches!(it.peek(), Some((_, '}' | ']')));
                if empty {
                    if let Some((_, z)) = it.next() {
                        p.line.push(z);
                    }
                    continue;
                }
                p.end_line();
                p.stack.push(if c == '{' {
                    Level::Object(String::new())
                } else {
                    Level::Array(0)
                });
                key_next = c == '{';
            }
            '}' | ']' => {
                p.end_line();
                p.stack.pop();
                p.line.push(c);
                key_next = false;
            }
            ',' => {
                p.line.push(c);
                p.end_line();
                match p.stack.last_mut() {
                    Some(Level::Array(i)) => *i += 1,
                    Some(Level::Object(_)) => key_next = true,
                    None => {}
                }
            }
            ':' => p.line.push_str(": "),
            '\n' if lines && p.stack.is_empty() => {
                p.end_line();
            }
            c if c.is_whitespace() => {}
            c => {
                if p.place.is_empty() && !key_next {
                    p.place = p.path();
                }
                p.line.push(c);
            }
        }
    }
    p.end_line();
}

fn hex(d: &mut Doc, b: &[u8], len: u64) {
    for (i, row) in b.chunks(16).enumerate().take(LINES.min(PREVIEW / 16)) {
        let mut h = String::new();
        for (k, x) in row.iter().enumerate() {
            h.push_str(&format!("{x:02x} "));
            if k == 7 {
                h.push(' ');
            }
        }
        let t: String = row
            .iter()
            .map(|x| {
                if (0x20..0x7f).contains(x) {
                    char::from(*x)
                } else {
                    '.'
                }
            })
            .collect();
        d.add(
            Line::new(format!("{:08x}  ", i * 16), Role::Dim)
                .and(format!("{h:<49} "), Role::Text)
                .and(t, Role::Accent),
        );
    }
    if len > (PREVIEW as u64).min(b.len() as u64) {
        d.add(Line::new(
            format!("... {} in all", bytes(len)),
            Role::Partial,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(kind: &str, text: &str) -> BodyPart {
        BodyPart {
            len: text.len() as u64,
            sha256: None,
            kind: kind.into(),
            text: Some(text.into()),
            base64: None,
            cut: None,
        }
    }
    fn found(place: &str, class: &str) -> FindingRow {
        FindingRow {
            call_rowid: 1,
            call: "c".into(),
            dir: "resp",
            place: place.into(),
            class: class.into(),
            level: "S3",
            form: "plain".into(),
            masked: false,
            conf: 0.9,
            value: None,
            record: Some("r1".into()),
            locator: serde_json::Value::Null,
            field: place.into(),
            api: None,
        }
    }

    #[test]
    fn json_is_indented_and_its_findings_stand_at_their_lines() {
        let b = body(
            "json",
            r#"{"page":2,"items":[{"id":"a,{b","pan":"4539"},{"id":"c","pan":"4540"}],"e":[],"n":1e5,"n":2}"#,
        );
        let f = [found("$.items[1].pan", "bank-card"), found("$.n", "x")];
        let mut d = Doc::default();
        add(&mut d, &b, BodyMode::Pretty, &f.iter().collect::<Vec<_>>());
        let text: Vec<String> = d.lines.iter().map(Line::text).collect();
        assert_eq!(text[0], "{");
        assert!(
            text.contains(&"      \"pan\": \"4540\" S3 bank-card".to_string()),
            "{text:#?}"
        );
        assert!(
            text.contains(&"      \"id\": \"a,{b\",".to_string()),
            "{text:#?}"
        );
        assert!(text.contains(&"  \"e\": [],".to_string()));
        assert_eq!(d.lines.iter().filter(|l| l.record).count(), 2);
        assert_eq!(text.last().map(String::as_str), Some("}"));
    }

    #[test]
    fn broken_bodies_are_shown_as_far_as_they_go() {
        for t in [
            "{\"a\":[1,2",
            "]]]}}",
            "\"unended",
            "{{{{",
            "",
            ",,,:",
            "{\"a\":\"\u{1b}[31m\"}",
        ] {
            let mut d = Doc::default();
            add(&mut d, &body("json", t), BodyMode::Pretty, &[]);
            for l in &d.lines {
                assert!(!l.text().contains('\u{1b}'));
            }
        }
        let mut d = Doc::default();
        add(
            &mut d,
            &body("json", &"[".repeat(100_000)),
            BodyMode::Pretty,
            &[],
        );
        assert!(d.lines.len() <= LINES + 3);
    }
}
