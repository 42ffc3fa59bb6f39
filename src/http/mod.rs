//! How every request comes in and how every answer goes out.

pub(crate) mod body;
pub(crate) mod decode;
mod endpoint;
mod error;
pub(crate) mod key;
pub(crate) mod limits;
mod openapi;
mod reply;

pub(crate) use endpoint::{
    Answer, Call, Endpoint, Handler, Lasting, Reads, Trail, method_not_allowed, not_found,
};
pub(crate) use error::Error;
pub(crate) use openapi::{Document, document};
pub(crate) use reply::Reply;
