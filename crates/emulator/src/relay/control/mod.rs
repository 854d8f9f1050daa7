//! The control channels of listeners.

mod channel;
mod driver;
mod registration;

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use tokio::sync::mpsc;
use transport::Body;
use transport::net::{ConnectionInfo, Upgrade, UpgradeOptions};
use uuid::Uuid;

use self::channel::Channel;
use self::driver::Driver;
use self::registration::Registration;
use super::authorize::Purpose;
use super::listeners::{Listener, TooMany};
use super::namespace::Namespace;
use super::tracking_id::{Interface, host};
use super::visit::Visit;
use super::{authorized, not_a_web_socket, strike_instead};
use crate::fault::{Occasion, Subject};
use crate::journal::ListenerAction;
use crate::prefix::prefix;

/// Answers the opening of a control channel at `path`.
pub(super) fn listen(
    namespace: &Arc<Namespace>,
    request: &mut Request<Body>,
    visit: &Visit<'_>,
    path: &str,
) -> Result<Response<Body>, Response<Body>> {
    let tracking = visit.tracking;
    let upgrade = Upgrade::from_request(request).map_err(|_| not_a_web_socket(tracking))?;
    let entity = namespace.entity_for_listener(path).ok_or_else(|| {
        tracking.refuse(
            StatusCode::NOT_FOUND,
            "EndpointNotFound",
            "Endpoint does not exist.",
        )
    })?;
    visit.set_entity(&entity.key);
    let number = namespace.count();
    let id = tracking.guid().to_string();
    let subject = Subject {
        scope: &entity.key,
        connection: Some(&id),
        number,
        ..Subject::default()
    };
    strike_instead(namespace, tracking, Occasion::Open, &subject)?;
    let (rules, interface) = (&entity.rules, Interface::WebSocket);
    let granted = authorized(visit, rules, interface, request, Purpose::Listen, path)?;
    let connection = request.extensions().get::<ConnectionInfo>();
    let scheme = match connection {
        Some(info) if info.tls => "wss",
        _ => "ws",
    };
    let local = connection.map(|info| info.local.ip());
    let host = host(request.headers()).to_owned();
    let key = Uuid::new_v4();
    let (orders, queue) = mpsc::channel(ORDERS);
    let listener = Listener {
        key,
        id: id.clone(),
        number,
        // Rendezvous addresses name the host that the listener used, so that its certificate fits.
        reached_at: format!(
            "{scheme}://{}{}",
            namespace.names.next_host(&host, local),
            prefix(request)
        ),
        orders,
    };
    namespace
        .add_listener(&entity.key, listener)
        .map_err(|TooMany| {
            let most = namespace.limits.listeners;
            tracing::warn!(
                entity = entity.key,
                most,
                "refused a listener: the hybrid connection has its maximum"
            );
            tracking.refuse(
                StatusCode::FORBIDDEN,
                "QuotaExceeded",
                &format!("The maximum number of {most} listeners has been reached."),
            )
        })?;
    let registration = Registration {
        namespace: Arc::clone(namespace),
        entity,
        key,
        id,
        number,
        tracking_id: namespace.journal.is_on().then(|| tracking.id().into()),
    };
    registration.record(ListenerAction::Opened, None);
    let mut options = UpgradeOptions::default().with_half_close(true);
    if let Some(name) = upgrade.subprotocols().first() {
        options = options.with_subprotocol(name.clone());
    }
    let (response, opened) = upgrade
        .accept(options)
        .map_err(|_| not_a_web_socket(tracking))?;
    let path = path.to_owned();
    namespace.tasks.spawn_connection(async move {
        let Ok(socket) = opened.await else {
            return;
        };
        tracing::info!(
            entity = registration.entity.key,
            listener = registration.id,
            "NewListenerRegistered"
        );
        let channel = Channel::new(&registration, host, path, granted.valid_until);
        Driver::new(channel, socket, queue).run().await;
    });
    Ok(response)
}

/// How many orders may wait for a listener that does not read.
const ORDERS: usize = 256;
/// The largest body on a control channel, from the protocol guide.
pub(super) const MAX_INLINE: usize = 64 * 1024;
