//! A movement graph as SVG: addresses in columns by the hops that records took to them, movements as arrows. In: a graph.
//! Out: an SVG document without script, links or fonts of its own; colours come from `currentColor`, so it reads on light
//! and on dark. Bounds: [`GRAPH_DRAWN`] addresses and as many movements; what is not drawn is written under it.

use super::labels::{Curve, LINE, Taken};
use super::{Edge, Graph};
use crate::limits::GRAPH_DRAWN;
use std::fmt::Write as _;

const BOX: (i64, i64) = (190, 44);
const GAP: (i64, i64) = (190, 76);
const MARGIN: i64 = 24;
/// Room above the first row for the words of a movement, which stand above it.
const TOP: i64 = 48;
/// Characters of a label that fit.
const WIDE: usize = 30;

/// Text as XML character data or attribute value.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
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

/// Cut in the middle: the telling parts of an API are its method and the end of its route.
fn short(text: &str) -> String {
    let n = text.chars().count();
    if n <= WIDE {
        return text.to_owned();
    }
    let head: String = text.chars().take(WIDE / 2 - 1).collect();
    let tail: String = text.chars().skip(n - WIDE / 2).collect();
    format!("{head}…{tail}")
}

struct Places(Vec<(i64, i64)>);

impl Places {
    /// Columns by step, rows in order; empty columns are left out.
    fn of(g: &Graph) -> Places {
        let mut steps: Vec<usize> = g.nodes.iter().map(|n| n.step).collect();
        steps.sort_unstable();
        steps.dedup();
        let mut filled = vec![0i64; steps.len()];
        let at = g.nodes.iter().map(|n| {
            let column = steps.binary_search(&n.step).unwrap_or_default();
            let row = filled.get_mut(column).map_or(0, |r| {
                *r += 1;
                *r - 1
            });
            let column = i64::try_from(column).unwrap_or(0);
            (
                MARGIN + column * (BOX.0 + GAP.0),
                TOP + row * (BOX.1 + GAP.1),
            )
        });
        Places(at.collect())
    }
    fn get(&self, i: usize) -> (i64, i64) {
        self.0.get(i).copied().unwrap_or_default()
    }
}

/// Curve of an edge and where its words stand. Movements in the direction of the columns leave on the right; others go
/// below, so that no arrow hides behind a box.
fn curve(p: &Places, e: &Edge) -> (Curve, i64, i64) {
    let ((x1, y1), (x2, y2)) = (p.get(e.from), p.get(e.to));
    let half = BOX.1 / 2;
    if x2 > x1 {
        let (ax, ay, bx, by) = (x1 + BOX.0, y1 + half, x2 - 4, y2 + half);
        let mid = (ax + bx) / 2;
        return (
            [(ax, ay), (mid, ay), (mid, by), (bx, by)],
            mid,
            // nearer to where it goes, so that ways that cross do not write over each other
            (3 * ay + 7 * by) / 10,
        );
    }
    let (ax, bx) = (x1 + BOX.0 / 2 + 30, x2 + BOX.0 / 2 - 30);
    let (ay, by) = (y1 + BOX.1, y2 + BOX.1 + 4);
    let low = ay.max(by) + GAP.1 - 14;
    (
        [(ax, ay), (ax, low), (bx, low), (bx, by)],
        (ax + bx) / 2,
        low - 12,
    )
}

pub(super) fn draw(g: &Graph) -> String {
    let nodes = g.nodes.len().min(GRAPH_DRAWN);
    let edges: Vec<&Edge> = g
        .edges
        .iter()
        .filter(|e| e.from < nodes && e.to < nodes)
        .take(GRAPH_DRAWN)
        .collect();
    let p = Places::of(g);
    let right = (0..nodes).map(|i| p.get(i).0).max().unwrap_or(0) + BOX.0 + MARGIN;
    let bottom = (0..nodes).map(|i| p.get(i).1).max().unwrap_or(0) + BOX.1 + GAP.1 + MARGIN;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {right} {bottom}\" width=\"{right}\" height=\"{bottom}\" role=\"img\" font-family=\"sans-serif\" font-size=\"12\" color=\"#333\">\n<title>Movement of {} record{} over {} addresses</title>\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" fill=\"currentColor\"/></marker></defs>",
        g.records,
        if g.records == 1 { "" } else { "s" },
        g.nodes.len()
    );
    let boxes = (0..nodes).map(|i| p.get(i));
    let boxes = boxes.map(|(x, y)| (x, y, x + BOX.0, y + BOX.1)).collect();
    let mut taken = Taken::new(boxes, (right, bottom));
    for e in &edges {
        let (c, x, y) = curve(&p, e);
        let [from, near, far, to] = c.map(|(x, y)| format!("{x} {y}"));
        let d = format!("M{from} C{near} {far} {to}");
        let width = if e.path { 2.2 } else { 1.0 };
        let dash = if e.inferred {
            " stroke-dasharray=\"6 4\""
        } else {
            ""
        };
        let faint = if e.path || g.paths.is_empty() {
            1.0
        } else {
            0.55
        };
        let _ = writeln!(
            out,
            "<g opacity=\"{faint}\"><path d=\"{d}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"{width}\"{dash} marker-end=\"url(#tip)\"/>"
        );
        let words: Vec<(String, String)> = g.words(e).into_iter().map(|w| (short(&w), w)).collect();
        // beside a slope the words stand around their place, above a straight line all of them
        let more = LINE * i64::try_from(words.len().saturating_sub(1)).unwrap_or(0);
        let straight = p.get(e.from).1 == p.get(e.to).1 && p.get(e.from).0 < p.get(e.to).0;
        let top = y - 5 - if straight { more } else { more / 2 };
        let shown: Vec<String> = words.iter().map(|w| w.0.clone()).collect();
        let (x, top) = taken.place((x, top), &c, &shown);
        for (i, (cut, whole)) in words.iter().enumerate() {
            let line = top + LINE * i64::try_from(i).unwrap_or(0);
            let _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{line}\" text-anchor=\"middle\" font-size=\"11\" fill=\"currentColor\" stroke=\"var(--bg,#fff)\" stroke-width=\"3\" paint-order=\"stroke\"><title>{}</title>{}</text>",
                xml(whole),
                xml(cut)
            );
        }
        out.push_str("</g>\n");
    }
    for (i, n) in g.nodes.iter().enumerate().take(nodes) {
        let (x, y) = p.get(i);
        let round = if n.outside { 22 } else { 4 };
        let width = if n.outside || n.origin { 2 } else { 1 };
        let _ = writeln!(
            out,
            "<g><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"{round}\" fill=\"var(--bg,#fff)\" stroke=\"currentColor\" stroke-width=\"{width}\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"currentColor\"><title>{}</title>{}</text></g>",
            BOX.0,
            BOX.1,
            x + BOX.0 / 2,
            y + BOX.1 / 2 + 4,
            xml(&g.label(n)),
            xml(&short(&g.label(n)))
        );
    }
    let left_out = (g.nodes.len() - nodes, g.edges.len() - edges.len());
    if left_out != (0, 0) {
        let _ = writeln!(
            out,
            "<text x=\"{MARGIN}\" y=\"{}\" fill=\"currentColor\">not drawn: {} addresses, {} movements</text>",
            bottom - 8,
            left_out.0,
            left_out.1
        );
    }
    out.push_str("</svg>\n");
    out
}
