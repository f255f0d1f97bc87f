//! A session on a clock.
