use proptest::prelude::*;

use super::retry_after_forms::FORMS;
use super::*;

/// 2024-05-02T00:00:00Z, a Thursday.
const NOW: i64 = 1_714_608_000;

fn plain(status: u16) -> Outcome {
    classify(status, None, &Overrides::default(), at(NOW))
}

#[test]
fn every_status_has_its_place_in_the_table() {
    let retried = [401, 403, 404, 407, 408, 425];
    for status in 0..=1099 {
        let expected = match status {
            200..=299 => Outcome::Accepted,
            300..=399 => Outcome::Reject(DeadReason::Redirect),
            410 => Outcome::Reject(DeadReason::Gone),
            429 => BUSY,
            _ if retried.contains(&status) => FAILED,
            400..=499 | 501 => Outcome::Reject(DeadReason::Rejected),
            _ => FAILED,
        };
        assert_eq!(plain(status), expected, "{status}");
    }
    for odd in [199, 599, 999, 100, 101, 0, u16::MAX] {
        assert_eq!(plain(odd), FAILED, "{odd} condemns nothing");
    }
}

#[test]
fn a_target_may_see_a_status_otherwise() {
    let one = |status| StatusRange { first: status, last: status };
    let overrides = Overrides {
        also_on: vec![
            one(400),
            one(302),
            one(410),
            StatusRange { first: 520, last: 529 },
            one(204),
        ],
        never_on: vec![StatusRange { first: 500, last: 599 }, one(404), one(200), one(429)],
    };
    let seen = |status| classify(status, Some("7"), &overrides, at(NOW));
    let again = Outcome::Retry { not_before: Some(at(NOW + 7)), busy: false };
    for status in [400, 302, 410, 520, 529] {
        assert_eq!(seen(status), again, "{status}");
    }
    for status in [500, 503, 530, 404, 429] {
        assert_eq!(seen(status), Outcome::Reject(DeadReason::Rejected), "{status}");
    }
    for status in [200, 204, 299] {
        assert_eq!(seen(status), Outcome::Accepted, "a 2xx is one: {status}");
    }
    assert_eq!(seen(401), again, "what no list names stays as it is");
    assert_eq!(seen(301), Outcome::Reject(DeadReason::Redirect));
}

#[test]
fn busy_is_429_and_503_that_names_a_time() {
    let seen = |status, header| classify(status, header, &Overrides::default(), at(NOW));
    let until = |seconds, busy| Outcome::Retry { not_before: Some(at(NOW + seconds)), busy };
    assert_eq!(seen(429, Some("2")), until(2, true));
    assert_eq!(seen(429, None), BUSY);
    assert_eq!(seen(429, Some("soon")), BUSY);
    assert_eq!(seen(503, Some("2")), until(2, true));
    assert_eq!(seen(503, None), FAILED);
    assert_eq!(seen(503, Some("-1")), FAILED);
    assert_eq!(seen(500, Some("2")), until(2, false));
    assert_eq!(seen(404, Some("2")), until(2, false));
    assert_eq!(seen(200, Some("2")), Outcome::Accepted);
    assert_eq!(seen(400, Some("2")), Outcome::Reject(DeadReason::Rejected));
}

#[test]
fn a_retry_after_is_seconds_or_a_date_and_nothing_else() {
    assert!(FORMS.len() >= 200, "{}", FORMS.len());
    for (form, wait) in FORMS {
        let expected = wait.map(|seconds| at(NOW + seconds));
        assert_eq!(retry_after(form, at(NOW)), expected, "{form:?}");
    }
}

#[test]
fn a_retry_after_bears_any_clock() {
    for now in [i64::MIN, -1, 0, i64::MAX - 1, i64::MAX].map(Timestamp::from_millis) {
        for (form, _) in FORMS {
            if let Some(asked) = retry_after(form, now) {
                assert!(now <= asked && asked <= now.plus(RETRY_AFTER_MAX), "{form:?} at {now}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_header_only_delays_and_at_most_an_hour(
        value in prop_oneof![
            any::<String>(),
            "[0-9]{1,30}",
            "[A-Z][a-z]{2,8}, [0-9]{2}[ -][A-Z][a-z]{2}[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
            "(Mon|Tue|Sun) (Jan|Feb|Nov|Dec) [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}",
        ],
        now in any::<i64>(),
        status in any::<u16>(),
    ) {
        let now = Timestamp::from_millis(now);
        if let Outcome::Retry { not_before: Some(asked), .. } =
            classify(status, Some(&value), &Overrides::default(), now)
        {
            prop_assert!(now <= asked && asked <= now.plus(RETRY_AFTER_MAX));
        }
    }

    #[test]
    fn every_date_of_the_next_hour_is_read_to_the_second(
        base in 0_i64..4_000_000_000,
        ahead in 0_u32..=3600,
    ) {
        let date = std::time::UNIX_EPOCH
            + Duration::from_secs(u64::try_from(base).expect("it is positive") + u64::from(ahead));
        let asked = retry_after(&httpdate::fmt_http_date(date), at(base));
        prop_assert_eq!(asked, Some(at(base + i64::from(ahead))));
    }
}
