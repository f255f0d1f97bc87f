//! Rows on standard output: JSON Lines for programs, aligned columns for people. In: rows. Out: text. Bounds: rows are
//! written as they come; columns are measured on the first [`MEASURED`] rows.

use super::args::{Args, Verb};
use super::table::{self, Column};
use crate::call::text::visible;
use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::{BufWriter, IsTerminal as _, StdoutLock, Write as _};

/// Rows that column widths are taken from.
const MEASURED: usize = 1000;

/// Writes rows of one verb.
pub(super) struct Rows<'a> {
    args: &'a Args,
    columns: &'static [Column],
    out: BufWriter<StdoutLock<'static>>,
    held: Vec<Map<String, Value>>,
    /// Widths of the columns; `None` for one that the terminal has no room for.
    widths: Option<Vec<Option<usize>>>,
    /// Columns of the terminal, if there is one.
    room: Option<usize>,
    /// Rows that were found, also where none may be written.
    found: u64,
    checked: bool,
}

/// Columns of the terminal that reads standard output; `None` where a file or a program does.
pub(super) fn room() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    crate::ui::term::columns().filter(|wide| *wide >= 40)
}

fn failed(e: std::io::Error) -> Error {
    Error::io("standard output", "cannot write")(e)
}

impl<'a> Rows<'a> {
    /// For a verb; `columns` are those that people see.
    pub fn new(args: &'a Args, columns: &'static [Column]) -> Rows<'a> {
        Rows {
            args,
            columns,
            out: BufWriter::with_capacity(64 << 10, std::io::stdout().lock()),
            held: Vec::new(),
            widths: None,
            room: room(),
            found: 0,
            checked: false,
        }
    }

    /// Whether another row may be written. With `--limit 0` one is looked for and not written, so that the status tells whether
    /// there are any.
    pub fn more(&self) -> bool {
        let n = self.args.common.limit;
        n.is_none_or(|n| self.found < n.max(1))
    }

    /// Writes or counts a row.
    pub fn row(&mut self, row: &impl Serialize) -> Result<()> {
        if !self.more() {
            return Ok(());
        }
        self.found += 1;
        if self.args.common.limit == Some(0) {
            return Ok(());
        }
        let fields = &self.args.common.fields;
        if self.args.common.count {
            return Ok(());
        }
        if self.args.common.json && fields.is_empty() {
            serde_json::to_writer(&mut self.out, row).map_err(|e| failed(e.into()))?;
            return self.out.write_all(b"\n").map_err(failed);
        }
        let Ok(Value::Object(mut object)) = serde_json::to_value(row) else {
            return Ok(());
        };
        if !fields.is_empty() {
            object = self.pick(object)?;
        }
        if self.args.common.json {
            serde_json::to_writer(&mut self.out, &object).map_err(|e| failed(e.into()))?;
            return self.out.write_all(b"\n").map_err(failed);
        }
        if self.widths.is_some() {
            return self.line(&object);
        }
        self.held.push(object);
        if self.held.len() >= MEASURED {
            self.measure()?;
        }
        Ok(())
    }

    fn pick(&mut self, mut object: Map<String, Value>) -> Result<Map<String, Value>> {
        let mut out = Map::new();
        let all: Vec<String> = if self.checked {
            Vec::new()
        } else {
            object.keys().cloned().collect()
        };
        for name in &self.args.common.fields {
            match object.remove(name) {
                Some(v) => {
                    out.insert(name.clone(), v);
                }
                None if !self.checked => {
                    let known: Vec<&str> = all.iter().map(String::as_str).collect();
                    let near = crate::query::lang::field::nearest(name, known.iter().copied());
                    let hint = near.map_or_else(
                        || format!("there are: {}", known.join(" ")),
                        |n| format!("did you mean {n}?"),
                    );
                    return Err(Error::Usage {
                        msg: format!(
                            "--fields: these rows have no field {}; {hint}",
                            visible(name)
                        ),
                        at: None,
                    });
                }
                None => {}
            }
        }
        self.checked = true;
        Ok(out)
    }

    /// Whether the verb's own columns are shown; `sql` has none.
    fn own(&self) -> bool {
        self.args.common.fields.is_empty() && !self.columns.is_empty()
    }

    fn cells(&self, object: &Map<String, Value>) -> Vec<String> {
        if self.own() {
            self.columns
                .iter()
                .map(|c| table::cell(c.of(object), c))
                .collect()
        } else {
            object
                .values()
                .map(|v| table::cell(Some(v), &table::ANY))
                .collect()
        }
    }

    fn measure(&mut self) -> Result<()> {
        let held = std::mem::take(&mut self.held);
        let heads: Vec<String> = if self.own() {
            self.columns.iter().map(|c| c.head.to_owned()).collect()
        } else {
            let keys = held
                .first()
                .map(|o| o.keys().map(|k| visible(k).to_uppercase()));
            keys.map(Iterator::collect).unwrap_or_default()
        };
        let mut widths: Vec<usize> = heads.iter().map(|h| table::width(h)).collect();
        for object in &held {
            for (w, cell) in widths.iter_mut().zip(self.cells(object)) {
                *w = (*w).max(table::width(&cell));
            }
        }
        let fitted = match self.room {
            Some(room) if self.own() && !held.is_empty() => table::fit(self.columns, &widths, room),
            _ => widths.into_iter().map(Some).collect(),
        };
        let out: Vec<&str> = self
            .columns
            .iter()
            .zip(&fitted)
            .filter(|(_, w)| w.is_none())
            .map(|(c, _)| c.head)
            .collect();
        if !out.is_empty() {
            crate::tell!(
                "leaktrace: no room for {} (--fields names any, a pipe gets all)",
                out.join(", ")
            );
        }
        self.widths = Some(fitted);
        if !held.is_empty() {
            self.put(&heads)?;
        }
        for object in held {
            self.line(&object)?;
        }
        Ok(())
    }

    fn line(&mut self, object: &Map<String, Value>) -> Result<()> {
        let cells = self.cells(object);
        self.put(&cells)
    }

    fn put(&mut self, cells: &[String]) -> Result<()> {
        let own = self.own();
        let fitted = self.widths.as_deref().unwrap_or_default();
        let mut widths = Vec::with_capacity(fitted.len());
        let mut shown = Vec::with_capacity(fitted.len());
        let mut numbers = Vec::with_capacity(fitted.len());
        for (i, (cell, wide)) in cells.iter().zip(fitted).enumerate() {
            let Some(wide) = *wide else { continue };
            let column = self.columns.get(i).filter(|_| own);
            // what came after the columns were measured may be wider: only what may be cut is cut to the terminal's room
            let cuts = self.room.is_some() && column.is_some_and(|c| c.least < c.max);
            widths.push(wide);
            shown.push(if cuts {
                table::cut(cell, wide)
            } else {
                cell.clone()
            });
            numbers.push(column.is_some_and(|c| c.right));
        }
        let right = |i: usize| numbers.get(i).copied().unwrap_or(false);
        let line = table::line(&shown, &widths, &right);
        writeln!(self.out, "{line}").map_err(failed)
    }

    /// Ends the output; gives the exit status.
    pub fn end(mut self) -> Result<u8> {
        let n = self.found;
        self.end_with_count(n)
    }

    /// Ends the output of a verb that counted in another way.
    pub fn end_with_count(&mut self, n: u64) -> Result<u8> {
        if self.args.common.count {
            let n = self.args.common.limit.map_or(n, |l| n.min(l));
            writeln!(self.out, "{n}").map_err(failed)?;
        } else if !self.args.common.json && self.widths.is_none() {
            self.measure()?;
        }
        self.out.flush().map_err(failed)?;
        if n == 0 && !self.args.common.count && !self.args.common.json {
            self.none();
        }
        Ok(if n > 0 { super::OK } else { super::NOTHING })
    }
}

impl Rows<'_> {
    /// Says that there is nothing: an empty screen could be a fault as well.
    fn none(&self) {
        match (&self.args.verb, self.args.filter_text()) {
            (Some(Verb::Sql { .. }), _) => crate::tell!("leaktrace: the statement gives no rows"),
            // it has said more already
            (Some(Verb::Replay { .. }), _) => {}
            (_, Some(t)) if !t.is_empty() => {
                crate::tell!("leaktrace: nothing matches {}", visible(&t));
            }
            _ => crate::tell!("leaktrace: there is none in this case"),
        }
    }
}

/// Writes one object: a JSON line, or a line a field for people.
pub(super) fn object(args: &Args, value: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if args.common.json {
        serde_json::to_writer(&mut out, value).map_err(|e| failed(e.into()))?;
        return writeln!(out).map_err(failed);
    }
    let Value::Object(map) = value else {
        return writeln!(out, "{}", visible(&value.to_string())).map_err(failed);
    };
    let wide = map.keys().map(|k| table::width(k)).max().unwrap_or(0);
    for (k, v) in map {
        let cell = table::cell(Some(v), &table::ANY);
        writeln!(out, "{k:wide$}  {cell}").map_err(failed)?;
    }
    out.flush().map_err(failed)
}

/// Writes text for people; evidence in it must have been made visible.
pub(super) fn text(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).map_err(failed)?;
    out.flush().map_err(failed)
}
