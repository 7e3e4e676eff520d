use proptest::prelude::*;

use super::*;

#[test]
fn rates_are_read_and_printed() {
    let same = ["10/s", "1/s", "100/m", "5/h", "1/2s", "3/250ms", "1000000/24h"];
    for text in same {
        let rate = Rate::parse(text).unwrap_or_else(|_| panic!("{text} is a rate"));
        assert_eq!(rate.to_string(), text);
    }
    let rate = Rate::parse(" 7 / 90m ").expect("spaces do no harm");
    assert_eq!((rate.count(), rate.per()), (7, secs(5400)));
    for text in [
        "",
        "/",
        "1",
        "1/",
        "/s",
        "0/s",
        "1/0s",
        "-1/s",
        "+1/s",
        "1.5/s",
        "1/1.5s",
        "1/d",
        "1/sec",
        "1/s/s",
        "1000001/s",
        "1/25h",
        "1/99999999999h",
        "99999999999/s",
        "1/-1s",
        "1/ss",
        "1/s2",
        "one/s",
        "1/\u{0661}s",
    ] {
        assert_eq!(Rate::parse(text), Err(RateError), "{text}");
    }
}

#[test]
fn a_bucket_holds_a_second_and_at_least_one() {
    for (rate, burst) in
        [("10/s", 10), ("1/s", 1), ("100/m", 1), ("1/2s", 1), ("120/m", 2), ("1/24h", 1)]
    {
        let mut bucket = Bucket::new(Rate::parse(rate).expect("a rate"), secs(5));
        let taken = (0..100).take_while(|_| bucket.take(secs(5)).is_ok()).count();
        assert_eq!(taken, burst, "{rate}");
    }
}

#[test]
fn an_empty_bucket_says_when() {
    let mut bucket = Bucket::new(Rate::parse("1/2s").expect("a rate"), secs(0));
    assert_eq!(bucket.take(secs(1)), Ok(()));
    assert_eq!(bucket.take(secs(1)), Err(secs(3)));
    assert_eq!(bucket.take(Duration::from_millis(2999)), Err(secs(3)));
    assert_eq!(bucket.take(secs(3)), Ok(()));
}

proptest! {
    #[test]
    fn no_span_sees_more_than_the_rate_and_a_burst(
        count in 1_u32..50,
        per in 1_u32..5000,
        asks in proptest::collection::vec(0_u64..2000, 1..300),
    ) {
        let rate = Rate::parse(&format!("{count}/{per}ms")).expect("a rate");
        let token = rate.per().as_secs_f64() / f64::from(count);
        let burst = (1.0 / token).max(1.0);
        let mut bucket = Bucket::new(rate, Duration::ZERO);
        let (mut now, mut taken) = (Duration::ZERO, Vec::new());
        for wait in asks {
            now += Duration::from_millis(wait);
            match bucket.take(now) {
                Ok(()) => taken.push(now.as_secs_f64()),
                Err(at) => {
                    prop_assert!(at > now);
                    prop_assert!(bucket.take(at).is_ok(), "it keeps its word");
                    now = at;
                    taken.push(now.as_secs_f64());
                }
            }
        }
        for (i, first) in taken.iter().enumerate() {
            for (more, last) in taken.iter().skip(i).enumerate() {
                let allowed = burst + (last - first) / token + 0.001;
                prop_assert!(f64::from(u32::try_from(more).expect("few")) + 1.0 <= allowed);
            }
        }
    }
}
