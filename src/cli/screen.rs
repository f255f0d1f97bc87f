//! The way from the command line into the interface.

use super::args::Args;
use crate::error::{Error, Result};
use crate::load::LoadOptions;
use crate::query::lang;
use crate::ui::theme::ColorChoice;
use crate::ui::{self, UiOptions};
use std::path::PathBuf;

fn color(args: &Args) -> Result<ColorChoice> {
    let Some(word) = &args.common.color else {
        return Ok(ColorChoice::default());
    };
    ColorChoice::parse(word).ok_or_else(|| Error::Usage {
        msg: "--color is one of: auto never always mono 16 256 truecolor".to_owned(),
        at: None,
    })
}

/// Whether the interface can look as asked: told also where it does not open, so that a mistyped word never waits for the day on
/// which it does.
pub(super) fn looks(args: &Args) -> Result<()> {
    color(args)?;
    match &args.common.theme {
        Some(name) => ui::theme_there(name),
        None => Ok(()),
    }
}

/// Opens the interface on a case; `load` is loaded beside it.
pub(super) fn open(args: &Args, case: PathBuf, load: Option<LoadOptions>) -> Result<u8> {
    let c = &args.common;
    let color = color(args)?;
    // Time bounds become terms that are seen on screen; while loading they bound what is read, too.
    let mut words: Vec<String> = args.filter_text().into_iter().collect();
    if load.is_none() {
        for (op, t) in [(">=", &c.after), ("<", &c.before)] {
            words.extend(t.as_ref().map(|t| format!("time {op} {}", lang::quote(t))));
        }
    }
    let code = ui::run(&UiOptions {
        case,
        load,
        theme: c.theme.clone(),
        color,
        glyphs: c.glyphs.clone(),
        filter: (!words.is_empty()).then(|| words.join(" ")),
        trace: None,
        mouse: c.mouse,
        with: super::correct::with(args)?,
    })?;
    Ok(u8::try_from(code).unwrap_or(super::UNREADABLE))
}
