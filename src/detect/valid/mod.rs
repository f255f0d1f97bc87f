//! Validators: whether text can be a value of a class. Pure functions over bytes; one concern a file.

pub mod card;
pub mod china;
pub mod coin;
pub mod date;
pub mod intl;
pub mod letters;
pub mod mrz;
pub mod national;
pub mod person;
pub mod secret;
