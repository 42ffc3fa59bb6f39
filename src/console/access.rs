//! Access to the pages: checks host and origin, session, mode, and the token of each form.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use omnidesk_mock_client::types::ProblemDetails;

use super::form::Form;
use super::page::{PageContext, html_response, redirect};
use super::session::{ConsoleAccess, ConsoleMode};
use crate::accounts::SecretHash;
use crate::api::state::SharedState;
use crate::api::{check_every_host, check_host, is_cross_origin};
use crate::control::{Problem, ProblemKind, bearer_token, read_body};

/// The maximum size of a form, in bytes (arbitrary).
const MAX_FORM_BYTES: usize = 1024 * 1024;

/// Checks the access to a page, decodes its form, and renders a problem as a page.
pub(super) async fn authorize(
    State((state, access)): State<(SharedState, ConsoleAccess)>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_authorized = is_authorized(&state, &access, request.headers());
    let context = PageContext::new(&state, &access, &request, is_authorized);
    request.extensions_mut().insert(context.clone());
    let result = match check_page(&state, &request, is_authorized) {
        Ok(()) => check_form(&state, &access, &context, request).await,
        Err(Rejection::LogIn) => {
            return context.redirect_to_login(request.uri(), request.headers());
        }
        Err(Rejection::Problem(problem)) => Err(problem),
    };
    let response = match result {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    match response.extensions().get::<ProblemDetails>() {
        Some(problem) => {
            let page = context.render_problem(problem);
            (response.status(), html_response(&page)).into_response()
        }
        None => response,
    }
}

/// Rejects requests for foreign host names (DNS rebinding), unless they have the control token.
pub(super) async fn require_own_host(
    State((state, access)): State<(SharedState, ConsoleAccess)>,
    request: Request,
    next: Next,
) -> Response {
    if state.control_token.is_some() && is_authorized(&state, &access, request.headers()) {
        return next.run(request).await;
    }
    match check_host(&state, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Returns whether a request has the session or the control token, or needs none.
fn is_authorized(state: &SharedState, access: &ConsoleAccess, headers: &HeaderMap) -> bool {
    state.control_token.as_ref().is_none_or(|token| {
        let bearer = bearer_token(headers);
        bearer.is_some_and(|sent| SecretHash::from_secret(sent) == *token)
            || access.has_session(headers)
    })
}

/// Why a page is not shown.
enum Rejection {
    LogIn,
    Problem(Problem),
}

/// Returns whether a page shows nothing of the accounts.
fn is_public(path: &str) -> bool {
    ["/login", "/theme", "/fidelity", "/docs"].contains(&path) || path.starts_with("/docs/")
}

/// Checks the host and the session.
fn check_page(
    state: &SharedState,
    request: &Request,
    is_authorized: bool,
) -> Result<(), Rejection> {
    let requires_token = state.control_token.is_some();
    let path = request.uri().path();
    // DNS rebinding: a page of another host name must not read the console. Such a page has neither the token nor the
    // cookie, so who has one of them may use any host name, and so may who logs in.
    let hosts = match (requires_token && (is_authorized || path == "/login"), is_public(path)) {
        (true, _) => Ok(()),
        (false, true) => check_host(state, request),
        (false, false) if requires_token => Ok(()),
        (false, false) => check_every_host(state, request),
    };
    hosts.map_err(|error| {
        Rejection::Problem(Problem::new(ProblemKind::HostNotAllowed, error.to_string()))
    })?;
    if is_authorized || is_public(path) {
        Ok(())
    } else if is_read(request) {
        Err(Rejection::LogIn)
    } else {
        let detail = "The session has ended. Log in, and repeat the change.";
        Err(Rejection::Problem(Problem::new(ProblemKind::InvalidToken, detail)))
    }
}

fn is_read(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// Checks a form: its origin, its token, and whether it may change something. The handler gets it decoded.
async fn check_form(
    state: &SharedState,
    access: &ConsoleAccess,
    context: &PageContext,
    request: Request,
) -> Result<Request, Problem> {
    if is_read(&request) {
        return Ok(request);
    }
    if is_cross_origin(state, (&request).into()) {
        let detail = "The form was sent by a page of another origin.";
        return Err(Problem::new(ProblemKind::OriginNotAllowed, detail));
    }
    let is_setting_of_browser = ["/login", "/logout", "/theme"].contains(&request.uri().path());
    if access.mode == ConsoleMode::ReadOnly && !is_setting_of_browser {
        let detail = "The console is read-only (--console read-only), so it changes nothing.";
        return Err(Problem::new(ProblemKind::MethodNotAllowed, detail));
    }
    let (parts, body) = request.into_parts();
    let head = Request::from_parts(parts.clone(), body);
    let form = Form::parse(&read_body(state, head, MAX_FORM_BYTES).await?)?;
    if form.text("form_token") != context.form_token_text() {
        let detail = "The form has no valid token. It may be from before the last start of the server: open the page again, and repeat the change.";
        return Err(Problem::new(ProblemKind::OriginNotAllowed, detail));
    }
    let mut request = Request::from_parts(parts, Body::empty());
    request.extensions_mut().insert(form);
    Ok(request)
}

/// Compares the token of a login form, and starts a session.
pub(super) fn log_in(
    (state, access): &(SharedState, ConsoleAccess),
    context: &PageContext,
    headers: &HeaderMap,
    form: &Form,
) -> Response {
    let sent = SecretHash::from_secret(form.text("token").trim());
    if state.control_token.as_ref().is_some_and(|token| *token != sent) {
        let page = super::login::render_page(context, form.text("next"), true);
        return (StatusCode::FORBIDDEN, html_response(&page)).into_response();
    }
    let mut response = redirect(&context.local_target(form.text("next")));
    if let Ok(cookie) = access.session_cookie(headers).parse() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Ends the session of the browser.
pub(super) async fn log_out(context: PageContext, headers: HeaderMap) -> Response {
    let mut response = redirect(&format!("{}login", context.root));
    if let Ok(cookie) = ConsoleAccess::expired_session_cookie(&headers).parse() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
