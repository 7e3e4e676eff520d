//! Which rules an event matches, with 10 rules and with 100,000.
//!
//! The promise (`docs/performance.md`): an event that hits three rules, agents being distinct, costs with 100,000 rules at
//! most 3 times what it costs with 10, and at most 1.1 times with extraction from a 16 KB body. Events go round through 64
//! agents that lie far apart, so that what is measured is not one warm cache line.

#![expect(clippy::string_slice, reason = "texts of its own, in ASCII")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use hookswitch::clock::Timestamp;
use hookswitch::event::{Envelope, Event, EventId, RequestParts};
use hookswitch::name::{RuleName, SourceName, TargetName};
use hookswitch::rule::{
    Effect, Field, Flow, Literal, Matcher, Mode, Operator, Rule, RuleSet, Test,
};

/// About 16 KB.
const BODY: &str = include_str!("../tests/fixtures/retell/call_ended.json");
const SIZES: [usize; 2] = [10, 100_000];
const EVENTS: usize = 64;

fn is(field: Field, text: &str) -> Matcher {
    let test = Test::new(vec![Operator::Is(Literal::Text(text.into()))], false);
    Matcher::Field(field, test.expect("a test"))
}

/// Three rules an agent: as many agents as give `count` rules, the last one with a rule for everything.
fn rules(count: usize) -> Vec<Rule> {
    let target =
        |number: usize| TargetName::new(&format!("target-{}", number % 20)).expect("a name");
    let rule = |number: usize, when| Rule {
        name: RuleName::new(&format!("rule {number}")).expect("a name"),
        when,
        effect: Effect::Send(vec![target(number)]),
        flow: Flow::Continue,
        mode: Mode::Live,
        enabled: true,
        line: None,
        end_line: None,
    };
    let mut rules: Vec<Rule> = (0..count - 1)
        .map(|number| {
            let agent = is(Field::AgentId, &format!("agent_{}", number / 2));
            rule(number, Some(Matcher::All(vec![is(Field::Event, "call_ended"), agent])))
        })
        .collect();
    rules.push(rule(count - 1, None));
    rules
}

fn envelope() -> Envelope {
    Envelope {
        id: EventId::from_bytes([0; 16]),
        source: SourceName::new("retell").expect("a name"),
        received_at: Timestamp::from_millis(0),
        signed: true,
        name: None,
        agent_id: None,
        subject: None,
        request: RequestParts::default(),
    }
}

/// Bodies of agents that lie far apart in a file of `count` rules.
fn bodies(count: usize) -> Vec<Bytes> {
    const KEY: &str = "\"agent_id\":\"";
    let start = BODY.find(KEY).expect("the fixture has an agent") + KEY.len();
    let end = start + BODY[start..].find('"').expect("its id ends");
    let agents = (count - 1) / 2;
    let body = |number: usize| {
        let agent = number * agents / EVENTS;
        Bytes::from(format!("{}agent_{agent}{}", &BODY[..start], &BODY[end..]))
    };
    (0..EVENTS).map(body).collect()
}

fn routing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routing");
    for count in SIZES {
        let rules = RuleSet::new(rules(count), vec![], vec![]);
        let bodies = bodies(count);
        let envelope = envelope();
        let read = |body: &Bytes| rules.reader().reread(&envelope, body).expect("an object");
        let events: Vec<Event> = bodies.iter().map(read).collect();
        assert!(events.iter().all(|event| rules.plan(event).rules.len() == 3), "three rules each");

        group.bench_function(BenchmarkId::new("match", count), |bencher| {
            let mut next = events.iter().cycle();
            bencher.iter(|| rules.plan(black_box(next.next().expect("a cycle has no end"))));
        });
        group.bench_function(BenchmarkId::new("extract_and_match", count), |bencher| {
            let mut next = bodies.iter().cycle();
            bencher.iter(|| rules.plan(&read(black_box(next.next().expect("a cycle has no end")))));
        });
    }
    group.sample_size(10);
    group.bench_function(BenchmarkId::new("compile", SIZES[1]), |bencher| {
        bencher.iter_batched(
            || rules(SIZES[1]),
            |rules| RuleSet::new(rules, vec![], vec![]),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2))
        .without_plots();
    targets = routing
}
criterion_main!(benches);
