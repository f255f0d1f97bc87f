//! Where a line of text of a writer that is not known tells the status of its request. In: the pieces of a line and the request among
//! them. Out: the piece with the status. Bounds: [`BESIDE`] pieces before the request and behind it.

use super::pieces::{Form, Piece};
use super::shape::{Request, fills};

/// Pieces between a target and its status, and between a status and the method behind it.
const BESIDE: usize = 8;
/// Words of the reason behind a status.
const REASON: usize = 4;
/// Words of a line without quotes and version that may stand between a target and its status; others are of a sentence.
const ANSWERS: [&str; 22] = [
    "responded",
    "returned",
    "replied",
    "answered",
    "completed",
    "finished",
    "done",
    "status",
    "code",
    "in",
    "with",
    "from",
    "by",
    "as",
    "ms",
    "s",
    "us",
    "bytes",
    "took",
    "sent",
    "for",
    "to",
];

fn is_status(piece: &Piece<'_>) -> bool {
    let text = piece.text.as_ref();
    piece.key.is_empty()
        && piece.form != Form::Quoted
        && text.len() == 3
        && text.bytes().all(|b| b.is_ascii_digit())
        && matches!(text.parse(), Ok(100..=599))
}

/// Whether a status is one that servers give: a number of three digits may be of bytes as well.
pub fn is_given(text: &str) -> bool {
    matches!(
        text.parse::<u16>(),
        Ok(
            100..=103
            | 200..=208
            | 226
            | 300..=308
            | 400..=431
            | 440
            | 444
            | 449..=451
            | 460
            | 463
            | 464
            | 494..=499
            | 500..=511
            | 520..=530
            | 561
            | 598
            | 599,
        )
    )
}

/// Of numbers beside each other the first that servers give as a status; the bytes follow it.
fn of_run(pieces: &[Piece<'_>], run: std::ops::Range<usize>) -> Option<usize> {
    let of = |n: &usize| pieces.get(*n).filter(|p| is_status(p));
    let mut given = run
        .clone()
        .filter(|n| of(n).is_some_and(|p| is_given(&p.text)));
    given
        .next()
        .or_else(|| run.clone().find(|n| of(n).is_some()))
}

/// Where the status of a request stands.
pub fn status(pieces: &[Piece<'_>], request: &Request<'_>) -> Option<usize> {
    let number = |n: usize| {
        let text = |p: &Piece<'_>| {
            let text = p.text.as_ref();
            p.key.is_empty() && (text == "-" || text.parse::<u64>().is_ok())
        };
        pieces.get(n).is_some_and(text)
    };
    if let Some(n) = of_run(pieces, request.first + 1..request.at) {
        return Some(n);
    }
    // one behind that no server gives may be of bytes, where one before is
    let before = before(pieces, request.first);
    let given = |n: &usize| pieces.get(*n).is_some_and(|p| is_given(&p.text));
    behind(pieces, request, number)
        .filter(|n| given(n) || !before.is_some_and(|b| given(&b)))
        .or(before)
}

/// The status in front of a method: in columns the nearest, in a line of those that only numbers and addresses keep from it.
fn before(pieces: &[Piece<'_>], first: usize) -> Option<usize> {
    let before = first.saturating_sub(BESIDE)..first;
    if pieces.get(first).map(|p| p.form) == Some(Form::Cell) {
        let mut cells = before.rev();
        return cells.find(|n| pieces.get(*n).is_some_and(is_status));
    }
    let held = |n: &usize| pieces.get(*n).is_some_and(|p| fills(p) || is_status(p));
    let run = before.clone().rev().take_while(held).last();
    let run = of_run(pieces, run.unwrap_or(first)..first);
    run.or_else(|| {
        // with its reason: `200 OK: GET - /a`, `404 Not Found: GET - /a`
        let word = |n: &usize| {
            let text = pieces.get(*n).map_or("", |p| p.text.as_ref());
            text.starts_with(|c: char| c.is_ascii_uppercase())
                && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
        };
        let reason = before.rev().take(REASON).take_while(word).last()?;
        let at = reason.checked_sub(1)?;
        let given = |p: &&Piece<'_>| is_status(p) && is_given(&p.text);
        pieces.get(at).filter(given).map(|_| at)
    })
}

/// Whether a number before it is one of time or bytes: `for 500 ms`.
fn measures(next: Option<&Piece<'_>>) -> bool {
    const UNITS: [&str; 9] = [
        "ns", "us", "ms", "s", "sec", "secs", "seconds", "bytes", "B",
    ];
    next.is_some_and(|p| p.key.is_empty() && UNITS.contains(&p.text.as_ref()))
}

/// The status behind a request.
fn behind(
    pieces: &[Piece<'_>],
    request: &Request<'_>,
    number: impl Fn(usize) -> bool,
) -> Option<usize> {
    let mut words = 0;
    for (n, piece) in pieces.iter().enumerate().skip(request.behind).take(BESIDE) {
        if is_status(piece) && !measures(pieces.get(n + 1)) {
            let end = (n..n + BESIDE).find(|n| !number(*n)).unwrap_or(n + BESIDE);
            return of_run(pieces, n..end.max(n + 1));
        }
        // a number may be told in words (`responded 200`), but not in a sentence
        let letters = piece.text.bytes().all(|b| b.is_ascii_alphabetic());
        let word = piece.form == Form::Word && piece.key.is_empty() && letters;
        let sentence = word && piece.text.bytes().all(|b| b.is_ascii_lowercase());
        words += match ANSWERS.contains(&piece.text.as_ref()) {
            false if sentence => 2,
            _ => usize::from(word),
        };
        if words > 1 && !request.sure {
            break;
        }
    }
    None
}
