//! The program as its users meet it: exit codes, sentences, and what lies on the disk afterwards.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn outflow(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_outflow")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Expects a failure with this exit code, told in one line that holds `words`.
fn fails(args: &[&str], code: i32, words: &str) {
    let output = outflow(args);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
    assert!(told.contains(words), "{args:?}: {told}");
    assert!(told.starts_with("outflow: ") && told.lines().count() == 1, "{args:?}: {told}");
    assert_eq!(text(&output.stdout), "", "{args:?}");
}

#[test]
fn a_national_day_from_packets_to_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let demo = dir.path().join("demo");
    let played = outflow(&["demo", "--out", path(&demo)]);
    let shown = text(&played.stdout);
    assert_eq!(played.status.code(), Some(0), "{shown}{}", text(&played.stderr));
    let truth = shown.lines().find(|line| line.starts_with("Truth")).unwrap();
    let numbers: Vec<&str> = truth.split_whitespace().collect();
    assert_eq!(numbers[1], numbers[3], "{truth}");
    let store = demo.join("store");
    let store = path(&store);

    report_is_the_same_to_the_byte(&demo, store);
    answers_come_in_every_format(dir.path(), store);
    another_catalog_moves_what_it_says_otherwise(dir.path(), store);
    few_clients_are_merged(dir.path(), store);
    names_by_dns_are_right(store);
    it_is_kept_in_order(store);

    fails(
        &["report", "--store", store, "--date", "2015-01-01", "--out", path(&demo.join("r"))],
        1,
        "no flow began on 2015-01-01 (UTC); the store has data of 2014-09-21 and 2014-09-22",
    );
    fails(&["report", "--store", store, "--date", "today", "--out", "x"], 2, "YYYY-MM-DD");
    fails(&["sql", "--store", store, "-c", "DROP TABLE flows"], 1, "read-only");
    fails(&["sql", "--store", store, "-c", "SELECT nothing FROM flows"], 1, "nothing");
    let verified = outflow(&["store", "verify", "--store", store]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
    fs::write(demo.join("store/flows/stranger.parquet"), "").unwrap();
    let verified = outflow(&["store", "verify", "--store", store]);
    assert_eq!(verified.status.code(), Some(3), "{}", text(&verified.stdout));
    assert!(text(&verified.stdout).contains("flows/stranger.parquet"));
    // A second demo takes the place of the first.
    assert_eq!(outflow(&["demo", "--out", path(&demo)]).status.code(), Some(0));
}

fn another_catalog_moves_what_it_says_otherwise(dir: &Path, store: &str) {
    let vendor = dir.join("acme.toml");
    let acme = "[[vendor]]\nkey = \"acme\"\nname = \"Acme\"\nparent = \"Acme\"\nseat = \"TW\"\n\
                makes_devices = false\nrole = \"operator\"\n[[vendor.period]]\n\
                valid_from = \"2014-01-01\"\ndomains = [\"update.miui.com\"]\n";
    fs::write(&vendor, acme).unwrap();
    let catalog = dir.join("acme.outflow-catalog");
    let built = outflow(&["catalog", "build", "--vendor", path(&vendor), "--out", path(&catalog)]);
    assert_eq!(built.status.code(), Some(0), "{}", text_of(&built));
    let diff = |a: &str, b: &str| {
        let diff = outflow(&["catalog", "diff", a, b, "--store", store, "--format", "csv"]);
        assert_eq!(diff.status.code(), Some(0), "{}", text_of(&diff));
        (text(&diff.stdout), text(&diff.stderr))
    };
    let (same, told) = diff("shipped", "shipped");
    assert_eq!(same.lines().count(), 1, "{same}");
    assert!(told.contains("no cell moves"), "{told}");
    let (moved, _) = diff("shipped", path(&catalog));
    let rule = "domain:miui.com,domain:update.miui.com@2014-01-01..";
    assert!(moved.lines().count() > 1, "{moved}");
    let acme = |line: &str| line.starts_with("xiaomi,") && line.contains(",acme,");
    assert!(moved.lines().skip(1).all(|line| acme(line) && line.contains(rule)), "{moved}");
    let asked = ["catalog", "check", "update.miui.com", "--catalog", path(&catalog), "--at"];
    for (day, whose) in [("2013-12-31", "xiaomi: E4"), ("2014-01-01", "acme: E4")] {
        let told = text(&outflow(&[asked.as_slice(), &[day]].concat()).stdout);
        assert!(told.contains(whose), "{day}: {told}");
    }
    let wrong = outflow(&[asked.as_slice(), &["today"]].concat());
    assert_eq!(wrong.status.code(), Some(2), "{}", text_of(&wrong));
}

fn few_clients_are_merged(dir: &Path, store: &str) {
    let out = dir.join("few");
    let report = |k| {
        let day = ["--date", "2014-09-22", "--timezone", "Asia/Taipei", "--min-clients", k];
        outflow(&[&["report", "--store", store, "--out", path(&out)], day.as_slice()].concat())
    };
    let refused = report("1000000");
    assert_eq!(refused.status.code(), Some(1), "{}", text_of(&refused));
    assert!(text_of(&refused).contains("fewer than 1000000 clients"), "{}", text_of(&refused));
    let made = report("3");
    assert_eq!(made.status.code(), Some(0), "{}", text_of(&made));
    let vendors = fs::read_to_string(out.join("vendors.csv")).unwrap();
    assert!(vendors.contains("Other,other,"), "{vendors}");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("fewer than 3 clients"), "the page must say that rows are merged");
}

fn it_is_kept_in_order(store: &str) {
    let asked =
        |sql: &str| text(&outflow(&["sql", "--store", store, "--format", "csv", "-c", sql]).stdout);
    let sums =
        "SELECT service_vendor, server_country, sum(bytes_up) AS up, sum(bytes_down) AS down FROM ";
    let judged = asked(&format!("{sums} attributed GROUP BY 1, 2 ORDER BY 1, 2"));
    assert!(judged.lines().count() > 20, "{judged}");
    for command in ["compact", "rollup"] {
        let kept = outflow(&["store", command, "--store", store]);
        assert_eq!(kept.status.code(), Some(0), "{}", text_of(&kept));
        for table in ["attributed", "rollup_hourly", "rollup_daily"] {
            let sql = format!("{sums} {table} GROUP BY 1, 2 ORDER BY 1, 2");
            if command == "rollup" || table == "attributed" {
                assert_eq!(asked(&sql), judged, "{table}");
            }
        }
    }
}

fn names_by_dns_are_right(store: &str) {
    let sql = "SELECT * FROM dns_accuracy('2014-09-21', '2014-09-24')";
    let told = outflow(&["sql", "--store", store, "--format", "jsonl", "-c", sql]);
    let row: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let figure = |name: &str| row.get(name).and_then(serde_json::Value::as_f64).unwrap();
    assert!(figure("claimed_flows") >= 80.0, "{row}");
    for share in ["owner_percent", "owner_bytes_percent", "name_percent", "name_bytes_percent"] {
        assert!(figure(share) >= 99.5, "{share}: {row}");
    }
}

fn text_of(output: &Output) -> String {
    text(&output.stderr)
}

fn report_is_the_same_to_the_byte(demo: &Path, store: &str) {
    let again = demo.join("again");
    let args = ["--date", "2014-09-22", "--timezone", "Asia/Taipei", "--out", path(&again)];
    let made = outflow(&[["report", "--store", store].as_slice(), &args].concat());
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    for file in text(&made.stdout).lines() {
        let name = Path::new(file).file_name().unwrap();
        let first = fs::read(demo.join("report").join(name)).unwrap();
        assert!(first == fs::read(file).unwrap(), "{file} differs");
    }
    let page = fs::read_to_string(again.join("report.html")).unwrap();
    for outside in ["<script", "<img", "<link", "src=", "url(http", "@import"] {
        assert!(!page.contains(outside), "the page must stand alone: {outside}");
    }
    for said in ["Unattributed", "db-ip.com", "What the network cannot show", "Difference"] {
        assert!(page.contains(said), "the page must say {said}");
    }
}

fn answers_come_in_every_format(dir: &Path, store: &str) {
    let sql = "SELECT proto, count(*) AS n FROM flows GROUP BY proto ORDER BY proto";
    let answer = |format| {
        let output = outflow(&["sql", "--store", store, "--format", format, "-c", sql]);
        assert_eq!(output.status.code(), Some(0), "{format}: {}", text(&output.stderr));
        output.stdout
    };
    assert!(text(&answer("table")).contains("│ proto"));
    assert!(text(&answer("csv")).starts_with("proto,n\nicmp"));
    assert!(text(&answer("json")).starts_with("[{\"proto\":\"icmp"));
    assert!(text(&answer("jsonl")).starts_with("{\"proto\":\"icmp"));
    assert!(text(&answer("markdown")).starts_with("| proto | n |\n| --- | ---: |"));
    assert!(answer("parquet").starts_with(b"PAR1"));
    let everything =
        outflow(&["sql", "--store", store, "--format", "csv", "-c", "SELECT * FROM attributed"]);
    assert_eq!(everything.status.code(), Some(0), "{}", text(&everything.stderr));
    let file = dir.join("answer.csv");
    let kept = outflow(&[
        "sql",
        "--store",
        store,
        "--format",
        "csv",
        "-o",
        path(&file),
        "-c",
        "SELECT 1 AS x",
    ]);
    assert_eq!(kept.status.code(), Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), "x\n1\n");
    let failed = outflow(&["sql", "--store", store, "-o", path(&file), "-c", "SELECT y"]);
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "x\n1\n",
        "a failed question leaves the old answer"
    );
}

#[test]
fn wrong_requests_are_told_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("letter"), "dear").unwrap();
    let here = path(dir.path());
    fails(&["sql", "--store", here, "-c", "SELECT 1"], 2, "is not a store");
    fails(&["store", "info", "--store", "/nowhere"], 2, "is not a store");
    fails(&["demo", "--out", here], 2, "holds other things");
    fails(&["sql", "-r", "/nowhere.pcap", "-c", "SELECT 1"], 1, "nowhere.pcap");
    fails(&["catalog", "show", "--catalog", "/nowhere"], 1, "nowhere");
    for wrong in [&["sql"][..], &["sql", "--store", here, "--timeout", "60"], &["bake"]] {
        assert_eq!(outflow(wrong).status.code(), Some(2), "{wrong:?}");
    }
    let help = outflow(&["sql", "--help"]);
    assert!(text(&help.stdout).contains("Examples:"), "{}", text(&help.stdout));
}

#[test]
fn the_catalog_explains_itself() {
    let output =
        outflow(&["catalog", "check", "api.account.xiaomi.com", "42.62.48.30", "notxiaomi.com"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("xiaomi: E4") && said.contains("AS23724") && said.contains("no rule"),
        "{said}"
    );
    let output = outflow(&["catalog", "show"]);
    assert!(text(&output.stdout).contains("DB-IP"), "{}", text(&output.stdout));
}
