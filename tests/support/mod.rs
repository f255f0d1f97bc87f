//! What tests and benchmarks share: a writer of captures and a seeded source of numbers.
#![allow(dead_code)] // each test binary uses its part

pub mod bank;
pub mod dress;
pub mod frames;
pub mod growth;
pub mod h2;
pub mod journey;
pub mod leaks;
pub mod mint;
pub mod netns;
pub mod pack;
pub mod people;
pub mod pty;
pub mod quic;
pub mod random;
pub mod recut;
pub mod talk;
pub mod texts;
pub mod town;
pub mod wire;
pub mod world;
