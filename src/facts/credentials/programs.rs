//! What programs come in with is called: keys that sign, numbers of applications, their secrets. In: names. Out: yes or no.
//! Bounds: short lists.

use super::words::plain;

/// Whether a header is called as the key of an application that signs its requests.
pub fn signing_key(name: &str) -> bool {
    let p = plain(name);
    [
        "appkey",
        "appid",
        "accesskey",
        "accesskeyid",
        "secretid",
        "consumerkey",
    ]
    .iter()
    .any(|w| p.ends_with(w))
}

/// Whether a header holds a token of a program, by whom it says that it is of.
pub fn program_token(name: &str) -> bool {
    (name.ends_with("-token") || name.ends_with("-secret"))
        && name.split('-').any(|w| {
            matches!(
                w,
                "merchant" | "partner" | "vendor" | "integration" | "webhook"
            )
        })
}

/// Whether a key names a program that comes in with a secret of its own.
pub fn program(plain_key: &str) -> bool {
    matches!(
        plain_key,
        "clientid" | "appid" | "appkey" | "corpid" | "clientkey" | "consumerkey" | "accesskeyid"
    )
}

/// Whether a key holds a program's secret.
pub fn program_secret(plain_key: &str) -> bool {
    matches!(
        plain_key,
        "clientsecret"
            | "appsecret"
            | "corpsecret"
            | "secret"
            | "secretkey"
            | "consumersecret"
            | "accesskeysecret"
    )
}
