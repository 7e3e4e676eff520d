//! `Retry-After`: any header is survived and stays within an hour, seconds and the three forms of a date mean what they say.

use std::time::Duration;

use hookswitch::clock::Timestamp;
use hookswitch::delivery::{
    Outcome, Overrides, RETRY_AFTER_MAX, StatusRange, classify, retry_after,
};

use super::{number, text};

const DAY: i64 = 86_400;

/// The first bytes are the time, the way and a status; the rest is a header, or a date to be written.
pub fn check(data: &[u8]) {
    let (now, rest) = number(data);
    let now = Timestamp::from_millis(now.cast_signed());
    let Some((&[way, first, second], rest)) = rest.split_first_chunk::<3>() else { return };
    let status = u16::from_le_bytes([first, second]);
    let header = text(rest);
    any(&header, status, now);
    // Dates from 1970 to 9999, and times near them.
    let (seconds, rest) = number(rest);
    let seconds = i64::try_from(seconds % 253_402_300_800).unwrap();
    let (near, _) = number(rest);
    let near = i64::try_from(near % 20_000_000).unwrap() - 10_000_000;
    dated(seconds, way, Timestamp::from_millis(seconds * 1000 + near));
}

fn any(header: &str, status: u16, now: Timestamp) {
    let asked = retry_after(header, now);
    if let Some(at) = asked {
        assert!(at >= now && at <= now.plus(RETRY_AFTER_MAX), "{header:?}: {at} at {now}");
    }
    let bare = header.trim_matches([' ', '\t']);
    if !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit()) {
        // A number longer than this is more than an hour whatever it is.
        let significant = bare.trim_start_matches('0');
        let wait = match significant.len() {
            0 => Duration::ZERO,
            1..=9 => Duration::from_secs(significant.parse().unwrap()),
            _ => RETRY_AFTER_MAX,
        };
        assert_eq!(asked, Some(now.plus(wait.min(RETRY_AFTER_MAX))), "{header:?}");
    }
    let overrides = Overrides {
        also_on: vec![StatusRange { first: 400, last: 499 }],
        never_on: vec![StatusRange { first: 500, last: 599 }],
    };
    for overrides in [Overrides::default(), overrides] {
        match classify(status, Some(header), &overrides, now) {
            Outcome::Accepted => assert!((200..300).contains(&status)),
            Outcome::Retry { not_before, busy } => {
                assert!(!(200..400).contains(&status));
                assert_eq!(not_before, asked);
                assert!(!busy || matches!(status, 429 | 503));
            }
            Outcome::Reject(_) => assert!((300..600).contains(&status)),
        }
    }
}

/// A date that we write is read back, whichever form it has.
fn dated(seconds: i64, way: u8, now: Timestamp) {
    let (date, weekday) = civil(seconds);
    let (year, month, day) = date;
    let clock = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    let short = &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][weekday];
    let long =
        &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"][weekday];
    let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        [month - 1];
    let header = match way % 3 {
        0 => format!("{short}, {day:02} {name} {year:04} {hour:02}:{minute:02}:{second:02} GMT"),
        // Two digits of a year mean 1970 to 2069.
        1 if (1970..2070).contains(&year) => {
            let year = year % 100;
            format!("{long}, {day:02}-{name}-{year:02} {hour:02}:{minute:02}:{second:02} GMT")
        }
        _ => format!("{short} {name} {day:2} {hour:02}:{minute:02}:{second:02} {year:04}"),
    };
    let expected = Timestamp::from_millis(seconds * 1000).clamp(now, now.plus(RETRY_AFTER_MAX));
    assert_eq!(retry_after(&header, now), Some(expected), "{header:?} at {now}");
}

/// Year, month and day of a moment, and the day of the week (Monday is 0), by counting.
fn civil(seconds: i64) -> ((i64, usize, i64), usize) {
    let days = seconds.div_euclid(DAY);
    let weekday = usize::try_from((days + 3).rem_euclid(7)).unwrap();
    // 400 years are always as long.
    let (mut year, mut left) = (1970 + 400 * days.div_euclid(146_097), days.rem_euclid(146_097));
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    loop {
        let length = 365 + i64::from(leap(year));
        if left < length {
            break;
        }
        left -= length;
        year += 1;
    }
    let february = 28 + i64::from(leap(year));
    let mut month = 0;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    ((year, month + 1, left + 1), weekday)
}
