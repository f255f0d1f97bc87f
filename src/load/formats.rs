//! Log formats that the investigator gives. In: names of files, or format strings. Out: the formats that a load knows.
//! Bounds: [`limits::MAPPING_BYTES`] a file.

use crate::call::text::visible;
use crate::error::{Error, Result};
use crate::limits;
use crate::source::log::Formats;
use std::io::Read;
use std::path::Path;

/// Reads them all. What is the name of a file that can be opened is one, anything else a format string.
///
/// # Errors
/// A usage error where one cannot be read or understood.
pub fn given(list: &[String]) -> Result<Formats> {
    let mut texts = Vec::new();
    for text in list {
        let bad = |why: &str| Error::Usage {
            msg: format!("--log-format {}: {}", visible(text), visible(why)),
            at: None,
        };
        let path = Path::new(text);
        if !path.is_file() {
            // what looks like a path and holds no variable
            let plain = !text.contains(['$', '%', '{', '=']);
            if plain && (text.contains('/') || path.extension().is_some()) {
                return Err(bad("no such file"));
            }
            texts.push((text.clone(), "given".to_owned()));
            continue;
        }
        let mut file = std::fs::File::open(path)
            .map_err(|e| bad(&e.to_string()))?
            .take(limits::MAPPING_BYTES as u64 + 1);
        let mut inside = String::new();
        file.read_to_string(&mut inside)
            .map_err(|e| bad(&e.to_string()))?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        texts.push((inside, stem.into_owned()));
    }
    Formats::with(&texts).map_err(|(n, why)| Error::Usage {
        msg: format!(
            "--log-format {}: {}",
            visible(list.get(n).map_or("", String::as_str)),
            visible(&why)
        ),
        at: None,
    })
}
