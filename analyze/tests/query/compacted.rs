//! Compaction changes no answer, not even of a session that was open when it happened.

use std::time::{Duration, SystemTime};

use schemas::store::compact::{Bounds, Compactor};

use futures::TryStreamExt as _;

use crate::fixture::{BEGIN, Fixture, HOUR, ask, flow, lines, named};

const QUESTIONS: [&str; 3] = [
    "SELECT count(*), sum(bytes), min(flow_end), max(flow_end) FROM flows",
    "SELECT service_vendor, server_country, sum(bytes_up), sum(bytes_down) FROM attributed GROUP BY ALL ORDER BY 1, 2",
    "SELECT * FROM flows WHERE flow_end >= '2014-09-23T15:00:00Z' ORDER BY flow_id",
];

#[tokio::test]
async fn answers_stay_as_they_were() {
    let mut fixture = Fixture::new();
    for number in 0..6 {
        let at = BEGIN + (6 - number) * HOUR / 3;
        let row = named(flow(at, "8.8.8.8"), "api.account.xiaomi.com");
        fixture.publish(&[row, flow(at + 7, "1.1.1.1")]);
    }
    let store = fixture.store();
    let before = fixture.session().await;
    // Planned before, read after.
    let running = before.stream(QUESTIONS[2]).await.unwrap();
    let tending = store.tend().unwrap();
    let mut compactor = Compactor::new(&store, &tending, ("c1".into(), Bounds::default()));
    let heaps = compactor.heaps(i64::MAX).unwrap();
    for heap in &heaps {
        compactor.compact(heap).unwrap();
    }
    assert_eq!(heaps.len(), 2, "the third hour has one file");
    let after = fixture.session().await;
    let mut answers = Vec::new();
    for sql in QUESTIONS {
        let answer = ask(&before, sql).await.unwrap();
        assert_eq!(ask(&after, sql).await.unwrap(), answer, "{sql}");
        answers.push(answer);
    }
    let read: Vec<_> = running.try_collect().await.unwrap();
    assert_eq!(lines(&read), answers[2], "of a question that was on its way");
    store.sweep(&tending, SystemTime::now() + Duration::from_mins(1)).unwrap();
    for (sql, answer) in QUESTIONS.iter().zip(answers) {
        assert_eq!(ask(&after, sql).await.unwrap(), answer, "{sql}");
        let error = ask(&before, sql).await.unwrap_err();
        assert!(error.contains("was replaced") && error.contains("new session"), "{error}");
    }
}
