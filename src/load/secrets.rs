//! What TLS is opened with. In: key logs, RSA keys, and captures that hold secrets of their own. Out: the secrets, and name and
//! SHA-256 of the files they came from, which is all that a case keeps of them. Bounds: files are read in blocks; see
//! [`crate::tls::keylog`].

use super::{LoadOptions, Progress};
use crate::case::sources::SecretFile;
use crate::error::{Error, Result};
use crate::limits::READ_BLOCK;
use crate::source::pcap::PacketReader;
use crate::source::{Input, Kind};
use crate::tls::Given;
use crate::tls::keylog::KeyLog;
use crate::tls::rsa;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of a file of private keys: a few keys, not a disk image.
const PEM: usize = 1 << 20;

/// Secrets and the files they came from.
#[derive(Debug, Default)]
pub struct Read {
    /// The secrets.
    pub given: Given,
    /// Files, by SHA-256.
    pub files: Vec<SecretFile>,
}

/// Reads a file in blocks and gives its SHA-256.
fn blocks(path: &Path, stop: &Progress, take: &mut dyn FnMut(&[u8])) -> Result<[u8; 32]> {
    let mut file = File::open(path).map_err(Error::io(path, "cannot open"))?;
    let mut hash = Sha256::new();
    let mut block = vec![0; READ_BLOCK / 4];
    loop {
        if stop.stop.load(Relaxed) {
            return Err(Error::Interrupted);
        }
        match file.read(&mut block) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(n) => {
                let bytes = block.get(..n).unwrap_or_default();
                hash.update(bytes);
                take(bytes);
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io(path, "cannot read")(e)),
        }
    }
}

/// Reads the files that the options name.
///
/// # Errors
/// Where one cannot be read, or holds nothing of its kind: a load without it would call opaque what could be opened.
pub fn files(options: &LoadOptions, progress: &Progress) -> Result<Read> {
    let mut read = Read::default();
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    for path in &options.keylog {
        let before = (
            read.given.secrets.len(),
            read.given.secrets.unread,
            read.given.secrets.left_out,
        );
        let mut log = KeyLog::default();
        let secrets = &mut read.given.secrets;
        let sha256 = blocks(path, progress, &mut |b| log.feed(b, secrets))?;
        log.finish(secrets);
        let (unread, left_out) = (secrets.unread - before.1, secrets.left_out - before.2);
        if secrets.is_empty() && unread > 0 {
            return Err(Error::Unreadable {
                path: path.clone(),
                why: "holds no line of a TLS key log (SSLKEYLOGFILE form)".to_owned(),
            });
        }
        read.files.push(SecretFile {
            name: name(path),
            sha256,
            kind: "keylog",
            secrets: (secrets.len() - before.0) as u64,
            unread,
            left_out,
        });
    }
    for path in &options.rsa_key {
        let mut pem = Vec::new();
        let sha256 = blocks(path, progress, &mut |b| {
            pem.extend_from_slice(
                b.get(..b.len().min(PEM - pem.len().min(PEM)))
                    .unwrap_or_default(),
            );
        })?;
        let keys = rsa::keys(&pem).map_err(|why| Error::Unreadable {
            path: path.clone(),
            why: why.to_owned(),
        })?;
        read.files.push(SecretFile {
            name: name(path),
            sha256,
            kind: "rsa-key",
            secrets: keys.len() as u64,
            unread: 0,
            left_out: 0,
        });
        read.given.rsa.extend(keys);
    }
    read.files.sort_by_key(|f| f.sha256);
    read.files.dedup_by_key(|f| f.sha256);
    Ok(read)
}

/// Adds the secrets that captures hold themselves (Decryption Secrets Blocks): all before any packet is read, since a block may
/// stand behind the packets that it opens, or in the next file.
pub fn captures(inputs: &[Input], progress: &Progress, read: &mut Read) {
    for input in inputs.iter().filter(|i| matches!(i.kind, Kind::Pcapng)) {
        let opened = input.open().and_then(|b| PacketReader::open(b, 0));
        let Ok(mut reader) = opened else { continue }; // told when it is read
        let mut n = 0u32;
        while reader.next().is_some() {
            n = n.wrapping_add(1);
            if n.is_multiple_of(4096) && progress.stop.load(Relaxed) {
                return;
            }
        }
        read.given.secrets.text(&reader.take_secrets());
    }
}
