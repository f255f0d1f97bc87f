//! Members found again, for those who read evidence a second time. In: which members of which archives are wanted, and files
//! that may be these archives. Out: members by their numbers. Bounds: [`KEPT`] archives stay open, with what of them had to be
//! unpacked.

use super::{Member, reopen};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Archives that stay open.
const KEPT: usize = 16;

/// Members that may be asked for, and archives that were opened for them.
#[derive(Debug, Default)]
pub struct Reopened {
    spill: PathBuf,
    /// Numbers, by where the archive was.
    wanted: BTreeMap<PathBuf, BTreeSet<String>>,
    open: BTreeMap<(PathBuf, PathBuf), BTreeMap<String, Member>>,
}

impl Reopened {
    /// `spill` is a folder that may keep a file without a name.
    #[must_use]
    pub fn new(spill: PathBuf) -> Reopened {
        Reopened {
            spill,
            ..Reopened::default()
        }
    }

    /// A member of the archive that was at `path` will be asked for.
    pub fn want(&mut self, path: &Path, member: &str) {
        let wanted = self.wanted.entry(path.to_owned()).or_default();
        wanted.insert(member.to_owned());
    }

    /// The member `member` of the archive that was at `path` and may be `here` now.
    ///
    /// # Errors
    /// Where `here` cannot be opened or is no archive, or the machine fails ([`super::is_machine`]); `None` where it has no such member.
    pub fn get(
        &mut self,
        path: &Path,
        here: &Path,
        member: &str,
        stop: &AtomicBool,
    ) -> std::io::Result<Option<Member>> {
        let key = (path.to_owned(), here.to_owned());
        if !self.open.contains_key(&key) {
            if self.open.len() >= KEPT {
                self.open.clear();
            }
            let none = BTreeSet::new();
            let wanted = self.wanted.get(path).unwrap_or(&none);
            let members = reopen(here, &self.spill, wanted, stop)?;
            self.open.insert(key.clone(), members);
        }
        Ok(self.open.get(&key).and_then(|m| m.get(member)).cloned())
    }
}
