//! A port: the part of the emulator that a request is for.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};
use transport::Body;
use transport::net::Handler;

use crate::admin;
use crate::front::{ADMIN, Front};
use crate::identity;
#[cfg(feature = "pubsub")]
use crate::pubsub;
#[cfg(feature = "relay")]
use crate::relay;
use crate::services::{Services, Side};

/// A port of a service; below `/_emulator/`, the admin API.
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
        if request.uri().path().starts_with(ADMIN) {
            return admin::handle(&self.services, &self.side, request).await;
        }
        match &self.side {
            Side::Identity(authority) => {
                let (names, clock) = (self.front.names(), &self.services.clock);
                identity::respond(authority, names, clock, request).await
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
