//! Protobuf schemas that the investigator gives. In: paths of `.proto` texts and descriptor sets. Out: one [`Schema`]; kept in the
//! case, so that later readings of it name fields in the same way. Bounds: [`limits::SCHEMA_BYTES`] in all; imports are looked for
//! beside the file that names them and in the folders above it.

use crate::body::protobuf::schema::{Builder, Schema, WELL_KNOWN};
use crate::call::text::visible;
use crate::case::{info, journal};
use crate::error::{Error, Result};
use crate::limits;
use rusqlite::Connection;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders above a file in which its imports are looked for.
const ABOVE: usize = 16;

fn bad(path: &Path, why: &str) -> Error {
    Error::Usage {
        msg: format!(
            "--proto {}: {}",
            visible(&path.to_string_lossy()),
            visible(why)
        ),
        at: None,
    }
}

/// Reads all files and what they import, over the types of `base`.
///
/// # Errors
/// A usage error where a file cannot be read or understood, with its line.
pub fn read(paths: &[PathBuf], base: Option<&Schema>) -> Result<Schema> {
    let mut b = Builder::default();
    if let Some(s) = base {
        b.add(s);
    }
    let mut done: BTreeSet<PathBuf> = BTreeSet::new();
    let mut todo: Vec<PathBuf> = paths.iter().rev().cloned().collect();
    let mut left = limits::SCHEMA_BYTES;
    let mut known = false;
    while let Some(path) = todo.pop() {
        let whole = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if !done.insert(whole.clone()) {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|e| bad(&path, &e.to_string()))?;
        left = left
            .checked_sub(bytes.len())
            .ok_or_else(|| bad(&path, "more than 64 MiB of schemas"))?;
        let named = path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("proto"));
        let text = std::str::from_utf8(&bytes)
            .ok()
            .filter(|t| named || !t.contains('\0') && t.contains("message"));
        let Some(text) = text else {
            b.descriptors(&bytes).map_err(|e| bad(&path, &e))?;
            continue;
        };
        for import in b.proto(text).map_err(|e| bad(&path, &e))? {
            let beside = whole
                .ancestors()
                .skip(1)
                .take(ABOVE)
                .map(|d| d.join(&import))
                .find(|p| p.is_file());
            match beside {
                Some(p) => todo.push(p),
                // what is not there is missed only where one of its types is used, and said then
                None if import.starts_with("google/protobuf/") && !known => {
                    b.proto(WELL_KNOWN)
                        .map_err(|e| bad(Path::new(&import), &e))?;
                    known = true;
                }
                None => {}
            }
        }
    }
    let first = paths.first().map_or(Path::new(""), PathBuf::as_path);
    b.build().map_err(|e| bad(first, &e))
}

/// Reads `--proto` files over what the case keeps, and keeps the result.
///
/// # Errors
/// As [`read`]; what SQLite says.
pub fn keep(conn: &Connection, paths: &[PathBuf]) -> Result<Option<Schema>> {
    let before = info::get(conn, info::SCHEMA)?.and_then(|t| Schema::from_json(&t));
    if paths.is_empty() {
        return Ok(before);
    }
    let schema = read(paths, before.as_ref())?;
    if before.as_ref() != Some(&schema) {
        info::put(conn, info::SCHEMA, &schema.to_json())?;
        let names: Vec<String> = paths
            .iter()
            .map(|p| p.to_string_lossy().into_owned())
            .collect();
        journal::append(
            conn,
            "schema",
            &json!({ "files": names, "methods": schema.methods() }),
        )?;
    }
    Ok(Some(schema))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_found_beside_and_above() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let p = dir.path().join(name);
            std::fs::create_dir_all(p.parent().unwrap()).unwrap();
            std::fs::write(&p, text).unwrap();
            p
        };
        put(
            "common/types.proto",
            "package common; import \"crm/v1/a.proto\"; message Id { string v = 1; }",
        );
        let a = put(
            "crm/v1/a.proto",
            "package crm.v1; import \"common/types.proto\"; import \"b.proto\"; import \"google/protobuf/timestamp.proto\"; import \"nowhere/options.proto\";
             message A { common.Id id = 1; B b = 2; google.protobuf.Timestamp t = 3; } service S { rpc Do(A) returns (B); }",
        );
        put(
            "crm/v1/b.proto",
            "package crm.v1; message B { int32 n = 1; }",
        );
        let s = read(&[a], None).unwrap();
        let (asked, _) = s.method("/crm.v1.S/Do").unwrap();
        assert_eq!(s.field(asked, 1).unwrap().name, "id");
        let more = put("more.proto", "package more; message M { string x = 1; }");
        let both = read(&[more], Some(&s)).unwrap();
        assert!(both.message("more.M").is_some() && both.method("/crm.v1.S/Do").is_some());
        let wrong = put("wrong.proto", "message A {\n nothing\n}");
        let e = read(&[wrong], None).unwrap_err().to_string();
        assert!(e.contains("wrong.proto: line 3"), "{e}");
        assert!(read(&[dir.path().join("none.proto")], None).is_err());
    }
}
