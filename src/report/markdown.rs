//! A report as Markdown (CommonMark with tables). In: a document. Out: Markdown. Bounds: linear in the document.
//! Evidence is written as text: every character that Markdown or HTML could take for its own is escaped.

use super::doc::{Bars, Block, Document, Line, Span, Table};
use crate::call::text::visible;
use crate::trace::graph;
use std::fmt::Write as _;

/// A backslash before any ASCII punctuation makes it plain text (CommonMark 2.4); `<`, `>` and `&` are written as
/// references for readers that pass HTML through. Without brackets there is no link and no picture.
fn text(s: &str) -> String {
    let s = visible(s);
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' | '@' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // many readers make links of bare addresses
    out.replace("://", ":\\//").replace("www.", "www\\.")
}

fn spans(line: &Line) -> String {
    line.iter()
        .map(|s| match s {
            Span::Text(t) => text(t),
            Span::Strong(t) => format!("**{}**", text(t)),
            Span::Call(id) => text(id),
        })
        .collect()
}

fn table(t: &Table, out: &mut String) {
    let heads: Vec<String> = t
        .head
        .iter()
        .map(|h| text(h.trim_start_matches(['#', '@'])))
        .collect();
    let rules: Vec<&str> = t
        .head
        .iter()
        .map(|h| if h.starts_with('#') { "--:" } else { "---" })
        .collect();
    let _ = writeln!(out, "| {} |\n| {} |", heads.join(" | "), rules.join(" | "));
    for row in &t.rows {
        let cells: Vec<String> = row.iter().map(spans).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
    if t.left_out > 0 {
        let _ = writeln!(out, "{} more rows are not shown.\n", t.left_out);
    }
}

fn bars(b: &Bars, out: &mut String) {
    const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    /// Slots of a line that fits on a page.
    const WIDE: usize = 72;
    out.push_str("```text\n");
    for (name, counts) in &b.rows {
        let per = counts.len().div_ceil(WIDE).max(1);
        let sums: Vec<u64> = counts.chunks(per).map(|c| c.iter().sum()).collect();
        let most = sums.iter().copied().max().unwrap_or(0).max(1);
        let drawn: String = sums
            .iter()
            .map(|n| {
                let level = usize::try_from(n.saturating_mul(8).div_ceil(most)).unwrap_or(8);
                LEVELS.get(level).copied().unwrap_or('█')
            })
            .collect();
        // inside the fence only the fence itself could be taken for markup
        let name = visible(name).replace('`', "'");
        let _ = writeln!(out, "{drawn}  {name} (max {most})");
    }
    let _ = writeln!(out, "{} .. {}\n```\n", b.span.0, b.span.1);
}

/// Writes it.
pub fn write(d: &Document) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {}\n", text(&d.title));
    for b in &d.blocks {
        match b {
            Block::Head(level, t) => {
                let marks = "#".repeat(usize::from(*level) + 1);
                let _ = writeln!(out, "{marks} {}\n", text(t));
            }
            Block::Para(l) => {
                let _ = writeln!(out, "{}\n", spans(l));
            }
            Block::Facts(facts) => {
                for (name, what) in facts {
                    let _ = writeln!(out, "- {}: {}", text(name), spans(what));
                }
                out.push('\n');
            }
            Block::List(points) => {
                for p in points {
                    let _ = writeln!(out, "- {}", spans(p));
                }
                out.push('\n');
            }
            Block::Table(t) => table(t, &mut out),
            Block::Bars(b) => bars(b, &mut out),
            Block::Graph(g) => {
                let drawn = graph::draw(g, "mermaid").unwrap_or_default();
                let _ = writeln!(out, "```mermaid\n{drawn}```\n");
            }
        }
    }
    out
}
