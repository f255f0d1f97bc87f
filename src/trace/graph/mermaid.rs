//! A movement graph as Mermaid flowchart text. In: a graph. Out: text, evidence in it quoted. Bounds: a line an edge.

use super::{Edge, Graph};
use std::fmt::Write as _;

/// Mermaid has no escape but character references (`#35;`): everything that is not a plain letter of a name is one.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || " .,:/-_+(){}[]=?@".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}

fn arrow(e: &Edge) -> &'static str {
    match (e.inferred, e.path) {
        (true, _) => "-.->",
        (false, true) => "==>",
        (false, false) => "-->",
    }
}

pub(super) fn draw(g: &Graph) -> String {
    let mut out = String::from("flowchart LR\n");
    for (i, n) in g.nodes.iter().enumerate() {
        let (open, close) = if n.outside { ("([", "])") } else { ("[", "]") };
        let _ = writeln!(out, "  n{i}{open}\"{}\"{close}", quoted(&g.label(n)));
    }
    for e in &g.edges {
        let words: Vec<String> = g.words(e).iter().map(|w| quoted(w)).collect();
        let _ = writeln!(
            out,
            "  n{} {}|\"{}\"| n{}",
            e.from,
            arrow(e),
            words.join("<br/>"),
            e.to
        );
    }
    out
}
