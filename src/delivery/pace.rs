//! How many attempts a target gets per unit of time: a token bucket.

use std::fmt;
use std::time::Duration;

/// Most attempts that a rate can name.
const COUNT_MAX: u32 = 1_000_000;
/// Longest time that a rate can name.
const PER_MAX: Duration = Duration::from_hours(24);

/// At most `count` attempts per `per`, written `10/s`, `100/m`, `1/2s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    count: u32,
    /// Per how long.
    per: Duration,
}

/// Why a text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rate is a whole number of attempts (1 to 1000000) per time (at most 24h), such as `1/s`, `100/m` or `1/2s`"
)]
pub struct RateError;

impl Rate {
    /// Reads `10/s`, `100/m`, `5/h`, `1/2s`: digits, a slash, and `ms`, `s`, `m` or `h`, with a whole number before it if
    /// it is not one.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let (count, per) = text.split_once('/').ok_or(RateError)?;
        let count = whole(count.trim()).filter(|count| *count <= COUNT_MAX).ok_or(RateError)?;
        let per = per.trim();
        let digits = per.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match per.strip_prefix(digits) {
            Some("ms") => Duration::from_millis(1),
            Some("s") => Duration::from_secs(1),
            Some("m") => Duration::from_mins(1),
            Some("h") => Duration::from_hours(1),
            _ => return Err(RateError),
        };
        let units = if digits.is_empty() { 1 } else { whole(digits).ok_or(RateError)? };
        let per = unit.checked_mul(units).filter(|per| *per <= PER_MAX).ok_or(RateError)?;
        Ok(Self { count, per })
    }

    /// How many per [`Rate::per`].
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Per how long.
    pub fn per(&self) -> Duration {
        self.per
    }

    /// How many it lets through in `time`, apart from the second's worth that it lets through at once.
    pub fn within(&self, time: Duration) -> u64 {
        let many = u128::from(self.count) * time.as_nanos() / self.per.as_nanos().max(1);
        u64::try_from(many).unwrap_or(u64::MAX)
    }
}

/// A whole number above nothing, in digits alone.
fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| *number > 0)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.per.as_millis();
        let (units, unit) = match millis {
            _ if millis.is_multiple_of(3_600_000) => (millis / 3_600_000, "h"),
            _ if millis.is_multiple_of(60_000) => (millis / 60_000, "m"),
            _ if millis.is_multiple_of(1000) => (millis / 1000, "s"),
            _ => (millis, "ms"),
        };
        match units {
            1 => write!(f, "{}/{unit}", self.count),
            _ => write!(f, "{}/{units}{unit}", self.count),
        }
    }
}

/// A bucket of at most one second's worth of tokens, at least one. Times are monotonic offsets.
///
/// It keeps one number instead of a level: when it will be full again. A token is worth `per / count` and there is one
/// while no more than the bucket's size is missing, so nothing has to be refilled and no error adds up.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// What one token is worth.
    token: Duration,
    /// All tokens of a full bucket but one.
    spare: Duration,
    /// When the bucket is, or was, full.
    full_at: Duration,
}

impl Bucket {
    /// A full bucket at `now`.
    pub fn new(rate: Rate, now: Duration) -> Self {
        // Rounded up: never more than the rate. At most 1,000,000 per ms, so at least a nanosecond.
        let nanos = rate.per.as_nanos().div_ceil(u128::from(rate.count.max(1))).max(1);
        let token = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let spare = Duration::from_secs(1).saturating_sub(token);
        Self { token, spare, full_at: now }
    }

    /// Takes a token, or says at which offset there will be one.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        let at = self.ready_at();
        if now < at {
            return Err(at);
        }
        self.full_at = self.full_at.max(now).saturating_add(self.token);
        Ok(())
    }

    /// From which offset on there is a token.
    pub fn ready_at(&self) -> Duration {
        self.full_at.saturating_sub(self.spare)
    }
}
