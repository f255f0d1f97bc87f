//! `export`: selected calls as a file. In: a format, a filter, a file. Out: the file. Bounds: those of the exporters.

use super::args::{Args, ExportArgs};
use crate::error::{Error, Result};

pub(super) fn run(_args: &Args, _export: &ExportArgs) -> Result<u8> {
    Err(Error::NotYet("export"))
}
