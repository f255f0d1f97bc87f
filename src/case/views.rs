//! The views of `leaktrace sql`, with the functions they need. In: a reading connection and a way to mask a request
//! target. Out: views that show no value of a data class. Bounds: without `reveal`, an authorizer refuses every base table
//! that is not read through one of these views.

use crate::call::model::{Flags, Level, Proto};
use crate::case::rows::addr_from;
use crate::case::{classes, ids};
use crate::error::Result;
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex};

/// Names of the views.
pub const VIEWS: [&str; 13] = [
    "calls", "apis", "accounts", "sessions", "findings", "flows", "sources", "diags", "risks",
    "fields", "classes", "marks", "acts",
];

/// What the views ask of those who know how values are masked. It reads by a connection of its own.
pub trait Shown: Send {
    /// A request target as it may be shown: its text, and the packed findings of the request's head (see
    /// [`crate::detect::pack`]).
    fn target(&self, text: &str, facts: &[u8]) -> String;
    /// Findings of the call in this row as a JSON array of the contract's rows.
    fn findings(&self, call: i64) -> Result<String>;
}

/// Makes views and functions on a connection that [`open::open_read`] gave. Targets are masked by `shown` unless `reveal`;
/// findings are what `shown` gives.
pub fn install(conn: &mut Connection, reveal: bool, shown: Box<dyn Shown>) -> Result<()> {
    register_functions(conn, reveal, shown)?;
    let query_only: bool = conn.pragma_query_value(None, "query_only", |r| r.get(0))?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.pragma_update(None, "query_only", false)?;
    // A subquery may be given any name, and SQLite tells the authorizer that name as if it were a view's: the views that
    // may read tables have names that nobody can guess, and those that are told are made upon them.
    let prefix = format!("lt_{:016x}_", RandomState::new().build_hasher().finish());
    conn.execute_batch(
        &include_str!("views.sql")
            .replace("CREATE TEMP VIEW ", &format!("CREATE TEMP VIEW {prefix}")),
    )?;
    for view in VIEWS {
        conn.execute_batch(&format!(
            "CREATE TEMP VIEW {view} AS SELECT * FROM {prefix}{view}"
        ))?;
    }
    conn.pragma_update(None, "query_only", query_only)?;
    if !reveal {
        conn.authorizer(Some(move |ctx: AuthContext<'_>| only_views(&ctx, &prefix)))?;
    }
    Ok(())
}

/// Registers the functions that views and row queries use: `lt_addr`, `lt_time`, `lt_level`, `lt_proto`, `lt_flags`,
/// `lt_classes`, `lt_call_id`, `lt_flow_id`, `lt_target`, `lt_findings`. Each gives NULL for what it does not understand.
pub fn register_functions(conn: &Connection, reveal: bool, shown: Box<dyn Shown>) -> Result<()> {
    // Innocuous: no side effects, so that they may be used from views although the schema is not trusted.
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    let names: Vec<(u8, String)> = classes::list(conn)?
        .into_iter()
        .map(|(id, name, ..)| (id, name))
        .collect();
    conn.create_scalar_function("lt_addr", 1, flags, |c| {
        Ok(blob(c, 0).and_then(addr_from).map(|ip| ip.to_string()))
    })?;
    conn.create_scalar_function(
        "lt_time",
        1,
        flags,
        |c| Ok(number(c, 0).and_then(time_text)),
    )?;
    conn.create_scalar_function("lt_level", 1, flags, |c| {
        Ok(number(c, 0)
            .and_then(|n| u8::try_from(n).ok())
            .map(|n| Level::from_u8(n).name()))
    })?;
    conn.create_scalar_function("lt_proto", 1, flags, |c| {
        Ok(number(c, 0)
            .and_then(|n| Proto::ALL.get(usize::try_from(n).ok()?))
            .map(|p| p.name()))
    })?;
    conn.create_scalar_function("lt_flags", 1, flags, |c| {
        let bits = number(c, 0).and_then(|n| u32::try_from(n).ok());
        Ok(bits.map(|n| Flags(n).names().join(" ")))
    })?;
    conn.create_scalar_function("lt_classes", 1, flags, move |c| {
        Ok(number(c, 0).map(|bits| {
            let set = names.iter().filter(|(id, _)| bits >> (id & 63) & 1 == 1);
            set.map(|(_, name)| name.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        }))
    })?;
    conn.create_scalar_function("lt_call_id", 4, flags, |c| {
        let tag = ids::source_tag(blob(c, 0), number(c, 1).unwrap_or(0));
        Ok(number(c, 2).map(|unit| ids::call_id(&tag, unit, number(c, 3).unwrap_or(0))))
    })?;
    conn.create_scalar_function("lt_flow_id", 4, flags, |c| {
        let tag = ids::source_tag(blob(c, 0), number(c, 1).unwrap_or(0));
        Ok(number(c, 2).map(|unit| ids::flow_id(&tag, unit, number(c, 3).unwrap_or(0))))
    })?;
    let shown = Arc::new(Mutex::new(shown));
    let s = shown.clone();
    // A virtual table would need unsafe code: one array a call, which json_each takes apart, does the same row by row.
    conn.create_scalar_function("lt_findings", 1, flags, move |c| {
        let (Some(call), Ok(s)) = (number(c, 0), s.lock()) else {
            return Ok(None);
        };
        s.findings(call)
            .map(Some)
            .map_err(|e| rusqlite::Error::UserFunctionError(e.to_string().into()))
    })?;
    conn.create_scalar_function("lt_target", 2, flags, move |c| {
        let text = match c.get_raw(0) {
            ValueRef::Text(t) => String::from_utf8_lossy(t),
            _ => return Ok(None),
        };
        if reveal {
            return Ok(Some(text.into_owned()));
        }
        Ok(shown
            .lock()
            .ok()
            .map(|s| s.target(&text, blob(c, 1).unwrap_or_default())))
    })?;
    Ok(())
}

fn blob<'a>(c: &'a Context<'_>, at: usize) -> Option<&'a [u8]> {
    match c.get_raw(at) {
        ValueRef::Blob(b) => Some(b),
        _ => None,
    }
}

fn number(c: &Context<'_>, at: usize) -> Option<i64> {
    match c.get_raw(at) {
        ValueRef::Integer(n) => Some(n),
        _ => None,
    }
}

/// RFC 3339 UTC with nanoseconds.
fn time_text(ns: i64) -> Option<String> {
    let at = jiff::Timestamp::from_nanosecond(i128::from(ns)).ok()?;
    Some(format!("{at:.9}"))
}

/// Base tables may be read through our views alone. SQLite's table of tables tells only names; that of temporary ones
/// would tell our views' names.
fn only_views(ctx: &AuthContext<'_>, prefix: &str) -> Authorization {
    let allowed = match ctx.action {
        // SQLite asks once more for a table as a whole when it has merged a view into the query: no value is read by that.
        AuthAction::Read {
            column_name: "", ..
        } => true,
        AuthAction::Read { table_name, .. } => {
            ctx.accessor.is_some_and(|a| a.starts_with(prefix))
                || table_name.starts_with(prefix)
                || VIEWS.contains(&table_name)
                || (["sqlite_schema", "sqlite_master"].contains(&table_name)
                    && ctx.database_name == Some("main"))
        }
        AuthAction::Select | AuthAction::Function { .. } | AuthAction::Recursive => true,
        _ => false,
    };
    if allowed {
        Authorization::Allow
    } else {
        Authorization::Deny
    }
}
