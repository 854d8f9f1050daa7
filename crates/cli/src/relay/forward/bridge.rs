//! The forwarders of a bridge: started, changed when the configuration is read again, and ended.

use std::sync::Arc;
use std::time::Duration;

use ::relay::ListenerState;
use forward::expression::LocalBinding;
use forward::{ForwardOptions, LocalForwarder, Metrics, RemoteForwarder};
use futures::future::{FutureExt as _, join_all, pending, select_all};

use serde_json::json;
use transport::SharedRuntime;

use super::plan::{ListenerPlan, Place, Plan, SenderPlan};
use super::settings::Settings;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::relay::metrics::MetricsServer;
use crate::relay::namespace::Namespace;
use crate::relay::options::NamespaceOptions;
use crate::relay::site;

/// What a bridge runs.
#[derive(Debug)]
pub(super) struct Bridge {
    namespace: NamespaceOptions,
    limits: ForwardOptions,
    metrics: Metrics,
    settings: Settings,
    senders: Vec<RunningSender>,
    listeners: Vec<RunningListener>,
    /// No longer in the configuration, but with open pairs.
    retired: Vec<Retired>,
}

#[derive(Debug)]
struct RunningSender {
    place: Place,
    forwarder: LocalForwarder,
    bindings: Vec<LocalBinding>,
}

#[derive(Debug)]
struct RunningListener {
    plan: ListenerPlan,
    forwarder: RemoteForwarder,
}

#[derive(Debug)]
enum Retired {
    Sender(LocalForwarder),
    Listener(Arc<RemoteForwarder>),
}

impl Bridge {
    pub(super) fn new(
        namespace: NamespaceOptions,
        limits: ForwardOptions,
        metrics: Metrics,
        settings: Settings,
    ) -> Self {
        Self {
            namespace,
            limits,
            metrics,
            settings,
            senders: Vec::new(),
            listeners: Vec::new(),
            retired: Vec::new(),
        }
    }

    /// Starts all forwarders. With `ExitOnForwardFailure` the first that fails ends it.
    pub(super) async fn start(&mut self, plan: Plan) -> Result<()> {
        for sender in plan.senders {
            self.start_sender(sender).await?;
        }
        for listener in plan.listeners {
            self.start_listener(listener).await?;
        }
        Ok(())
    }

    /// Changes what runs to what a new plan says. What it has as before is not touched, pairs of what
    /// it no longer has go on until they end, and what fails is logged.
    ///
    /// Dropping the future leaves it half done, with every forwarder in its list: for a shutdown.
    pub(super) async fn reload(&mut self, plan: Plan, settings: Settings) {
        self.settings = settings;
        self.forget_idle();

        let mut kept = Vec::new();
        for running in std::mem::take(&mut self.senders) {
            match plan
                .senders
                .iter()
                .any(|sender| sender.place == running.place)
            {
                true => kept.push(running),
                false => self.retired.push(Retired::Sender(running.forwarder)),
            }
        }
        self.senders = kept;
        let mut kept = Vec::new();
        for running in std::mem::take(&mut self.listeners) {
            let place = &running.plan.place;
            // The sites of a listener are given to it when it is opened.
            let goes_on = plan
                .listeners
                .iter()
                .any(|listener| listener.place == *place && listener.sites == running.plan.sites);
            match goes_on {
                true => kept.push(running),
                false => self.retired.push(Retired::listener(running.forwarder)),
            }
        }
        self.listeners = kept;

        // First all ports that are closed: another forwarder may want them.
        for retired in &self.retired {
            if let Retired::Sender(forwarder) = retired {
                for address in forwarder.addresses() {
                    forwarder.unbind(&address).await;
                }
            }
        }
        for running in &mut self.senders {
            let sender = plan
                .senders
                .iter()
                .find(|sender| sender.place == running.place);
            let wanted = sender
                .map(|sender| sender.bindings.as_slice())
                .unwrap_or_default();
            running.close_all_but(wanted).await;
        }
        for sender in plan.senders {
            self.change_sender(sender).await;
        }
        for listener in plan.listeners {
            self.change_listener(listener).await;
        }
        tracing::info!(
            senders = self.senders.len(),
            listeners = self.listeners.len(),
            "the configuration was read again"
        );
    }

    async fn change_sender(&mut self, plan: SenderPlan) {
        let found = self
            .senders
            .iter_mut()
            .find(|running| running.place == plan.place);
        let Some(running) = found else {
            if let Err(failure) = self.start_sender(plan).await {
                tracing::error!(%failure, "a forward is not started");
            }
            return;
        };
        for binding in plan.bindings {
            if running.bindings.contains(&binding) {
                continue;
            }
            match running.forwarder.bind(binding.clone()).await {
                Ok(()) => running.bindings.push(binding),
                Err(error) => {
                    let failure = Failure::from(error).while_doing(&binding);
                    tracing::error!(%failure, "a forward is not started");
                }
            }
        }
    }

    async fn change_listener(&mut self, plan: ListenerPlan) {
        let found = self
            .listeners
            .iter_mut()
            .find(|running| running.plan.place == plan.place);
        let Some(running) = found else {
            if let Err(failure) = self.start_listener(plan).await {
                tracing::error!(%failure, "a forward is not started");
            }
            return;
        };
        if running.plan.bindings == plan.bindings {
            return;
        }
        match running.forwarder.set_targets(&plan.bindings) {
            Ok(()) => running.plan = plan,
            Err(error) => {
                let failure = Failure::from(error);
                tracing::error!(%failure, "the targets are not changed");
            }
        }
    }

    async fn start_sender(&mut self, plan: SenderPlan) -> Result<()> {
        let namespace = self.namespace_of(&plan.place)?;
        let place = namespace.hybrid_connection(plan.place.relay.as_deref())?;
        let mut sender = namespace.sender(place)?;
        if let Some(interval) = self.settings.keep_alive {
            sender = sender.stream_keep_alive((!interval.is_zero()).then_some(interval));
        }
        let forwarder = LocalForwarder::builder(sender.build()?)
            .options(self.options())
            .metrics(self.metrics.clone())
            .open()
            .await?;
        let mut running = RunningSender {
            place: plan.place,
            forwarder,
            bindings: Vec::new(),
        };
        for binding in plan.bindings {
            match running.forwarder.bind(binding.clone()).await {
                Ok(()) => running.bindings.push(binding),
                Err(error) => {
                    let failure = Failure::from(error).while_doing(&binding);
                    if self.settings.exit_on_forward_failure {
                        return Err(failure);
                    }
                    tracing::error!(%failure, "a forward is not started");
                }
            }
        }
        self.senders.push(running);
        Ok(())
    }

    async fn start_listener(&mut self, plan: ListenerPlan) -> Result<()> {
        let namespace = self.namespace_of(&plan.place)?;
        let place = namespace.hybrid_connection(plan.place.relay.as_deref())?;
        let listener = namespace.listener_with(place, self.settings.keep_alive)?;
        let mut builder = RemoteForwarder::builder(listener);
        for site in &plan.sites {
            builder = builder.site(site::proxy(site, &namespace)?);
        }
        let forwarder = builder
            .targets(&plan.bindings)
            .options(self.options())
            .metrics(self.metrics.clone())
            .exit_on_forward_failure(self.settings.exit_on_forward_failure)
            .open()
            .await?;
        self.listeners.push(RunningListener { plan, forwarder });
        Ok(())
    }

    /// Returns the namespace of a forward: that of its own connection string, or of the whole bridge.
    fn namespace_of(&self, place: &Place) -> Result<Namespace> {
        let mut options = match &place.connection_string {
            Some(text) => self.namespace.clone().with_own(text.clone()),
            None => self
                .namespace
                .clone()
                .with_file(self.settings.namespace.clone()),
        };
        if let Some(timeout) = self.settings.connect_timeout {
            options = options.with_connect_timeout(timeout);
        }
        if place.is_anonymous {
            options = options.with_anonymous();
        }
        options.namespace()
    }

    fn options(&self) -> ForwardOptions {
        self.limits
            .clone()
            .with_bind_host(self.settings.bind_host())
            .with_address_family(self.settings.address_family)
            .with_connection_attempts(self.settings.connection_attempts)
    }

    /// Says what runs, once it does.
    pub(super) fn announce(&self, output: Output, metrics: Option<&MetricsServer>) -> Result<()> {
        for running in &self.senders {
            for binding in &running.bindings {
                let relay = running.place.relay.as_deref();
                let to = relay.unwrap_or("the hybrid connection");
                let json = json!({
                    "type": "forwarding",
                    "local": binding.to_string(),
                    "hybridConnection": relay,
                });
                output.print(format_args!("forwarding {binding} to {to}"), &json)?;
            }
            let addresses = running.forwarder.local_addrs();
            for address in addresses {
                let json = json!({ "type": "bound", "address": address.to_string() });
                output.print(format_args!("listening on {address}"), &json)?;
            }
        }
        for running in &self.listeners {
            let plan = &running.plan;
            let targets = plan.bindings.iter().map(ToString::to_string);
            let targets: Vec<_> = targets
                .chain(plan.sites.iter().map(ToString::to_string))
                .collect();
            let relay = plan
                .place
                .relay
                .as_deref()
                .unwrap_or("the hybrid connection");
            let json = json!({
                "type": "serving",
                "hybridConnection": plan.place.relay,
                "targets": targets,
            });
            output.print(
                format_args!("serving {relay}: {}", targets.join(", ")),
                &json,
            )?;
        }
        metrics.map_or(Ok(()), |server| server.announce(output))
    }

    /// Completes when a listener has ended for good. Dropping the future loses nothing.
    pub(super) async fn failed(&self) -> Failure {
        let ends = self.listeners.iter().map(|running| {
            let relay = running.plan.place.relay.clone().unwrap_or_default();
            async move {
                let error = running.forwarder.closed().await;
                Failure::from(error).while_doing(relay)
            }
            .boxed()
        });
        let never = pending().boxed();
        select_all(ends.chain([never])).await.0
    }

    /// Ends everything, and returns how many pairs were cut after `limit`.
    pub(super) async fn shutdown(self, limit: Duration) -> usize {
        let senders = self.senders.into_iter().map(|running| running.forwarder);
        let listeners = self.listeners.into_iter().map(|running| running.forwarder);
        let all = senders
            .map(Retired::Sender)
            .chain(listeners.map(|forwarder| Retired::Listener(Arc::new(forwarder))))
            .chain(self.retired);
        let cut = join_all(all.map(|retired| async move { retired.shutdown(limit).await })).await;
        cut.into_iter().sum()
    }

    /// Drops what is retired and has ended.
    fn forget_idle(&mut self) {
        self.retired.retain(Retired::is_busy);
    }
}

impl RunningSender {
    async fn close_all_but(&mut self, wanted: &[LocalBinding]) {
        let mut kept = Vec::new();
        for binding in std::mem::take(&mut self.bindings) {
            match wanted.contains(&binding) {
                true => kept.push(binding),
                false => {
                    self.forwarder.unbind(binding.address()).await;
                }
            }
        }
        self.bindings = kept;
    }
}

impl Retired {
    /// Begins to end a listener: no sender reaches it any more, and its pairs go on.
    fn listener(forwarder: RemoteForwarder) -> Self {
        let forwarder = Arc::new(forwarder);
        let ending = Arc::clone(&forwarder);
        SharedRuntime::default().spawn(Box::pin(async move {
            ending.shutdown(Duration::MAX).await;
        }));
        Self::Listener(forwarder)
    }

    /// Whether it has pairs, or answers requests.
    fn is_busy(&self) -> bool {
        match self {
            Self::Sender(forwarder) => forwarder.open_pairs() > 0,
            Self::Listener(forwarder) => {
                forwarder.open_pairs() > 0 || forwarder.state() != ListenerState::Offline
            }
        }
    }

    async fn shutdown(self, limit: Duration) -> usize {
        match self {
            Self::Sender(forwarder) => forwarder.shutdown(limit).await,
            Self::Listener(forwarder) => forwarder.shutdown(limit).await,
        }
    }
}
