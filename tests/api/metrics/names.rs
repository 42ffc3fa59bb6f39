//! Every metric that is promised is there, and no other.

use super::{METRICS, scrape};
use crate::fixtures::{KEY, NEW_TICKET, acme, serve, ticket};
use crate::support::Server;

/// Name, kind and labels of each.
pub(super) const ALL: [(&str, &str, &[&str]); 10] = [
    ("omnidesk_mock_requests_total", "counter", &["operation", "status"]),
    ("omnidesk_mock_request_duration_seconds", "histogram", &["operation", "le"]),
    ("omnidesk_mock_sqlite_seconds", "histogram", &["work", "le"]),
    ("omnidesk_mock_sqlite_commits_total", "counter", &[]),
    ("omnidesk_mock_accounts", "gauge", &[]),
    ("omnidesk_mock_journal_entries", "gauge", &[]),
    ("omnidesk_mock_open_databases", "gauge", &[]),
    ("omnidesk_mock_open_connections", "gauge", &[]),
    ("omnidesk_mock_refused_total", "counter", &["reason"]),
    ("omnidesk_mock_build_info", "gauge", &["version"]),
];

#[tokio::test]
async fn all_are_there_with_what_they_mean() {
    let server = Server::start();
    assert_eq!(server.get("/api/v2/ticket").await.status, 200);
    let text = scrape(&server).await;
    for (name, kind, _) in ALL {
        let family = text.family(name);
        assert_eq!(family.kind, kind, "{name}");
        assert!(family.help.len() > 5, "{name}: {:?}", family.help);
    }
    let names: Vec<_> = text.families.keys().collect();
    assert_eq!(names.len(), ALL.len(), "{names:?}");
}

#[tokio::test]
async fn those_that_need_no_request_are_there_from_the_start() {
    let text = scrape(&Server::start()).await;
    for (name, ..) in &ALL[2..] {
        assert!(!text.family(name).samples.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn each_has_its_labels_and_no_other() {
    let server = serve(&acme([ticket(7)]));
    assert_eq!(server.form("POST", "/api/v2/ticket", NEW_TICKET).await.status, 200);
    assert_eq!(server.get("/api/v2/ticket/7").await.status, 200);
    let text = scrape(&server).await;
    for (name, kind, labels) in ALL {
        let samples = &text.family(name).samples;
        assert!(!samples.is_empty(), "{name}");
        for sample in samples {
            let mut names: Vec<_> = sample.labels.iter().map(|(name, _)| name.as_str()).collect();
            let is_bucket = sample.name.ends_with("_bucket");
            let mut expected = labels.to_vec();
            expected.retain(|label| *label != "le" || (kind == "histogram" && is_bucket));
            names.sort_unstable();
            expected.sort_unstable();
            assert_eq!(names, expected, "{sample:?}");
        }
    }
}

#[tokio::test]
async fn the_version_is_that_of_the_program() {
    let text = scrape(&Server::start()).await;
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(text.count("omnidesk_mock_build_info", &version), 1);
    assert_eq!(text.family("omnidesk_mock_build_info").samples.len(), 1);
}

#[tokio::test]
async fn a_text_of_a_busy_server_is_sound_as_well() {
    let server = serve(&acme([ticket(7)]));
    let work = async {
        for _ in 0..40 {
            let created = server.form("POST", "/api/v2/ticket", NEW_TICKET).await;
            assert_eq!(created.status, 200);
            assert_eq!(server.get("/api/v2/ticket?query=rin").await.status, 200);
        }
    };
    let look = async {
        for _ in 0..40 {
            scrape(&server).await;
        }
    };
    tokio::join!(work, look);
    let again = scrape(&server).await;
    assert_eq!(
        again.count(
            "omnidesk_mock_requests_total",
            &[("operation", "ticket.create"), ("status", "200")]
        ),
        40
    );
    let with_key = server.with_key(KEY).ask("GET", METRICS).send().await.expect("it answers");
    assert_eq!(with_key.status(), 200, "a key is no harm");
}
