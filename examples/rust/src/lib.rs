//! A small client of the Ticket API: it creates, finds, lists and solves tickets.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::multipart::Form;
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// An error of a request to the help desk.
#[derive(Debug)]
pub enum DeskError {
    /// The help desk rejected the request.
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The error message of the help desk.
        message: String,
    },
    /// The rate limit is exceeded. Retry after this time.
    RateLimited(Duration),
    /// The connection failed, the response is invalid, or it did not arrive in time.
    Transport(reqwest::Error),
}

impl From<reqwest::Error> for DeskError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error)
    }
}

/// A client for the help desk of one account.
#[derive(Clone, Debug)]
pub struct DeskClient {
    base_url: String,
    api_key: String,
    timeout: Duration,
    http: reqwest::Client,
}

/// The columns of a ticket that this client uses.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Ticket {
    /// The ticket id.
    pub id: u64,
    /// The subject.
    pub title: String,
    /// `new`, `open`, `pending`, `holding`, `solved` or `closed`.
    pub status: String,
}

#[derive(Deserialize)]
struct CreatedTicket {
    #[serde(rename = "ticketID")]
    id: u64,
}

#[derive(Deserialize)]
struct TicketPage {
    items: Vec<Ticket>,
}

#[derive(Deserialize)]
struct ErrorBody {
    message: String,
}

impl DeskClient {
    /// Creates a client for a base URL such as `https://ACCOUNT.omnidesk.com`.
    #[must_use]
    pub fn new(base_url: &str, api_key: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            api_key: api_key.to_owned(),
            timeout: Duration::from_secs(10),
            http: reqwest::Client::new(),
        }
    }

    /// Sets the timeout of a request with its response: by default, 10 seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Creates a ticket for a customer and returns its id.
    ///
    /// # Errors
    /// If the help desk rejects the request or cannot be reached.
    pub async fn create_ticket(&self, customer: &str, title: &str) -> Result<u64, DeskError> {
        let fields = [
            ("brandID", "1"),
            ("channelID", "1"),
            ("direction", "inbound"),
            ("from", customer),
            ("to", "desk@example.test"),
            ("title", title),
        ];
        let form = fields
            .into_iter()
            .fold(Form::new(), |form, (name, value)| form.text(name, value.to_owned()));
        let request = self.http.post(self.url("/ticket")).multipart(form);
        Ok(self.send::<CreatedTicket>(request).await?.id)
    }

    /// Creates a ticket. If no valid response arrives, or a 5xx, it retries once. Before the retry it searches for
    /// the ticket by its title, so titles must be unique.
    ///
    /// # Errors
    /// If the help desk rejects the request or cannot be reached.
    pub async fn create_ticket_once(&self, customer: &str, title: &str) -> Result<u64, DeskError> {
        match self.create_ticket(customer, title).await {
            Err(DeskError::Transport(_) | DeskError::Rejected { status: 500.., .. }) => {
                match self.find_ticket(title).await? {
                    Some(id) => Ok(id),
                    None => self.create_ticket(customer, title).await,
                }
            }
            result => result,
        }
    }

    /// Returns the id of the ticket with this title.
    ///
    /// # Errors
    /// If the help desk rejects the request or cannot be reached.
    pub async fn find_ticket(&self, title: &str) -> Result<Option<u64>, DeskError> {
        let request = self.http.get(self.url("/ticket")).query(&[("query", title)]);
        let TicketPage { items } = self.send(request).await?;
        Ok(items.into_iter().find(|ticket| ticket.title == title).map(|ticket| ticket.id))
    }

    /// Returns the tickets with the status `new`, the newest first.
    ///
    /// # Errors
    /// If the help desk rejects the request or cannot be reached.
    pub async fn list_new_tickets(&self) -> Result<Vec<Ticket>, DeskError> {
        let request = self.http.get(self.url("/ticket")).query(&[("status", "new")]);
        Ok(self.send::<TicketPage>(request).await?.items)
    }

    /// Returns the titles of all tickets that are not archived, the newest first.
    ///
    /// # Errors
    /// If the help desk rejects the request or cannot be reached.
    pub async fn list_titles(&self) -> Result<Vec<String>, DeskError> {
        let page: TicketPage = self.send(self.http.get(self.url("/ticket"))).await?;
        Ok(page.items.into_iter().map(|ticket| ticket.title).collect())
    }

    /// Sets the status of tickets to `solved`.
    ///
    /// # Errors
    /// If the help desk rejects the request or cannot be reached.
    pub async fn solve_tickets(&self, ids: &[u64]) -> Result<(), DeskError> {
        let form = ids.iter().fold(Form::new().text("status", "solved"), |form, id| {
            form.text("ticketIDs[]", id.to_string())
        });
        let request = self.http.post(self.url("/ticket/setStatus")).multipart(form);
        self.send::<serde::de::IgnoredAny>(request).await.map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v2{path}", self.base_url)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, DeskError> {
        let request = request.header("apiKey", &self.api_key).timeout(self.timeout);
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.json().await?);
        }
        if status == StatusCode::TOO_MANY_REQUESTS
            && let Some(delay) = parse_retry_after(response.headers())
        {
            return Err(DeskError::RateLimited(delay));
        }
        let ErrorBody { message } = response.json().await?;
        Err(DeskError::Rejected { status: status.as_u16(), message })
    }
}

/// Sends a request again while it is rate-limited. Waits as long as `Retry-After` says.
///
/// # Errors
/// If the help desk rejects the request or cannot be reached.
pub async fn retry_rate_limited<T>(
    sleep: impl AsyncFn(Duration),
    request: impl AsyncFn() -> Result<T, DeskError>,
) -> Result<T, DeskError> {
    loop {
        match request().await {
            Err(DeskError::RateLimited(delay)) => sleep(delay).await,
            result => return result,
        }
    }
}

fn parse_retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}
