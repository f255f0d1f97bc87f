//! How a value moved and who could have leaked it.
