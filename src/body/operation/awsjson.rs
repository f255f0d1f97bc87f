//! The JSON protocols of AWS and of what speaks them: one address, and a header that names the service and the operation
//! (`X-Amz-Target: DynamoDB_20120810.GetItem`). In: a request. Out: its operation. Bounds: one header.

use super::{Operation, Request};

/// See [`super::KINDS`].
pub(super) fn operation(r: &Request<'_>) -> Option<Operation> {
    let target = (r.header)("x-amz-target")?;
    let target = std::str::from_utf8(target).ok()?.trim();
    let (_, name) = target.rsplit_once('.')?;
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let named = (1..=128).contains(&name.len()) && name.bytes().all(word);
    (named && r.body_kind == "json" || r.media.starts_with("application/x-amz-json")).then(|| {
        Operation {
            kind: "json-rpc",
            name: named.then(|| name.to_owned()),
            note: format!("JSON of AWS, target {target}"),
        }
    })
}
