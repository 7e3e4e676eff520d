//! Reading a configuration: all of it, and what of that is the search for what is unwise, proofs included.
//!
//! Two files of each size. In one every rule is for an agent of its own, so that no two have anything in common; in the other they ask
//! for prefixes, of which many hold others, and for lengths.

use std::fmt::Write as _;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hookswitch::config::{self, Advice, MapEnvironment, Overrides};

/// As many as a file can hold of rules like these are some 6,000.
const SIZES: [usize; 2] = [1_000, 5_000];
const TARGETS: usize = 20;

fn file(count: usize, when: impl Fn(usize) -> String) -> String {
    let mut text =
        "version: 1\nsources: { retell: { path: /webhook, verify: none } }\ntargets:\n".to_owned();
    let mut line = |part: String| writeln!(text, "{part}").expect("a text takes any line");
    (0..TARGETS).for_each(|at| line(format!("  t{at}: {{ kind: log }}")));
    line("rules:".to_owned());
    for at in 0..count {
        let (when, target, length) = (when(at), at % TARGETS, at % 600 * 1_000);
        line(format!(
            "  - {{ name: r{at}, when: {{ {when}, fields: {{ $.call.duration_ms: {{ gte: {length} }} }} }}, to: [t{target}] }}"
        ));
    }
    line("fallback: [t0]".to_owned());
    text
}

fn agents(at: usize) -> String {
    format!("event: call_analyzed, agent_id: agent_{at}")
}

fn prefixes(at: usize) -> String {
    format!("event: [call_analyzed, call_ended], metadata: {{ tenant: {{ prefix: t{at} }} }}")
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reading");
    for count in SIZES {
        for (kind, text) in [("agents", file(count, agents)), ("prefixes", file(count, prefixes))] {
            for (what, advice) in [
                ("nothing", Advice::Quick),
                ("warnings", Advice::Warnings),
                ("notes", Advice::Notes),
            ] {
                let overrides = Overrides { advice, ..Overrides::default() };
                let (path, none) = (Path::new("rules.yaml"), MapEnvironment::default());
                let read = || config::load_text(&text, path, &none, &overrides);
                assert!(read().is_ok(), "{:?}", read().err());
                group.bench_function(
                    BenchmarkId::new(format!("{kind}, {what}"), count),
                    |bencher| {
                        bencher.iter(read);
                    },
                );
            }
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2))
        .sample_size(10)
        .without_plots();
    targets = reading
}
criterion_main!(benches);
