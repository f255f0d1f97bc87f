//! The investigator's part of the case: marks, notes, tags, saved filters, reveals, exports. In: changes. Out: what was
//! written, in words. Bounds: one short transaction each; while a load holds the file the write waits for it.

use super::{Answer, MarkRow, What};
use crate::case::{self, ids};
use crate::error::{Error, Result};
use crate::load::correct::{self, Change, With};
use crate::load::finalise::Counts;
use crate::load::{profiles, specs};
use crate::ui::widget::safe_text::many;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Puts (or takes away) a mark, note or tag.
    Put {
        /// `call:ID`, `api:NAME`, `account:NAME` ...
        target: String,
        /// `mark`, `note` or `tag`.
        kind: &'static str,
        /// Text.
        v: String,
        /// Take it away instead.
        off: bool,
    },
    /// Corrects whose calls are, or takes that back.
    Correct {
        /// `account`, `account-not`.
        kind: &'static str,
        /// `account:NAME`, `call:ID`.
        target: String,
        /// New value.
        v: String,
        /// Take it back instead.
        off: bool,
    },
    /// Keeps a filter under a name.
    SaveFilter {
        /// Name.
        name: String,
        /// Text.
        text: String,
    },
    /// Corrects templates.
    Template(Change),
    /// Takes the last correction back.
    Untemplate(Change),
    /// Grades by another profile.
    Grade(String),
    /// Searches again with the rules in these files, as they are now.
    Rules(Vec<PathBuf>),
    /// Keeps the specifications in these files.
    Spec(Vec<PathBuf>),
}

impl Write {
    /// What takes it back.
    pub fn inverse(&self) -> Option<Write> {
        match self {
            Write::Put {
                target,
                kind,
                v,
                off,
            } => Some(Write::Put {
                target: target.clone(),
                kind,
                v: v.clone(),
                off: !off,
            }),
            Write::Correct {
                kind,
                target,
                v,
                off,
            } => Some(Write::Correct {
                kind,
                target: target.clone(),
                v: v.clone(),
                off: !off,
            }),
            // another profile is one more choice in the palette
            Write::SaveFilter { .. } | Write::Grade(_) | Write::Rules(_) | Write::Spec(_) => None,
            Write::Template(c) => Some(Write::Untemplate(c.clone())),
            Write::Untemplate(c) => Some(Write::Template(c.clone())),
        }
    }
}

/// Writes a change.
pub fn write(path: &Path, w: &Write, with: &With) -> Result<Answer> {
    match w {
        Write::Template(c) => {
            let counts = |n: &Counts| match c {
                Change::Class(_) => many(n.findings, "finding"),
                _ => many(n.apis, "API"),
            };
            return corrected(path, with, counts, |conn| correct::apply(conn, c));
        }
        Write::Untemplate(change) => {
            let counts = |n: &Counts| match change {
                Change::Class(_) => many(n.findings, "finding"),
                _ => many(n.apis, "API"),
            };
            return corrected(path, with, counts, |conn| {
                let said = correct::undo(conn)?;
                Ok(said.unwrap_or_else(|| "there is no correction to take back".into()))
            });
        }
        Write::Rules(files) => {
            let with = With {
                rules: files.clone(),
                ..with.clone()
            };
            let (again, counts) = correct::search_again(path, &with)?;
            let said = match again {
                None => "nothing was searched with other rules than these".into(),
                Some(r) if r.classes.is_empty() => {
                    format!(
                        "{} bodies and heads searched again, no difference",
                        r.searched
                    )
                }
                Some(r) => format!(
                    "{} searched again, {} differ: {}; {}",
                    r.searched,
                    r.changed,
                    r.difference(),
                    many(counts.findings, "finding")
                ),
            };
            return Ok(Answer::Written(said));
        }
        Write::Spec(files) => {
            let counts = |c: &Counts| many(c.apis, "API");
            return corrected(path, with, counts, |conn| {
                Ok(match specs::keep(conn, files)? {
                    0 => "the case has this specification already".into(),
                    n => format!("{n} specification{} kept", if n == 1 { "" } else { "s" }),
                })
            });
        }
        Write::Grade(id) => {
            let counts = |c: &Counts| many(c.findings, "finding");
            return corrected(path, with, counts, |conn| {
                let p = profiles::named(id)?;
                case::profile::take(conn, &p)?;
                Ok(format!("levels by {}", p.title))
            });
        }
        Write::Correct {
            kind,
            target,
            v,
            off,
        } => {
            let counts = |c: &Counts| many(c.accounts, "account");
            return corrected(path, with, counts, |conn| {
                if *off {
                    case::marks::uncorrect(conn, kind, target)?;
                    return Ok(match target.strip_prefix("account:") {
                        Some(old) => format!("taken back: who {old} is"),
                        None => format!("taken back: that {} is not of {v}", in_words(target)),
                    });
                }
                case::marks::correct(conn, kind, target, v)?;
                Ok(match target.strip_prefix("account:") {
                    Some(old) => format!("{old} is {v} now"),
                    None => format!("what came on this credential is not of {v}; u takes it back"),
                })
            });
        }
        Write::Put { .. } | Write::SaveFilter { .. } => {}
    }
    let conn = case::open_notebook(path)?;
    let said = match w {
        Write::Put {
            target,
            kind,
            v,
            off: false,
        } => {
            case::marks::add(&conn, target, kind, v)?;
            let what = in_words(target);
            match *kind {
                "note" => format!("noted on {what}"),
                "tag" => format!("tagged {v}: {what}"),
                _ => format!("marked {what}"),
            }
        }
        Write::Put {
            target, kind, v, ..
        } => {
            let was = case::marks::remove(&conn, target, kind, v)?
                || match written_as(&conn, target, kind, v)? {
                    Some(old) => case::marks::remove(&conn, &old, kind, v)?,
                    None => false,
                };
            if was {
                format!("{kind} taken off {}", in_words(target))
            } else {
                format!("there was no such {kind}")
            }
        }
        Write::SaveFilter { name, text } => {
            case::marks::save(&conn, name, "filter", text)?;
            format!("filter saved as {name}")
        }
        // done above
        _ => String::new(),
    };
    Ok(Answer::Written(said))
}

/// What a mark is put on: `call 9f2c41ab03de-12`.
fn in_words(target: &str) -> String {
    target.replacen(':', " ", 1)
}

/// A correction, and the facts that follow. While a load holds the case it is written all the same: the load decides facts.
fn corrected(
    path: &Path,
    with: &With,
    counts: impl Fn(&Counts) -> String,
    act: impl Fn(&Connection) -> Result<String>,
) -> Result<Answer> {
    match correct::decide(path, with, &act) {
        Ok((said, all)) => Ok(Answer::Written(format!("{said}; {}", counts(&all)))),
        Err(Error::Case { .. }) => {
            let said = act(&case::open_notebook(path)?)?;
            Ok(Answer::Written(format!(
                "{said}; it shows after the next load"
            )))
        }
        Err(e) => Err(e),
    }
}

/// Tells the journal what is about to be shown in clear. Where that cannot be written, nothing is shown.
pub fn revealed(path: &Path, what: &What) -> Result<()> {
    let subject = match what {
        What::Show { id, rowid, .. } if id.is_empty() => {
            serde_json::json!({"by": "interface", "call_row": rowid})
        }
        What::Show { id, .. } => serde_json::json!({"by": "interface", "call": id}),
        _ => serde_json::json!({"by": "interface", "verb": "trace"}),
    };
    let conn = case::open_notebook(path)?;
    case::journal::append(&conn, "reveal", &subject)?;
    Ok(())
}

/// Saved filters: name and text. A case without the table has none.
pub fn saved(conn: &Connection) -> Vec<(String, String)> {
    case::marks::saved(conn)
        .unwrap_or_default()
        .into_iter()
        .filter(|(_, kind, _)| kind == "filter")
        .map(|(name, _, text)| (name, text))
        .collect()
}

/// The target by the name that it has now: a call that was marked while its source was not read to the end, so that its hash was
/// not known, has another one since.
fn named_now(conn: &Connection, target: String) -> String {
    let now = target
        .strip_prefix("call:")
        .and_then(|id| ids::find_call(conn, id).ok()?)
        .and_then(|row| ids::of_call(conn, row).ok()?);
    match now {
        Some(id) => format!("call:{id}"),
        None => target,
    }
}

/// Under which other name a mark, note or tag on this target was written.
fn written_as(conn: &Connection, target: &str, kind: &str, v: &str) -> Result<Option<String>> {
    let all = case::marks::list(conn, None)?;
    Ok(all
        .into_iter()
        .filter(|x| x.kind == kind && x.v == v && x.target.starts_with("call:"))
        .map(|x| x.target)
        .find(|t| named_now(conn, t.clone()) == target))
}

/// Everything that was put on something, by target, newest first.
pub fn marks(conn: &Connection) -> Vec<MarkRow> {
    let mut by: BTreeMap<String, MarkRow> = BTreeMap::new();
    for x in case::marks::list(conn, None).unwrap_or_default() {
        let target = named_now(conn, x.target);
        let r = by.entry(target.clone()).or_default();
        r.target = target;
        r.at = r.at.max(x.at);
        match x.kind.as_str() {
            "note" => r.notes.push(x.v),
            "tag" => r.tags.push(x.v),
            _ => r.mark = true,
        }
    }
    let mut rows: Vec<MarkRow> = by.into_values().collect();
    rows.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.target.cmp(&b.target)));
    rows
}
