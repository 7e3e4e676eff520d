//! Durations and sizes: a number always has its unit, so nobody has to know which one was meant.

use std::time::Duration;

/// The units of a duration, longest first, in milliseconds.
const TIME_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The units of a size, in bytes.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Why a text is not a duration or size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnitError {
    /// A number without a unit.
    #[error("its unit is missing")]
    Missing,
    /// A unit that is none.
    #[error("its unit is unknown")]
    Unknown,
    /// Anything else.
    #[error("it is not a number with its unit")]
    Form,
    /// More than can be counted.
    #[error("it is too large")]
    TooLarge,
}

/// Reads `5s`, `250ms`, `1h30m`, `7d`, `1.5s`: whole or decimal numbers with their units, longest unit first, each once.
pub(super) fn duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    let mut total = 0_u64;
    let mut units = TIME_UNITS.iter();
    while !rest.is_empty() {
        let (number, unit, left) = amount(rest)?;
        if !TIME_UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(UnitError::Unknown);
        }
        // The iterator goes on from the unit before, so an order such as `30m1h` finds nothing.
        let (_, size) = units.find(|(name, _)| *name == unit).ok_or(UnitError::Form)?;
        total = total.checked_add(scaled(number, *size)?).ok_or(UnitError::TooLarge)?;
        rest = left.trim_start();
    }
    if text.trim().is_empty() { Err(UnitError::Form) } else { Ok(Duration::from_millis(total)) }
}

/// Reads `10 GiB`, `256MiB`, `10 MB`, `1.5 GiB`, `512 B`; upper and lower case are the same.
pub(super) fn size(text: &str) -> Result<u64, UnitError> {
    let (number, unit, rest) = amount(text.trim())?;
    if !rest.trim().is_empty() {
        return Err(UnitError::Form);
    }
    let unit = unit.to_ascii_lowercase();
    let (_, size) = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or(UnitError::Unknown)?;
    scaled(number, *size)
}

/// A number, its unit, and what follows.
fn amount(text: &str) -> Result<(&str, &str, &str), UnitError> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    if number.is_empty() {
        return Err(UnitError::Form);
    }
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    if unit.is_empty() { Err(UnitError::Missing) } else { Ok((number, unit, rest)) }
}

/// `number` times `unit`, exactly; what is finer than one is cut off.
fn scaled(number: &str, unit: u64) -> Result<u64, UnitError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(UnitError::Form);
    }
    let parse = |digits: &str| digits.parse::<u64>();
    let whole = parse(whole).map_err(|error| match error.kind() {
        std::num::IntErrorKind::PosOverflow => UnitError::TooLarge,
        _ => UnitError::Form,
    })?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or_default());
    let part = u128::from(parse(fraction).unwrap_or_default()) * u128::from(unit) / scale;
    let total = u128::from(whole) * u128::from(unit) + part;
    u64::try_from(total).ok().ok_or(UnitError::TooLarge)
}

/// A duration in the words of the file: `1h30m`, `250ms`.
pub(super) fn show_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, size) in TIME_UNITS {
        if rest >= size {
            text.push_str(&(rest / size).to_string());
            text.push_str(unit);
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A size in the words of the file: `10 MiB`.
pub(super) fn show_size(bytes: u64) -> String {
    let fit = [("TiB", 1_u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = fit.iter().find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size));
    unit.map_or_else(|| format!("{bytes} B"), |(name, size)| format!("{} {name}", bytes / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_their_units() {
        let ms = |ms| Ok(Duration::from_millis(ms));
        for (text, expected) in [
            ("5s", ms(5_000)),
            ("250ms", ms(250)),
            ("1h30m", ms(5_400_000)),
            ("1h 30m", ms(5_400_000)),
            ("7d", ms(604_800_000)),
            ("1.5s", ms(1_500)),
            ("0s", ms(0)),
            ("10", Err(UnitError::Missing)),
            ("5x", Err(UnitError::Unknown)),
            ("30m1h", Err(UnitError::Form)),
            ("5s5s", Err(UnitError::Form)),
            ("", Err(UnitError::Form)),
            ("s", Err(UnitError::Form)),
            ("-5s", Err(UnitError::Form)),
            (".5s", Err(UnitError::Form)),
            ("1.2.3s", Err(UnitError::Form)),
            ("99999999999999999999d", Err(UnitError::TooLarge)),
            ("9999999999999999999d", Err(UnitError::TooLarge)),
        ] {
            assert_eq!(duration(text), expected, "{text:?}");
        }
        assert_eq!(show_duration(Duration::from_millis(5_400_250)), "1h30m250ms");
        assert_eq!(show_duration(Duration::ZERO), "0s");
    }

    #[test]
    fn sizes_need_their_units() {
        for (text, expected) in [
            ("10 GiB", Ok(10 << 30)),
            ("256MiB", Ok(256 << 20)),
            ("10 MB", Ok(10_000_000)),
            ("1.5 kib", Ok(1_536)),
            ("512 B", Ok(512)),
            ("1024", Err(UnitError::Missing)),
            ("1 GiBs", Err(UnitError::Unknown)),
            ("1 MiB 5", Err(UnitError::Form)),
            ("", Err(UnitError::Form)),
            ("99999999999 TiB", Err(UnitError::TooLarge)),
        ] {
            assert_eq!(size(text), expected, "{text:?}");
        }
        assert_eq!(show_size(10 << 20), "10 MiB");
        assert_eq!(show_size(1_000), "1000 B");
    }
}
