//! Opening a case: to load into, to write notes into, to read. In: a path. Out: a connection that is safe to use.
//! Bounds: a file handed over by a stranger is an attack until it is shown to be ours: no schema of its own is trusted,
//! nothing is written through a reader, lengths and depths are limited. One loader at a time holds `CASE.lock`; readers
//! are never refused. The case file itself is never opened but by SQLite: closing any other handle on it would drop
//! SQLite's locks in this process.

use crate::case::classes::{self, ClassDef, take_classes};
use crate::case::lock::{lock, side};
use crate::case::{info, journal, recover, share};
use crate::detect::print::PrintKey;
use crate::error::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use serde_json::json;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `LTRR` in the SQLite header.
pub const APPLICATION_ID: i32 = 1_280_005_202;

/// Numbered changes of the schema; `user_version` counts those that were applied.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001_init.sql"),
    include_str!("schema/0002_operations.sql"),
    include_str!("schema/0003_parents.sql"),
    include_str!("schema/0004_tls.sql"),
    include_str!("schema/0005_members.sql"),
    include_str!("schema/0006_taps.sql"),
    include_str!("schema/0007_log_formats.sql"),
    include_str!("schema/0008_specs.sql"),
    include_str!("schema/0009_account_proof.sql"),
    include_str!("schema/0010_clocks.sql"),
    include_str!("schema/0011_journal_head.sql"),
    include_str!("schema/0012_text_index.sql"),
];

/// The folder of a case.
#[must_use]
pub fn beside(case: &Path) -> PathBuf {
    let folder = case.parent().filter(|p| !p.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}
/// Pages of the log from which on a load's writer itself copies them into place (see [`super::checkpoint`]): 96 MB.
pub(super) const LOG_PAGES: i64 = 3000;
/// ... and what the log keeps on the disk while a load goes on: these pages and a commit more.
pub(super) const LOG_BYTES: i64 = 128 << 20;

/// How long a statement waits for another connection's transaction.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// A case opened for loading. Nobody else can load into it until this is dropped.
#[derive(Debug)]
pub struct Case {
    /// The connection; for [`crate::case::writer::Writer`] and for deciding facts.
    pub conn: Connection,
    /// The file.
    pub path: PathBuf,
    key: PrintKey,
    classes: Vec<u8>,
    created: bool,
    recovered: usize,
    _lock: File,
}

/// A case opened for reading.
#[derive(Debug)]
pub struct ReadCase {
    /// The connection; nothing can be written through it.
    pub conn: Connection,
    /// The file.
    pub path: PathBuf,
    /// Whether it lies where SQLite can make no side files (read-only media): it is read as it is, nobody can be loading.
    pub immutable: bool,
    /// What the reader should be told: others can read the file, a load did not end.
    pub warnings: Vec<String>,
    key: PrintKey,
}

impl Case {
    /// Opens a case for loading, or makes a new one with mode 0600. `classes` are the rules' classes in their order: new
    /// ones are added, known ones get their level and label. What an unfinished load left is removed.
    ///
    /// # Errors
    /// [`Error::Case`] where the file is not ours, is newer than this program, is readable by others (unless `force`), or
    /// another program is loading into it; [`Error::Io`] where it cannot be made.
    pub fn create_or_open(path: &Path, classes: &[ClassDef<'_>], force: bool) -> Result<Case> {
        // Beside another program's file not even a lock is left.
        if std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() > 0) {
            let conn = as_it_lies(path)?;
            let (id, version) = header(&conn, path)?;
            if id != 0 || version != 0 || table_count(&conn, path)? > 0 {
                check_header(path, id, version)?;
            }
        }
        let lock = lock(path)?;
        let made = match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
        {
            Ok(file) => {
                file.set_permissions(Permissions::from_mode(0o600))
                    .map_err(Error::io(path, "cannot set its mode"))?;
                true
            }
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                check_mode(path, force)?;
                false
            }
            Err(e) => return Err(Error::io(path, "cannot create")(e)),
        };
        let opened = Case::open(path, classes, lock).map_err(|e| shut(path, e));
        if made && opened.is_err() {
            // What we made and could not fill is of no use to anybody.
            let _ = std::fs::remove_file(path);
        }
        opened
    }

    fn open(path: &Path, classes: &[ClassDef<'_>], lock: File) -> Result<Case> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(path, flags).map_err(|e| not_ours(path, e))?;
        let (id, version) = header(&conn, path)?;
        let empty = id == 0 && version == 0 && table_count(&conn, path)? == 0;
        if !empty {
            check_header(path, id, version)?;
        }
        harden(&conn)?;
        if !empty && share::read(&conn).map_err(|e| said(path, e))?.is_some() {
            return Err(case(
                path,
                "is a share copy, which holds what was loaded and no more: load into the case that it was made from",
            ));
        }
        if empty {
            // First of all, or the page size stays what it was.
            // Most of a case are packs of some 300 KB, written twice: through the log and into place. With pages of 32 KiB
            // the system's share of a load is a third less than with 8 KiB (1.05 s against 1.5 s for 570 MB, in turn).
            conn.execute_batch("PRAGMA page_size=32768; PRAGMA auto_vacuum=NONE;")?;
        }
        tune(&conn)?;
        migrate(&mut conn, version)?;
        // Whoever made it may have been killed between its tables and its key: nothing is in it yet.
        let begin = empty || unborn(&conn)?;
        if begin {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let key = random_hex()?;
            info::put(&tx, "print_key", &key)?;
            info::put(&tx, "created", &journal::now().to_string())?;
            journal::append(
                &tx,
                "case-created",
                &json!({"tool": env!("CARGO_PKG_VERSION"), "print_key_sha256": info::digest(&key)}),
            )?;
            tx.commit()?;
        }
        let recovered = recover::recover(&mut conn)?;
        let classes = take_classes(&mut conn, path, classes)?;
        let key = key_of(&conn, path)?;
        Ok(Case {
            conn,
            path: path.to_owned(),
            key,
            classes,
            created: begin,
            recovered,
            _lock: lock,
        })
    }

    /// Another writing connection of the same program, for facts that are decided while a load goes on.
    pub fn second(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&self.path, flags)?;
        harden(&conn)?;
        tune(&conn)?;
        Ok(conn)
    }
    /// The case's key for prints.
    pub fn print_key(&self) -> PrintKey {
        self.key
    }
    /// For each class of the rules, its id in this case (they differ where rules changed between loads).
    pub fn class_map(&self) -> &[u8] {
        &self.classes
    }
    /// Whether it was made by this opening.
    pub fn is_new(&self) -> bool {
        self.created
    }
    /// How many unfinished loads were removed by this opening.
    pub fn recovered(&self) -> usize {
        self.recovered
    }
}

impl ReadCase {
    /// The case's key for prints.
    pub fn print_key(&self) -> PrintKey {
        self.key
    }
    /// Names of the data classes by id.
    pub fn classes(&self) -> Result<Vec<(u8, String, u8, String)>> {
        classes::list(&self.conn)
    }
}

/// Opens a case for reading; also while another program loads into it, and from read-only media.
///
/// # Errors
/// [`Error::Io`] where there is no such file; [`Error::Case`] where it is not ours or newer than this program.
pub fn open_read(path: &Path) -> Result<ReadCase> {
    let meta = std::fs::metadata(path).map_err(Error::io(path, "cannot open"))?;
    roll_back(path)?;
    let mut warnings = Vec::new();
    if meta.permissions().mode() & 0o077 != 0 {
        warnings.push("other users can read this case file: chmod 600 it".to_owned());
    }
    let (conn, immutable) = match try_read(path, false) {
        Err(Error::Sql(e)) if no_side_files(&e) => {
            if std::fs::metadata(side(path, "-wal")).is_ok_and(|m| m.len() > 0) {
                warnings.push(
                    "the -wal file of this case cannot be used here, what it holds is not shown: copy both to a writable folder"
                        .to_owned(),
                );
            }
            (try_read(path, true)?, true)
        }
        other => (other?, false),
    };
    let key = key_of(&conn, path)?;
    Ok(ReadCase {
        conn,
        path: path.to_owned(),
        immutable,
        warnings,
        key,
    })
}

/// A load that made the case and was killed in the middle of a commit left a journal beside it, out of which the pages that
/// it was changing are put back. A reader may not do that; where nobody can, what would be read is half of a commit.
fn roll_back(path: &Path) -> Result<()> {
    let left = std::fs::metadata(side(path, "-journal")).is_ok_and(|m| m.len() > 0);
    if !left {
        return Ok(());
    }
    // other programs' files are left alone: whose it is stands in the file, whatever else does
    let (id, version) = header(&as_it_lies(path)?, path)?;
    check_header(path, id, version)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let done = Connection::open_with_flags(path, flags).and_then(|conn| {
        conn.busy_timeout(BUSY)?;
        // the first look at a table puts back what has to be, unless whoever wrote the journal is still at work
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
    });
    match done {
        Err(e) if no_side_files(&e) => Err(case(
            path,
            "was being written when its load was ended, and cannot be put right here (its -journal file holds what is missing): \
             copy both to a writable folder",
        )),
        Err(e) => Err(not_ours(path, e)),
        Ok(()) => Ok(()),
    }
}

fn try_read(path: &Path, immutable: bool) -> Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = if immutable {
        flags |= OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(immutable_uri(path)?, flags)?
    } else {
        Connection::open_with_flags(path, flags)?
    };
    let (id, version) = header(&conn, path)?;
    check_header(path, id, version)?;
    if unborn(&conn)? {
        return Err(case(
            path,
            "is just being made and holds nothing yet: ask again in a moment, or load something into it",
        ));
    }
    if version < MIGRATIONS.len() as i64 {
        return Err(case(
            path,
            "is of an older version: load something into it, or open it once for writing, to bring it up to date",
        ));
    }
    harden(&conn)?;
    conn.pragma_update(None, "cache_size", -16_384)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

/// A connection for notes, marks, corrections and journal rows beside a reader; it needs no loader's lock.
///
/// # Errors
/// As [`open_read`]; [`Error::Case`] also where the file cannot be written (read-only media).
pub fn open_notebook(path: &Path) -> Result<Connection> {
    std::fs::metadata(path).map_err(Error::io(path, "cannot open"))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|e| not_ours(path, e))?;
    let closed = || {
        case(
            path,
            "cannot be written, so nothing can be noted in its journal: copy it to a writable folder",
        )
    };
    // on a medium that is read-only SQLite cannot make the files that it needs beside the case
    let (id, version) = header(&conn, path).map_err(|e| match &e {
        Error::Sql(e) if unwritable(e) => closed(),
        _ => e,
    })?;
    check_header(path, id, version)?;
    harden(&conn)?;
    if conn.is_readonly("main")? {
        return Err(closed());
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    // In a folder that is closed to this user it is only known once something is begun: asked now, so that whoever writes
    // is told which case it is and what to do.
    match conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK") {
        Err(e) if unwritable(&e) => Err(closed()),
        // whether another program is writing is waited for, and told, where something is written
        _ => Ok(conn),
    }
}

pub(super) fn case(path: &Path, why: &str) -> Error {
    Error::Case {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

/// SQLite's refusal in words, where it means that the file is no case.
fn not_ours(path: &Path, e: rusqlite::Error) -> Error {
    match e.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => case(
            path,
            "is not a leaktrace case (no SQLite file): give another path with --case",
        ),
        Some(ErrorCode::DatabaseCorrupt) => case(
            path,
            "is damaged: restore it from a copy, or load the evidence into a new case",
        ),
        Some(ErrorCode::DatabaseBusy) => case(
            path,
            "is being written by another program: try again when that has ended",
        ),
        _ => Error::Sql(e),
    }
}

/// SQLite's refusal to write, in words, where something is loaded.
fn shut(path: &Path, e: Error) -> Error {
    match e {
        Error::Sql(e) if unwritable(&e) => case(
            path,
            "cannot be written, so nothing can be loaded into it: copy it to a writable folder, or give another path with --case",
        ),
        e => e,
    }
}

/// Whether SQLite may not write here.
fn unwritable(e: &rusqlite::Error) -> bool {
    matches!(
        e.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    )
}

fn no_side_files(e: &rusqlite::Error) -> bool {
    unwritable(e) || e.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

fn header(conn: &Connection, path: &Path) -> Result<(i64, i64)> {
    conn.busy_timeout(BUSY)?;
    let one = |name| -> Result<i64> {
        conn.query_row(&format!("PRAGMA {name}"), [], |r| r.get(0))
            .map_err(|e| not_ours(path, e))
    };
    Ok((one("application_id")?, one("user_version")?))
}

/// A look into a file that leaves no lock, journal or anything else beside it, and sees nothing but the file itself: perhaps
/// half of a commit, whose first page tells more pages than are there yet.
fn as_it_lies(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn =
        Connection::open_with_flags(immutable_uri(path)?, flags).map_err(|e| not_ours(path, e))?;
    // Nothing can be written through it. This only keeps SQLite from calling a file damaged that is shorter than it says.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true)?;
    Ok(conn)
}

fn table_count(conn: &Connection, path: &Path) -> Result<i64> {
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))
        .map_err(|e| not_ours(path, e))
}

fn check_header(path: &Path, id: i64, version: i64) -> Result<()> {
    if id == 0 && version == 0 {
        return Err(case(
            path,
            "is not a leaktrace case, or holds nothing yet: give another path with --case",
        ));
    }
    if id != i64::from(APPLICATION_ID) {
        return Err(case(
            path,
            "belongs to another program (an SQLite file, but not a leaktrace case): give another path with --case",
        ));
    }
    if version < 1 {
        return Err(case(path, "is damaged (no schema version)"));
    }
    if version > MIGRATIONS.len() as i64 {
        return Err(Error::Case {
            path: path.to_owned(),
            why: format!(
                "was written by a newer leaktrace (schema {version}, this program knows {}): use that version",
                MIGRATIONS.len()
            ),
        });
    }
    Ok(())
}

fn check_mode(path: &Path, force: bool) -> Result<()> {
    let meta = std::fs::metadata(path).map_err(Error::io(path, "cannot open"))?;
    if !meta.is_file() {
        return Err(case(path, "is not a file"));
    }
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 && !force {
        return Err(Error::Case {
            path: path.to_owned(),
            why: format!(
                "other users can read it (mode {mode:03o}) and it holds secrets: chmod 600 {}",
                path.display()
            ),
        });
    }
    Ok(())
}

/// SQLite's own advice for files from strangers (sqlite.org/security.html).
fn harden(conn: &Connection) -> Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    conn.execute_batch("PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;")?;
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, 256 << 20),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
        (Limit::SQLITE_LIMIT_COLUMN, 200),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 50),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
    ] {
        conn.set_limit(limit, value)?;
    }
    Ok(())
}

/// A load writes at the ends of its tables, so a small cache holds what it needs: one of three times the size was only more memory.
fn tune(conn: &Connection) -> Result<()> {
    conn.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
    conn.execute_batch(
        "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=67108864;",
    )?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Whether a case has tables and nothing in them: no key, no row of the journal, no source.
fn unborn(conn: &Connection) -> Result<bool> {
    Ok(conn.query_row(
        "SELECT NOT EXISTS(SELECT 1 FROM info WHERE key='print_key') AND NOT EXISTS(SELECT 1 FROM journal) \
         AND NOT EXISTS(SELECT 1 FROM source)",
        [],
        |r| r.get(0),
    )?)
}

fn migrate(conn: &mut Connection, have: i64) -> Result<()> {
    for (n, sql) in (1i64..).zip(MIGRATIONS) {
        if n > have {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tx.execute_batch(sql)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", n)?;
            tx.commit()?;
        }
    }
    Ok(())
}

/// An error in words, where SQLite's means that the file is no case.
fn said(path: &Path, e: Error) -> Error {
    match e {
        Error::Sql(e) => not_ours(path, e),
        e => e,
    }
}

fn key_of(conn: &Connection, path: &Path) -> Result<PrintKey> {
    if let Some(copy) = share::read(conn).map_err(|e| said(path, e))? {
        // Without its passphrase nothing is found by value; everything else can be read.
        return Ok(share::key(&copy)?.unwrap_or(PrintKey::new([0; 16])));
    }
    info::print_key(conn)
        .map_err(|e| said(path, e))?
        .ok_or_else(|| {
            case(
                path,
                "is damaged (its key is missing): restore it from a copy",
            )
        })
}

fn random_hex() -> Result<String> {
    use std::io::Read as _;
    let source = "/dev/urandom";
    let mut bytes = [0u8; 16];
    File::open(source)
        .and_then(|mut f| f.read_exact(&mut bytes))
        .map_err(Error::io(source, "cannot read"))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// `file:` address of a path, with everything escaped that SQLite would take for something else.
fn immutable_uri(path: &Path) -> Result<PathBuf> {
    let full = std::path::absolute(path).map_err(Error::io(path, "cannot open"))?;
    let mut uri = b"file://".to_vec();
    for b in full.as_os_str().as_bytes() {
        if b.is_ascii_alphanumeric() || b"/-_.~".contains(b) {
            uri.push(*b);
        } else {
            uri.extend_from_slice(format!("%{b:02X}").as_bytes());
        }
    }
    uri.extend_from_slice(b"?immutable=1");
    Ok(PathBuf::from(OsString::from_vec(uri)))
}
