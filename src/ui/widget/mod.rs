//! What screens are built from. In: safe text and roles of the theme. Out: cells of the frame's buffer.
//! Bounds: everything is clipped to its rectangle; nothing here asks the case file.

pub mod canvas;
pub mod chart;
pub mod doc;
pub mod safe_text;
pub mod table;
