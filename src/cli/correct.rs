//! Corrections of templates and classes, and specifications given to a case that is loaded. In: names of APIs, files. Out: a case whose facts are
//! decided again. Bounds: those of [`crate::load::correct`].

use super::args::{Args, CorrectArgs, Correction};
use super::{NOTHING, OK, case, load, out};
use crate::call::text::visible;
use crate::case::marks;
use crate::error::Result;
use crate::load::correct::{self, Change, ClassChange, With};
use crate::load::finalise::Counts;
use rusqlite::Connection;
use serde_json::json;
use std::path::Path;

/// `correct`.
pub(super) fn run(args: &Args, asked: &CorrectArgs) -> Result<u8> {
    let path = case::existing(args)?;
    let change = match &asked.what {
        Correction::Pin { api } => Change::Pin(api.clone()),
        Correction::Split { api, value, param } => Change::Split {
            api: api.clone(),
            values: value.clone(),
            param: *param,
        },
        Correction::Merge { api } => Change::Merge(api.clone()),
        Correction::Rename { api, name } => Change::Rename {
            api: api.clone(),
            name: name.clone(),
        },
        Correction::Class {
            field,
            class,
            api,
            not,
            instead,
        } => Change::Class(ClassChange {
            field: field.clone(),
            class: class.clone(),
            api: api.clone(),
            on: !not,
            instead: instead.clone(),
        }),
        Correction::List => return list(args, &case::open(args)?.conn),
        Correction::Undo => {
            let (said, counts) = decide(args, &path, correct::undo)?;
            let Some(said) = said else {
                crate::tell!("leaktrace: there is no correction to take back");
                return Ok(NOTHING);
            };
            return told(args, &said, &counts);
        }
    };
    let (said, counts) = decide(args, &path, |conn| correct::apply(conn, &change))?;
    told(args, &said, &counts)
}

/// What facts are decided with.
pub(super) fn with(args: &Args) -> Result<With> {
    Ok(With {
        rules: args.common.rules.clone(),
        inside: load::inside(&args.common.inside)?,
    })
}

fn decide<T>(
    args: &Args,
    path: &Path,
    act: impl FnOnce(&Connection) -> Result<T>,
) -> Result<(T, Counts)> {
    correct::decide(path, &with(args)?, act)
}

fn told(args: &Args, said: &str, counts: &Counts) -> Result<u8> {
    let (apis, findings) = (counts.apis, counts.findings);
    if args.common.json {
        out::object(
            args,
            &json!({"done": said, "apis": apis, "findings": findings}),
        )?;
    } else {
        crate::tell!("{}; {apis} APIs, {findings} findings", visible(said));
    }
    Ok(OK)
}

/// Corrections of templates and classes that hold.
fn list(args: &Args, conn: &Connection) -> Result<u8> {
    let all = marks::corrections(conn)?;
    let mut any = false;
    let mine = |c: &&marks::Correction| c.kind.starts_with("api") || c.kind.starts_with("class");
    for c in all.iter().filter(mine) {
        any = true;
        let v =
            serde_json::from_str::<serde_json::Value>(&c.v).unwrap_or_else(|_| c.v.clone().into());
        if args.common.json {
            let row = json!({"kind": c.kind, "target": c.target, "value": v, "journal": c.seq});
            out::object(args, &row)?;
        } else {
            println!("{:<10} {}  {}", c.kind, visible(&c.target), visible(&c.v));
        }
    }
    Ok(if any { OK } else { NOTHING })
}

/// `--spec` and `--profile` beside a verb that loads nothing: kept, and the facts decided with them.
pub(super) fn given(args: &Args) -> Result<()> {
    let path = case::existing(args)?;
    decide(args, &path, |conn| {
        crate::load::specs::keep(conn, &args.common.spec)?;
        crate::load::profiles::keep(conn, args.common.profile.as_deref())
    })?;
    Ok(())
}
