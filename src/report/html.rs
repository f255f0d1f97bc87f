//! A report as one HTML file: no script, nothing loaded from elsewhere (its policy forbids both), light and dark, and a
//! form for print. In: a document. Out: HTML. Bounds: linear in the document. Evidence is written as text, never as markup.

use super::doc::{Bars, Block, Document, Line, Span, Table};
use crate::call::text::visible;
use crate::trace::graph;
use std::fmt::Write as _;

const STYLE: &str = "
:root{color-scheme:light dark;--fg:#1c1e21;--bg:#fff;--dim:#5c6470;--rule:#d5d9df;--tint:#f4f6f8;--mark:#9a3412}
@media (prefers-color-scheme:dark){:root{--fg:#e3e6ea;--bg:#16181c;--dim:#9aa3ad;--rule:#373c44;--tint:#1f2329;--mark:#fb923c}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:90rem;padding:1.5rem;font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg)}
h1{font-size:1.7rem;line-height:1.2}h2{margin-top:2.4rem;border-bottom:1px solid var(--rule);font-size:1.25rem}h3{margin-top:1.6rem;font-size:1.05rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.86rem;margin:.6rem 0}th,td{padding:.25rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule);max-width:22rem;overflow-wrap:break-word}
th{color:var(--dim);font-weight:600;white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap}td.t{min-width:6.5rem}td a{white-space:nowrap}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
a{color:inherit}a.call{font:.8rem ui-monospace,monospace;text-decoration-style:dotted}td:target,tr:target td{background:var(--tint)}
strong{color:var(--mark)}.dim{color:var(--dim)}figure{margin:1rem 0;overflow-x:auto}figure svg{color:var(--fg)}
@media print{:root{--fg:#000;--bg:#fff;--dim:#444;--rule:#bbb;--tint:#eee;--mark:#000}body{max-width:none;padding:0;font-size:10pt}h2{break-after:avoid}tr,figure{break-inside:avoid}.wide,figure{overflow:visible}figure svg{max-width:100%;height:auto}}
";

/// Text as character data or attribute value; characters that could harm a reader are named.
pub(super) fn text(s: &str) -> String {
    let s = visible(s);
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Ids of calls have digits, letters, points and dashes only; anything else would be no anchor of ours.
fn anchor(id: &str) -> String {
    id.chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || c == '-' || c == '.' => c,
            _ => '_',
        })
        .collect()
}

fn spans(line: &Line) -> String {
    let mut out = String::new();
    for s in line {
        let _ = match s {
            Span::Text(t) => write!(out, "{}", text(t)),
            Span::Strong(t) => write!(out, "<strong>{}</strong>", text(t)),
            Span::Call(id) => write!(
                out,
                "<a class=\"call\" href=\"#call-{}\">{}</a>",
                anchor(id),
                text(id)
            ),
        };
    }
    out
}

fn table(t: &Table, out: &mut String) {
    out.push_str("<div class=\"wide\"><table><thead><tr>");
    let class = |i: usize| match t.head.get(i).and_then(|h| h.chars().next()) {
        Some('#') => " class=\"n\"",
        Some('@') => " class=\"t\"",
        _ => "",
    };
    for (i, h) in t.head.iter().enumerate() {
        let _ = write!(
            out,
            "<th{}>{}</th>",
            class(i),
            text(h.trim_start_matches(['#', '@']))
        );
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in &t.rows {
        // A row that begins with a call defines where it stands: others link to it.
        let id = match row.first().map(Vec::as_slice) {
            Some([Span::Call(id)]) => format!(" id=\"call-{}\"", anchor(id)),
            _ => String::new(),
        };
        let _ = write!(out, "<tr{id}>");
        for (i, cell) in row.iter().enumerate() {
            let inner = match (i, cell.as_slice()) {
                (0, [Span::Call(id)]) => format!("<code>{}</code>", text(id)),
                _ => spans(cell),
            };
            let _ = write!(out, "<td{}>{inner}</td>", class(i));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    if t.left_out > 0 {
        let _ = writeln!(
            out,
            "<p class=\"dim\">{} more rows are not shown.</p>",
            t.left_out
        );
    }
}

/// Bars of one row share a scale; rows do not, so that a rare kind can be seen beside a common one: the greatest count
/// stands beside the name.
fn bars(b: &Bars, out: &mut String) {
    let (width, high, left) = (900, 34, 200);
    let rows = i64::try_from(b.rows.len()).unwrap_or(0);
    let height = rows * (high + 14) + 26;
    let _ = writeln!(
        out,
        "<figure><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" width=\"{}\" height=\"{height}\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\"><title>counts over time</title>",
        left + width,
        left + width
    );
    for (i, (name, counts)) in b.rows.iter().enumerate() {
        let base = i64::try_from(i).unwrap_or(0) * (high + 14) + high;
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let _ = writeln!(
            out,
            "<text x=\"0\" y=\"{}\" fill=\"currentColor\">{}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"currentColor\" opacity=\"0.7\">max {most}</text><path d=\"M{left} {base}H{}\" stroke=\"currentColor\" opacity=\"0.4\"/>",
            base - 12,
            text(name),
            left - 8,
            base,
            left + width
        );
        let slots = i64::try_from(counts.len()).unwrap_or(1).max(1);
        for (slot, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let x = left + i64::try_from(slot).unwrap_or(0) * width / slots;
            let h = (i64::try_from(n.saturating_mul(32) / most).unwrap_or(32)).max(1);
            let _ = write!(
                out,
                "<rect x=\"{x}\" y=\"{}\" width=\"{}\" height=\"{h}\" fill=\"currentColor\"/>",
                base - h,
                (width / slots).max(1)
            );
        }
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "<text x=\"{left}\" y=\"{}\" fill=\"currentColor\">{}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"currentColor\">{}</text></svg></figure>",
        height - 8,
        text(&b.span.0),
        left + width,
        height - 8,
        text(&b.span.1)
    );
}

/// Writes it.
pub fn write(d: &Document) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{}</h1>",
        text(&d.title),
        text(&d.title)
    );
    for b in &d.blocks {
        match b {
            Block::Head(level, t) => {
                let n = level + 1;
                let _ = writeln!(out, "<h{n}>{}</h{n}>", text(t));
            }
            Block::Para(l) => {
                let _ = writeln!(out, "<p>{}</p>", spans(l));
            }
            Block::Facts(facts) => {
                out.push_str("<dl>\n");
                for (name, what) in facts {
                    let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", text(name), spans(what));
                }
                out.push_str("</dl>\n");
            }
            Block::List(points) => {
                out.push_str("<ul>\n");
                for p in points {
                    let _ = writeln!(out, "<li>{}</li>", spans(p));
                }
                out.push_str("</ul>\n");
            }
            Block::Table(t) => table(t, &mut out),
            Block::Bars(b) => bars(b, &mut out),
            Block::Graph(g) => {
                let svg = graph::draw(g, "svg").unwrap_or_default();
                let _ = writeln!(out, "<figure>{svg}</figure>");
            }
        }
    }
    out.push_str("</body>\n</html>\n");
    out
}
