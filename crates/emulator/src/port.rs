//! A port: the part of the emulator that a request is for.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};
use transport::Body;
use transport::net::Handler;

use crate::admin;
use crate::front::{ADMIN, Front};
use crate::identity;
use crate::named::{Named, named, seal};
#[cfg(feature = "pubsub")]
use crate::pubsub;
#[cfg(feature = "relay")]
use crate::relay;
use crate::services::{Services, Side};

/// A port of a service; below `/_emulator/`, the admin API, and each service by its name.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) front: Arc<Front>,
    pub(crate) services: Arc<Services>,
    pub(crate) side: Side,
}

#[async_trait]
impl Handler for Port {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        if let Some(response) = self.front.answer(&request) {
            return response;
        }
        match named(&self.services, request) {
            Named::Nobody(request) => self.answer(&self.side, request).await,
            Named::Service(side, request) => {
                let mut response = self.answer(&side, request).await;
                seal(&mut response);
                response
            }
            Named::Missing(response) => response,
        }
    }
}

impl Port {
    async fn answer(&self, side: &Side, request: Request<Body>) -> Response<Body> {
        if request.uri().path().starts_with(ADMIN) {
            return admin::handle(&self.services, side, request).await;
        }
        match side {
            Side::Identity(authority) => {
                let (names, clock) = (self.front.names(), &self.services.clock);
                let journal = &self.services.journal;
                identity::respond(authority, names, clock, journal, request).await
            }
            #[cfg(feature = "pubsub")]
            Side::PubSub(live) => {
                live.answer(|service| async move { pubsub::respond(&service, request).await })
                    .await
            }
            #[cfg(feature = "relay")]
            Side::Relay(live) => {
                live.answer(|namespace| async move { relay::respond(&namespace, request).await })
                    .await
            }
        }
    }
}
