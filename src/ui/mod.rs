//! The interface. In: a case file, perhaps evidence that is still being loaded. Out: what the investigator sees and does.
//! Bounds: nothing is read on the drawing thread; what evidence holds reaches the terminal only as
//! [`widget::safe_text::SafeText`].
//!
//! `event -> msg -> update(model) -> effects -> data threads -> msg`; views read the model alone.

pub mod data;
pub mod effect;
pub mod keys;
pub mod main_loop;
pub mod model;
pub mod msg;
pub mod nav;
pub mod screen;
pub mod term;
pub mod theme;
pub mod update;
pub mod widget;

use crate::error::Result;
use crate::load::LoadOptions;
use std::path::PathBuf;

/// How to open the interface.
#[derive(Debug, Clone, Default)]
pub struct UiOptions {
    /// The case file; it may not be there yet when `load` makes it.
    pub case: PathBuf,
    /// What to load while it is open.
    pub load: Option<LoadOptions>,
    /// Name or path of a theme; `None` for `ansi16`.
    pub theme: Option<String>,
    /// Colours.
    pub color: theme::ColorChoice,
    /// `ascii` or `unicode`; `None` by locale.
    pub glyphs: Option<String>,
    /// Filter to begin with.
    pub filter: Option<String>,
    /// Trace to begin with.
    pub trace: Option<crate::trace::Question>,
    /// Reports of the mouse from the start.
    pub mouse: bool,
    /// What facts are decided with after a correction.
    pub with: crate::load::correct::With,
}

/// Whether there is a theme of that name or in that file.
///
/// # Errors
/// What is wrong with it.
pub fn theme_there(name: &str) -> Result<()> {
    let env = |k: &str| std::env::var(k).ok();
    let folder = main_loop::theme_folder(&env);
    theme::Theme::load(name, folder, theme::Depth::Mono).map(drop)
}

/// Opens the interface and runs it to its end; the exit status.
///
/// # Errors
/// The theme does not load, or the terminal cannot be used. The terminal is given back in any case.
pub fn run(options: &UiOptions) -> Result<i32> {
    main_loop::run(options)
}
