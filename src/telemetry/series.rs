//! The numbers behind the metrics: atomics that recording touches without a lock.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows, or that is set. No ordering is needed: each stands alone.
#[derive(Debug, Default)]
pub(super) struct Value(AtomicU64);

impl Value {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set_float(&self, value: f64) {
        self.set(value.to_bits());
    }

    pub(super) fn get_float(&self) -> f64 {
        f64::from_bits(self.get())
    }
}

/// Durations in buckets with fixed upper bounds, in seconds.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static [f64],
    /// One for each bound and one for what lies above all.
    counts: Box<[Value]>,
    /// In nanoseconds: 584 years of them fit.
    sum: Value,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        let counts = bounds.iter().map(|_| Value::default()).chain([Value::default()]).collect();
        Self { bounds, counts, sum: Value::default() }
    }

    pub(super) fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = self.bounds.partition_point(|&bound| bound < seconds);
        if let Some(count) = self.counts.get(bucket) {
            count.add(1);
        }
        self.sum.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Upper bounds with the count of each bucket alone; the last is infinite.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().map(Value::get)).collect()
    }

    pub(super) fn sum_seconds(&self) -> f64 {
        Duration::from_nanos(self.sum.get()).as_secs_f64()
    }
}

/// One number for each entry of a fixed list of labels.
#[derive(Debug)]
pub(super) struct Counts<const N: usize>([Value; N]);

impl<const N: usize> Default for Counts<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Value::default()))
    }
}

impl<const N: usize> Counts<N> {
    pub(super) fn add(&self, index: usize, count: u64) {
        if let Some(value) = self.0.get(index) {
            value.add(count);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(Value::get)
    }
}

/// A yes or no that is set.
#[derive(Debug, Default)]
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn set(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The series of the names that the configuration has. Never changed once made: a reload makes another that shares the
/// series of the names that stay.
#[derive(Debug)]
pub(super) struct Table<N, S> {
    names: Vec<N>,
    series: HashMap<N, Arc<S>>,
}

impl<N, S> Default for Table<N, S> {
    fn default() -> Self {
        Self { names: Vec::new(), series: HashMap::new() }
    }
}

impl<N: Clone + Eq + Hash, S: Default> Table<N, S> {
    pub(super) fn get(&self, name: &N) -> Option<&Arc<S>> {
        self.series.get(name)
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// In the order of the configuration.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&N, &S)> {
        self.names.iter().filter_map(|name| Some((name, &**self.series.get(name)?)))
    }

    /// The table of `names`: what stays keeps its series, what is new begins at zero.
    pub(super) fn with(&self, names: &[N]) -> Self {
        let series = names
            .iter()
            .map(|name| (name.clone(), self.get(name).cloned().unwrap_or_default()))
            .collect();
        Self { names: names.to_vec(), series }
    }
}
