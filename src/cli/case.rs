//! Which case a verb works on, and what the case says of itself. In: options. Out: a path, a reader. Bounds: none.

use super::args::Args;
use crate::case::{info, journal, open_notebook, place, profile};
use crate::error::{Error, Result};
use crate::load::schemas;
use crate::query::Cx;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The case to read: the given one, else the last one used, named in the first line on standard error.
pub(super) fn existing(args: &Args) -> Result<PathBuf> {
    let path = match &args.common.case {
        Some(p) => p.clone(),
        None => {
            let last = place::last_used().ok_or_else(|| Error::Usage {
                msg: "there is no case yet: `leaktrace load FILE` makes one, --case names one"
                    .to_owned(),
                at: None,
            })?;
            name(&last);
            last
        }
    };
    Ok(path)
}

/// The case to load into: the given one, else the last one used, else a new one.
pub(super) fn to_load(args: &Args, files: &[PathBuf]) -> Result<PathBuf> {
    if let Some(p) = &args.common.case {
        return Ok(p.clone());
    }
    let path = match place::last_used() {
        Some(p) => p,
        None => place::new_case(files.first().map(PathBuf::as_path))?,
    };
    name(&path);
    Ok(path)
}

fn name(path: &Path) {
    let text = path.to_string_lossy();
    crate::tell!("case {}", crate::call::text::visible(&text));
}

/// Opens the case for reading. Showing values in clear is written to the case first; where it cannot be written, they
/// are not shown.
pub(super) fn open(args: &Args) -> Result<Cx> {
    open_at(args, &existing(args)?)
}

/// As [`open`], for a known path.
pub(super) fn open_at(args: &Args, path: &Path) -> Result<Cx> {
    let mut cx = Cx::open(path, args.common.reveal)?;
    if !args.common.proto.is_empty() {
        let base = cx.schema();
        cx.set_schema(schemas::read(&args.common.proto, base.as_deref())?);
    }
    for w in &cx.warnings {
        let path = path.to_string_lossy();
        crate::tell!(
            "leaktrace: {}: {}",
            crate::call::text::visible(&path),
            crate::call::text::visible(w)
        );
    }
    if cx.partial()? {
        crate::tell!(
            "leaktrace: a load into {} has not ended, every number is partial: wait for it, or load again where it was cut off",
            crate::call::text::visible(&path.to_string_lossy())
        );
    }
    if args.common.reveal {
        let words: Vec<String> = std::env::args().skip(1).collect();
        note(path, "reveal", &json!({ "command": words }))?;
    }
    let _ = place::remember(path);
    Ok(cx)
}

/// Writes a journal row.
pub(super) fn note(path: &Path, act: &str, detail: &Value) -> Result<()> {
    let conn = open_notebook(path)?;
    journal::append(&conn, act, detail)?;
    Ok(())
}

/// `info`: sets what was given, then tells what the case says of itself.
pub(super) fn info(args: &Args, values: [&Option<String>; 3]) -> Result<u8> {
    const KEYS: [&str; 3] = ["number", "examiner", "notes"];
    let path = existing(args)?;
    if values.iter().any(|v| v.is_some()) {
        let conn = open_notebook(&path)?;
        for (key, value) in KEYS.iter().zip(values) {
            if let Some(v) = value {
                info::set(&conn, key, v)?;
            }
        }
    }
    let cx = open_at(args, &path)?;
    let mut object = Map::new();
    object.insert("case".into(), path.to_string_lossy().into());
    for key in KEYS {
        object.insert(key.into(), cx.info(key)?.map_or(Value::Null, Value::from));
    }
    let p = profile::current(&cx.conn)?;
    let told = |s: String| Some(s).filter(|s| !s.is_empty());
    let grade = if args.common.json {
        json!({"id": p.id, "title": told(p.title), "date": told(p.date), "note": told(p.note)})
    } else {
        let more: Vec<String> = [p.title, p.date, p.note]
            .into_iter()
            .filter_map(told)
            .collect();
        match more.is_empty() {
            true => format!("{} (levels as the rules have them)", p.id).into(),
            false => format!("{}: {}", p.id, more.join(", ")).into(),
        }
    };
    object.insert("profile".into(), grade);
    super::out::object(args, &Value::Object(object))?;
    Ok(super::OK)
}
