//! Names of files by their endings. In: a segment. Out: what it is called as. Bounds: fixed lists.

/// Endings of documents: the whole name of such a file is a value, where `.json` and `.html` are how a route is written.
const DOCUMENTS: [&str; 41] = [
    "pdf", "png", "jpg", "jpeg", "gif", "bmp", "svg", "webp", "tif", "tiff", "xls", "xlsx", "doc",
    "docx", "ppt", "pptx", "odt", "zip", "rar", "7z", "tar", "gz", "tgz", "mp3", "mp4", "mov",
    "avi", "wav", "txt", "md", "rs", "py", "toml", "csv", "eml", "apk", "exe", "bin", "log", "ics",
    "vcf",
];

/// Ending of a document's name.
pub fn document(s: &str) -> Option<(&str, &str)> {
    let (core, ext) = s.rsplit_once('.')?;
    let ext_lower = ext.to_ascii_lowercase();
    (!core.is_empty() && DOCUMENTS.contains(&ext_lower.as_str())).then_some((core, ext))
}

/// Further endings of files, of sources and of what programs keep.
const FILES: [&str; 60] = [
    "go",
    "mod",
    "sum",
    "rb",
    "js",
    "ts",
    "tsx",
    "jsx",
    "vue",
    "java",
    "kt",
    "swift",
    "c",
    "h",
    "cc",
    "cpp",
    "hpp",
    "cs",
    "sh",
    "bat",
    "ps1",
    "sql",
    "yml",
    "yaml",
    "ini",
    "cfg",
    "conf",
    "env",
    "lock",
    "gradle",
    "properties",
    "proto",
    "tf",
    "ipynb",
    "css",
    "scss",
    "less",
    "erb",
    "map",
    "parquet",
    "avro",
    "orc",
    "bak",
    "dmg",
    "msi",
    "deb",
    "rpm",
    "jar",
    "war",
    "whl",
    "iso",
    "img",
    "bz2",
    "xz",
    "zst",
    "heic",
    "mkv",
    "ps",
    "rtf",
    "psd",
];

/// Whether it is called as a file is, in a tree of files: by its ending, or as such are that have none.
pub fn filed(s: &str) -> bool {
    if document(s).is_some() {
        return true;
    }
    if matches!(
        s,
        "README"
            | "LICENSE"
            | "NOTICE"
            | "CHANGELOG"
            | "Makefile"
            | "Dockerfile"
            | "Jenkinsfile"
            | "Gemfile"
            | "Procfile"
            | "CODEOWNERS"
    ) {
        return true;
    }
    match s.rsplit_once('.') {
        Some(("", name)) => name.len() >= 3 && name.bytes().all(|b| b.is_ascii_lowercase()),
        Some((_, end)) => FILES.contains(&end.to_ascii_lowercase().as_str()),
        None => false,
    }
}

/// Whether it has the ending of a file of any kind.
pub fn named_file(s: &str) -> bool {
    s.rfind('.').is_some_and(|at| at > 0) && (filed(s) || written(s))
}

/// Whether its ending says how an answer is written: a file and a route end so.
pub fn written(s: &str) -> bool {
    let end = s.rsplit_once('.').map_or("", |(_, e)| e);
    matches!(end, "json" | "xml" | "html" | "htm")
}
