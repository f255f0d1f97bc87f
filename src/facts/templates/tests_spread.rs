//! Lists of paths that no word says anything of: how they stand beside each other decides.

use super::tests::check;
use super::{Beside, PathIn, fold};

/// What is done with kinds of things is below each of them; what is done with one thing is below its name.
#[test]
fn controllers_are_no_values_and_jobs_are() {
    check(
        "GET /api/brindle/list.do -> /api/brindle/list.do
         POST /api/brindle/approve.do -> /api/brindle/approve.do
         GET /api/quillon/list.do -> /api/quillon/list.do
         POST /api/quillon/approve.do -> /api/quillon/approve.do
         POST /api/fostaim/remove.do -> /api/fostaim/remove.do
         GET /api/fostaim/list.do -> /api/fostaim/list.do
         POST /api/noup/remove.do -> /api/noup/remove.do
         POST /api/noup/save.do -> /api/noup/save.do",
    );
    check(
        "POST /job/nightly-brindle/build -> /job/{id}/build
         GET /job/nightly-brindle/list -> /job/{id}/list
         POST /job/quillon-web/build -> /job/{id}/build
         GET /job/quillon-web/list -> /job/{id}/list
         POST /job/fostaim-api/build -> /job/{id}/build
         GET /job/fostaim-api -> /job/{id}",
    );
}

/// A few words beside many identifiers of one look are routes; where names stand they are names.
#[test]
fn few_words_beside_many_identifiers() {
    let mut lines = String::new();
    for n in [1041, 2093, 3555, 4120, 5871, 6002, 7999, 8123] {
        lines.push_str(&format!("GET /oa/gongwen/{n} -> /oa/gongwen/{{id}}\n"));
    }
    let words =
        "GET /oa/gongwen/daiban -> /oa/gongwen/daiban\nGET /oa/gongwen/yiban -> /oa/gongwen/yiban";
    check(&format!("{lines}{words}"));
    let lines = lines.replace("oa/gongwen", "oa/users");
    check(&format!(
        "{lines}GET /oa/users/brindle -> /oa/users/{{id}}\nGET /oa/users/quillon -> /oa/users/{{id}}"
    ));
}

/// What is written with an ending and without is another answer about the same names.
#[test]
fn names_with_and_without_an_ending() {
    check(
        "GET /api/things/Wheat-Falls -> /api/things/{id}
         GET /api/things/Wheat-Falls.csv -> /api/things/{id}.csv
         GET /api/things/Oak-Moss -> /api/things/{id}
         GET /api/things/Oak-Moss.csv -> /api/things/{id}.csv
         GET /api/things/Elm-Bark -> /api/things/{id}
         GET /api/things/Elm-Bark.csv -> /api/things/{id}.csv",
    );
    // files are called as they are
    check(
        "GET /files/Wheat-Falls.csv -> /files/{id}
         GET /files/Oak-Moss.csv -> /files/{id}
         GET /files/Elm-Bark.pdf -> /files/{id}
         GET /files/Oak-Moss.pdf -> /files/{id}",
    );
}

/// Keys of several depths have nothing in common below; what repositories have comes again below each.
#[test]
fn keys_of_any_depth_are_one_and_owners_are_not() {
    let keys = [
        "amber",
        "brook/cedar",
        "brook/delta/ember",
        "fern/glade",
        "heron/iris/jade",
        "kelp/lotus",
        "maple",
        "nectar/opal/pearl",
        "quartz",
        "raven/sable",
    ];
    let lines: Vec<String> = keys
        .iter()
        .map(|k| format!("GET /v1/keep/{k} -> /v1/keep/{{path}}"))
        .collect();
    check(&lines.join("\n"));
    let mut lines = String::new();
    for (owner, repo) in [
        ("amber", "cedar"),
        ("brook", "delta"),
        ("fern", "glade"),
        ("heron", "iris"),
        ("kelp", "lotus"),
    ] {
        lines.push_str(&format!(
            "GET /repos/{owner} -> /repos/{{id}}
             GET /repos/{owner}/{repo} -> /repos/{{id}}/{{id}}
             GET /repos/{owner}/{repo}/issues -> /repos/{{id}}/{{id}}/issues
             GET /repos/{owner}/{repo}/pulls -> /repos/{{id}}/{{id}}/pulls\n"
        ));
    }
    check(&lines);
}

/// A name in one host may be a route in another; where most of what stands there are names that another host hands out, they are values.
#[test]
fn what_other_hosts_hand_out() {
    let routes = |words: &[&str], own: bool| -> Vec<String> {
        let targets: Vec<String> = words.iter().map(|w| format!("/api/{w}")).collect();
        let path = |t| PathIn::new("GET", "h", t, "rest", 1);
        let paths: Vec<PathIn<'_>> = targets.iter().map(|t| path(t)).collect();
        let handed = ["brindle", "quillon", "fostaim", "noupel"];
        let beside = Beside {
            handed: &|_, t| handed.contains(&t).then(|| "$.name".to_owned()),
            own: &|_, _| own,
            ..Beside::default()
        };
        let got = fold(&paths, &beside);
        got.iter().map(|f| f.route.to_string()).collect()
    };
    let mixed = ["brindle", "quillon", "spandle", "wexing", "trovel"];
    assert_eq!(routes(&mixed, false), mixed.map(|w| format!("/api/{w}")));
    let all = ["brindle", "quillon", "fostaim", "noupel"];
    assert_eq!(routes(&all, false), ["/api/{id}"; 4]);
    assert_eq!(routes(&all, true), ["/api/{id}"; 4]);
}
