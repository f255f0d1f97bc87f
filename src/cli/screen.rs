//! The way from the command line into the interface.

use super::args::Args;
use crate::error::Result;
use crate::load::LoadOptions;
use std::path::PathBuf;

/// Opens the interface on a case; `load` is loaded beside it.
pub(super) fn open(args: &Args, case: PathBuf, load: Option<LoadOptions>) -> Result<u8> {
    if let Some(options) = &load {
        let (outcome, stopped) = super::load::run(options)?;
        let code = super::load::report(&case, &outcome, stopped);
        if code == super::UNREADABLE || code == super::INTERRUPTED {
            return Ok(code);
        }
    }
    let cx = super::case::open_at(args, &case)?;
    let filter = args.filter(cx.span()?)?;
    super::rows::calls_of(args, &cx, &filter)
}
