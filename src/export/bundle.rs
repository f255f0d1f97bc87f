//! Everything about a selection in one file for others: a tar archive of rows, HTTP archive, report, packets where values may be shown,
//! the hashes of the evidence, and `SHA256SUMS` over all of it. In: selected calls. Out: the archive, the same bytes for the same case,
//! selection and time (`SOURCE_DATE_EPOCH` states one). Bounds: each file is written twice, first to measure and hash it, so that
//! nothing is held; what comes out different the second time (evidence that changes meanwhile) ends it.

use super::{Exporter, Job, csv::Csv, har::Har, jsonl::Jsonl, pcap::Slice, tar, wrote};
use crate::call::text::safe_json;
use crate::case::journal;
use crate::error::{Error, Result};
use crate::query::{Filter, read};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::io::Write;

/// The exporter.
pub struct Bundle;

/// Folder that all files are in.
const FOLDER: &str = "leaktrace-bundle";

/// Counts and hashes, and passes on where there is somewhere to.
struct Measure<'a> {
    hash: Sha256,
    bytes: u64,
    to: Option<&'a mut dyn Write>,
}

impl Write for Measure<'_> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let n = match &mut self.to {
            Some(to) => to.write(buf)?,
            None => buf.len(),
        };
        self.hash.update(buf.get(..n).unwrap_or_default());
        self.bytes += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn measured(
    to: Option<&mut dyn Write>,
    write: &dyn Fn(&mut dyn Write) -> Result<u64>,
) -> Result<(u64, String, u64)> {
    let mut m = Measure {
        hash: Sha256::new(),
        bytes: 0,
        to,
    };
    let n = write(&mut m)?;
    let hex = m
        .hash
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    Ok((m.bytes, hex, n))
}

/// Puts a file into the archive; gives its line in `SHA256SUMS` and the calls in it.
fn file(
    out: &mut dyn Write,
    name: &str,
    write: &dyn Fn(&mut dyn Write) -> Result<u64>,
) -> Result<(String, u64)> {
    let (size, hash, calls) = measured(None, write)?;
    out.write_all(&tar::header(&format!("{FOLDER}/{name}"), size))
        .map_err(wrote)?;
    let again = measured(Some(&mut *out), write)?;
    if again != (size, hash.clone(), calls) {
        return Err(Error::Unreadable {
            path: name.into(),
            why: "came out different the second time: the evidence or the case is being changed, try again when that has ended".into(),
        });
    }
    tar::pad(out, size).map_err(wrote)?;
    Ok((format!("{hash}  {name}\n"), calls))
}

fn rows<T: Serialize>(out: &mut dyn Write, rows: &[T]) -> Result<u64> {
    for row in rows {
        let text = serde_json::to_string(row).map_err(|e| wrote(e.into()))?;
        writeln!(out, "{}", safe_json(&text)).map_err(wrote)?;
    }
    Ok(rows.len() as u64)
}

/// When it is made: as stated, else now.
fn made_at() -> i64 {
    let stated = std::env::var("SOURCE_DATE_EPOCH").ok();
    stated
        .and_then(|s| s.parse::<i64>().ok()?.checked_mul(1_000_000_000))
        .unwrap_or_else(journal::now)
}

/// What it is, what it was made from and with.
fn about(job: &Job<'_>, made_at: i64) -> Result<serde_json::Value> {
    let cx = job.cx;
    let head = journal::head(&cx.conn)?.map(|(seq, hash)| {
        let hex: String = hash.iter().map(|b| format!("{b:02x}")).collect();
        json!({"rows": seq, "last": hex})
    });
    Ok(json!({
        "tool": concat!("leaktrace ", env!("CARGO_PKG_VERSION")),
        "rules": job.rules,
        "made": read::time::rfc3339(made_at),
        "number": cx.info("number")?,
        "examiner": cx.info("examiner")?,
        "filter": job.filter_text,
        "limit": (job.limit > 0).then_some(job.limit),
        "revealed": cx.reveal,
        "packets": if cx.reveal { "packets.pcapng" } else { "left out: packets are evidence in clear, and values are masked here (--reveal)" },
        "journal_before": head,
    }))
}

impl Exporter for Bundle {
    fn name(&self) -> &'static str {
        "bundle"
    }
    fn ending(&self) -> &'static str {
        "tar"
    }
    fn about(&self) -> &'static str {
        "one tar of rows, HAR, report, evidence hashes and their sums"
    }
    fn binary(&self) -> bool {
        true
    }
    fn write(&self, job: &Job<'_>, out: &mut dyn Write) -> Result<u64> {
        let made = made_at();
        let cx = job.cx;
        let mut sums = String::new();
        let mut add = |name: &str, write: &dyn Fn(&mut dyn Write) -> Result<u64>| {
            let (line, calls) = file(out, name, write)?;
            sums.push_str(&line);
            Ok::<u64, Error>(calls)
        };
        let about = about(job, made)?;
        add("about.json", &|w| {
            let text = serde_json::to_string_pretty(&about).map_err(|e| wrote(e.into()))?;
            writeln!(w, "{}", safe_json(&text)).map_err(wrote)?;
            Ok(0)
        })?;
        let calls = add("calls.jsonl", &|w| Jsonl.write(job, w))?;
        add("calls.csv", &|w| Csv.write(job, w))?;
        add("calls.har", &|w| Har.write(job, w))?;
        add("findings.jsonl", &|w| {
            let mut n = 0;
            read::findings(cx, job.filter, &mut |f| {
                job.go_on()?;
                n += rows(w, &[f])?;
                Ok(true)
            })?;
            Ok(n)
        })?;
        add("accounts.jsonl", &|w| {
            rows(w, &read::accounts(cx, job.filter)?)
        })?;
        add("apis.jsonl", &|w| rows(w, &read::apis(cx, job.filter)?))?;
        add("evidence.jsonl", &|w| {
            rows(w, &read::sources(cx, &Filter::all())?)
        })?;
        let report = (job.report)(cx, made)?;
        add("report.html", &|w| {
            w.write_all(report.as_bytes()).map_err(wrote)?;
            Ok(0)
        })?;
        if cx.reveal {
            add("packets.pcapng", &|w| Slice.write(job, w))?;
        }
        let manifest = sums.clone();
        file(out, "SHA256SUMS", &|w| {
            w.write_all(manifest.as_bytes()).map_err(wrote)?;
            Ok(0)
        })?;
        tar::end(out).map_err(wrote)?;
        Ok(calls)
    }
}
