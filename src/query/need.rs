//! What a pattern needs of a text. In: a pattern as [`super::pattern`] makes it. Out: a [`Need`] for the index of text, and bytes
//! that are the pattern where it is no more than a word. Bounds: the parser's nesting, 50.

use crate::case::text::Need;
use crate::case::text::grams::fold;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// What a text must hold, and the folded bytes that mean the same as the pattern where there are such.
pub fn of(pattern: &str) -> (Need, Option<Vec<u8>>) {
    let hir = ParserBuilder::new()
        .utf8(false)
        .nest_limit(50)
        .build()
        .parse(pattern);
    let Ok(hir) = hir else {
        return (Need::Any, None);
    };
    let word = run(&hir).filter(|w| w.exact).map(|w| w.bytes);
    // an end that is left off would make another word of it
    let word = word.filter(|w| Need::bytes(w) == Need::Run(w.clone()));
    (need(&hir), word)
}

/// Bytes that stand for a part, folded.
struct Run {
    bytes: Vec<u8>,
    /// The part matches whatever folds to them.
    exact: bool,
}

fn folded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    fold(bytes, &mut out);
    out
}

/// The bytes of a part that is always the same when folded.
fn run(hir: &Hir) -> Option<Run> {
    match hir.kind() {
        HirKind::Literal(l) => {
            let bytes = folded(&l.0);
            let exact = bytes == *l.0 && !bytes.iter().any(u8::is_ascii_lowercase);
            Some(Run { bytes, exact })
        }
        HirKind::Class(class) => class_run(class),
        HirKind::Capture(c) => run(&c.sub),
        HirKind::Concat(parts) => {
            let mut out = Run {
                bytes: Vec::new(),
                exact: true,
            };
            for p in parts {
                let r = run(p)?;
                out.bytes.extend(r.bytes);
                out.exact &= r.exact;
            }
            // a letter may have come together out of parts: then it is the one meant, not what it folds to
            let whole = folded(&out.bytes);
            out.exact &= whole == out.bytes;
            out.bytes = whole;
            Some(out)
        }
        _ => None,
    }
}

fn class_run(class: &Class) -> Option<Run> {
    let mut members: Vec<Vec<u8>> = Vec::new();
    match class {
        Class::Unicode(c) => {
            for r in c.iter() {
                for ch in r.start()..=r.end() {
                    members.push(ch.to_string().into_bytes());
                    if members.len() > 3 {
                        return None;
                    }
                }
            }
        }
        Class::Bytes(c) => {
            for r in c.iter() {
                for b in r.start()..=r.end() {
                    members.push(vec![b]);
                    if members.len() > 3 {
                        return None;
                    }
                }
            }
        }
    }
    let bytes = folded(members.first()?);
    if members.iter().any(|m| folded(m) != bytes) {
        return None;
    }
    // both cases of a letter are what folds to it, as long as no letter beyond ASCII is in the text
    let ascii = members.iter().filter(|m| m.len() == 1).count();
    let exact = if bytes.iter().any(u8::is_ascii_lowercase) {
        ascii == 2
    } else {
        true
    };
    Some(Run { bytes, exact })
}

fn need(hir: &Hir) -> Need {
    if let Some(r) = run(hir) {
        return Need::bytes(&r.bytes);
    }
    match hir.kind() {
        HirKind::Capture(c) => need(&c.sub),
        HirKind::Repetition(r) if r.min > 0 => need(&r.sub),
        HirKind::Alternation(parts) => Need::one(parts.iter().map(need).collect()),
        HirKind::Concat(parts) => {
            let (mut out, mut bytes) = (Vec::new(), Vec::new());
            let end = |bytes: &mut Vec<u8>| {
                let b = std::mem::take(bytes);
                if b.is_empty() {
                    Need::Any
                } else {
                    Need::bytes(&b)
                }
            };
            for p in parts {
                match (run(p), p.kind()) {
                    (Some(r), _) => bytes.extend(r.bytes),
                    // takes no bytes: what stands around it stands together
                    (None, HirKind::Look(_) | HirKind::Empty) => {}
                    (None, _) => {
                        out.push(end(&mut bytes));
                        out.push(need(p));
                    }
                }
            }
            out.push(end(&mut bytes));
            Need::all(out)
        }
        _ => Need::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::{How, word};
    use super::*;

    fn run(s: &str) -> Need {
        Need::Run(s.as_bytes().to_vec())
    }

    #[test]
    fn words_are_bytes_and_patterns_need_their_parts() {
        let (n, w) = of(&word("Skandal-42", How::Contains));
        assert_eq!((n, w), (run("skandal-42"), Some(b"skandal-42".to_vec())));
        let (n, w) = of(&word("北京-A", How::Contains));
        assert_eq!((n, w), (run("北京-a"), Some("北京-a".as_bytes().to_vec())));
        // case counts: the bytes are needed, and are not all of it
        assert_eq!(of("Order"), (run("order"), None));
        assert_eq!(of("4711").1, Some(b"4711".to_vec()));
        // a letter in two parts is that letter alone
        assert_eq!(of(r"(?-u)\xc5(\xbf)"), (run("s"), None));
        assert_eq!(
            of(&word("a*b", How::Contains)).0,
            Need::All(vec![run("a"), run("b")])
        );
        assert_eq!(of(&word("abc", How::Exact)).0, run("abc"));
        assert_eq!(of(&word("abc", How::Exact)).1, None);
        assert_eq!(of("ab|cd").0, Need::One(vec![run("ab"), run("cd")]));
        assert_eq!(of("ab|x*").0, Need::Any);
        assert_eq!(
            of(r"\bORD-(?:\d+)x{2,3}").0,
            Need::All(vec![run("ord-"), run("x")])
        );
        assert_eq!(
            of("(ab)(cd)+e").0,
            Need::All(vec![run("ab"), run("cd"), run("e")])
        );
        assert_eq!(of("(").0, Need::Any);
        // É and é differ beyond ASCII: what stands around them is needed
        let (n, w) = of(&word("caféteria", How::Contains));
        assert_eq!((n, w), (Need::All(vec![run("caf"), run("teria")]), None));
    }
}
