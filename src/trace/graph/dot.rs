//! A movement graph in Graphviz' DOT language. In: a graph. Out: text, evidence in it quoted. Bounds: a line an edge.

use super::Graph;
use std::fmt::Write as _;

/// A quoted id: `"` and `\` are escaped, so that evidence cannot end it or give an escape (`\N`, `\l`) a meaning.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

pub(super) fn draw(g: &Graph) -> String {
    let mut out = String::from(
        "digraph movement {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n",
    );
    for (i, n) in g.nodes.iter().enumerate() {
        let shape = if n.outside { ", shape=ellipse" } else { "" };
        let _ = writeln!(out, "  n{i} [label=\"{}\"{shape}];", quoted(&g.label(n)));
    }
    for e in &g.edges {
        let words: Vec<String> = g.words(e).iter().map(|w| quoted(w)).collect();
        let style = match (e.inferred, e.path) {
            (true, _) => ", style=dashed",
            (false, true) => ", penwidth=2",
            (false, false) => "",
        };
        let _ = writeln!(
            out,
            "  n{} -> n{} [label=\"{}\"{style}];",
            e.from,
            e.to,
            words.join("\\n")
        );
    }
    out.push_str("}\n");
    out
}
