use proptest::prelude::*;

use super::*;

fn again(attempts: u32, not_before: Option<Timestamp>, fraction: f64) -> Timestamp {
    let state = State { attempts, age_from: at(1000) };
    let outcome = Outcome::Retry { not_before, busy: false };
    match step(state, &outcome, at(1000), fraction, &policy()) {
        Transition::Again { at } => at,
        other => panic!("expected another attempt, not {other:?}"),
    }
}

#[test]
fn waits_double_until_the_longest() {
    let waits: Vec<u64> = (1..=12).map(|n| backoff(n, 0.5, &policy()).as_secs()).collect();
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800]);
    assert_eq!(backoff(0, 0.5, &policy()), secs(2), "an attempt before the first is the first");
}

#[test]
fn jitter_moves_a_wait_by_a_fifth_either_way() {
    assert_eq!(again(3, None, 0.0), at(1000).plus(Duration::from_millis(6400)));
    assert_eq!(again(3, None, 0.5), at(1008));
    assert_eq!(again(3, None, 1.0), at(1000).plus(Duration::from_millis(9600)));
    assert_eq!(again(3, None, f64::NAN), at(1008));
    assert_eq!(again(3, None, 1e300), at(1000).plus(Duration::from_millis(9600)));
    assert_eq!(again(3, None, -1.0), at(1000).plus(Duration::from_millis(6400)));
    assert_eq!(backoff(u32::MAX, 1.0, &policy()), secs(2160), "1.2 times the longest, never more");
}

#[test]
fn what_the_target_asks_for_only_delays() {
    assert_eq!(again(1, Some(at(1060)), 0.5), at(1060));
    assert_eq!(again(1, Some(at(1001)), 0.5), at(1002));
    assert_eq!(again(1, Some(at(-5)), 0.5), at(1002));
}

#[test]
fn only_a_failure_gives_up_and_only_by_age() {
    let late = at(1000 + 86_400);
    let just_before = Timestamp::from_millis(late.millis() - 1);
    let old = State { attempts: 900, age_from: at(1000) };
    let end = |outcome: &Outcome, now| step(old, outcome, now, 0.5, &policy());
    assert_eq!(end(&FAILED, late), Transition::Bury(DeadReason::Expired));
    assert_eq!(end(&BUSY, late), Transition::Bury(DeadReason::Expired));
    assert!(matches!(end(&FAILED, just_before), Transition::Again { .. }));
    assert_eq!(end(&Outcome::Accepted, at(i64::MAX / 1000)), Transition::Done);
    for reason in DeadReason::ALL {
        assert_eq!(end(&Outcome::Reject(reason), late), Transition::Bury(reason));
    }
}

#[test]
fn a_clock_that_went_back_makes_nothing_old() {
    let state = State { attempts: 1, age_from: at(2_000_000_000) };
    let next = step(state, &FAILED, at(0), 0.5, &policy());
    assert_eq!(next, Transition::Again { at: at(2) });
}

#[test]
fn policies_that_make_no_sense_do_not_exist() {
    let new = |initial, factor, max, give_up| RetryPolicy::new(initial, factor, max, give_up);
    assert_eq!(new(secs(0), 2.0, secs(1), secs(9)), Err(RetryPolicyError::InitialZero));
    assert_eq!(new(secs(2), 0.9, secs(9), secs(9)), Err(RetryPolicyError::Factor(0.9)));
    assert!(matches!(new(secs(2), f64::NAN, secs(9), secs(9)), Err(RetryPolicyError::Factor(_))));
    assert_eq!(new(secs(2), 2.0, secs(1), secs(9)), Err(RetryPolicyError::MaxBelowInitial));
    assert_eq!(new(secs(2), 2.0, secs(2), secs(0)), Err(RetryPolicyError::GiveUp));
    assert_eq!(new(secs(2), 2.0, secs(2), secs(366 * 86_400)), Err(RetryPolicyError::GiveUp));
}

proptest! {
    #[test]
    fn no_wait_overflows_or_leaves_its_bounds(
        initial in 1_u64..=u64::MAX,
        longer in 0_u64..=u64::MAX,
        factor in 1.0_f64..=100.0,
        attempts in prop_oneof![0_u32..50, any::<u32>(), Just(4_000_000_000)],
        fraction in any::<f64>(),
        now in any::<i64>(),
        not_before in proptest::option::of(any::<i64>()),
    ) {
        let (initial, max) = (Duration::from_millis(initial), Duration::from_millis(initial.saturating_add(longer)));
        let policy = RetryPolicy::new(initial, factor, max, secs(60)).expect("it makes sense");
        let wait = backoff(attempts, fraction, &policy).as_secs_f64();
        prop_assert!(wait >= initial.as_secs_f64() * 0.799_999);
        prop_assert!(wait <= max.as_secs_f64() * 1.200_001);

        let now = Timestamp::from_millis(now);
        let outcome = Outcome::Retry { not_before: not_before.map(Timestamp::from_millis), busy: true };
        let state = State { attempts, age_from: now };
        let Transition::Again { at } = step(state, &outcome, now, fraction, &policy) else {
            panic!("nothing of age nothing is given up");
        };
        prop_assert!(at >= now);
        prop_assert!(not_before.is_none_or(|asked| at.millis() >= asked));
    }
}
