//! A second case, made from the evidence alone with what the investigator said of it (corrections, specifications, schemas). In: a
//! case and where its sources lie now. Out: a scratch case to compare with; where something of the evidence is not at hand, a copy of
//! the case with its facts decided again. Bounds: those of a load; the scratch folder goes with [`Scratch`].

use super::Source;
use crate::case::sources::ReadAs;
use crate::case::{Case, info};
use crate::cli::args::Args;
use crate::cli::evidence::Found;
use crate::cli::load as verb;
use crate::detect::Rules;
use crate::error::{Error, Result};
use crate::facts::inside::Inside;
use crate::load::{LoadOptions, beside, finalise};
use crate::query::Cx;
use crate::source::hash_file;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// What was derived again.
pub(super) struct Scratch {
    pub cx: Cx,
    /// Why it could not be derived from the evidence but from what is stored; `None` where it was.
    pub why_stored: Option<String>,
    /// Rows of sources here, by those of the case.
    pub sources: BTreeMap<i64, i64>,
    _folder: Folder,
}

/// A folder of ours that is removed with all that is in it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0); // nothing depends on it
    }
}

/// Beside the case, where its evidence lies already; on read-only media where temporary files go.
fn folder(case: &Path) -> Result<Folder> {
    let stem = case.file_name().unwrap_or_default().to_string_lossy();
    let name = format!(".{stem}.verify-{}", std::process::id());
    let make = |path: PathBuf| {
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map(|()| Folder(path))
    };
    make(beside(case).join(&name))
        .or_else(|_| make(std::env::temp_dir().join(&name)))
        .map_err(Error::io(case, "cannot make a scratch case beside it"))
}

/// Derives again what can be; `None` where the case holds nothing yet.
pub(super) fn scratch(
    args: &Args,
    cx: &Cx,
    found: &[Source],
    rules: &Rules,
) -> Result<Option<Scratch>> {
    if found.is_empty() {
        return Ok(None);
    }
    let folder = folder(&cx.path)?;
    match lacking(args, found)? {
        None => from_evidence(args, cx, found, rules, folder).map(Some),
        Some(why) => from_stored(args, cx, rules, folder, why).map(Some),
    }
}

/// What of the evidence is not at hand.
fn lacking(args: &Args, found: &[Source]) -> Result<Option<String>> {
    let have = secrets(args)?;
    for s in found {
        if matches!(s.found, Found::Missing(_)) {
            return Ok(Some(format!(
                "calls were not derived again, only what follows from them: {} is not at hand",
                s.name
            )));
        }
        if secrets_of(&s.limits).any(|hex| !have.contains_key(hex)) {
            return Ok(Some(
                "calls were not derived again, only what follows from them: the TLS secrets that they were read with are not named (--keylog, --rsa-key)"
                    .to_owned(),
            ));
        }
    }
    Ok(None)
}

/// Files of secrets by their hash.
fn secrets(args: &Args) -> Result<BTreeMap<String, (bool, PathBuf)>> {
    let mut all = BTreeMap::new();
    for (is_key, list) in [(false, &args.common.keylog), (true, &args.common.rsa_key)] {
        for path in list {
            let (sha, _) = hash_file(path, &AtomicBool::new(false), &mut |_| {})?;
            all.insert(crate::cli::table::hex(&sha), (is_key, path.clone()));
        }
    }
    Ok(all)
}

/// Hashes of the secrets that a source was read with.
fn secrets_of(limits: &str) -> impl Iterator<Item = &str> {
    limits.split(' ').filter_map(|w| {
        w.strip_prefix("keylog=")
            .or_else(|| w.strip_prefix("rsa-key="))
    })
}

/// The options of the load that a group of sources came from.
fn options(
    args: &Args,
    case: &Path,
    folder: &Path,
    group: &[&Source],
    rsa_and_logs: &BTreeMap<String, (bool, PathBuf)>,
) -> Result<LoadOptions> {
    let limits = group.first().map_or("", |s| s.limits.as_str());
    let read = ReadAs::of(limits);
    let mut options = verb::options(args, &[], case.to_owned())?;
    options.proto.clear();
    options.spec.clear();
    options.inside.clear();
    options.profile = None;
    options.log_format.clear();
    options.keylog.clear();
    options.rsa_key.clear();
    (options.after, options.before, options.tz) = (read.after, read.before, read.tz);
    (options.follow, options.interim, options.scratch) = (false, false, true);
    for hex in secrets_of(limits) {
        match rsa_and_logs.get(hex) {
            Some((true, path)) => options.rsa_key.push(path.clone()),
            Some((false, path)) => options.keylog.push(path.clone()),
            None => {}
        }
    }
    let mut mappings = BTreeSet::new();
    for (n, s) in group.iter().enumerate() {
        if let Some(text) = s.mapping.as_deref().filter(|m| mappings.insert(*m)) {
            // The file's name is the format's.
            let stem = s.kind.strip_prefix("log:").unwrap_or("given");
            let stem = stem.split('+').next().unwrap_or("given").replace('/', "_");
            let own = folder.join(format!("format-{n}"));
            std::fs::create_dir_all(&own).map_err(Error::io(&own, "cannot make"))?;
            let file = own.join(format!("{stem}.toml"));
            std::fs::write(&file, text).map_err(Error::io(&file, "cannot write"))?;
            options.log_format.push(file.to_string_lossy().into_owned());
        }
        let path = match &s.found {
            Found::Same(p) => p.clone(),
            // only what was read of it
            Found::Grown(_, p) => start_of(p, s.bytes, &folder.join(format!("start-{}", s.id)))?,
            _ => s.path.clone().unwrap_or_default().into(),
        };
        if !options.files.contains(&path) {
            options.files.push(path);
        }
    }
    Ok(options)
}

/// A copy of a file's first bytes.
fn start_of(from: &Path, bytes: u64, to: &Path) -> Result<PathBuf> {
    use std::io::Read as _;
    let mut file = std::fs::File::open(from).map_err(Error::io(from, "cannot open"))?;
    let mut copy = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(Error::io(to, "cannot write"))?;
    std::io::copy(&mut file.by_ref().take(bytes), &mut copy)
        .map_err(Error::io(from, "cannot copy its beginning"))?;
    Ok(to.to_owned())
}

fn inside(args: &Args, cx: &Cx) -> Result<Vec<String>> {
    let given = verb::inside(&args.common.inside)?;
    if !given.is_empty() {
        return Ok(given);
    }
    let kept = cx.info("inside")?.unwrap_or_default();
    Ok(kept
        .split(',')
        .filter(|n| !n.is_empty())
        .map(str::to_owned)
        .collect())
}

fn open(path: &Path, rules: &Rules) -> Result<Case> {
    let classes: Vec<crate::case::classes::ClassDef<'_>> = rules
        .classes()
        .iter()
        .map(|c| (c.name.as_str(), c.level as u8, c.label.as_str()))
        .collect();
    Case::create_or_open(path, &classes, false)
}

fn from_evidence(
    args: &Args,
    cx: &Cx,
    found: &[Source],
    rules: &Rules,
    folder: Folder,
) -> Result<Scratch> {
    let path = folder.0.join("again.ltc");
    let have = secrets(args)?;
    let inside = inside(args, cx)?;
    let made = open(&path, rules)?;
    for key in ["print_key", "profile", info::SCHEMA] {
        if let Some(v) = cx.info(key)? {
            info::put(&made.conn, key, &v)?;
        }
    }
    info::put(&made.conn, "inside", &inside.join(","))?;
    copy(&cx.conn, &made.conn, "correction", "id,kind,target,v,seq")?;
    copy(&cx.conn, &made.conn, "spec", "id,name,sha256,v,seq")?;
    drop(made);
    let mut groups: BTreeMap<i64, Vec<&Source>> = BTreeMap::new();
    for s in found {
        groups.entry(s.load).or_default().push(s);
    }
    for group in groups.values() {
        let options = options(args, &path, &folder.0, group, &have)?;
        let (_, stopped) = verb::run(&options)?;
        if stopped {
            return Err(Error::Interrupted);
        }
    }
    let mut made = open(&path, rules)?;
    let (sources, renamed) = pair(found, &made.conn)?;
    if renamed {
        // What it is called follows from the hash; the same place has the same id in both then.
        finalise::run(&mut made.conn, rules, &Inside::parse(&inside)?)?;
    }
    drop(made);
    Ok(Scratch {
        cx: Cx::open(&path, cx.reveal)?,
        why_stored: None,
        sources,
        _folder: folder,
    })
}

/// Which source here is which of the case: by hash, and what has another one now by place. Those get the hash that the case has.
fn pair(found: &[Source], conn: &Connection) -> Result<(BTreeMap<i64, i64>, bool)> {
    type Row = (i64, Option<Vec<u8>>, Option<String>, Option<String>);
    let mut stmt = conn.prepare("SELECT id,sha256,path,member FROM source ORDER BY id")?;
    let mut here: Vec<Row> = stmt
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut pairs = BTreeMap::new();
    for s in found {
        if let Some(at) = here.iter().position(|h| h.1.is_some() && h.1 == s.sha256) {
            pairs.insert(s.id, here.remove(at).0);
        }
    }
    for s in found {
        if let Some(here) = pairs.get(&s.id) {
            name(conn, *here, s)?;
        }
    }
    let mut renamed = false;
    for s in found {
        if pairs.contains_key(&s.id) {
            continue;
        }
        if let Some(at) = here.iter().position(|h| h.2 == s.path && h.3 == s.member) {
            let id = here.remove(at).0;
            pairs.insert(s.id, id);
            name(conn, id, s)?;
            conn.execute("UPDATE source SET sha256=?2 WHERE id=?1", (id, &s.sha256))?;
            renamed = true;
        }
    }
    Ok((pairs, renamed))
}

/// What the case calls a source: it stands in answers.
fn name(conn: &Connection, here: i64, s: &Source) -> Result<()> {
    conn.execute("UPDATE source SET name=?2 WHERE id=?1", (here, &s.name))?;
    Ok(())
}

fn copy(from: &Connection, to: &Connection, table: &str, columns: &str) -> Result<()> {
    let n = columns.split(',').count();
    let marks: Vec<String> = (1..=n).map(|i| format!("?{i}")).collect();
    let mut insert = to.prepare(&format!(
        "INSERT OR REPLACE INTO {table}({columns}) VALUES({})",
        marks.join(",")
    ))?;
    let mut stmt = from.prepare(&format!("SELECT {columns} FROM {table} ORDER BY id"))?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let row: Vec<rusqlite::types::Value> =
            (0..n).map(|i| r.get(i)).collect::<rusqlite::Result<_>>()?;
        insert.execute(rusqlite::params_from_iter(row))?;
    }
    Ok(())
}

fn from_stored(
    args: &Args,
    cx: &Cx,
    rules: &Rules,
    folder: Folder,
    why: String,
) -> Result<Scratch> {
    let path = folder.0.join("again.ltc");
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(Error::io(&path, "cannot write"))?;
    let mut to = Connection::open(&path)?;
    {
        let backup = rusqlite::backup::Backup::new(&cx.conn, &mut to)?;
        backup.run_to_completion(1024, std::time::Duration::ZERO, None)?;
    }
    drop(to);
    let mut made = open(&path, rules)?;
    let inside = Inside::parse(&inside(args, cx)?)?;
    finalise::run(&mut made.conn, rules, &inside)?;
    let mut stmt = made.conn.prepare("SELECT id FROM source")?;
    let sources = stmt
        .query_map([], |r| Ok((r.get(0)?, r.get(0)?)))?
        .collect::<rusqlite::Result<_>>()?;
    drop(stmt);
    drop(made);
    Ok(Scratch {
        cx: Cx::open(&path, cx.reveal)?,
        why_stored: Some(why),
        sources,
        _folder: folder,
    })
}
