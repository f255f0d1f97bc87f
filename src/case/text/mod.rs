//! Text that nobody classed: which packs may hold some bytes, and what they hold. In: packs. Out: an index of hashed runs of
//! bytes (`grams`, `index`), and a search that reads only the packs that may hold what is asked (`scan`). Bounds: see each part.
//! The index is never needed: packs that it does not cover are read.

pub mod grams;
pub mod index;
pub mod scan;

pub use grams::Need;
