//! `demo`: the bundled evidence, so that a copied binary can show itself. In: nothing. Out: a case under the state
//! folder, then the interface or rows. Bounds: the files are those in `demo-data/`, a megabyte.

use super::args::Args;
use super::{OK, case, load, rows};
use crate::case::place;
use crate::error::{Error, Result};
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Name and content of each file of the demonstration.
const FILES: [(&str, &[u8]); 3] = [
    (
        "shop.pcap.zst",
        include_bytes!("../../demo-data/shop.pcap.zst"),
    ),
    (
        "gateway-access.log",
        include_bytes!("../../demo-data/gateway-access.log"),
    ),
    (
        "leaked-rows.csv",
        include_bytes!("../../demo-data/leaked-rows.csv"),
    ),
];
/// How many of them are evidence; the last one is a clue to trace.
const EVIDENCE: usize = 2;

/// Writes the files where they are not yet, loads them and browses.
pub(super) fn run(args: &Args) -> Result<u8> {
    let dir = place::state_dir().join("demo");
    place::make_dir(&dir)?;
    for (name, content) in FILES {
        put(&dir.join(name), content)?;
    }
    let files: Vec<PathBuf> = FILES
        .iter()
        .take(EVIDENCE)
        .map(|(n, _)| dir.join(n))
        .collect();
    let path = args
        .common
        .case
        .clone()
        .unwrap_or_else(|| dir.join("demo.ltc"));
    crate::tell!("case {}", path.display());
    crate::tell!(
        "leaked rows to trace: {}",
        dir.join("leaked-rows.csv").display()
    );
    if std::io::stdout().is_terminal()
        && !args.common.no_ui
        && !args.common.json
        && !args.common.count
    {
        return load::screen(args, path, &files);
    }
    let options = load::options(args, &files, path.clone())?;
    let (outcome, stopped) = load::run(&options)?;
    let code = load::report(&path, &outcome, stopped);
    let cx = case::open_at(args, &path)?;
    let filter = args.filter(&cx)?;
    let shown = rows::calls_of(args, &cx, &filter)?;
    Ok(if code == OK { shown } else { code })
}

/// Writes a file whole or not at all; one that is there with this content stays.
fn put(path: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|have| have == content) {
        return Ok(());
    }
    let aside = path.with_extension(format!("part{}", std::process::id()));
    let write = || {
        let mut f = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)?;
        f.write_all(content)?;
        std::fs::rename(&aside, path)
    };
    write().map_err(Error::io(path, "cannot write"))
}
