use super::*;

const REJECTED: Outcome = Outcome::Reject(DeadReason::Rejected);
const REDIRECT: Outcome = Outcome::Reject(DeadReason::Redirect);
const GONE: Outcome = Outcome::Reject(DeadReason::Gone);
const TEMPLATE: Outcome = Outcome::Reject(DeadReason::Template);

fn opened(now: Duration) -> Circuit {
    let mut circuit = Circuit::default();
    let turns: Vec<Turn> = (0..5).map(|_| circuit.record(&FAILED, now)).collect();
    assert_eq!(turns, [Turn::Same, Turn::Same, Turn::Same, Turn::Same, Turn::Opened]);
    circuit
}

#[test]
fn five_failures_in_a_row_open_it() {
    let circuit = opened(secs(100));
    assert_eq!(circuit.state(secs(100)), CircuitState::Open { probe_at: secs(105) });
    assert_eq!(circuit.state(secs(105)), CircuitState::ProbeDue);
}

#[test]
fn a_sign_of_life_begins_the_row_anew() {
    for alive in [Outcome::Accepted, REJECTED] {
        let mut circuit = Circuit::default();
        for _ in 0..20 {
            (0..4).for_each(|_| assert_eq!(circuit.record(&FAILED, secs(1)), Turn::Same));
            assert_eq!(circuit.record(&alive, secs(1)), Turn::Same);
        }
        assert_eq!(circuit.state(secs(1)), CircuitState::Closed);
    }
}

#[test]
fn busy_and_unsent_neither_fail_nor_mend() {
    let mut circuit = Circuit::default();
    for _ in 0..4 {
        assert_eq!(circuit.record(&FAILED, secs(1)), Turn::Same);
        assert_eq!(circuit.record(&BUSY, secs(1)), Turn::Same);
        assert_eq!(circuit.record(&TEMPLATE, secs(1)), Turn::Same);
    }
    assert_eq!(circuit.record(&REDIRECT, secs(1)), Turn::Opened, "a redirect is the fifth failure");
}

#[test]
fn probes_come_at_doubling_intervals_until_five_minutes() {
    let mut circuit = opened(secs(0));
    let mut waits = Vec::new();
    let mut now = secs(0);
    for _ in 0..8 {
        let CircuitState::Open { probe_at } = circuit.state(now) else { panic!("it is open") };
        waits.push(probe_at.saturating_sub(now).as_secs());
        now = probe_at;
        assert_eq!(circuit.state(now), CircuitState::ProbeDue);
        circuit.begin_probe();
        assert_eq!(circuit.state(now), CircuitState::Probing);
        assert_eq!(circuit.record_probe(&FAILED, now), Turn::Same);
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
    let CircuitState::Open { probe_at } = circuit.state(now) else { panic!("it is open") };
    circuit.begin_probe();
    assert_eq!(circuit.record_probe(&Outcome::Accepted, probe_at), Turn::Closed);
    assert_eq!(opened(secs(0)).state(secs(1)), CircuitState::Open { probe_at: secs(5) });
}

#[test]
fn a_refused_probe_closes_it_and_an_inconclusive_one_is_repeated() {
    let mut circuit = opened(secs(0));
    circuit.begin_probe();
    assert_eq!(circuit.record_probe(&BUSY, secs(9)), Turn::Same);
    assert_eq!(circuit.state(secs(9)), CircuitState::ProbeDue);
    circuit.begin_probe();
    assert_eq!(circuit.record_probe(&TEMPLATE, secs(9)), Turn::Same);
    assert_eq!(circuit.state(secs(9)), CircuitState::ProbeDue);
    circuit.begin_probe();
    assert_eq!(circuit.record_probe(&REJECTED, secs(9)), Turn::Closed);
}

#[test]
fn gone_opens_it_for_an_hour() {
    let mut circuit = Circuit::default();
    assert_eq!(circuit.record(&GONE, secs(7)), Turn::Opened);
    assert_eq!(circuit.state(secs(7)), CircuitState::Open { probe_at: secs(3607) });
    circuit.begin_probe();
    assert_eq!(circuit.record_probe(&GONE, secs(3607)), Turn::Same);
    assert_eq!(circuit.state(secs(3607)), CircuitState::Open { probe_at: secs(7207) });
}

#[test]
fn stragglers_bring_only_good_news() {
    let mut circuit = opened(secs(0));
    assert_eq!(circuit.record(&FAILED, secs(4)), Turn::Same);
    assert_eq!(circuit.state(secs(4)), CircuitState::Open { probe_at: secs(5) });
    circuit.begin_probe();
    assert_eq!(circuit.record(&FAILED, secs(6)), Turn::Same, "not the probe's");
    assert_eq!(circuit.state(secs(6)), CircuitState::Probing);
    assert_eq!(circuit.record(&Outcome::Accepted, secs(6)), Turn::Closed);
    assert_eq!(circuit.record_probe(&FAILED, secs(7)), Turn::Same, "an ordinary failure by now");
    assert_eq!(circuit.state(secs(7)), CircuitState::Closed);
    circuit = opened(secs(0));
    circuit.begin_probe();
    circuit.reset();
    assert_eq!(circuit.state(secs(0)), CircuitState::Closed);
}
