//! Rows and calls as files. In: selected calls. Out: a file that appears whole or not at all, mode 0600, and a journal
//! row. Bounds: one row in memory at a time where the format allows it.
