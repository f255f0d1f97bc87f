//! Words that routes are made of. In: a segment. Out: what it says by itself. Bounds: the fixed lists of `words.txt`; what is not
//! there is judged by its siblings.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

static LISTS: LazyLock<HashMap<&'static str, HashSet<&'static str>>> = LazyLock::new(|| {
    let mut out: HashMap<&str, HashSet<&str>> = HashMap::new();
    let mut section = "";
    for l in include_str!("words.txt").lines() {
        if let Some(name) = l.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name;
        } else if !l.starts_with('#') {
            out.entry(section).or_default().extend(l.split_whitespace());
        }
    }
    out
});

fn has(section: &str, word: &str) -> bool {
    LISTS.get(section).is_some_and(|l| l.contains(word))
}

/// Pieces of `camelCase`, `kebab-case`, `snake_case`, `dotted.words`, in lower case.
pub fn pieces(s: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut piece = String::new();
    let mut before = ' ';
    for c in s.chars() {
        let cut = matches!(c, '-' | '_' | '.' | ' ' | '+' | '~' | ':');
        if (cut || c.is_uppercase() && before.is_lowercase()) && !piece.is_empty() {
            out.push(std::mem::take(&mut piece));
        }
        if !cut {
            piece.extend(c.to_lowercase());
        }
        before = c;
    }
    if !piece.is_empty() {
        out.push(piece);
    }
    out
}

/// Whether a segment is a route of its own wherever it stands.
pub fn fixed(s: &str) -> bool {
    if !s.is_ascii() {
        return chinese(s);
    }
    if s.starts_with(['_', '$', '.']) && s.len() > 1 || s == "-" {
        return true;
    }
    if code(s) {
        return false;
    }
    let lower = s.trim_start_matches('@').to_ascii_lowercase();
    has("fixed", &lower) || has("pinyin", &lower) || verb(s) || executable(&lower) || listed(&lower)
}

/// Whether more than two thirds of a Chinese segment are words of routes: `员工列表`, while `财务部` and `关于调薪的说明` only hold one.
fn chinese(s: &str) -> bool {
    let mut rest = s;
    let (mut of_words, mut all) = (0usize, 0usize);
    while let Some(c) = rest.chars().next() {
        // the longest word that begins here: they have two to four characters
        let word = [4, 3, 2].into_iter().find_map(|n| {
            let end = rest.char_indices().nth(n).map_or(rest.len(), |(at, _)| at);
            let w = rest.get(..end)?;
            (w.chars().count() == n && has("zh", w)).then_some((w.len(), n))
        });
        let (bytes, n) = word.unwrap_or((c.len_utf8(), 1));
        of_words += if word.is_some() { n } else { 0 };
        all += n;
        rest = rest.get(bytes..).unwrap_or_default();
    }
    of_words * 3 > all * 2
}

/// What pages and answers end with.
const PAGES: [&str; 22] = [
    "do", "json", "xml", "html", "htm", "jspx", "php", "php3", "php5", "asp", "aspx", "jsp", "txt",
    "csv", "rss", "atom", "ico", "js", "css", "yaml", "yml", "pl",
];

/// `list.do`, `detail.json`: a fixed word with the ending of a page.
fn listed(s: &str) -> bool {
    s.rsplit_once('.').is_some_and(|(w, ext)| {
        let word = |w: &str| has("fixed", w) || has("vocab", w);
        PAGES.contains(&ext) && word(w)
    })
}

/// `me`: what stands for whoever asks, or for all.
pub fn speaker(s: &str) -> bool {
    has("speaker", s.trim_start_matches('@'))
}

/// Pages that run: `getCity.ashx`.
pub fn executable(s: &str) -> bool {
    const ENDS: [&str; 14] = [
        ".do", ".action", ".php", ".asp", ".aspx", ".ashx", ".asmx", ".jsp", ".cgi", ".jspa",
        ".jsf", ".faces", ".axd", ".svc",
    ];
    ENDS.iter().any(|e| s.ends_with(e) && s.len() > e.len())
}

/// `getUserInfo`, `query-list`, `batch_update`: begins with a verb.
fn verb(s: &str) -> bool {
    LISTS.get("verbs").is_some_and(|l| {
        let end = s
            .find(|c: char| !c.is_ascii_lowercase())
            .unwrap_or(s.len());
        let rest = s.get(end..).unwrap_or_default();
        let next = rest.bytes().next();
        let digits = s.bytes().filter(u8::is_ascii_digit).count();
        s.get(..end).is_some_and(|v| l.contains(v))
            && next.is_some_and(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_'))
            && digits <= 1
            // a title may begin with one: `make-rice-easy`
            && (next.is_some_and(|b| b.is_ascii_uppercase()) || rest.split(['-', '_']).count() <= 3)
            && (next.is_some_and(|b| b.is_ascii_uppercase()) || routeish(rest.trim_start_matches(['-', '_'])))
    })
}

/// `META`, `LHR`, `IN`: a code, though in small letters it would be a word.
pub fn code(s: &str) -> bool {
    (2..=5).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_uppercase())
}

/// Whether it is what one does: a verb, or one with what it is done to.
pub fn acts(s: &str) -> bool {
    let word = s.split('.').next().unwrap_or(s).to_ascii_lowercase();
    has("verbs", &word) || verb(s)
}

/// A verb that a resource's name may end with: `:pause`.
pub fn custom(s: &str) -> bool {
    s.bytes().all(|b| b.is_ascii_alphabetic())
        && (verb(s) || has("verbs", s) || has("fixed", s) || has("vocab", s))
}

/// Whether text names procedures: `user.byId`, several joined by commas.
pub fn procedures(s: &str) -> bool {
    s.split(',').all(|p| {
        p.contains('.')
            && p.split('.')
                .all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    })
}

/// Whether every piece is a word of routes.
pub fn routeish(s: &str) -> bool {
    if !s.is_ascii() {
        return fixed(s);
    }
    let p = pieces(s);
    !code(s)
        && !p.is_empty()
        && (camel(s)
            || p.iter().all(|w| {
                has("vocab", w)
                    || has("fixed", w)
                    || has("pinyin", w)
                    || has("verbs", w)
                    || noun(w)
                    || matches!(
                        w.as_str(),
                        "of" | "and"
                            | "by"
                            | "for"
                            | "to"
                            | "in"
                            | "on"
                            | "with"
                            | "the"
                            | "no"
                            | "many"
                            | "more"
                            | "id"
                            | "ids"
                    )
            }))
}

/// `lastBuild`: how code is written, and no name.
fn camel(s: &str) -> bool {
    let p = pieces(s);
    (2..=6).contains(&p.len())
        && s.bytes().all(|b| b.is_ascii_alphabetic())
        && s.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && p.iter().all(|w| w.len() >= 2)
}

/// A long word with the ending of a noun that names a kind of thing: `settlements`, `authorizations`.
fn noun(w: &str) -> bool {
    const ENDS: [&str; 17] = [
        "tion", "tions", "ment", "ments", "ings", "ities", "ances", "ences", "ables", "ors", "ers",
        "ships", "ssion", "ssions", "ures", "ability", "eries",
    ];
    w.len() >= 8 && w.bytes().all(|b| b.is_ascii_lowercase()) && ENDS.iter().any(|e| w.ends_with(e))
}

/// A route's word that resources of any kind have below.
pub fn generic(s: &str) -> bool {
    has("generic", &s.to_ascii_lowercase()) || super::shapes::version(s) || has("prefix", s)
}

/// What one does with things of one kind: what has it below is such a kind.
pub fn crud(s: &str) -> bool {
    has("crud", &s.to_ascii_lowercase())
}

/// Words before which whole APIs stand.
pub fn before_apis(s: &str) -> bool {
    has("before", &s.to_ascii_lowercase())
}

/// Whether names and titles are likely after this segment.
pub fn named_by(prev: &str) -> bool {
    let p: String = prev
        .chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect();
    let last = pieces(prev).pop().unwrap_or_default();
    [p, last].iter().any(|p| {
        has("named", p)
            || p.strip_suffix('s').is_some_and(|s| has("named", s))
            || p.strip_suffix("es").is_some_and(|s| has("named", s))
            || p.strip_suffix("ies")
                .is_some_and(|s| has("named", &format!("{s}y")))
    })
}

/// Whether it names several things, so that one of them stands behind: `coupons`, `branches`, `policies`.
pub fn plural(prev: &str) -> bool {
    let last = pieces(prev).pop().unwrap_or_default();
    last.len() > 3
        && last.ends_with('s')
        && !last.ends_with("ss")
        && !last.ends_with("us")
        && !last.ends_with("is")
}

/// Whether fixed routes stand below this segment.
pub fn prefix(prev: &str) -> bool {
    // An identifier that was left as it is stands for a version.
    prev.is_empty()
        || has("prefix", &prev.to_ascii_lowercase())
        || super::shapes::version(prev)
        || prev != "{}" && super::shapes::shape(prev).is_some()
}

/// Whether what somebody sought stands below this segment.
pub fn seeks(prev: &str) -> bool {
    has("seeks", &prev.to_lowercase())
}

/// Whether a tree of files begins here.
pub fn mount(s: &str) -> bool {
    has("mount", &s.to_ascii_lowercase())
}

/// What a version is called that has no number.
pub fn version_name(s: &str) -> bool {
    super::shapes::version(s) || super::shapes::release(s) || has("versions", s)
}

/// Whether texts stand below that are kept by version.
pub fn versioned(prev: &str) -> bool {
    has("versioned", &prev.to_ascii_lowercase())
}

/// Whether names of files stand below.
pub fn files_below(s: &str) -> bool {
    has("filesbelow", &s.to_ascii_lowercase())
}

/// A technical word with a number in it: `sha256`, `iso-8601`, `es2015`, `h264`.
pub fn tech(s: &str) -> bool {
    if s.len() > 16 || !s.is_ascii() {
        return false;
    }
    let lower: String = s
        .bytes()
        .filter(|b| !matches!(b, b'-' | b'_'))
        .map(|b| char::from(b.to_ascii_lowercase()))
        .collect();
    if has("techwords", &lower) {
        return true;
    }
    let stem = lower.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = lower.len() - stem.len();
    (1..=5).contains(&number)
        && has("tech", stem)
        && !s
            .bytes()
            .any(|b| b.is_ascii_uppercase() && number >= 3 && stem.len() <= 2)
}

/// `zh-CN`, `en_GB`, `zh-Hans`; of a language alone its siblings decide.
pub fn locale(s: &str) -> bool {
    s.split_once(['-', '_']).is_some_and(|(l, r)| {
        has("langs", l)
            && (r.len() == 2 || r.len() == 4)
            && (r.bytes().all(|b| b.is_ascii_uppercase())
                || r.bytes().next().is_some_and(|b| b.is_ascii_uppercase())
                || r.len() == 2 && r.bytes().all(|b| b.is_ascii_lowercase()) && l.len() == 2)
            && r.bytes().all(|b| b.is_ascii_alphabetic())
    })
}

/// `en`.
pub fn language(s: &str) -> bool {
    has("langs", s)
}
