//! Adversarial lists of paths with the templates a person would draw, folded in twenty orders.

use super::*;

/// `METHOD path -> template`, one a line; `*` repeats nothing, every line is one path.
pub(super) fn check(lines: &str) {
    let want: Vec<(&str, &str, &str)> = lines
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(|l| {
            let (left, route) = l.split_once(" -> ").unwrap();
            let (method, path) = left.split_once(' ').unwrap();
            (method, path, route)
        })
        .collect();
    let mut order: Vec<usize> = (0..want.len()).collect();
    let mut seed = 42u64;
    for round in 0..20 {
        let paths: Vec<PathIn<'_>> = order
            .iter()
            .map(|i| {
                let (method, target, _) = want[*i];
                let kind = if target.ends_with(".js") {
                    "static"
                } else {
                    "rest"
                };
                PathIn::new(method, "h", target, kind, 1)
            })
            .collect();
        let beside = Beside {
            account: &|n| n == "zhou.min",
            ..Beside::default()
        };
        let got = fold(&paths, &beside);
        for (i, g) in order.iter().zip(&got) {
            assert_eq!(
                &*g.route, want[*i].2,
                "{} in order {round} ({})",
                want[*i].1, g.why
            );
        }
        for i in (1..order.len()).rev() {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            order.swap(i, (seed >> 33) as usize % (i + 1));
        }
    }
}

#[test]
fn typed_segments_and_literal_exceptions() {
    check(
        "GET /users/7 -> /users/{id}
         GET /users/7?x=1 -> /users/{id}
         GET /users/me -> /users/me
         DELETE /users/9f8e -> /users/{id}
         GET /users/550e8400-e29b-41d4-a716-446655440000/orders -> /users/{id}/orders
         GET /users/export -> /users/export
         GET /orders/export -> /orders/export
         GET /orders/stats -> /orders/stats
         GET /orders/ORD-2024-00123 -> /orders/{id}
         GET /public-specs/v2 -> /public-specs/v2
         GET /hash/sha256 -> /hash/sha256
         GET /hash/md5 -> /hash/md5
         GET /x/iso8601 -> /x/iso8601
         GET /es2015 -> /es2015
         GET /api/v1/users/12/onboardingStatus -> /api/v1/users/{id}/onboardingStatus
         GET /reports/2024-05-01 -> /reports/{date}
         GET /reports/2024-05-02 -> /reports/{date}
         GET /files/12.pdf -> /files/{id}.pdf
         POST /tasks/12:cancel -> /tasks/{id}:cancel
         GET /odata/Products(5) -> /odata/Products({id})
         GET /odata/Customers('ALFKI') -> /odata/Customers({id})
         GET /odata/Customers('ALFKI')/Orders(OrderID=1,Line='a') -> /odata/Customers({id})/Orders({id})
         GET /odata/Customers -> /odata/Customers
         GET /odata/Customers('ANATR')/Orders -> /odata/Customers({id})/Orders
         GET /odata/Airports/Nearest(lat=1.5,lon=-2) -> /odata/Airports/Nearest({id})
         GET /odata/$metadata -> /odata/$metadata
         GET / -> /
         GET /api/1/users -> /api/1/users
         GET /static/js/app.1f2e3d4c.js -> /static/{file}
         GET /phones/13800138000 -> /phones/{id}",
    );
}

#[test]
fn resources_stay_apart_and_names_fold() {
    check(
        "GET /api/users/1 -> /api/users/{id}
         GET /api/orders/1 -> /api/orders/{id}
         GET /api/products/1 -> /api/products/{id}
         GET /api/invoices/1 -> /api/invoices/{id}
         GET /api/warehouses/1 -> /api/warehouses/{id}
         GET /api/couriers/1 -> /api/couriers/{id}
         GET /api/tags/rust -> /api/tags/{id}
         GET /api/tags/go -> /api/tags/{id}
         GET /api/tags/python -> /api/tags/{id}
         GET /api/tags/java -> /api/tags/{id}
         GET /api/tags/zig -> /api/tags/{id}
         GET /u/alice/repos -> /u/{id}/repos
         GET /u/bob/repos -> /u/{id}/repos
         GET /u/carol/repos -> /u/{id}/repos
         GET /articles/how-to-cook-rice -> /articles/{id}
         GET /articles/ten-things-about-go -> /articles/{id}
         GET /articles/why-we-left -> /articles/{id}
         GET /articles/search -> /articles/search
         GET /staff/zhou.min -> /staff/{id}
         GET /staff/export -> /staff/export
         GET /reports/sales -> /reports/sales
         GET /reports/daily -> /reports/daily
         GET /reports/regional -> /reports/regional
         GET /reports/overdue -> /reports/overdue
         GET /reports/margin -> /reports/margin",
    );
}

#[test]
fn chinese_routes_are_words_and_chinese_names_are_not() {
    check(
        "GET /%E5%AE%A2%E6%88%B7/%E6%9F%A5%E8%AF%A2 -> /客户/查询
         GET /%E5%AE%A2%E6%88%B7/%E5%AF%BC%E5%87%BA -> /客户/导出
         GET /%E5%AE%A2%E6%88%B7/17 -> /客户/{id}
         GET /%E5%AE%A2%E6%88%B7/%E5%BC%A0%E4%B8%89 -> /客户/{id}
         GET /%E5%AE%A2%E6%88%B7/%E6%9D%8E%E5%9B%9B -> /客户/{id}",
    );
}

#[test]
fn departments_and_titles_in_chinese_are_values() {
    check(
        "GET /hr/部门/财务部 -> /hr/部门/{id}
         GET /hr/部门/人事部 -> /hr/部门/{id}
         GET /hr/部门/信息科 -> /hr/部门/{id}
         GET /hr/部门/销售一部/员工 -> /hr/部门/{id}/员工
         GET /hr/部门/导出 -> /hr/部门/导出
         GET /hr/公告/关于调薪的说明 -> /hr/公告/{id}
         GET /hr/公告/新员工培训 -> /hr/公告/{id}
         GET /hr/公告/放假安排 -> /hr/公告/{id}
         GET /hr/考勤/今日 -> /hr/考勤/今日
         GET /hr/考勤/导出 -> /hr/考勤/导出
         GET /en/news -> /{id}/news
         GET /de/news -> /{id}/news
         GET /zh-cn/news -> /{id}/news",
    );
}

#[test]
fn versions_of_texts_are_values_and_versions_of_apis_are_not() {
    check(
        "GET /docs/v1/intro.html -> /docs/{id}/{id}
         GET /docs/v2/intro.html -> /docs/{id}/{id}
         GET /docs/v2/faq.html -> /docs/{id}/{id}
         GET /docs/latest/limits -> /docs/{id}/{id}
         GET /docs/3.1/install.md -> /docs/{id}/{id}
         GET /api/v1/users -> /api/v1/users
         GET /api/v2/users -> /api/v2/users
         GET /reports/latest/sales -> /reports/latest/sales
         GET /reports/v1/sales -> /reports/v1/sales",
    );
}

#[test]
fn trees_of_files_are_one_route_and_files_of_things_are_not() {
    check(
        "GET /files/shared/plans/a1.pdf -> /files/{file}
         GET /files/shared/plans/final.xlsx -> /files/{file}
         GET /files/home/budget/q3/draft.pdf -> /files/{file}
         GET /files/home/photos/sea.png -> /files/{file}
         GET /files/old/photos/sky.png -> /files/{file}
         GET /files/old/notes -> /files/{file}
         GET /uploads/17/front.png -> /uploads/{id}/{id}
         GET /uploads/18/side.png -> /uploads/{id}/{id}
         GET /uploads/19/side.png -> /uploads/{id}/{id}",
    );
}

/// A lone `-` divides the name of what is meant, groups within groups, from what is done with it.
#[test]
fn names_of_any_depth_end_at_a_lone_dash() {
    check(
        "GET /platform/billing/ledger/-/issues/7 -> /{path}/-/issues/{id}
         GET /platform/billing/ledger -> /{path}
         GET /platform/gate/-/issues -> /{path}/-/issues
         GET /platform/gate/-/issues/31 -> /{path}/-/issues/{id}
         GET /docs/handbook/-/issues/9 -> /{path}/-/issues/{id}
         GET /infra/cloud/eu/core/-/commit/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b -> /{path}/-/commit/{id}
         GET /infra/cloud/eu/core/-/issues -> /{path}/-/issues
         GET /groups/platform/-/group_members -> /groups/{path}/-/group_members
         GET /groups/platform/billing/-/group_members -> /groups/{path}/-/group_members
         GET /groups/infra/cloud/-/group_members -> /groups/{path}/-/group_members
         GET /users/sign_in -> /users/sign_in
         GET /dashboard/projects -> /dashboard/projects
         GET /-/profile -> /-/profile",
    );
    check(
        "GET /admin/-/health -> /admin/-/health
         GET /admin/-/ready -> /admin/-/ready
         GET /shop/list -> /shop/list",
    );
}

#[test]
fn names_with_signs_and_dots_and_shelves_of_a_shop() {
    check(
        "GET /@anna -> /@{id}
         GET /@zhou.min -> /@{id}
         GET /@bob/status/17 -> /@{id}/status/{id}
         GET /kb/how-to-pay -> /kb/{id}
         GET /kb/why-we-left-town -> /kb/{id}
         GET /kb/ten-things -> /kb/{id}
         GET /help -> /help
         GET /web/image/sale.order/7/logo -> /web/image/{id}/{id}/logo
         GET /web/image/account.move/9/logo -> /web/image/{id}/{id}/logo
         GET /web/image/crm.lead/12/logo -> /web/image/{id}/{id}/logo
         GET /api/chat.postMessage -> /api/chat.postMessage
         GET /api/users.list -> /api/users.list
         GET /shop/lamps/desk-lamp-small -> /shop/{id}/{id}
         GET /shop/chairs/oak-chair-two -> /shop/{id}/{id}
         GET /shop/rugs/red-rug-from-home -> /shop/{id}/{id}
         GET /shop/tables/round-table-white -> /shop/{id}/{id}
         GET /store/orders/17 -> /store/orders/{id}",
    );
}

#[test]
fn matrix_parameters_are_no_part_of_a_route() {
    check(
        "GET /v1/cars;color=red;year=2019 -> /v1/cars
         GET /v1/cars;color=blue -> /v1/cars
         GET /v1/cars/17;view=full -> /v1/cars/{id}
         GET /v1/cars/18/prices;currency=NOK -> /v1/cars/{id}/prices",
    );
}

#[test]
fn no_path_breaks_it() {
    let deep = "/a".repeat(5000);
    let odd = [
        "",
        "*",
        "/",
        "//",
        "/%",
        "/%ff",
        "http://h",
        "http://h/a/7",
        "h:443",
        "/\u{202e}",
        "/;x",
        "/@",
        "/()",
        "/a()",
        "/:",
        deep.as_str(),
    ];
    let paths: Vec<PathIn<'_>> = odd
        .iter()
        .map(|t| PathIn::new("GET", "", t, "rest", 1))
        .collect();
    let got = fold(&paths, &Beside::default());
    assert_eq!(&*got[7].route, "/a/{id}");
    assert!(got.iter().all(|g| !g.route.is_empty()));
}

/// `/apples-boats/list` and `/cedar-dunes/list`: the same below, and answers that have nothing in common are two collections' own;
/// with answers alike they are values of one parameter.
#[test]
fn answers_below_tell_collections_from_values() {
    let names = [
        "apples-boats",
        "cedar-dunes",
        "ember-fjord",
        "grove-heron",
        "islet-jolly",
        "kiosk-lemon",
        "maple-north",
        "ocean-pearl",
    ];
    let paths: Vec<String> = names
        .iter()
        .flat_map(|n| [format!("/{n}/list"), format!("/{n}/detail")])
        .collect();
    let same: Vec<u32> = (0..12).collect();
    let own: Vec<Vec<u32>> = (0u32..)
        .zip(&paths)
        .map(|(i, _)| (0..4).chain(100 * i + 100..100 * i + 109).collect())
        .collect();
    for (alike, want) in [(true, 2), (false, 16)] {
        let ins: Vec<PathIn<'_>> = paths
            .iter()
            .zip(&own)
            .map(|(p, own)| PathIn {
                answer: if alike { &same } else { own },
                ..PathIn::new("GET", "h", p, "rest", 3)
            })
            .collect();
        let got = fold(&ins, &Beside::default());
        let routes: std::collections::BTreeSet<&str> = got.iter().map(|g| &*g.route).collect();
        assert_eq!(routes.len(), want, "{routes:?}");
    }
}

#[test]
fn a_word_of_technology_in_a_row_of_numbers_and_a_language_beside_locales() {
    check(
        "GET /leaderboard/s1 -> /leaderboard/{id}
         GET /leaderboard/s2 -> /leaderboard/{id}
         GET /leaderboard/s3 -> /leaderboard/{id}
         GET /leaderboard/s5 -> /leaderboard/{id}
         GET /leaderboard/s8 -> /leaderboard/{id}
         GET /backup/s3 -> /backup/s3
         GET /backup/local -> /backup/local",
    );
    check(
        "GET /en-GB/products/new-lamp-set -> /{id}/products/{id}
         GET /en-GB/products/old-river-team -> /{id}/products/{id}
         GET /en-GB/help/returns -> /{id}/help/returns
         GET /nb-NO/products/garden-lamp-nine -> /{id}/products/{id}
         GET /nb-NO/help/shipping -> /{id}/help/shipping
         GET /nb-NO/help/returns -> /{id}/help/returns
         GET /de-DE/products/city-bridge-lamp -> /{id}/products/{id}
         GET /fr/products/annual-team-review -> /{id}/products/{id}
         GET /fr/products/paper-lamp -> /{id}/products/{id}
         GET /fr/help/shipping -> /{id}/help/shipping
         GET /api/users/me -> /api/users/me",
    );
}

#[test]
fn repositories_are_named_whatever_the_word() {
    check(
        "GET /git/core/api.git/info/refs -> /git/core/{id}.git/info/refs
         POST /git/core/api.git/git-upload-pack -> /git/core/{id}.git/git-upload-pack
         GET /git/core/ui.git/info/refs -> /git/core/{id}.git/info/refs
         GET /git/core/deploy-scripts.git/info/refs -> /git/core/{id}.git/info/refs",
    );
}

/// An envelope around all answers makes no values of words of routes; names that are none it does.
#[test]
fn answers_alike_alone_do_not_join_words_of_routes() {
    let same: Vec<u32> = (0..4).collect();
    for (paths, want) in [
        (vec!["/v1/wallet/balance", "/v1/wallet/transfers"], 2),
        (
            vec![
                "/v1/city/ember-fjord",
                "/v1/city/grove-heron",
                "/v1/city/islet-jolly",
            ],
            1,
        ),
    ] {
        let ins: Vec<PathIn<'_>> = paths
            .iter()
            .map(|p| PathIn {
                answer: &same,
                ..PathIn::new("GET", "h", p, "rest", 3)
            })
            .collect();
        let got = fold(&ins, &Beside::default());
        let routes: std::collections::BTreeSet<&str> = got.iter().map(|g| &*g.route).collect();
        assert_eq!(routes.len(), want, "{routes:?}");
    }
}

#[test]
fn formats_plates_procedures_and_ways_in() {
    check(
        "GET /reports/7/export.csv -> /reports/{id}/export.{id}
         GET /reports/8/export.pdf -> /reports/{id}/export.{id}
         GET /orders.json -> /orders.{id}
         GET /orders.xml -> /orders.{id}
         GET /robots.txt -> /robots.txt
         GET /plates/P101/wells/A1 -> /plates/{id}/wells/{id}
         GET /plates/P102/wells/B11 -> /plates/{id}/wells/{id}
         GET /plates/P103/wells/H7 -> /plates/{id}/wells/{id}
         GET /trpc/user.me -> /trpc/user.me
         GET /trpc/post.list -> /trpc/post.list
         GET /trpc/user.me,post.list -> /trpc/user.me,post.list
         POST /u/login/identifier -> /u/login/identifier
         POST /u/login/password -> /u/login/password
         POST /u/login/mfa -> /u/login/mfa
         GET /v1/jobs/9f8e7d6c5b4a -> /v1/jobs/{id}
         GET /v1/jobs/9f8e7d6c5b4a:cancel -> /v1/jobs/{id}:cancel",
    );
}

/// What differs between places with the same below is whose they are, also where words of routes stand else.
#[test]
fn tenants_before_the_same_places() {
    check(
        "GET /app/acme/inbox -> /app/{id}/inbox
         GET /app/acme/documents/17 -> /app/{id}/documents/{id}
         GET /app/acme/documents/17/revisions/2 -> /app/{id}/documents/{id}/revisions/{id}
         GET /app/lab/inbox -> /app/{id}/inbox
         GET /app/lab/documents/5/revisions/2 -> /app/{id}/documents/{id}/revisions/{id}
         GET /app/home/inbox -> /app/{id}/inbox
         GET /app/home/documents/9/revisions/1 -> /app/{id}/documents/{id}/revisions/{id}",
    );
    check(
        "GET /app/acme/inbox -> /app/{id}/inbox
         GET /app/acme/doc/17/rev/2 -> /app/{id}/doc/{id}/rev/{id}
         GET /app/lab/inbox -> /app/{id}/inbox
         GET /app/lab/doc/5/rev/2 -> /app/{id}/doc/{id}/rev/{id}
         GET /app/home/inbox -> /app/{id}/inbox
         GET /app/home/doc/9/rev/1 -> /app/{id}/doc/{id}/rev/{id}",
    );
    check(
        "GET /api/customers/17/contacts -> /api/customers/{id}/contacts
         GET /api/suppliers/18/contacts -> /api/suppliers/{id}/contacts
         GET /api/customers/search -> /api/customers/search
         GET /api/suppliers/search -> /api/suppliers/search",
    );
}

#[test]
fn objects_are_written_and_read_by_their_paths() {
    check(
        "GET /media/avatars/2026/05/a9f3.jpg -> /media/{file}
         PUT /media/avatars/2026/05/a9f3.jpg -> /media/{file}
         PUT /media/docs/2026/plan.pdf -> /media/{file}
         GET /media/docs/2026/plan.pdf -> /media/{file}
         GET /media/logo.png -> /media/{file}
         DELETE /media/docs/2025/old.pdf -> /media/{file}
         GET /media/docs/readme.txt -> /media/{file}
         POST /api/media -> /api/media",
    );
}

/// Which of several places of one interface answers stands in the path, with an identifier.
#[test]
fn paths_of_soap_have_identifiers() {
    let paths = [
        "/Soap/u/58.0/00D103886",
        "/Soap/u/58.0/00D32c443",
        "/ws/Policy",
    ];
    let ins: Vec<PathIn<'_>> = paths
        .iter()
        .map(|p| PathIn::new("POST", "h", p, "soap", 3))
        .collect();
    let got = fold(&ins, &Beside::default());
    let routes: Vec<&str> = got.iter().map(|g| &*g.route).collect();
    assert_eq!(
        routes,
        ["/Soap/u/58.0/{id}", "/Soap/u/58.0/{id}", "/ws/Policy"]
    );
}

#[test]
fn a_scope_is_a_part_of_the_name_of_a_package() {
    let one = |s: &str| super::shapes::cut(s).before.to_owned();
    assert_eq!(one("@bob"), "@");
    assert_eq!(one("@corp%2fui-kit"), "");
    assert_eq!(one("@corp%2Fui-kit"), "");
}

/// A scoped package is one of the packages, and few files at several depths are a tree where nothing else is.
#[test]
fn packages_with_scopes_and_small_trees() {
    check(
        "GET /-/package/lodash/dist-tags -> /-/package/{id}/dist-tags
         GET /-/package/left-pad/dist-tags -> /-/package/{id}/dist-tags
         GET /-/package/@corp%2fui-kit/dist-tags -> /-/package/{id}/dist-tags
         GET /-/package/@nord%2fhttp/dist-tags -> /-/package/{id}/dist-tags
         GET /-/package/rimraf/dist-tags -> /-/package/{id}/dist-tags
         GET /r/7/contents/README.md -> /r/{id}/contents/{file}
         GET /r/7/contents/src/lib.rs -> /r/{id}/contents/{file}
         GET /r/8/contents/docs/guide/intro.md -> /r/{id}/contents/{file}
         GET /r/9/contents/src/net/tcp.rs -> /r/{id}/contents/{file}",
    );
}

#[test]
fn languages_of_a_site_take_nothing_along_and_sought_texts_are_values() {
    check(
        "GET /en/book/the-old-river -> /{id}/book/{id}
         GET /en/book/paper-team -> /{id}/book/{id}
         GET /en/author/ida-berg -> /{id}/author/{id}
         GET /en/account -> /{id}/account
         GET /de/book/winter-light -> /{id}/book/{id}
         GET /de/author/uma-weber -> /{id}/author/{id}
         GET /de/account -> /{id}/account
         GET /zh-CN/book/old-bridge-guide -> /{id}/book/{id}
         GET /zh-CN/account -> /{id}/account
         POST /basket/items -> /basket/items
         GET /readers/me -> /readers/me",
    );
    check(
        "GET /shop/search/cats -> /shop/search/{id}
         GET /shop/search/the%20sea -> /shop/search/{id}
         GET /shop/search/slow+cooking -> /shop/search/{id}
         GET /hub/search/users -> /hub/search/users
         GET /hub/search/issues -> /hub/search/issues",
    );
}

#[test]
fn answers_tell_words_beside_identifiers_apart_and_technical_words_together() {
    let (one, other): (Vec<u32>, Vec<u32>) = ((0..6).collect(), (90..96).collect());
    let routes = |paths: &[(&str, &[u32])]| -> Vec<String> {
        let ins: Vec<PathIn<'_>> = paths
            .iter()
            .map(|(p, answer)| PathIn {
                answer,
                ..PathIn::new("GET", "h", p, "rest", 3)
            })
            .collect();
        let got = fold(&ins, &Beside::default());
        got.iter().map(|g| g.route.to_string()).collect()
    };
    let meters = |stale| {
        routes(&[
            ("/v1/meters/MT90817263", &one),
            ("/v1/meters/MT10293847", &one),
            ("/v1/meters/MT55667788", &one),
            ("/v1/meters/stale", stale),
        ])
    };
    assert_eq!(meters(&other)[3], "/v1/meters/stale");
    assert_eq!(meters(&one)[3], "/v1/meters/{id}");
    let tariffs = |b2b| {
        routes(&[
            ("/v1/tariffs/night", &one),
            ("/v1/tariffs/flex-2026", &one),
            ("/v1/tariffs/sunny-side", &one),
            ("/v1/tariffs/B2B", b2b),
        ])
    };
    assert_eq!(tariffs(&one)[3], "/v1/tariffs/{id}");
    assert_eq!(tariffs(&other)[3], "/v1/tariffs/B2B");
}

/// Answers with a field that nothing else of the host answers are one thing's; an envelope around all says nothing.
#[test]
fn what_only_they_answer_joins_a_closed_list() {
    let routes = |own: &[u32], other: &[u32]| -> Vec<String> {
        let ins: Vec<PathIn<'_>> = [
            ("/alarms/2026-01-02/low", own),
            ("/alarms/2026-01-03/high", own),
            ("/alarms/2026-01-04/critical", own),
            ("/gateways/9/neighbours", other),
            ("/rules/7", other),
        ]
        .iter()
        .map(|(p, answer)| PathIn {
            answer,
            ..PathIn::new("GET", "h", p, "rest", 3)
        })
        .collect();
        let got = fold(&ins, &Beside::default());
        got.iter().take(3).map(|g| g.route.to_string()).collect()
    };
    assert_eq!(routes(&[1, 2], &[8, 9]), ["/alarms/{date}/{id}"; 3]);
    assert_eq!(
        routes(&[1, 2], &[1, 2]),
        [
            "/alarms/{date}/low",
            "/alarms/{date}/high",
            "/alarms/{date}/critical"
        ]
    );
}

/// A call with its argument is one of its own, though its text could be read as one compound identifier.
#[test]
fn entity_sets_with_keys_stay_apart() {
    check(
        "GET /odata/API_SALES/A_SalesOrder('0000008764') -> /odata/API_SALES/A_SalesOrder({id})
         GET /odata/API_SALES/A_SalesOrder('0000006521') -> /odata/API_SALES/A_SalesOrder({id})
         GET /odata/API_SALES/A_SalesOrder('0000006521')/to_Item -> /odata/API_SALES/A_SalesOrder({id})/to_Item
         GET /odata/API_SALES/A_SalesOrderItem(SalesOrder='0000008764',SalesOrderItem='10') -> /odata/API_SALES/A_SalesOrderItem({id})
         GET /odata/API_SALES/A_SalesOrderItem(SalesOrder='0000006521',SalesOrderItem='20') -> /odata/API_SALES/A_SalesOrderItem({id})
         GET /odata/API_SALES/A_SalesOrder -> /odata/API_SALES/A_SalesOrder",
    );
}

/// Below the root, what whole APIs stand behind is no name, and neither is a page that stands alone among names with much below.
#[test]
fn an_api_beside_names_at_the_root() {
    let mut lines = String::new();
    for (owner, repo) in [
        ("anna.wolf", "portal-web"),
        ("bkeller", "etl"),
        ("zoe.berg", "kafka-kit"),
        ("hlang77", "dotfiles"),
    ] {
        for tail in ["issues", "pulls", "wiki", "releases"] {
            lines.push_str(&format!(
                "GET /{owner}/{repo}/{tail} -> /{{id}}/{{id}}/{tail}\n"
            ));
        }
        lines.push_str(&format!("GET /{owner}/{repo} -> /{{id}}/{{id}}\n"));
        lines.push_str(&format!(
            "GET /api/v1/repos/{owner}/{repo} -> /api/v1/repos/{{id}}/{{id}}\n"
        ));
    }
    lines.push_str("GET /notifications -> /notifications\nGET /api/v1/version -> /api/v1/version");
    check(&lines);
}

/// Pages that are called after their titles are values, and a title behind each identifier is one.
#[test]
fn titles_as_pages_and_behind_identifiers() {
    let mut lines = String::new();
    for title in [
        "fusion-backpack",
        "joust-duffle-bag",
        "driven-tank",
        "push-it-bag",
        "aero-tee",
        "crown-summit",
        "radiant-tee",
        "hoodie",
    ] {
        lines.push_str(&format!("GET /{title}.html -> /{{id}}.html\n"));
    }
    lines.push_str("GET /checkout/cart -> /checkout/cart\nGET /contact -> /contact\n");
    check(&lines);
    check(
        "GET /d/Zk3fQ9x1a/team-travel-summary -> /d/{id}/{id}
         GET /d/Hq8mB2v7c/server-status-report -> /d/{id}/{id}
         GET /d/Lw5tY6n3e/network-request-issues -> /d/{id}/{id}
         GET /d/Pd1rK4j9s/invoice-customer-overview -> /d/{id}/{id}
         GET /d/Xs7uF5g2z/release-notes-review -> /d/{id}/{id}",
    );
}

/// What is a value behind one route is one behind another.
#[test]
fn values_elsewhere() {
    check(
        "GET /realms/corp/account -> /realms/{id}/account
         GET /realms/master/account -> /realms/{id}/account
         GET /realms/extranet/account -> /realms/{id}/account
         GET /realms/corp/certs -> /realms/{id}/certs
         GET /realms/master/certs -> /realms/{id}/certs
         GET /realms/extranet/certs -> /realms/{id}/certs
         GET /admin/corp/console -> /admin/{id}/console
         GET /admin/master/console -> /admin/{id}/console
         GET /admin/serverinfo -> /admin/serverinfo",
    );
}

/// What APIs stand behind is no language, though it has below what each language has.
#[test]
fn an_api_beside_languages_is_none_of_them() {
    let mut lines = String::new();
    for (top, route) in [("en", "{id}"), ("de", "{id}"), ("api", "api")] {
        for tail in ["news", "shop", "cart", "orders", "products", "newsletter"] {
            lines.push_str(&format!("GET /{top}/{tail} -> /{route}/{tail}\n"));
        }
    }
    check(&lines);
}

/// Kinds of things are values behind a word for that and collections behind `api`, where anything may stand.
#[test]
fn values_elsewhere_are_routes_where_routes_begin() {
    check(
        "GET /api/category/brindle -> /api/category/{id}
         GET /api/category/quillon -> /api/category/{id}
         GET /api/category/tarsk -> /api/category/{id}
         GET /api/brindle/list -> /api/brindle/list
         GET /api/quillon/list -> /api/quillon/list
         GET /api/tarsk/list -> /api/tarsk/list",
    );
    check(
        "GET /api/category/brindle -> /api/category/{id}
         GET /api/category/quillon -> /api/category/{id}
         GET /api/category/tarsk -> /api/category/{id}
         GET /api/brindle/17 -> /api/brindle/{id}
         GET /api/quillon/18 -> /api/quillon/{id}
         GET /api/tarsk -> /api/tarsk",
    );
}
