//! The recorded demonstration as a case, loaded once for all tests of the interface.

use crate::ui_rig::Rig;
use leaktrace::load::{LoadOptions, Progress};
use leaktrace::ui::data::case::CaseData;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The case file.
pub fn case() -> PathBuf {
    static CASE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = CASE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        // Tests run in the package's folder: names are shown as they were given.
        let root = PathBuf::from("demo-data");
        let o = LoadOptions {
            files: vec![root.join("shop.pcap.zst"), root.join("gateway-access.log")],
            case: dir.path().join("demo.ltc"),
            ..LoadOptions::default()
        };
        leaktrace::load::run(&o, &Progress::default()).unwrap();
        dir
    });
    dir.path().join("demo.ltc")
}

/// The leaked rows.
pub fn clue() -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("demo-data/leaked-rows.csv")
        .to_string_lossy()
        .into_owned()
}

/// The interface on a copy of it, so that marks of one test are not seen by another.
pub fn rig(size: (u16, u16)) -> (Rig, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("demo.ltc");
    std::fs::copy(case(), &path).unwrap();
    (open(&path, size), dir)
}

/// The interface on any case.
pub fn open(case: &std::path::Path, size: (u16, u16)) -> Rig {
    let data = CaseData::new(case.to_owned(), Default::default(), Default::default());
    Rig::new(case, Box::new(data), size)
}
