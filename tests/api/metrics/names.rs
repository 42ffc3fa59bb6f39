//! The server exposes exactly the documented metrics.

use super::{METRICS_PATH, scrape};
use crate::support::seed::{ACME_KEY, acme_seed, serve_seed, ticket_fixture};
use crate::support::server::Server;
use crate::support::ticket::NEW_TICKET_FORM;

/// Name, type and labels of each metric.
pub(super) const EXPECTED_METRICS: [(&str, &str, &[&str]); 10] = [
    ("omnidesk_mock_requests_total", "counter", &["operation", "status"]),
    ("omnidesk_mock_request_duration_seconds", "histogram", &["operation", "le"]),
    ("omnidesk_mock_sqlite_seconds", "histogram", &["access", "le"]),
    ("omnidesk_mock_sqlite_commits_total", "counter", &[]),
    ("omnidesk_mock_accounts", "gauge", &[]),
    ("omnidesk_mock_journal_entries", "gauge", &[]),
    ("omnidesk_mock_open_databases", "gauge", &[]),
    ("omnidesk_mock_open_connections", "gauge", &[]),
    ("omnidesk_mock_rejections_total", "counter", &["reason"]),
    ("omnidesk_mock_build_info", "gauge", &["version"]),
];

#[tokio::test]
async fn all_expected_metrics_have_type_and_help() {
    let server = Server::start();
    assert_eq!(server.get("/api/v2/ticket").await.status, 200);
    let metrics = scrape(&server).await;
    for (name, kind, _) in EXPECTED_METRICS {
        let family = metrics.family(name);
        assert_eq!(family.kind, kind, "{name}");
        assert!(family.help.len() > 5, "{name}: {:?}", family.help);
    }
    let names: Vec<_> = metrics.families.keys().collect();
    assert_eq!(names.len(), EXPECTED_METRICS.len(), "{names:?}");
}

#[tokio::test]
async fn request_independent_metrics_exist_at_startup() {
    let metrics = scrape(&Server::start()).await;
    for (name, ..) in &EXPECTED_METRICS[2..] {
        assert!(!metrics.family(name).samples.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn each_metric_has_exactly_its_labels() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    assert_eq!(server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await.status, 200);
    assert_eq!(server.get("/api/v2/ticket/7").await.status, 200);
    let metrics = scrape(&server).await;
    for (name, kind, labels) in EXPECTED_METRICS {
        let samples = &metrics.family(name).samples;
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
async fn build_info_has_program_version() {
    let metrics = scrape(&Server::start()).await;
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(metrics.sample_value("omnidesk_mock_build_info", &version), 1);
    assert_eq!(metrics.family("omnidesk_mock_build_info").samples.len(), 1);
}

#[tokio::test]
async fn metrics_stay_well_formed_under_load() {
    let server = serve_seed(&acme_seed([ticket_fixture(7)]));
    let load = async {
        for _ in 0..40 {
            let created = server.send_form("POST", "/api/v2/ticket", NEW_TICKET_FORM).await;
            assert_eq!(created.status, 200);
            assert_eq!(server.get("/api/v2/ticket?query=rin").await.status, 200);
        }
    };
    let scrapes = async {
        for _ in 0..40 {
            scrape(&server).await;
        }
    };
    tokio::join!(load, scrapes);
    let metrics = scrape(&server).await;
    assert_eq!(
        metrics.sample_value(
            "omnidesk_mock_requests_total",
            &[("operation", "ticket.create"), ("status", "200")]
        ),
        40
    );
    let with_key = server
        .with_key(ACME_KEY)
        .request("GET", METRICS_PATH)
        .send()
        .await
        .expect("the server responds");
    assert_eq!(with_key.status(), 200, "an API key is ignored");
}
