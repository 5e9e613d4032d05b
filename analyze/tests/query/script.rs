//! Questions and answers as text files: `query`, the SQL, `----`, the rows; a blank line ends each.
//! UPDATE=1 writes what the session answers into the files.

use std::fs;
use std::path::Path;

use analyze::session::Session;

use crate::fixture::{BEGIN, Fixture, HOUR, ask, flow, named};

async fn seeded() -> (Fixture, Session) {
    let mut fixture = Fixture::new();
    let mut mail = flow(BEGIN + HOUR, "47.241.35.73");
    mail.dst_port = Some(5222);
    mail.service = None;
    let mut http = named(flow(BEGIN + HOUR + 5, "42.62.48.137"), "api.account.xiaomi.com");
    http.server_name_source = Some("http_host");
    http.http_user_agent = Some("Dalvik/1.6.0 (Linux; U; Android 4.3; HM 1SW MIUI/JHB)".into());
    http.dns_names = vec!["api.account.xiaomi.com".into()];
    let mut voice = flow(BEGIN + 9, "147.92.128.1");
    (voice.ip_proto, voice.proto, voice.service) = (17, "udp", None);
    let mut odd = named(flow(BEGIN + 11, "115.200.201.230"), "www.apple.com");
    odd.ech_offered = Some(true);
    odd.src_mac = None;
    fixture.publish(&[named(flow(BEGIN, "203.69.138.10"), "data.mistat.miui.com"), voice, odd]);
    fixture.publish(&[mail, http, flow(BEGIN + HOUR + 7, "8.8.8.8")]);
    fixture.publish_dns("api.account.xiaomi.com");
    fixture.publish_dns("www.cdc.gov.tw");
    let session = fixture.session().await;
    (fixture, session)
}

#[tokio::test]
async fn scripts_answer_as_written() {
    let (_fixture, session) = seeded().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/query/scripts");
    let mut scripts: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    for script in scripts {
        let text = fs::read_to_string(&script).unwrap();
        let mut answered = Vec::new();
        for part in text.trim_end().split("\n\n") {
            let Some((head, _)) = part.split_once("\n----") else {
                answered.push(part.to_owned());
                continue;
            };
            let sql: Vec<_> =
                head.lines().filter(|line| *line != "query" && !line.starts_with('#')).collect();
            let rows = match ask(&session, &sql.join("\n")).await {
                Ok(rows) => rows,
                Err(error) => vec![format!("error: {error}")],
            };
            let answer = [&[format!("{head}\n----")], rows.as_slice()].concat();
            answered.push(answer.join("\n"));
        }
        let answered = answered.join("\n\n") + "\n";
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&script, &answered).unwrap();
        }
        assert_eq!(fs::read_to_string(&script).unwrap(), answered, "{}", script.display());
    }
}
