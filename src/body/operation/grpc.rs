//! gRPC and gRPC-Web: the path is the method. In: a request. Out: the kind; the route says the rest. Bounds: none needed.

use super::{Operation, Request};

/// See [`super::KINDS`].
pub(super) fn operation(r: &Request<'_>) -> Option<Operation> {
    let media = if r.media.is_empty() {
        r.answer
    } else {
        r.media
    };
    let web = media.starts_with("application/grpc-web");
    is(media).then(|| Operation {
        kind: "grpc",
        name: None,
        note: if web { "gRPC-Web" } else { "gRPC" }.into(),
    })
}

/// Whether a media type (lower case, without parameters) is one of gRPC's.
pub fn is(media: &str) -> bool {
    media
        .strip_prefix("application/grpc")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '-', ';']))
}
