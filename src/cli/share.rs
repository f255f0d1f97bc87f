//! `share`: a copy of the case for others, without values in clear. In: a case, a file to write, a passphrase. Out: the file, and
//! what it is. Bounds: those of [`crate::export::share`].

use super::args::Args;
use super::{OK, case, out};
use crate::case::share;
use crate::error::{Error, Result};
use serde_json::json;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

/// Bytes of a passphrase file that are read.
const PASSPHRASE: u64 = 4096;
/// Shortest passphrase that a copy is made with.
const SHORTEST: usize = 8;

fn usage(msg: &str) -> Error {
    Error::Usage {
        msg: msg.to_owned(),
        at: None,
    }
}

/// The passphrase of the options or the environment; `None` where none was given.
pub(super) fn given(args: &Args) -> Result<Option<Vec<u8>>> {
    if let Some(path) = &args.common.passphrase_file {
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|f| f.take(PASSPHRASE).read_to_end(&mut bytes))
            .map_err(Error::io(path, "cannot read"))?;
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        return Ok(Some(bytes));
    }
    Ok(std::env::var_os("LEAKTRACE_PASSPHRASE").map(std::ffi::OsString::into_encoded_bytes))
}

/// Asks for it where somebody can answer.
pub(super) fn asked(prompt: &str) -> Result<Option<Vec<u8>>> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    let text = rpassword::prompt_password(prompt)
        .map_err(Error::io("the terminal", "cannot read a passphrase from"))?;
    Ok((!text.is_empty()).then(|| text.into_bytes()))
}

pub(super) fn run(args: &Args, to: &Path) -> Result<u8> {
    let path = case::existing(args)?;
    let passphrase = match given(args)? {
        Some(p) => p,
        None => {
            let Some(first) = asked("passphrase of the copy: ")? else {
                return Err(usage(
                    "share wants a passphrase: --passphrase-file F, LEAKTRACE_PASSPHRASE, or a terminal to ask at",
                ));
            };
            if asked("the same again: ")?.as_ref() != Some(&first) {
                return Err(usage("the two are not the same"));
            }
            first
        }
    };
    if passphrase.len() < SHORTEST {
        return Err(usage(
            "a passphrase of at least 8 bytes is wanted: whoever has the copy can try as many as they like",
        ));
    }
    let made = crate::export::share::make(&path, to, &passphrase)?;
    out::object(
        args,
        &json!({
            "case": made.path.to_string_lossy(), "sha256": made.sha256, "from": made.from, "values": made.values,
            "opaque": made.opaque,
        }),
    )?;
    Ok(OK)
}

/// Opens a share copy's values with what was given, or asked for where `ask` says so.
pub(super) fn unlock(args: &Args, ask: bool) -> Result<()> {
    let passphrase = match given(args)? {
        None if ask => asked("passphrase of the share copy: ")?,
        p => p,
    };
    if let Some(p) = passphrase {
        share::unlock_with(&p);
    }
    Ok(())
}
