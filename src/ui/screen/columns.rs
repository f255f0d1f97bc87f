//! Columns of the lists. In: a kind of list. Out: its columns, as data; what fills them is [`super::cells`]. Bounds: none.

use crate::ui::data::Kind;
use crate::ui::widget::safe_text::SafeText;
use crate::ui::widget::table::Col;

/// Width of a time of day to the millisecond.
const TIME: (u16, u16) = (12, 0);
/// Width of a time with its date, to the second and, where there is room, to the millisecond.
const DATED: (u16, u16) = (19, 23);
/// Width of a time of day to the second, and of a date.
const SHORT: u16 = 8;
const DAY: u16 = 10;

/// Columns of a kind of list; with dates, times take more room.
pub fn columns(kind: Kind, dates: bool) -> &'static [Col] {
    match kind {
        Kind::Calls if dates => &const { calls(DATED) },
        Kind::Flows if dates => &const { flows(DATED) },
        Kind::Hops if dates => &const { hops(DATED) },
        Kind::Reads if dates => &const { reads(DATED) },
        Kind::Calls => &const { calls(TIME) },
        Kind::Flows => &const { flows(TIME) },
        Kind::Hops => &const { hops(TIME) },
        Kind::Reads => &const { reads(TIME) },
        Kind::Apis => undocumented(dates),
        Kind::Accounts if dates => &const { accounts(DAY) },
        Kind::Accounts => &const { accounts(SHORT) },
        Kind::Sessions => SESSIONS,
        Kind::Findings => FINDINGS,
        Kind::Risks => RISKS,
        Kind::Sources => SOURCES,
        Kind::Marks => MARKS,
        Kind::Suspects if dates => &const { suspects(DAY) },
        Kind::Suspects => &const { suspects(SHORT) },
        Kind::Sql => &[],
    }
}

const fn calls(time: (u16, u16)) -> [Col; 11] {
    [
        Col::roomy("TIME", time.0, time.1, 0),
        Col::flex("ACCOUNT", 12, 1, false),
        Col::name("FROM", 15, 7),
        Col::text("HOST", 20, 10),
        Col::flex("CALL", 20, 3, true),
        Col::num("ST", 3, 0),
        Col::num("IN", 7, 9),
        Col::num("OUT", 8, 4),
        Col::num("REC", 5, 3),
        Col::text("S", 2, 0),
        Col::text("FLAGS", 5, 5),
    ]
}
/// APIs of a case with a specification: the last column says whether it has them.
pub fn documented(dates: bool) -> &'static [Col] {
    if dates {
        &const { apis(DAY) }
    } else {
        &const { apis(SHORT) }
    }
}
/// ... of a case without one.
fn undocumented(dates: bool) -> &'static [Col] {
    let all = documented(dates);
    all.split_last().map_or(all, |(_, rest)| rest)
}
const fn apis(last: u16) -> [Col; 10] {
    [
        // two services behind one gateway must not look alike at 80 columns
        Col::flex("API TEMPLATE", 34, 2, true),
        Col::num("CALLS", 7, 1),
        Col::num("ACCTS", 5, 4),
        Col::num("OK%", 4, 6),
        Col::num("MAX REC", 7, 3),
        Col::text("S", 2, 0),
        Col {
            drop: 7,
            ..Col::flex("DATA KINDS", 18, 1, false)
        },
        Col::text("AUTH", 12, 9),
        Col::text("LAST", last, 8),
        Col::text("DOC", 5, 5),
    ]
}
const fn accounts(last: u16) -> [Col; 11] {
    [
        Col::flex("ACCOUNT", 18, 2, false),
        Col::text("KIND", 12, 6),
        Col::num("CONF", 4, 7),
        Col::num("CALLS", 7, 1),
        Col::num("SESS", 5, 8),
        Col::num("RECORDS", 8, 0),
        Col::text("S", 2, 0),
        Col::num("RISK", 5, 2),
        Col {
            drop: 5,
            ..Col::flex("VALUES", 28 - last, 2, false)
        },
        Col::name("FROM", 16, 9),
        Col::text("LAST", last, 4),
    ]
}
const SESSIONS: &[Col] = &[
    Col::text("START", 19, 0),
    Col::num("LASTED", 7, 2),
    Col::flex("ACCOUNT", 14, 2, false),
    Col::text("VIA", 12, 5),
    Col::num("CALLS", 7, 0),
    Col::num("RECORDS", 8, 1),
    Col::text("S", 2, 0),
    Col {
        drop: 6,
        ..Col::flex("CLIENT", 18, 2, false)
    },
    Col::name("FROM", 15, 7),
    Col::name("SESSION", 18, 9),
];
const FINDINGS: &[Col] = &[
    Col::text("S", 2, 0),
    Col::text("CLASS", 13, 0),
    Col::flex("VALUE", 18, 2, false),
    Col::flex("WHERE", 16, 2, true),
    Col::text("DIR", 4, 5),
    Col::text("FORM", 14, 4),
    Col::num("CONF", 4, 3),
    Col::name("CALL", 19, 6),
];
const RISKS: &[Col] = &[
    Col::num("SCORE", 5, 0),
    Col::text("SEVERITY", 8, 3),
    Col::text("RULE", 16, 2),
    Col::flex("SUBJECT", 34, 3, true),
    Col {
        drop: 5,
        ..Col::flex("WHAT", 24, 4, false)
    },
    Col::text("WHEN", 17, 6),
    Col::num("CALLS", 6, 1),
];
const fn flows(time: (u16, u16)) -> [Col; 10] {
    [
        Col::roomy("TIME", time.0, time.1, 0),
        Col::text("APP", 8, 0),
        Col::flex("CLIENT", 21, 1, true),
        Col::flex("SERVER", 21, 1, true),
        Col::num("PACKETS", 8, 3),
        Col::num("OUT", 9, 2),
        Col::num("IN", 9, 1),
        Col::num("CALLS", 6, 4),
        Col::num("GAPS", 5, 6),
        Col {
            drop: 5,
            ..Col::flex("NAME / WHY NOT READ", 20, 1, false)
        },
    ]
}
const SOURCES: &[Col] = &[
    Col::flex("FILE", 20, 1, true),
    Col::text("KIND", 12, 1),
    Col::num("SIZE", 9, 0),
    Col::num("UNITS", 10, 2),
    Col::num("CALLS", 8, 0),
    Col::num("SKIPPED", 8, 3),
    Col::text("FROM", 19, 4),
    Col::text("TO", 19, 5),
    Col::text("SHA-256", 12, 6),
];
const MARKS: &[Col] = &[
    Col::text("WHAT", 8, 0),
    Col::flex("TARGET", 24, 2, true),
    Col::text("TAGS", 16, 3),
    Col::flex("NOTE", 20, 2, false),
    Col::text("WHEN", 16, 4),
];
const fn suspects(time: u16) -> [Col; 9] {
    [
        Col::num("#", 3, 0),
        Col::flex("ACCOUNT", 26 - time, 1, false),
        Col::num("SCORE", 7, 0),
        Col::num("COVERED", 11, 0),
        Col::num("READ IN ALL", 11, 2),
        Col::num("EXCLUSIVE", 10, 3),
        Col::text("FIRST", time, 4),
        Col::text("LAST", time, 5),
        Col {
            drop: 6,
            ..Col::flex("BY", 20, 2, true)
        },
    ]
}
const fn hops(time: (u16, u16)) -> [Col; 11] {
    [
        Col::num("#", 3, 0),
        Col::roomy("TIME", time.0, time.1, 0),
        Col::name("FROM", 15, 3),
        Col::name("TO", 15, 1),
        Col::flex("INTERFACE", 16, 2, true),
        Col::text("DIR", 4, 8),
        Col {
            drop: 4,
            ..Col::flex("AS", 12, 1, true)
        },
        Col::text("FORM", 14, 5),
        Col::text("ACCOUNT", 12, 6),
        Col::num("CONF", 4, 2),
        Col::text("LEFT", 4, 0),
    ]
}
const fn reads(time: (u16, u16)) -> [Col; 7] {
    [
        Col::num("ROW", 5, 0),
        Col::flex("LEAKED", 22, 2, false),
        Col::roomy("READ AT", time.0, time.1, 0),
        Col::flex("BY THE CALL", 16, 2, true),
        Col {
            drop: 3,
            ..Col::flex("AT", 14, 1, true)
        },
        Col::text("FORM", 10, 4),
        Col::num("READS", 5, 2),
    ]
}

/// Columns for the answer of a statement: as wide as their values, within reason.
pub fn sql_columns(names: &[String], rows: &[Vec<String>]) -> Vec<Col> {
    names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let most = rows
                .iter()
                .take(200)
                .filter_map(|r| r.get(i))
                .map(|v| SafeText::new(v).width())
                .max()
                .unwrap_or(0);
            let w = most.max(SafeText::new(name).width()).clamp(3, 32);
            Col {
                title: "",
                w: u16::try_from(w).unwrap_or(32),
                wide: 0,
                flex: u16::from(i + 1 == names.len()),
                right: false,
                drop: u8::try_from(i.min(250)).unwrap_or(250),
                middle: false,
            }
        })
        .collect()
}
