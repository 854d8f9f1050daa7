//! The counters of forwarders in the text form of Prometheus.
//!
//! Families of aztunnel keep their names where they mean the same, so that its dashboards work.

use std::fmt;

use forward::Metrics;
use forward::metrics::{FailureReason, Histogram, MetricsSnapshot, RoleMetrics, TargetMetrics};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// Returns the text of a scrape.
pub(super) fn text(metrics: &Metrics) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(metrics.snapshot())));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Families(MetricsSnapshot);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let MetricsSnapshot {
            targets,
            control_channels,
            roles,
            ..
        } = &self.0;

        let mut family = encoder.encode_descriptor(
            "aztunnel_active_connections",
            "Pairs that are open.",
            None,
            MetricType::Gauge,
        )?;
        for target in targets {
            gauge(&mut family, &labels(target), target.open)?;
        }

        let mut family = encoder.encode_descriptor(
            "aztunnel_bytes",
            "Payload bytes, as they move: to_relay or from_relay.",
            None,
            MetricType::Counter,
        )?;
        for target in targets {
            let [role, name] = labels(target);
            let sent = [role, name, ("direction", "to_relay")];
            counter(&mut family, &sent, target.bytes_sent)?;
            let received = [role, name, ("direction", "from_relay")];
            counter(&mut family, &received, target.bytes_received)?;
        }

        let mut family = encoder.encode_descriptor(
            "aztunnel_connection_errors",
            "Connections that failed and pairs that broke, by the reasons of aztunnel.",
            None,
            MetricType::Counter,
        )?;
        for role in roles {
            for (reason, count) in errors_of_aztunnel(role) {
                let labels = [("role", role.role.as_str()), ("reason", reason)];
                counter(&mut family, &labels, count)?;
            }
        }

        let mut family = encoder.encode_descriptor(
            "aztunnel_control_channel_connected",
            "Whether senders can reach the listener (1) or not (0).",
            None,
            MetricType::Gauge,
        )?;
        for channel in control_channels {
            let labels = [("hybrid_connection", channel.hybrid_connection.as_str())];
            gauge(&mut family, &labels, channel.is_connected.into())?;
        }

        let mut family = encoder.encode_descriptor(
            "aztunnel_dial_duration_seconds",
            "Time until data can flow: to dial a target, or to open a hybrid connection.",
            None,
            MetricType::Histogram,
        )?;
        for role in roles {
            histogram(&mut family, role, &role.dial)?;
        }

        let mut family = encoder.encode_descriptor(
            "aztunnel_connection_duration_seconds",
            "How long pairs were open.",
            None,
            MetricType::Histogram,
        )?;
        for role in roles {
            histogram(&mut family, role, &role.open)?;
        }

        let mut family = encoder.encode_descriptor(
            "azwire_connections",
            "Connections, by what became of them: opened or failed.",
            None,
            MetricType::Counter,
        )?;
        for target in targets {
            let [role, name] = labels(target);
            let opened = [role, name, ("status", "opened")];
            counter(&mut family, &opened, target.opened)?;
            let failed = [role, name, ("status", "failed")];
            counter(&mut family, &failed, target.failed)?;
        }

        let mut family = encoder.encode_descriptor(
            "azwire_errors",
            "Connections that failed and pairs that broke, by the exact reason.",
            None,
            MetricType::Counter,
        )?;
        for role in roles {
            for (reason, count) in &role.errors {
                let labels = [("role", role.role.as_str()), ("reason", reason.as_str())];
                counter(&mut family, &labels, *count)?;
            }
        }

        let mut family = encoder.encode_descriptor(
            "azwire_datagrams_dropped",
            "Datagrams that were dropped: too many sources, too fast, refused, or no hybrid connection.",
            None,
            MetricType::Counter,
        )?;
        for target in targets {
            counter(&mut family, &labels(target), target.datagrams_dropped)?;
        }

        let mut family = encoder.encode_descriptor(
            "azwire_control_channel_reconnects",
            "How often a control channel was opened again after a loss.",
            None,
            MetricType::Counter,
        )?;
        for channel in control_channels {
            let labels = [("hybrid_connection", channel.hybrid_connection.as_str())];
            counter(&mut family, &labels, channel.reconnects)?;
        }

        let mut family = encoder.encode_descriptor(
            "azwire_build_info",
            "The version of azwire.",
            None,
            MetricType::Gauge,
        )?;
        gauge(&mut family, &[("version", env!("CARGO_PKG_VERSION"))], 1)
    }
}

fn labels(target: &TargetMetrics) -> [(&str, &str); 2] {
    [
        ("role", target.role.as_str()),
        ("target", target.target.as_str()),
    ]
}

fn counter<const N: usize>(
    family: &mut MetricEncoder<'_>,
    labels: &[(&str, &str); N],
    value: u64,
) -> Result<(), fmt::Error> {
    family
        .encode_family(labels)?
        .encode_counter::<[(&str, &str); 0], u64, u64>(&value, None)
}

fn gauge<const N: usize>(
    family: &mut MetricEncoder<'_>,
    labels: &[(&str, &str); N],
    value: u64,
) -> Result<(), fmt::Error> {
    family.encode_family(labels)?.encode_gauge(&value)
}

fn histogram(
    family: &mut MetricEncoder<'_>,
    role: &RoleMetrics,
    histogram: &Histogram,
) -> Result<(), fmt::Error> {
    let mut before = 0;
    // The encoder adds the counts up again.
    let buckets: Vec<(f64, u64)> = histogram
        .buckets
        .iter()
        .map(|(bound, count)| {
            let own = count.saturating_sub(before);
            before = *count;
            (*bound, own)
        })
        .collect();
    family
        .encode_family(&[("role", role.role.as_str())])?
        .encode_histogram::<[(&str, &str); 0]>(histogram.sum, histogram.count, &buckets, None)
}

/// Adds up what aztunnel does not tell apart.
fn errors_of_aztunnel(role: &RoleMetrics) -> Vec<(&'static str, u64)> {
    let mut sums: Vec<(&'static str, u64)> = Vec::new();
    for (reason, count) in &role.errors {
        let name = name_of_aztunnel(*reason);
        match sums.iter_mut().find(|(other, _)| *other == name) {
            Some((_, sum)) => *sum += count,
            None => sums.push((name, *count)),
        }
    }
    sums
}

/// Returns aztunnel's name of a reason, or ours where it has none.
fn name_of_aztunnel(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::ConnectionRefused
        | FailureReason::Dial
        | FailureReason::HostUnreachable
        | FailureReason::NetworkUnreachable => "dial_failed",
        FailureReason::DialTimeout => "dial_timeout",
        FailureReason::Greeting | FailureReason::GreetingTimeout => "envelope_error",
        FailureReason::NotAllowed | FailureReason::UnknownPortName => "allowlist_rejected",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_is_text_that_prometheus_reads() {
        let text = text(&Metrics::new()).unwrap();
        for line in [
            "# TYPE aztunnel_connection_errors_total counter",
            "aztunnel_connection_errors_total{role=\"listener\",reason=\"dial_failed\"} 0",
            "aztunnel_connection_errors_total{role=\"sender\",reason=\"relay_failed\"} 0",
            "# TYPE aztunnel_dial_duration_seconds histogram",
            "aztunnel_dial_duration_seconds_bucket{role=\"sender\",le=\"+Inf\"} 0",
            "# TYPE aztunnel_bytes_total counter",
            "# TYPE aztunnel_active_connections gauge",
            "azwire_errors_total{role=\"listener\",reason=\"connection_refused\"} 0",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        assert!(text.ends_with('\n'));
        let mut names: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("# TYPE"))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a family has one block");
    }
}
