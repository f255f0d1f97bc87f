//! A share copy: what of it can be verified, and why the rest cannot. In: the copy. Out: notes, and bodies that are not what the copy
//! was made with. Bounds: one body in memory.

use super::Check;
use crate::case::share::Share;
use crate::error::Result;
use crate::query::Cx;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What of a share copy can be verified, and what cannot: its evidence is elsewhere, and its findings were made from clear text.
pub(super) fn bodies(cx: &Cx, check: &mut Check<'_>, copy: &Share) -> Result<()> {
    let why = format!(
        "a share copy of case {}, whose journal had {} rows and the head {}: the evidence stays with that case, so nothing is compared with it",
        copy.from, copy.journal_rows, copy.journal_head
    );
    check.note("source", "all", Value::Null, &why)?;
    let why = "values are hidden in this copy, so findings cannot be derived again: verify the case that it was made from";
    check.note("finding", "all", Value::Null, why)?;
    let mut stmt = cx
        .conn
        .prepare("SELECT id,sha256 FROM body WHERE sha256 IS NOT NULL AND kept=len ORDER BY id")?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let (id, sha): (i64, Vec<u8>) = (r.get(0)?, r.get(1)?);
        let fault = match cx.body(id) {
            Ok(content) if Sha256::digest(&content)[..] == sha[..] => None,
            Ok(_) => Some("its content is not what the copy was made with".to_owned()),
            Err(e) => Some(e.to_string()),
        };
        check.thing(
            "body",
            &id.to_string(),
            crate::cli::table::hex(&sha).into(),
            fault,
        )?;
    }
    Ok(())
}
