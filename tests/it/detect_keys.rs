//! What a key, the words before a value, and the form of a mask say: each with what looks alike and is not. Of one body, decided as the facts
//! engine does.

use crate::detect_prose::held;

/// How many of a column's values hold.
fn column(key: &str, values: &[String]) -> usize {
    let rows: Vec<String> = values
        .iter()
        .map(|v| format!(r#"{{"{key}":"{v}"}}"#))
        .collect();
    held(&format!("[{}]", rows.join(",")), Some("application/json")).len()
}

#[test]
fn a_number_under_the_key_of_a_code_is_that_code() {
    let mobiles: Vec<String> = (0..20)
        .map(|i| format!("138{:08}", 10_203_040 + i * 71_237))
        .collect();
    let dashed: Vec<String> = (0..20)
        .map(|i| format!("{:03}-{:02}-{:04}", 120 + i * 7, 11 + i, 1000 + i * 37))
        .collect();
    let states: Vec<String> = (0..20)
        .map(|i| format!("{}-{}-{:04}", 212 + i, 555 + i, 1000 + i * 37))
        .collect();
    for key in [
        "memberNo",
        "member_no",
        "memberno",
        "xlh",
        "会员号",
        "id",
        "caseRef",
        "partNumber",
        "extensionCode",
    ] {
        assert_eq!(column(key, &mobiles), 0, "{key}");
        assert_eq!(column(key, &dashed), 0, "{key}");
        assert_eq!(column(key, &states), 0, "{key}");
    }
    // what says nothing, and what says a telephone, in whatever way
    for key in [
        "value",
        "sjh",
        "contactNo",
        "联系电话",
        "phoneNumber",
        "lxhm",
    ] {
        assert_eq!(column(key, &mobiles), 20, "{key}");
    }
    for key in ["ssn", "ssnNo", "value"] {
        assert_eq!(column(key, &dashed), 20, "{key}");
    }
    for key in ["phone", "homePhone", "telNo"] {
        assert_eq!(column(key, &states), 20, "{key}");
    }
}

#[test]
fn a_name_of_something_is_a_persons_as_its_values_read() {
    let things: Vec<String> = ["马克杯", "方便面", "双肩包", "周黑鸭", "连衣裙", "王老吉"]
        .iter()
        .cycle()
        .take(18)
        .map(ToString::to_string)
        .collect();
    let people: Vec<String> = [
        "张伟", "王芳", "李娜", "刘洋", "陈静", "杨帆", "赵磊", "黄敏", "周杰", "吴倩", "徐丽",
        "孙浩", "胡燕", "朱琳",
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    assert_eq!(column("skinName", &things), 0);
    assert_eq!(column("goods_name", &things), 0);
    assert_eq!(column("guarantorName", &people), people.len());
    assert_eq!(column("endorserName", &people), people.len());
    assert_eq!(column("endorserName", &people[..1]), 0);
    assert_eq!(
        held(
            r#"{"handlerName":"OrderController","fullName":"Ann McDonald"}"#,
            None
        ),
        ["name clear Ann McDonald"]
    );
    assert_eq!(column("nameCn", &people), people.len());
    assert_eq!(column("custName", &people[..1]), 1);
    // no capitals are known in many scripts
    assert_eq!(
        held(r#"{"fullName":"ललित पिल्लई","id":"7"}"#, None),
        ["name clear ललित पिल्लई"]
    );
    assert_eq!(
        held(r#"{"fullName":"ललित पिल्लई में आपका स्वागत है"}"#, None),
        Vec::<String>::new()
    );
}

#[test]
fn masks_of_codes_addresses_and_over_groups() {
    for (key, value, want) in [
        ("phone", "936-7XX-X199", "phone masked"),
        ("phone", "(956) 7XX-X199", "phone masked"),
        ("phone", "639.***.4921", "phone masked"),
        ("passport", "Exxxxx590", "cn-passport masked"),
        ("iban", "DE74xxxxxxxxxxxxxx2580", "iban masked"),
        ("uscc", "51XXXXXXXXXXXX343H", "cn-uscc masked"),
        ("车牌号", "鄂D6XXX4", "cn-plate masked"),
        ("socialSecurityCard", "*****6374", "cn-medical masked"),
        ("insuredAddr", "Circun******", "address masked"),
        ("mrn", "MR8xxxx83", "medical-record masked"),
        ("addr", "Stud****************", "address masked"),
        ("shippingAddress", "84393 ●●●●●●", "address masked"),
    ] {
        let body = format!(r#"{{"{key}":"{value}"}}"#);
        assert_eq!(held(&body, None), [format!("{want} {value}")], "{key}");
    }
    for (key, value) in [
        ("addr", "10.20.*.*"),
        ("addr", "****"),
        ("code", "A12XXX4"),
        ("passport", "see xxx page"),
    ] {
        let body = format!(r#"{{"{key}":"{value}"}}"#);
        assert_eq!(held(&body, None), Vec::<String>::new(), "{key} {value}");
    }
    // a bank's code ends in three of them and hides nothing
    assert_eq!(
        held(r#"{"swiftCode":"DEUTDEFFXXX"}"#, None),
        ["swift-bic clear DEUTDEFFXXX"]
    );
}

#[test]
fn parts_of_an_escaped_text_have_their_own_place() {
    let text = r#"{"msg":"line one\nmobile: 13912345678\n\"mail\": jane.roe@example.org"}"#;
    assert_eq!(
        held(text, None),
        [
            "cn-mobile clear 13912345678",
            "email clear jane.roe@example.org"
        ]
    );
    let text = r#"{"log":"received {\"idCard\": \"110101197412284345\", \"n\": 4}"}"#;
    assert_eq!(held(text, None), ["cn-id clear 110101197412284345"]);
    // what is escaped itself stands with its escapes
    let text = r#"{"msg":"a\tb, \u59d3\u540d\uff1a\u5f20\u4f1f\uff0c"}"#;
    assert_eq!(held(text, None), [r"name clear \u5f20\u4f1f"]);
}

#[test]
fn words_before_a_number_in_a_sentence() {
    for (text, want) in [
        (
            "Kim, mobile 020 7405 4545. Invoice follows",
            vec!["phone clear 020 7405 4545"],
        ),
        (
            "usertel=(329) ***-**58, n=4",
            vec!["phone masked (329) ***-**58"],
        ),
        (
            "身份证号110101197412284345，案件编号520103202311131123，合同号110101202402031306",
            vec!["cn-id clear 110101197412284345"],
        ),
        ("Ticket 13152270153 was closed.", vec![]),
        ("Order model 215-47-7359 today.", vec![]),
        ("Ratio (120) 300-4000 or so", vec![]),
        (
            "Your card 4539148803436467 works, terminal 4428259329665291 not, shipment 78123456789012",
            vec!["bank-card clear 4539148803436467"],
        ),
        (
            "车牌沪DG7678违停，联系车主15871438978，邮箱ab****@mail.ru，请处理",
            vec![
                "cn-plate clear 沪DG7678",
                "cn-mobile clear 15871438978",
                "email masked ab****@mail.ru",
            ],
        ),
    ] {
        let body = format!(r#"{{"content":"{text}"}}"#);
        assert_eq!(held(&body, None), want, "{text}");
    }
}
