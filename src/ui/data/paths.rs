//! Paths for a prompt, so that nobody types them out. In: what was typed. Out: what it can become: in the folder it names, else in the
//! current one, those of the evidence and of the case. Bounds: [`ENTRIES`] entries of a folder are looked at, [`OFFERS`] are offered.
//! Where no folder is named, files that may be clues go before all others.

use crate::query::read::Cx;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Entries of a folder that are looked at.
const ENTRIES: usize = 4096;
/// Paths offered.
const OFFERS: usize = 64;
/// Endings of files of leaked rows.
const CLUES: [&str; 5] = ["csv", "jsonl", "json", "tsv", "txt"];

/// What can be typed on.
pub fn complete(cx: &Cx, begun: &str) -> Vec<String> {
    let (lead, name) = match begun.rsplit_once('/') {
        Some((lead, name)) => (format!("{lead}/"), name),
        None => (String::new(), begun),
    };
    let (mut out, mut clues) = (Vec::new(), Vec::new());
    let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
    let folders: Vec<(PathBuf, String)> = if begun.contains('/') {
        let at = match lead.strip_prefix("~/") {
            Some(rest) => std::env::home_dir().unwrap_or_default().join(rest),
            None => PathBuf::from(&lead),
        };
        vec![(at, lead)]
    } else {
        let mut all = vec![(PathBuf::from("."), String::new())];
        let case = cx.path.parent().map(Path::to_owned);
        for f in evidence(cx).into_iter().chain(case) {
            let shown = format!("{}/", f.to_string_lossy());
            all.push((f, shown));
        }
        all
    };
    // What is loaded is evidence, not a clue.
    let taken: BTreeSet<PathBuf> = loaded(cx).into_iter().collect();
    for (folder, lead) in folders {
        // a folder that is named twice, in two ways
        let own = std::fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        if !seen.insert(own.clone()) {
            continue;
        }
        let Ok(list) = std::fs::read_dir(&folder) else {
            continue;
        };
        let mut names: Vec<(String, bool)> = list
            .take(ENTRIES)
            .flatten()
            .filter_map(|e| {
                let n = e.file_name().into_string().ok()?;
                let dir = std::fs::metadata(e.path()).ok()?.is_dir();
                let hidden = n.starts_with('.') && !name.starts_with('.');
                (n.starts_with(name) && !hidden).then_some((n, dir))
            })
            .filter(|(n, dir)| {
                let typed = !name.is_empty() || begun.contains('/');
                (typed || is_clue(n, *dir)) && !taken.contains(&own.join(n))
            })
            .collect();
        names.sort();
        for (n, dir) in names {
            let shown = format!("{lead}{n}{}", if dir { "/" } else { "" });
            if is_clue(&n, dir) {
                clues.push(shown.clone());
            }
            out.push(shown);
        }
    }
    if !begun.contains('/') && !clues.is_empty() {
        out = clues;
    }
    out.truncate(OFFERS);
    out
}

/// Whether its name is that of a file of leaked rows.
fn is_clue(name: &str, dir: bool) -> bool {
    let ending = Path::new(name).extension().and_then(|e| e.to_str());
    !dir && ending.is_some_and(|e| CLUES.contains(&e.to_ascii_lowercase().as_str()))
}

/// Paths of the sources.
fn loaded(cx: &Cx) -> Vec<PathBuf> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let mut stmt = cx.conn.prepare(
            "SELECT DISTINCT path FROM source WHERE path IS NOT NULL ORDER BY id LIMIT 4096",
        )?;
        stmt.query_map([], |r| r.get(0))?.collect()
    };
    read()
        .unwrap_or_default()
        .into_iter()
        .map(PathBuf::from)
        .collect()
}

/// Folders that evidence lies in.
fn evidence(cx: &Cx) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = Vec::new();
    for p in loaded(cx) {
        if let Some(f) = p.parent().map(Path::to_owned)
            && !out.contains(&f)
        {
            out.push(f);
        }
    }
    out
}

/// What all of them begin with.
#[must_use]
pub fn common(paths: &[String]) -> String {
    let mut out = paths.first().cloned().unwrap_or_default();
    for p in paths {
        let same = out.chars().zip(p.chars()).take_while(|(a, b)| a == b);
        out = same.map(|(a, _)| a).collect();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::common;

    #[test]
    fn what_all_begin_with() {
        let v = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(common(&v(&["leak.csv", "leaked.csv"])), "leak");
        assert_eq!(common(&v(&["é1", "é2"])), "é");
        assert_eq!(common(&[]), "");
    }
}
