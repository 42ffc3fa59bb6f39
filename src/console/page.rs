//! The frame of every page: head, navigation, notice; and what a page knows of its request.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, LOCATION, ORIGIN, REFERER, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use omnidesk_mock_client::types::ProblemDetails;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::session::{ConsoleAccess, ConsoleMode, cookie_name, read_cookie};
use crate::api::auth;
use crate::api::state::AppState;
use crate::control::Problem;

/// The cookie with the message of the last change, for the page that follows it.
const NOTICE_COOKIE: &str = "notice";
/// The cookie with the chosen colours.
const THEME_COOKIE: &str = "omnidesk_mock_theme";
/// The longest message in a cookie, in characters.
const MAX_NOTICE_CHARS: usize = 500;

/// The pages of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Accounts,
    Unauthorized,
    Fidelity,
    TicketApi,
    ControlApi,
    Status,
    Requests,
    Tickets,
    Faults,
    Clock,
    Snapshots,
    Keys,
    Settings,
}

/// The pages of an account: section, path and title.
pub(super) const ACCOUNT_SECTIONS: [(Section, &str, &str); 7] = [
    (Section::Requests, "requests", "Requests"),
    (Section::Tickets, "tickets", "Tickets"),
    (Section::Faults, "faults", "Faults"),
    (Section::Clock, "clock", "Clock"),
    (Section::Snapshots, "snapshots", "Snapshots, reset"),
    (Section::Keys, "keys", "Keys"),
    (Section::Settings, "settings", "Settings"),
];

/// The pages of the server.
pub(super) const SERVER_SECTIONS: [(Section, &str, &str); 6] = [
    (Section::Accounts, "./", "Accounts"),
    (Section::Unauthorized, "unauthorized", "Unknown keys"),
    (Section::Fidelity, "fidelity", "Fidelity"),
    (Section::TicketApi, "docs", "Ticket API"),
    (Section::ControlApi, "docs/control", "Control API"),
    (Section::Status, "status", "Status"),
];

/// A message about the last change.
#[derive(Clone, Debug)]
struct Notice {
    text: String,
    undo: Option<Undo>,
}

/// The automatic snapshot that undoes a change of an account.
#[derive(Clone, Debug)]
pub(super) struct Undo {
    pub(super) account: String,
    pub(super) snapshot: String,
}

/// What a page knows of its request.
#[derive(Clone, Debug)]
pub(super) struct PageContext {
    /// The relative URL from the page to the root of the server: behind a proxy, the root may have a path that only the
    /// browser knows.
    pub(super) root: String,
    /// The page that the browser came from, if it is of this server.
    previous_url: Option<String>,
    /// The base URL of the Ticket API, as the browser reaches it.
    pub(super) base_url: String,
    pub(super) is_read_only: bool,
    /// Whether the control API requires a token.
    pub(super) requires_token: bool,
    /// Whether the browser may see the accounts.
    is_authorized: bool,
    form_token: Arc<str>,
    /// `light` or `dark`; None for that of the system.
    theme: Option<&'static str>,
    notice: Option<Notice>,
    /// The name of the cookie with the message.
    notice_cookie: String,
}

impl PageContext {
    /// Reads it from a request.
    pub(super) fn new(
        state: &AppState,
        access: &ConsoleAccess,
        request: &Request,
        is_authorized: bool,
    ) -> Self {
        let (uri, headers) = (request.uri(), request.headers());
        let depth = uri.path().matches('/').count().saturating_sub(1);
        let secrets = auth::extract_all_secrets(uri, headers);
        let notice_cookie = cookie_name(NOTICE_COOKIE, headers);
        let theme = match read_cookie(headers, THEME_COOKIE) {
            Some("light") => Some("light"),
            Some("dark") => Some("dark"),
            _ => None,
        };
        Self {
            root: if depth == 0 { "./".to_owned() } else { "../".repeat(depth) },
            previous_url: own_referer(headers),
            base_url: state.own_urls.base_url_for(request, &secrets).to_string(),
            is_read_only: access.mode == ConsoleMode::ReadOnly,
            requires_token: state.control_token.is_some(),
            form_token: Arc::clone(access.form_token(is_authorized)),
            is_authorized,
            theme,
            notice: read_cookie(headers, &notice_cookie).and_then(Notice::from_cookie),
            notice_cookie,
        }
    }

    /// Returns the token that a form of this page must have.
    pub(super) fn form_token_text(&self) -> &str {
        &self.form_token
    }

    /// Renders the hidden field that every form needs.
    pub(super) fn form_token(&self) -> Markup {
        html! { input type="hidden" name="form_token" value=(self.form_token); }
    }

    /// Returns the relative URL of a page of an account.
    pub(super) fn account_url(&self, account: &str, path: &str) -> String {
        format!("{}accounts/{account}/{path}", self.root)
    }

    /// Renders a page of the server.
    pub(super) fn render(
        &self,
        section: impl Into<Option<Section>>,
        title: &str,
        content: &Markup,
    ) -> Response {
        self.respond(&self.render_frame(title, section.into(), None, content))
    }

    /// Renders a page of an account.
    pub(super) fn render_account(
        &self,
        section: Section,
        account: &str,
        title: &str,
        content: &Markup,
    ) -> Response {
        self.respond(&self.render_frame(title, Some(section), Some(account), content))
    }

    /// Renders a page without a navigation.
    pub(super) fn render_bare(&self, title: &str, content: &Markup) -> Markup {
        self.render_document(title, content)
    }

    /// Renders the page of a problem.
    pub(super) fn render_problem(&self, problem: &ProblemDetails) -> Markup {
        let main = html! {
            main.narrow #content {
                p.eyebrow { (problem.status) }
                h1 { (problem.title) }
                p { (render_text(&problem.detail)) }
                p.actions {
                    a.button href=(self.root) { "All accounts" }
                    a.button href={ (self.root) "docs/control#problems" } { "About problems" }
                }
            }
        };
        self.render_frame(&problem.title, None, None, &main)
    }

    /// Redirects to the login page, which leads back. It does not repeat a key in the query.
    pub(super) fn redirect_to_login(&self, uri: &Uri, headers: &HeaderMap) -> Response {
        let has_secret = !auth::extract_all_secrets(uri, headers).is_empty();
        let full = uri.path_and_query().map_or(uri.path(), |text| text.as_str());
        let next = if has_secret { uri.path() } else { full }.trim_start_matches('/');
        let next = utf8_percent_encode(next, NON_ALPHANUMERIC).to_string();
        redirect(&format!("{}login?next={next}", self.root))
    }

    /// Returns the relative URL of a page of this server, which a form names.
    pub(super) fn local_target(&self, path_and_query: &str) -> String {
        let is_plain = |letter: &char| letter.is_ascii_graphic() && *letter != '\\';
        let target: String = path_and_query.chars().filter(is_plain).collect();
        // A relative path cannot name another host.
        format!("{}{}", self.root, target.trim_start_matches('/'))
    }

    /// Redirects to the page that the form was on; without a browser's headers, to the first page.
    pub(super) fn redirect_back(&self) -> Response {
        redirect(self.previous_url.as_ref().unwrap_or(&self.root))
    }

    /// Redirects to the page that the form was on, with a message, and perhaps the offer to undo the change.
    pub(super) fn redirect_back_with(&self, message: &str, undo: Option<Undo>) -> Response {
        Notice { text: message.to_owned(), undo }.add_to(self.redirect_back(), &self.notice_cookie)
    }

    /// Redirects to another page after a change, with a message about it. The path is below the root.
    pub(super) fn redirect_after(&self, path: &str, message: &str) -> Response {
        self.redirect_with(path, &Notice { text: message.to_owned(), undo: None })
    }

    /// The same, and offers to undo the change.
    pub(super) fn redirect_with_undo(&self, path: &str, undo: Undo, message: &str) -> Response {
        self.redirect_with(path, &Notice { text: message.to_owned(), undo: Some(undo) })
    }

    fn redirect_with(&self, path: &str, notice: &Notice) -> Response {
        notice.add_to(redirect(&format!("{}{path}", self.root)), &self.notice_cookie)
    }

    fn respond(&self, page: &Markup) -> Response {
        let mut response = html_response(page);
        if self.notice.is_some() {
            let name = &self.notice_cookie;
            let cookie = format!("{name}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
            if let Ok(cookie) = cookie.parse() {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
        }
        response
    }

    fn render_frame(
        &self,
        title: &str,
        section: Option<Section>,
        account: Option<&str>,
        content: &Markup,
    ) -> Markup {
        let body = html! {
            a.skip href="#content" { "Skip to the content" }
            (self.render_header(account))
            div.frame {
                (self.render_navigation(section, account))
                div.page {
                    (self.render_notice())
                    (content)
                }
            }
            (render_help())
        };
        self.render_document(title, &body)
    }

    fn render_document(&self, title: &str, body: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" data-theme=[self.theme] data-root=(self.root) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) " · omnidesk-mock" }
                    link rel="icon" type="image/svg+xml" href={ (self.root) "favicon.ico" };
                    link rel="stylesheet" href={ (self.root) "assets/console.css" };
                    script src={ (self.root) "assets/console.js" } defer {}
                }
                body { (body) }
            }
        }
    }

    fn render_header(&self, account: Option<&str>) -> Markup {
        html! {
            header.bar {
                a.brand href=(self.root) { span.mark aria-hidden="true" {} "omnidesk-mock" }
                form.find action={ (self.root) "search" } role="search" {
                    @if let Some(account) = account { input type="hidden" name="account" value=(account); }
                    label.hidden for="find" { "Search accounts, tickets and pages" }
                    input #find name="q" type="search" placeholder="Search or jump to …" autocomplete="off" spellcheck="false";
                    kbd aria-hidden="true" { "Ctrl K" }
                }
                div.tools {
                    @if self.is_read_only { span.tag { "read-only" } }
                    button.quiet type="button" data-open="help" hidden { "?" span.hidden { " Keyboard shortcuts" } }
                    form method="post" action={ (self.root) "theme" } {
                        (self.form_token())
                        // What the system prefers, only the browser knows: the style sheet hides one of the first two.
                        @let choices: &[_] = match self.theme {
                            None => &[("dark", "Dark", "to-dark"), ("light", "Light", "to-light")],
                            Some("dark") => &[("light", "Light", "")],
                            Some(_) => &[("system", "System", "")],
                        };
                        @for (name, label, class) in choices {
                            button class={ "quiet " (class) } name="theme" value=(name) title="Change the colours" { (label) }
                        }
                    }
                    @if self.requires_token && self.is_authorized {
                        form method="post" action={ (self.root) "logout" } {
                            (self.form_token())
                            button.quiet { "Log out" }
                        }
                    }
                }
            }
        }
    }

    fn render_navigation(&self, section: Option<Section>, account: Option<&str>) -> Markup {
        let link = |own: Section, url: &str, title: &str| {
            html! { li { a href=(url) aria-current=[(section == Some(own)).then_some("page")] { (title) } } }
        };
        html! {
            nav.side aria-label="Pages" {
                @if let Some(account) = account {
                    p.scope { span.eyebrow { "Account" } " " strong { (account) } }
                    ul { @for (own, path, title) in ACCOUNT_SECTIONS { (link(own, &self.account_url(account, path), title)) } }
                }
                p.scope { span.eyebrow { "Server" } }
                ul { @for (own, path, title) in SERVER_SECTIONS { (link(own, &format!("{}{path}", self.root), title)) } }
            }
        }
    }

    fn render_notice(&self) -> Markup {
        html! {
            @if let Some(Notice { text, undo }) = &self.notice {
                div.notice role="status" {
                    p { (text) }
                    @if let Some(Undo { account, snapshot }) = undo {
                        form method="post" action=(self.account_url(account, "undo")) {
                            (self.form_token())
                            input type="hidden" name="snapshot" value=(snapshot);
                            button { "Undo" }
                        }
                    }
                }
            }
        }
    }

    /// Returns the header that remembers the colours.
    pub(super) fn theme_cookie(theme: &str) -> String {
        let (value, max_age) = match theme {
            "light" | "dark" => (theme, 31_536_000),
            _ => ("", 0),
        };
        format!("{THEME_COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age}")
    }
}

impl<S: Sync> FromRequestParts<S> for PageContext {
    type Rejection = Problem;

    /// Takes the context that the check of the access has made.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let context = parts.extensions.get().cloned();
        context.ok_or_else(|| Problem::invalid("The page has no context."))
    }
}

impl Notice {
    /// Adds the cookie of the message to a redirect.
    fn add_to(&self, mut response: Response, name: &str) -> Response {
        let cookie =
            format!("{name}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=60", self.to_cookie());
        if let Ok(cookie) = cookie.parse() {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }

    fn to_cookie(&self) -> String {
        let text: String = self.text.chars().take(MAX_NOTICE_CHARS).collect();
        let undo = self.undo.as_ref().map(|undo| format!("{}/{}", undo.account, undo.snapshot));
        utf8_percent_encode(&format!("{}:{text}", undo.unwrap_or_default()), NON_ALPHANUMERIC)
            .to_string()
    }

    fn from_cookie(value: &str) -> Option<Self> {
        let decoded = percent_decode_str(value).decode_utf8().ok()?;
        let (undo, text) = decoded.split_once(':')?;
        let undo = undo.split_once('/').map(|(account, snapshot)| Undo {
            account: account.to_owned(),
            snapshot: snapshot.to_owned(),
        });
        (!text.is_empty()).then(|| Self { text: text.to_owned(), undo })
    }
}

/// Returns a page as a response.
pub(super) fn html_response(page: &Markup) -> Response {
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], page.0.clone()).into_response()
}

/// Redirects with `303 See Other`.
pub(super) fn redirect(target: &str) -> Response {
    let location = HeaderValue::try_from(target).unwrap_or(HeaderValue::from_static("./"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// Returns the page that a form was on. Browsers send its address; another origin is none of this server.
fn own_referer(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name)?.to_str().ok();
    let (origin, referer) = (text(ORIGIN)?, text(REFERER)?);
    referer.strip_prefix(origin)?.starts_with('/').then(|| referer.to_owned())
}

/// Renders a text with code between backticks.
pub(super) fn render_text(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// Renders the keyboard shortcuts, which the script opens.
fn render_help() -> Markup {
    const KEYS: [(&str, &str); 6] = [
        ("Ctrl K", "Search accounts, tickets and pages"),
        ("/", "Search in this page's list"),
        ("j, k", "Next and previous row"),
        ("Enter", "Open the row"),
        ("?", "Show these shortcuts"),
        ("Esc", "Close"),
    ];
    html! {
        dialog #help aria-labelledby="help-title" {
            h2 #help-title { "Keyboard shortcuts" }
            dl.keys { @for (key, meaning) in KEYS { dt { kbd { (key) } } dd { (meaning) } } }
            p { label.check { input type="checkbox" data-shortcuts checked; " Single keys are shortcuts" } }
            form method="dialog" { button.primary { "Close" } }
        }
        dialog #palette aria-label="Search" {}
    }
}
