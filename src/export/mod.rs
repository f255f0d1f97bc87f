//! Rows and calls as files. In: selected calls of a case. Out: a file that appears whole or not at all, mode 0600, its
//! SHA-256, and a journal row. Bounds: one row in memory at a time; a stop flag ends it and leaves no file.
//! A new format is one file here and one line in [`EXPORTERS`].

mod bundle;
pub mod csv;
pub mod curl;
pub mod har;
pub mod jsonl;
pub mod openapi;
pub mod pcap;
mod pcapng;
pub mod share;
mod tar;

use crate::case::{journal, open_notebook};
use crate::error::{Error, Result};
use crate::query::read::{self, Cx, Page};
use crate::query::{Filter, rows::CallRow};
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// What to export.
pub struct Job<'a> {
    /// The case; its `reveal` decides whether values are shown.
    pub cx: &'a Cx,
    /// Which calls.
    pub filter: &'a Filter,
    /// The filter as the user wrote it, for the journal.
    pub filter_text: &'a str,
    /// Calls at most; 0 is all.
    pub limit: usize,
    /// Folders in which moved evidence is looked for.
    pub evidence: &'a [PathBuf],
    /// Composes a report of what is there, as HTML, with the time that it is made at; for formats that hold one.
    pub report: &'a dyn Fn(&Cx, i64) -> Result<String>,
    /// Print of the rules at hand.
    pub rules: &'a str,
    /// Set to stop.
    pub stop: &'a AtomicBool,
}

impl Job<'_> {
    /// Gives the selected calls in order to `each`, and how many there were.
    pub fn each(&self, each: &mut dyn FnMut(CallRow) -> Result<()>) -> Result<u64> {
        let ids = self.ids()?;
        let mut n = 0;
        for id in ids {
            self.go_on()?;
            if let Some(row) = read::call_row(self.cx, id)? {
                each(row)?;
                n += 1;
            }
        }
        Ok(n)
    }
    /// Row ids of the selected calls in order.
    pub fn ids(&self) -> Result<Vec<i64>> {
        read::call_ids(self.cx, self.filter, &Page::first(self.limit))
    }
    /// Errs once the user has stopped it.
    pub fn go_on(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// A file format.
pub trait Exporter: Sync {
    /// Name on the command line.
    fn name(&self) -> &'static str;
    /// Its key in menus.
    fn key(&self) -> char {
        self.name().chars().next().unwrap_or(' ')
    }
    /// How files of it end, so that other programs know them.
    fn ending(&self) -> &'static str {
        self.name()
    }
    /// One line for help and menus.
    fn about(&self) -> &'static str;
    /// Whether what it writes is evidence as it was captured, values in clear: needs `--reveal`.
    fn raw(&self) -> bool {
        false
    }
    /// Whether it is no text: a terminal cannot show it.
    fn binary(&self) -> bool {
        false
    }
    /// Writes the selected calls and gives their number.
    ///
    /// # Errors
    /// What reading or writing gives; [`Error::Interrupted`].
    fn write(&self, job: &Job<'_>, out: &mut dyn Write) -> Result<u64>;
}

/// All formats.
pub static EXPORTERS: &[&dyn Exporter] = &[
    &csv::Csv,
    &jsonl::Jsonl,
    &har::Har,
    &curl::Curl,
    &pcap::Slice,
    &bundle::Bundle,
    &openapi::OpenApi,
];

/// The format of that name.
///
/// # Errors
/// [`Error::Usage`] lists the formats.
pub fn find(name: &str) -> Result<&'static dyn Exporter> {
    EXPORTERS
        .iter()
        .copied()
        .find(|e| e.name() == name)
        .ok_or_else(|| {
            let all: Vec<&str> = EXPORTERS.iter().map(|e| e.name()).collect();
            Error::Usage {
                msg: format!(
                    "no format {}; there are: {}",
                    crate::call::text::visible(name),
                    all.join(", ")
                ),
                at: None,
            }
        })
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The file.
    pub path: PathBuf,
    /// Calls in it.
    pub calls: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// Number of the journal row; `None` where the case cannot be written.
    pub journal: Option<i64>,
}

/// Counts and hashes what goes to the file.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.hash.update(buf.get(..n).unwrap_or_default());
        self.bytes += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Writes the selected calls as a file.
///
/// # Errors
/// [`Error::Nothing`] where no call is selected; [`Error::Usage`] where the format shows values in clear and `reveal` is not set;
/// I/O; [`Error::Interrupted`].
pub fn export(exporter: &dyn Exporter, job: &Job<'_>, out: &Path) -> Result<Outcome> {
    clear(exporter, job)?;
    let detail = serde_json::json!({"format": exporter.name(), "filter": job.filter_text});
    publish(job.cx, out, detail, &mut |w| {
        let n = exporter.write(job, w)?;
        // a mistyped filter must not cost the file that was exported with the right one
        match n {
            0 => Err(nothing(out)),
            n => Ok(n),
        }
    })
}

/// Said where nothing was selected.
fn nothing(out: &Path) -> Error {
    let left = if out.exists() {
        " and the file stays as it was"
    } else {
        ""
    };
    Error::Nothing(format!(
        "{}: no call is selected, so nothing was written{left}",
        out.display()
    ))
}

/// Writes the selected calls to a stream as they come. The journal tells what went out, also where it broke off.
///
/// # Errors
/// As [`export`].
pub fn stream(exporter: &dyn Exporter, job: &Job<'_>, to: &mut dyn Write) -> Result<Outcome> {
    clear(exporter, job)?;
    let mut w = Hashed {
        inner: BufWriter::new(to),
        hash: Sha256::new(),
        bytes: 0,
    };
    let done = exporter.write(job, &mut w);
    let done = done.and_then(|n| w.flush().map_err(wrote).map(|()| n));
    let sha256: String = w
        .hash
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let path = PathBuf::from("standard output");
    let detail = serde_json::json!({
        "format": exporter.name(),
        "filter": job.filter_text,
        "calls": done.as_ref().ok(),
        "bytes": w.bytes,
        "sha256": sha256,
        "file": "standard output",
        "revealed": job.cx.reveal,
    });
    let journal = match open_notebook(&job.cx.path) {
        Ok(conn) => Some(journal::append(&conn, "export", &detail)?),
        Err(_) => None,
    };
    Ok(Outcome {
        path,
        calls: done?,
        bytes: w.bytes,
        sha256,
        journal,
    })
}

/// Refuses what shows values in clear and was not asked to.
fn clear(exporter: &dyn Exporter, job: &Job<'_>) -> Result<()> {
    if exporter.raw() && !job.cx.reveal {
        return Err(Error::Usage {
            msg: format!(
                "{} holds the evidence as it was captured, values in clear: add --reveal",
                exporter.name()
            ),
            at: None,
        });
    }
    Ok(())
}

/// Writes a file: into a hidden neighbour first, which takes its name once it is whole and the journal has its row, with
/// `detail`, the calls that `write` gives, and what the file came to be.
///
/// # Errors
/// I/O, and what `write` gives.
pub fn publish(
    cx: &Cx,
    out: &Path,
    detail: serde_json::Value,
    write: &mut dyn FnMut(&mut dyn Write) -> Result<u64>,
) -> Result<Outcome> {
    if out.as_os_str() == "-" {
        return Err(Error::Usage {
            msg: "- is no file here: give a name, ./- for one of that name".into(),
            at: None,
        });
    }
    let name = out.file_name().ok_or_else(|| Error::Usage {
        msg: "-o needs the name of a file".into(),
        at: None,
    })?;
    if let Some(folder) = out.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::metadata(folder).map_err(Error::io(folder, "cannot write into"))?;
    }
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.part", std::process::id()));
    let part = out.with_file_name(hidden);
    let done = write_part(&part, write).and_then(|(calls, bytes, sha256)| {
        let mut detail = detail;
        if let serde_json::Value::Object(o) = &mut detail {
            for (k, v) in [
                ("calls", calls.into()),
                ("bytes", bytes.into()),
                ("sha256", sha256.clone().into()),
                ("file", out.to_string_lossy().into()),
                ("revealed", cx.reveal.into()),
            ] {
                o.insert(k.to_owned(), v);
            }
        }
        // Read-only media: the export is made, and the caller says that nothing could be noted.
        let row = match open_notebook(&cx.path) {
            Ok(conn) => Some(journal::append(&conn, "export", &detail)?),
            Err(_) => None,
        };
        std::fs::rename(&part, out).map_err(Error::io(out, "cannot write"))?;
        Ok(Outcome {
            path: out.to_owned(),
            calls,
            bytes,
            sha256,
            journal: row,
        })
    });
    if done.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    done
}

fn write_part(
    part: &Path,
    write: &mut dyn FnMut(&mut dyn Write) -> Result<u64>,
) -> Result<(u64, u64, String)> {
    let file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(part)
        .map_err(Error::io(part, "cannot create"))?;
    let mut w = Hashed {
        inner: BufWriter::new(file),
        hash: Sha256::new(),
        bytes: 0,
    };
    let calls = write(&mut w)?;
    w.flush().map_err(Error::io(part, "cannot write"))?;
    let (bytes, hash) = (w.bytes, w.hash.finalize());
    w.inner
        .into_inner()
        .map_err(|e| Error::io(part, "cannot write")(e.into_error()))?
        .sync_all()
        .map_err(Error::io(part, "cannot write"))?;
    let hex = hash.iter().map(|b| format!("{b:02x}")).collect();
    Ok((calls, bytes, hex))
}

/// An error of writing that has no path of its own.
pub(crate) fn wrote(e: std::io::Error) -> Error {
    Error::io("export", "cannot write")(e)
}
