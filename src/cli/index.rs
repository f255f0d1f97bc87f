//! `index`: makes the index of text that searches of bodies use, or takes it away. In: a case. Out: what is covered and what it
//! costs. Bounds: those of [`crate::case::text::index`]; Ctrl-C ends it, what was made by then stays.

use super::args::Args;
use super::{OK, case, out};
use crate::case::text::index::{self, Size, Status};
use crate::error::Result;
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::AtomicBool;

pub(super) fn run(args: &Args, remove: bool) -> Result<u8> {
    let path = case::existing(args)?;
    if remove {
        index::remove(&path)?;
    } else {
        let jobs = args
            .common
            .jobs
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let shown = std::io::stderr().is_terminal();
        index::build(
            &path,
            jobs,
            Size::default(),
            &AtomicBool::new(false),
            &mut |b| {
                if shown {
                    let _ = write!(
                        std::io::stderr(),
                        "\r{} of {} MB of text",
                        b.done / 1_000_000,
                        b.all / 1_000_000
                    );
                }
            },
        )?;
        if shown {
            crate::tell!();
        }
    }
    let cx = case::open_at(args, &path)?;
    let s: Status = index::status(&cx.conn)?;
    out::object(
        args,
        &json!({
            "case": path.to_string_lossy(), "text": s.text, "covered": s.covered, "index": s.index,
            "packs": s.packs, "covered_packs": s.covered_packs,
        }),
    )?;
    Ok(OK)
}
