//! The same line on an account that has fault rules or a budget.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response};
use jiff::{SignedDuration, Timestamp};

use super::hearing::{Heard, Understood};
use super::reply::Said;
use super::serving::failed;
use super::visit::{Client, Outcome, Visit, Watched};
use super::{Endpoint, Error, delivery};
use crate::accounts::Terms;
use crate::faults::{Effect, Loss, When};
use crate::journal::Fault;
use crate::pace::Spent;

impl Endpoint {
    pub(super) async fn provoked(&'static self, visit: Visit, request: Request) -> Response<Body> {
        let (state, key) = (Arc::clone(&visit.state), Arc::clone(&visit.key));
        // An effect may go on after the request has been carried out.
        let in_use = visit.in_use.clone();
        let heard = self.hear_from(&visit, request).await;
        let terms = key.account.terms();
        let (life, seen) = (key.account.life.clone(), key.account.life.now());
        let spent = key.account.pace.spend(&key.name, terms.now());
        let met = match &spent {
            Some(spent) if spent.remaining.is_none() => {
                key.account.pace.pause(&key.name, None, (terms.now(), spent.reset));
                None
            }
            _ => self.met(&visit, &heard, &terms).await,
        };
        if let Some((_, Effect::Status { retry_after: Some(time), .. })) = &met
            && let Ok(time) = SignedDuration::try_from(*time)
            && let Ok(until) = terms.now().checked_add(time)
        {
            key.account.pace.pause(&key.name, Some(self.operation), (terms.now(), until));
        }
        let effect = met.as_ref().map(|(_, effect)| effect.clone());
        let (client, watched) = Client::here();
        let acted = tokio::spawn(self.provoke(visit, heard, (met, spent), (watched, seen))).await;
        drop(client);
        let said = acted.unwrap_or_else(|error| Some(failed(&error, &terms)));
        delivery::deliver(said, effect.as_ref(), (&state, life, seen), in_use).await
    }

    /// The fault rule that meets a request, and what it does.
    async fn met(
        &'static self,
        visit: &Visit,
        heard: &Heard,
        terms: &Terms,
    ) -> Option<(Fault, Effect)> {
        let account = Arc::clone(&visit.key.account);
        let fields = heard.fields(self, visit.filing.secrets());
        if !account.faults.are_slow() {
            return account.faults.meet((self.operation, &visit.key.name), &fields, terms.now());
        }
        let name = Arc::clone(&visit.key.name);
        let of = Arc::clone(&account);
        let about = move || of.faults.about((self.operation, &name), &fields);
        let about = visit.state.compute(about).await?;
        account.faults.meet_one_of(&about, terms.now())
    }

    /// Does what is asked for, unless something keeps it from that. Gives what is answered; None where nothing is.
    async fn provoke(
        &'static self,
        mut visit: Visit,
        heard: Heard,
        (met, spent): (Option<(Fault, Effect)>, Option<Spent>),
        (mut client, seen): (Watched, u64),
    ) -> Option<Said> {
        let (fault, effect) = met.unzip();
        if let Some(Effect::Delay(time, When::Before)) = &effect {
            match self.delayed(&visit, *time, (&mut client, seen)).await {
                Delayed::Over => {}
                Delayed::Anew => {
                    // It belongs to what was before; what is now has no place for it.
                    visit.filing.forget();
                    return None;
                }
                Delayed::Left => {
                    let Understood { asked, .. } = self.understand(heard, visit.filing.secrets());
                    visit.filing.asked(&asked);
                    visit.filing.note(|entry| entry.fault = fault);
                    visit.filing.answered(None, None);
                    return None;
                }
            }
        }
        let outcome = match prevention(&visit, spent.as_ref(), effect.as_ref()) {
            Some(error) => self.prevented(&visit, heard, error),
            None => self.outcome(&mut visit, heard).await,
        };
        let mut said = match &effect {
            Some(effect) => outcome.said().under(effect),
            None => Some(outcome.said()),
        };
        if let Some(Effect::LoseAnswer(Loss::Status(status))) = effect {
            let lost = Error::Fault { status, message: None, retry_after: None };
            said = Some(lost.said(&outcome.terms.dialect, Some(&outcome.terms)));
        }
        if let (Some(said), Some(spent)) = (&mut said, &spent) {
            count(said, spent);
        }
        visit.filing.file(said.as_ref().filter(|_| client.is_here()), outcome, fault);
        said
    }

    /// Waits before a request is carried out. What only reads need not wait for when nobody reads its answer.
    async fn delayed(
        &self,
        visit: &Visit,
        time: Duration,
        (client, seen): (&mut Watched, u64),
    ) -> Delayed {
        let life = &visit.key.account.life;
        let pause = visit.state.pause(time, life.other_than(seen));
        let left = async {
            if self.keeps.is_none() {
                std::future::pending::<()>().await;
            }
            client.left().await;
        };
        tokio::select! {
            _ = pause => if life.now() == seen { Delayed::Over } else { Delayed::Anew },
            () = left => Delayed::Left,
        }
    }

    fn prevented(&self, visit: &Visit, heard: Heard, error: Error) -> Outcome {
        let Understood { asked, .. } = self.understand(heard, visit.filing.secrets());
        Outcome { body: Err(error), asked, terms: visit.key.account.terms(), place: None }
    }
}

/// How a delay has ended.
enum Delayed {
    Over,
    /// The account has begun anew, or is gone.
    Anew,
    /// The client has left a request that changes nothing.
    Left,
}

/// Why a request is not carried out; None where it is.
fn prevention(visit: &Visit, spent: Option<&Spent>, effect: Option<&Effect>) -> Option<Error> {
    if let Some(Spent { limit, remaining: None, left, .. }) = spent {
        let budget = visit.key.account.pace.budget();
        let per = budget.map(|budget| budget.written).unwrap_or_default();
        return Some(Error::TooFast { limit: *limit, per, left: *left });
    }
    match effect? {
        Effect::Status { status, message, retry_after } => Some(Error::Fault {
            status: *status,
            message: message.clone(),
            retry_after: retry_after.and_then(|time| SignedDuration::try_from(time).ok()),
        }),
        effect if effect.is_carried_out() => None,
        // Nobody reads what is said then.
        _ => Some(Error::Fault { status: 503, message: None, retry_after: None }),
    }
}

/// Rounded up, so that nobody comes before it is time.
fn whole_second(moment: Timestamp) -> i64 {
    moment.as_second() + i64::from(moment.subsec_nanosecond() > 0)
}

/// Says how the budget stands, as other services do (chosen).
fn count(said: &mut Said, spent: &Spent) {
    let headers = [
        ("x-ratelimit-limit", spent.limit.into()),
        ("x-ratelimit-remaining", spent.remaining.unwrap_or(0).into()),
        ("x-ratelimit-reset", HeaderValue::from(whole_second(spent.reset))),
    ];
    for (name, value) in headers {
        said.headers.insert(name, value);
    }
}
