//! What kind of account a name is, and what it is known by, in words. In: names, ways. Out: text, yes or no. Bounds: short lists.

/// What a way of being known rests on, in words.
pub fn reason(via: &str) -> &'static str {
    match via {
        "jwt" => "claims of its tokens",
        "cookie-login" => "the login that set its cookie",
        "cookie" => "an answer about the owner of its cookie",
        "basic" => "Basic credentials",
        "digest" => "Digest credentials",
        "ntlm" => "NTLM",
        "negotiate" => "what its Kerberos ticket was exchanged for",
        "socket" => "a message that let its WebSocket in",
        "api-key" => "its API key",
        "oauth" => "a token exchange",
        "saml" => "a SAML assertion",
        "mtls" => "its client certificate",
        "header" => "a header that a front sets",
        "log-user" => "the user of a log",
        "bearer" => "the login that issued its token",
        _ => "its address",
    }
}

/// Whether a login's name says that it is a program's.
pub fn robot(name: &str) -> bool {
    name.to_lowercase()
        .split(['-', '_', '.', '@', '/'])
        .any(|p| {
            matches!(
                p,
                "svc"
                    | "service"
                    | "bot"
                    | "batch"
                    | "cron"
                    | "daemon"
                    | "robot"
                    | "sync"
                    | "etl"
                    | "job"
                    | "gateway"
                    | "monitor"
                    | "healthcheck"
                    | "crawler"
                    | "scheduler"
                    | "worker"
                    | "probe"
            )
        })
}
