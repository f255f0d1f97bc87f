//! The layers of `src/ARCHITECTURE.md`, held: a folder uses what stands before it in the flow, never what stands after.

use std::collections::BTreeMap;
use std::path::Path;

/// Each folder with what it may use beside `error`, `limits`, and itself.
const LAYERS: [(&str, &[&str]); 19] = [
    ("call", &["detect"]), // a finding's form is part of the model
    ("source", &["call"]),
    ("net", &["call", "source"]),
    ("tls", &["call", "net"]),
    ("proto", &["call", "net", "tls", "body"]),
    ("body", &["call"]),
    ("detect", &["call", "body"]),
    ("facts", &["call", "detect", "body"]),
    ("case", &["call", "detect", "facts"]),
    ("query", &["call", "detect", "facts", "case", "body"]),
    (
        "trace",
        &["call", "detect", "facts", "case", "query", "body"],
    ),
    ("replay", &["call", "case", "query"]),
    (
        "export",
        &["call", "source", "case", "query", "detect", "facts"],
    ),
    ("report", &["call", "case", "query", "trace", "export"]),
    (
        "load",
        &[
            "source", "net", "tls", "proto", "body", "call", "detect", "facts", "case", "query",
        ],
    ),
    (
        "ui",
        &[
            "call", "detect", "facts", "case", "query", "trace", "replay", "export", "report",
            "load", "source",
        ],
    ),
    (
        "cli",
        &[
            "source", "net", "proto", "body", "call", "detect", "facts", "case", "query", "trace",
            "replay", "export", "report", "load", "ui",
        ],
    ),
    ("limits", &[]),
    ("error", &[]),
];

/// Crates that belong to one side: parsers and facts do no I/O, only the interface draws.
const CRATES: [(&str, &[&str]); 5] = [
    (
        "rusqlite",
        &[
            "case", "query", "trace", "replay", "export", "report", "load", "ui", "cli", "error",
        ],
    ),
    ("ratatui", &["ui"]),
    ("crossterm", &["ui"]),
    // Beside the interface, Ctrl-C while loading: the one way to hear a signal without unsafe code of ours.
    ("tokio", &["ui", "cli"]),
    ("pcap_parser", &["source"]),
];

fn files(dir: &Path, out: &mut Vec<std::path::PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Code without comments and without the test module at the end of a file: tests may build on anything.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end]
        .lines()
        .map(|l| l.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_folder_uses_only_what_stands_before_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<_, _> = LAYERS.into_iter().collect();
    let mut all = Vec::new();
    files(&src, &mut all);
    assert!(all.len() > 40, "the walk found the sources");
    let word = |s: &str| {
        s.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut wrong = Vec::new();
    for path in all {
        let rel = path.strip_prefix(&src).unwrap();
        let first = rel
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .into_owned();
        let layer = first.trim_end_matches(".rs").to_string();
        if layer == "lib" || layer == "main" {
            continue;
        }
        let may = allowed
            .get(layer.as_str())
            .unwrap_or_else(|| panic!("{layer} has no place in LAYERS"));
        let text = code(&std::fs::read_to_string(&path).unwrap());
        let mut used: Vec<String> = text
            .match_indices("crate::")
            .map(|(i, m)| word(&text[i + m.len()..]))
            .collect();
        for (i, _) in text.match_indices("crate::{") {
            let group = &text[i + 8..];
            let group = &group[..group.find("};").unwrap_or(group.len())];
            let mut depth = 0;
            for part in group.split_inclusive(['{', '}', ',']) {
                if depth == 0 {
                    used.push(word(part.trim_start()));
                }
                depth += part.matches('{').count();
                depth = depth.saturating_sub(part.matches('}').count());
            }
        }
        for name in used
            .into_iter()
            .filter(|n| !n.is_empty() && allowed.contains_key(n.as_str()))
        {
            if name != layer && name != "limits" && name != "error" && !may.contains(&name.as_str())
            {
                wrong.push(format!("{}: crate::{name}", rel.display()));
            }
        }
        for (name, places) in CRATES {
            if text.contains(&format!("{name}::")) && !places.contains(&layer.as_str()) {
                wrong.push(format!("{}: {name}", rel.display()));
            }
        }
        let reads_clock = ["SystemTime::now", "Instant::now", "std::fs::", "File::open"];
        if ["net", "proto", "body", "call", "facts"].contains(&layer.as_str()) {
            wrong.extend(
                reads_clock
                    .iter()
                    .filter(|w| text.contains(**w))
                    .map(|w| format!("{}: {w}", rel.display())),
            );
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(
        wrong.is_empty(),
        "against the layers:\n{}",
        wrong.join("\n")
    );
}
