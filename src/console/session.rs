//! The session of a browser, and the secrets and the mode of the console.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HOST};

use crate::accounts::{SecretHash, generate_secret};

/// Who may use the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub(crate) enum ConsoleMode {
    /// Everybody who may use the control API.
    #[default]
    On,
    /// The same, but the console changes nothing.
    ReadOnly,
    /// Nobody: the console has no pages.
    Off,
}

/// The secrets of the console, which are new at each start.
#[derive(Clone, Debug)]
pub(crate) struct ConsoleAccess {
    pub(super) mode: ConsoleMode,
    /// The value of the session cookie.
    session: Arc<str>,
    /// The token of every form (CSRF): no page of another origin can read it.
    form_token: Arc<str>,
    /// The token of the forms that need no session, which everybody can read.
    public_form_token: Arc<str>,
}

impl ConsoleAccess {
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn new(mode: ConsoleMode) -> anyhow::Result<Self> {
        Ok(Self {
            mode,
            session: generate_secret()?.into(),
            form_token: generate_secret()?.into(),
            public_form_token: generate_secret()?.into(),
        })
    }

    /// Returns the header that starts a session. Its cookie is neither sent by pages of other sites nor readable by
    /// scripts.
    pub(super) fn session_cookie(&self, headers: &HeaderMap) -> String {
        format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            session_cookie_name(headers),
            self.session
        )
    }

    /// Returns the header that ends a session.
    pub(super) fn expired_session_cookie(headers: &HeaderMap) -> String {
        format!("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", session_cookie_name(headers))
    }

    /// Returns the token of the forms of a page.
    pub(super) fn form_token(&self, is_authorized: bool) -> &Arc<str> {
        if is_authorized { &self.form_token } else { &self.public_form_token }
    }

    /// Returns whether a request has the cookie.
    pub(super) fn has_session(&self, headers: &HeaderMap) -> bool {
        let sent = read_cookie(headers, &session_cookie_name(headers)).unwrap_or_default();
        // Compares hashes, whose timing tells nothing about the secrets.
        SecretHash::from_secret(sent) == SecretHash::from_secret(&self.session)
    }
}

fn session_cookie_name(headers: &HeaderMap) -> String {
    cookie_name("session", headers)
}

/// Returns the name of a cookie. It has the port, because browsers share cookies between the ports of a host.
pub(super) fn cookie_name(kind: &str, headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    let digits: String = port.chars().filter(char::is_ascii_digit).take(5).collect();
    format!("omnidesk_mock_{kind}_{digits}")
}

/// Returns the value of a cookie.
pub(super) fn read_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(other, _)| other.trim() == name).map(|(_, value)| value.trim())
}
