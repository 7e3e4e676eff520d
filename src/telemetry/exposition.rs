//! The metrics as OpenMetrics text: names, help and order of the families.

use std::fmt::Error;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use super::labels::{AttemptLabel, DeliveryResult, EventResult, Refused};
use super::metrics::{Gauges, Inner, REMOVED, TargetSeries};
use super::series::Histogram;

type Written = Result<(), Error>;

fn counter(mut encoder: MetricEncoder<'_>, value: u64) -> Written {
    encoder.encode_counter::<NoLabelSet, u64, f64>(&value, None)
}

fn histogram(mut encoder: MetricEncoder<'_>, values: &Histogram) -> Written {
    let buckets = values.buckets();
    let count = buckets.iter().map(|(_, count)| count).sum();
    encoder.encode_histogram::<NoLabelSet>(values.sum_seconds(), count, &buckets, None)
}

impl Collector for Inner {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Written {
        encoder
            .encode_descriptor("hookswitch_build", "The version that runs", None, MetricType::Info)?
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        self.events(&mut encoder)?;
        self.listener(&mut encoder)?;
        self.target_counters(&mut encoder)?;
        self.target_gauges(&mut encoder)?;
        self.store(&mut encoder)?;
        self.configuration(&mut encoder)
    }
}

impl Inner {
    fn events(&self, encoder: &mut DescriptorEncoder<'_>) -> Written {
        let sources = self.sources.load();
        let known = sources.iter().map(|(name, series)| (name.as_str(), series));
        let removed = self.removed_source.used().map(|series| (REMOVED, series));
        let mut family = encoder.encode_descriptor(
            "hookswitch_events",
            "Requests to a source, by what became of them",
            None,
            MetricType::Counter,
        )?;
        for (source, series) in known.chain(removed) {
            for (result, count) in EventResult::ALL.iter().zip(series.iter()) {
                let labels = [("source", source), ("result", result.as_str())];
                counter(family.encode_family(&labels)?, count)?;
            }
        }
        let rules = self.rules.load();
        let mut family = encoder.encode_descriptor(
            "hookswitch_rule_matches",
            "Events that a rule matched",
            None,
            MetricType::Counter,
        )?;
        for (rule, series) in rules.iter() {
            counter(family.encode_family(&[("rule", rule.as_str())])?, series.matches.get())?;
        }
        let shadows = self.shadows.load();
        let mut family = encoder.encode_descriptor(
            "hookswitch_rule_shadow_matches",
            "Events that a rule in shadow matched; nothing followed from it",
            None,
            MetricType::Counter,
        )?;
        for (rule, series) in shadows.iter() {
            counter(family.encode_family(&[("rule", rule.as_str())])?, series.matches.get())?;
        }
        let family = encoder.encode_descriptor(
            "hookswitch_ack",
            "Time from the last byte of an event to its answer",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        histogram(family, &self.acknowledged)
    }

    fn listener(&self, encoder: &mut DescriptorEncoder<'_>) -> Written {
        let mut family = encoder.encode_descriptor(
            "hookswitch_refused",
            "Connections and requests refused before they reached a source, by why",
            None,
            MetricType::Counter,
        )?;
        for (reason, count) in Refused::ALL.iter().zip(self.refused.iter()) {
            counter(family.encode_family(&[("reason", reason.as_str())])?, count)?;
        }
        encoder
            .encode_descriptor(
                "hookswitch_connections",
                "Connections to the listener that are open",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&self.connections.get())
    }

    fn target_counters(&self, encoder: &mut DescriptorEncoder<'_>) -> Written {
        let targets = self.targets.load();
        let removed = self.removed_target.used().map(|series| (REMOVED, series));
        let all: Vec<(&str, &TargetSeries)> =
            targets.iter().map(|(name, series)| (name.as_str(), series)).chain(removed).collect();
        let mut family = encoder.encode_descriptor(
            "hookswitch_deliveries",
            "Deliveries that began or ended, by how",
            None,
            MetricType::Counter,
        )?;
        for (target, series) in &all {
            for (result, count) in DeliveryResult::all().zip(series.deliveries.iter()) {
                let labels = [("target", *target), ("result", result.as_str())];
                counter(family.encode_family(&labels)?, count)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "hookswitch_attempts",
            "Attempts that ended, by what they came to",
            None,
            MetricType::Counter,
        )?;
        for (target, series) in &all {
            for (outcome, count) in AttemptLabel::ALL.iter().zip(series.attempts.iter()) {
                let labels = [("target", *target), ("outcome", outcome.as_str())];
                counter(family.encode_family(&labels)?, count)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "hookswitch_attempt",
            "Time from the beginning of an attempt to its end",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (target, series) in &all {
            histogram(family.encode_family(&[("target", *target)])?, &series.seconds)?;
        }
        Ok(())
    }

    fn target_gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> Written {
        let targets = self.targets.load();
        let removed = self.removed_gauges();
        let all: Vec<(&str, &Gauges)> = targets
            .iter()
            .map(|(name, series)| (name.as_str(), &series.gauges))
            .chain(removed.as_ref().map(|gauges| (REMOVED, gauges)))
            .collect();
        let mut gauge = |name, help, unit: Option<Unit>, value: &dyn Fn(&Gauges) -> f64| {
            let mut family =
                encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
            for (target, gauges) in &all {
                let labels = [("target", *target)];
                family.encode_family(&labels)?.encode_gauge(&value(gauges))?;
            }
            Written::Ok(())
        };
        gauge("hookswitch_pending", "Deliveries that wait or are under way", None, &|gauges| {
            float(gauges.pending.get())
        })?;
        gauge(
            "hookswitch_oldest_pending",
            "Age of the oldest pending delivery",
            Some(Unit::Seconds),
            &|gauges| gauges.oldest_seconds.get_float(),
        )?;
        gauge("hookswitch_dead_letters", "Dead letters that are listed", None, &|gauges| {
            float(gauges.dead.get())
        })?;
        gauge("hookswitch_circuit_open", "Whether the circuit is open", None, &|gauges| {
            f64::from(u8::from(gauges.circuit_open.get()))
        })?;
        gauge("hookswitch_target_paused", "Whether a person paused it", None, &|gauges| {
            f64::from(u8::from(gauges.paused.get()))
        })
    }

    fn store(&self, encoder: &mut DescriptorEncoder<'_>) -> Written {
        encoder
            .encode_descriptor(
                "hookswitch_quarantined",
                "Authentic but unreadable events that are listed",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&self.quarantined.get())?;
        let family = encoder.encode_descriptor(
            "hookswitch_store_commit",
            "Time to commit a batch, sync included",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        histogram(family, &self.committed)?;
        encoder
            .encode_descriptor(
                "hookswitch_store",
                "Size of the store on disk",
                Some(&Unit::Bytes),
                MetricType::Gauge,
            )?
            .encode_gauge(&self.store_bytes.get())
    }

    fn configuration(&self, encoder: &mut DescriptorEncoder<'_>) -> Written {
        encoder
            .encode_descriptor(
                "hookswitch_config_last_reload_successful",
                "Whether the last load of the configuration was published",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&u64::from(self.reload_successful.get()))?;
        encoder
            .encode_descriptor(
                "hookswitch_config_restart_pending",
                "Keys that were changed in the file and wait for a restart",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&self.restart_pending.get())?;
        let published = self.published.load();
        let Some((revision, at)) = published.as_deref() else { return Ok(()) };
        encoder
            .encode_descriptor(
                "hookswitch_config_last_reload_success_timestamp",
                "When the configuration was last published",
                Some(&Unit::Seconds),
                MetricType::Gauge,
            )?
            .encode_gauge(&(std::time::Duration::from_millis(*at).as_secs_f64()))?;
        encoder
            .encode_descriptor(
                "hookswitch_config",
                "The configuration that runs",
                None,
                MetricType::Info,
            )?
            .encode_info(&[
                ("revision", revision.number.to_string()),
                ("hash", revision.hash.short()),
            ])
    }
}

/// Counts above 2^53 lose their last digits, which no gauge of ours reaches.
#[expect(clippy::cast_precision_loss, reason = "said above")]
fn float(count: u64) -> f64 {
    count as f64
}
