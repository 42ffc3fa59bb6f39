//! A client of the Ticket API, as a company would write one: it opens tickets, finds those that wait and solves them.

use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::multipart::Form;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Why the help desk did not do what it was asked for.
#[derive(Debug)]
pub enum DeskError {
    /// It refused, in its own words.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the help desk says.
        message: String,
    },
    /// It is busy, and wants to be left alone for so long.
    Busy(Duration),
    /// It was not reached, or its answer was none.
    Transport(reqwest::Error),
}

impl From<reqwest::Error> for DeskError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error)
    }
}

/// The help desk of one account.
#[derive(Clone, Debug)]
pub struct Desk {
    base_url: String,
    api_key: String,
    client: reqwest::Client,
}

/// A ticket, as far as this client cares.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Ticket {
    /// Its number.
    pub id: u64,
    /// What it is about.
    pub title: String,
    /// `new`, `open`, `pending`, `holding`, `solved` or `closed`.
    pub status: String,
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "ticketID")]
    id: u64,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Ticket>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Desk {
    /// The help desk at this address, such as `https://ACCOUNT.omnidesk.com`.
    #[must_use]
    pub fn new(base_url: &str, api_key: &str) -> Self {
        let client = reqwest::Client::new();
        Self { base_url: base_url.to_owned(), api_key: api_key.to_owned(), client }
    }

    /// Opens a ticket for a customer. Gives its number.
    ///
    /// # Errors
    /// When the help desk refuses or cannot be reached.
    pub async fn open(&self, customer: &str, title: &str) -> Result<u64, DeskError> {
        let new = [
            ("brandID", "1"),
            ("channelID", "1"),
            ("direction", "inbound"),
            ("from", customer),
            ("to", "desk@example.test"),
            ("title", title),
        ];
        let form = new
            .into_iter()
            .fold(Form::new(), |form, (name, value)| form.text(name, value.to_owned()));
        let request = self.client.post(self.url("/ticket")).multipart(form);
        Ok(self.send::<Created>(request).await?.id)
    }

    /// Opens a ticket as [`open`](Self::open) does. Where the answer is lost, it looks whether the ticket is
    /// there before it opens it again, so titles should tell tickets apart.
    ///
    /// # Errors
    /// When the help desk refuses or cannot be reached.
    pub async fn open_once(&self, customer: &str, title: &str) -> Result<u64, DeskError> {
        match self.open(customer, title).await {
            Err(DeskError::Transport(_)) => match self.find(title).await? {
                Some(id) => Ok(id),
                None => self.open(customer, title).await,
            },
            answered => answered,
        }
    }

    /// The number of the ticket with this title.
    ///
    /// # Errors
    /// When the help desk refuses or cannot be reached.
    pub async fn find(&self, title: &str) -> Result<Option<u64>, DeskError> {
        let request = self.client.get(self.url("/ticket")).query(&[("query", title)]);
        let Page { items } = self.send(request).await?;
        Ok(items.into_iter().find(|ticket| ticket.title == title).map(|ticket| ticket.id))
    }

    /// The tickets that nobody has looked at yet, the newest first.
    ///
    /// # Errors
    /// When the help desk refuses or cannot be reached.
    pub async fn waiting(&self) -> Result<Vec<Ticket>, DeskError> {
        let request = self.client.get(self.url("/ticket")).query(&[("status", "new")]);
        Ok(self.send::<Page>(request).await?.items)
    }

    /// The titles of all tickets that are not archived, the newest first.
    ///
    /// # Errors
    /// When the help desk refuses or cannot be reached.
    pub async fn titles(&self) -> Result<Vec<String>, DeskError> {
        let page: Page = self.send(self.client.get(self.url("/ticket"))).await?;
        Ok(page.items.into_iter().map(|ticket| ticket.title).collect())
    }

    /// Solves tickets.
    ///
    /// # Errors
    /// When the help desk refuses or cannot be reached.
    pub async fn solve(&self, tickets: &[u64]) -> Result<(), DeskError> {
        let form = tickets.iter().fold(Form::new().text("status", "solved"), |form, id| {
            form.text("ticketIDs[]", id.to_string())
        });
        let request = self.client.post(self.url("/ticket/setStatus")).multipart(form);
        self.send::<serde::de::IgnoredAny>(request).await.map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v2{path}", self.base_url)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, DeskError> {
        let answer = request.header("apiKey", &self.api_key).send().await?;
        if answer.status().is_success() {
            return Ok(answer.json().await?);
        }
        if let Some(pause) = pause(answer.headers()) {
            return Err(DeskError::Busy(pause));
        }
        let status = answer.status().as_u16();
        let Refusal { message } = answer.json().await?;
        Err(DeskError::Refused { status, message })
    }
}

/// Does it again for as long as the help desk is busy, after the pause that it asks for.
///
/// # Errors
/// When the help desk refuses or cannot be reached.
pub async fn patiently<T>(
    sleep: impl AsyncFn(Duration),
    request: impl AsyncFn() -> Result<T, DeskError>,
) -> Result<T, DeskError> {
    loop {
        match request().await {
            Err(DeskError::Busy(pause)) => sleep(pause).await,
            answered => return answered,
        }
    }
}

fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}
