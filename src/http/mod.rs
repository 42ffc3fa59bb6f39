//! How every request comes in and how every answer goes out.

pub(crate) mod body;
mod call;
pub(crate) mod decode;
mod delivery;
mod endpoint;
mod error;
mod filing;
mod hearing;
mod hosts;
pub(crate) mod key;
mod openapi;
mod origin;
mod provoked;
mod recall;
mod redact;
mod reply;
mod serving;
mod strangers;
mod unheard;
mod visit;

pub(crate) use call::Call;
pub(crate) use delivery::Break;
pub(crate) use endpoint::{Answer, Endpoint, Handler, Lasting, Reads};
pub(crate) use error::Error;
pub(crate) use hosts::names_own_host;
pub(crate) use openapi::{Document, document};
pub(crate) use origin::is_foreign;
pub(crate) use recall::Recalled;
pub(crate) use reply::Reply;
pub(crate) use serving::Trail;
pub(crate) use strangers::{method_not_allowed, not_found};
pub(crate) use unheard::Unheard;
pub(crate) use visit::Respelled;
