//! Captures of the case that new secrets may open, and logs that are given another format. In: files that were named again, and
//! the files of secrets. Out: which are read again, in the place of what the case has of them. Bounds: none but the inputs'.
//!
//! A file in the case is not loaded twice. But one with TLS that was not opened is read again where secrets are given that it
//! was not read with, and with it the captures it was loaded with, since connections go on from one into the next. What the
//! case had of them goes in the transaction that ends the load: an interrupted load changes nothing.

use crate::case::Case;
use crate::case::sources::SecretFile;
use crate::error::Result;
use crate::source::{Input, Kind, Look};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Of the captures `known`, those that stay as they are and the rows that are replaced, whose files join `inputs`.
pub fn choose(
    case: &Case,
    known: Vec<(i64, Input)>,
    secrets: &[SecretFile],
    inputs: &mut Vec<Input>,
    failed: &mut Vec<(PathBuf, String)>,
    look: Look<'_>,
) -> Result<(Vec<i64>, Vec<i64>)> {
    let conn = &case.conn;
    let mut named: BTreeMap<i64, Input> = known.into_iter().collect();
    let mut loads: Vec<i64> = Vec::new();
    for id in named.keys() {
        let (limits, load): (String, i64) =
            conn.query_row("SELECT limits,load_id FROM source WHERE id=?1", [id], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })?;
        let new = secrets.iter().any(|f| !limits.contains(&f.hex()));
        if new && closed(conn, load)? && !loads.contains(&load) {
            loads.push(load);
        }
    }
    let mut replaced = Vec::new();
    for (id, input) in &named {
        if let Kind::Log(log) = &input.kind
            && log.given().is_some()
            && other_mapping(conn, *id, input)?
        {
            replaced.push(*id);
            inputs.push(input.clone());
        }
    }
    for load in loads {
        match together(case, load, &mut named, look)? {
            Ok(files) => {
                for (id, input) in files {
                    replaced.push(id);
                    inputs.push(input);
                }
            }
            Err((path, why)) => failed.push((path, why)),
        }
    }
    let known = named.into_keys().filter(|id| !replaced.contains(id));
    Ok((known.collect(), replaced))
}

/// Whether a log was read in another way than it would be with the formats that are given now.
fn other_mapping(conn: &Connection, id: i64, input: &Input) -> Result<bool> {
    let (kind, mapping): (String, Option<String>) =
        conn.query_row("SELECT kind,mapping FROM source WHERE id=?1", [id], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })?;
    Ok(kind != input.kind.name() || mapping.as_deref() != input.kind.mapping())
}

/// Whether a load has TLS that was not opened.
fn closed(conn: &Connection, load: i64) -> Result<bool> {
    Ok(conn.query_row(
        "SELECT EXISTS(SELECT 1 FROM flow f JOIN source s ON s.id=f.source_id WHERE s.load_id=?1 AND f.app='tls' AND f.why_opaque IS NOT NULL \
         OR s.load_id=?1 AND f.why_opaque LIKE '%tunnel of tls%')",
        [load],
        |r| r.get(0),
    )?)
}

type Files = Vec<(i64, Input)>;

/// All captures of a load: those that were named, the others from where they were; or which one is missing.
fn together(
    case: &Case,
    load: i64,
    named: &mut BTreeMap<i64, Input>,
    look: Look<'_>,
) -> Result<std::result::Result<Files, (PathBuf, String)>> {
    let mut stmt = case.conn.prepare(
        "SELECT id,name,path,sha256,member FROM source WHERE load_id=?1 AND kind LIKE 'pcap%' ORDER BY id",
    )?;
    // What lies at the path looked at last: an archive has many members.
    let mut there: (PathBuf, Vec<Input>) = Default::default();
    let mut rows = stmt.query([load])?;
    let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
    while let Some(r) = rows.next()? {
        let id: i64 = r.get(0)?;
        if named.contains_key(&id) {
            here.push(id);
            continue;
        }
        let (name, path): (String, Option<String>) = (r.get(1)?, r.get(2)?);
        let sha: Option<Vec<u8>> = r.get(3)?;
        let member: Option<String> = r.get(4)?;
        if let Some(path) = path.map(PathBuf::from).filter(|p| *p != there.0) {
            there.1 = crate::source::discover(std::slice::from_ref(&path), look).0;
            there.0 = path;
        }
        let mut inputs = there.1.iter();
        let input =
            inputs.find(|i| i.member.as_ref().map(|m| m.index.as_str()) == member.as_deref());
        let input = input.filter(|i| {
            let hash = i.hash(look.stop).ok();
            hash.is_some_and(|(hash, _)| sha.as_deref() == Some(hash.as_slice()))
        });
        match input.cloned() {
            Some(mut input) => {
                input.name = name;
                elsewhere.push((id, input));
            }
            None => {
                let why = "it was loaded together with captures that are to be read again with these secrets, and is not where it was: name it too";
                return Ok(Err((PathBuf::from(name), why.to_owned())));
            }
        }
    }
    elsewhere.extend(
        here.into_iter()
            .filter_map(|id| named.remove(&id).map(|i| (id, i))),
    );
    Ok(Ok(elsewhere))
}
