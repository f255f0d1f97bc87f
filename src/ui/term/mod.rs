//! The terminal itself: taken and given back, written in whole frames, asked for nothing while drawing.
//! In: frames. Out: bytes. Bounds: one write a frame; nothing is written between frames.

pub mod clipboard;
pub mod guard;
pub mod out;

/// Columns of the terminal; `None` where there is none.
pub fn columns() -> Option<usize> {
    let (wide, _) = crossterm::terminal::size().ok()?;
    Some(usize::from(wide))
}
