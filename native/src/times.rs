//! Times as people send them; the meaning is that of `profiler.records.times`.
//!
//! Read are whole numbers, their text, and ISO 8601 in the long form with a time of the day. Any
//! other text is declined, be it a time or none.

use crate::scan::{Declined, Scan};

/// 1 January 1973.
const EARLIEST_MS: i64 = 94_694_400_000;

/// A clock may be so far ahead of the reader's.
const AHEAD_MS: i64 = 86_400_000;

const SECONDS: u64 = 100_000_000_000;
const MILLISECONDS: u64 = SECONDS * 1_000;
const MICROSECONDS: u64 = MILLISECONDS * 1_000;

/// With so many digits every number is below the largest time.
const MOST_DIGITS: usize = 18;

/// Whether a time can be that of an event which is read now.
pub fn is_plausible(ms: i64, now_ms: i64) -> bool {
    (EARLIEST_MS..=now_ms.saturating_add(AHEAD_MS)).contains(&ms)
}

/// A number of s, ms, µs or ns, told apart by its size.
pub fn by_size(number: i64) -> i64 {
    match number.unsigned_abs() {
        0..SECONDS => number * 1_000,
        SECONDS..MILLISECONDS => number,
        MILLISECONDS..MICROSECONDS => number.div_euclid(1_000),
        _ => number.div_euclid(1_000_000),
    }
}

/// The digits of an integer as JSON has it, with its sign.
pub fn read_integer(text: &[u8]) -> Scan<i64> {
    let text = str::from_utf8(text).map_err(|_| Declined)?;
    text.parse().map(by_size).map_err(|_| Declined)
}

/// A text; None where it is empty.
pub fn read_text(text: &[u8]) -> Scan<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.iter().all(u8::is_ascii_digit) {
        return if text.len() > MOST_DIGITS { Err(Declined) } else { read_integer(text).map(Some) };
    }
    on_calendar(text).map(Some)
}

/// `2026-11-27T10:38:05`, with up to nine decimals, and a zone or none.
fn on_calendar(text: &[u8]) -> Scan<i64> {
    let (moment, rest) = text.split_first_chunk::<19>().ok_or(Declined)?;
    let is_spaced = matches!(moment[10], b'T' | b't' | b' ');
    let signs = [moment[4], moment[7], moment[13], moment[16]];
    if !is_spaced || &signs != b"--::" {
        return Err(Declined);
    }
    let year = digits(&moment[..4])?;
    let (month, day) = (digits(&moment[5..7])?, digits(&moment[8..10])?);
    let (hour, minute) = (digits(&moment[11..13])?, digits(&moment[14..16])?);
    let second = digits(&moment[17..])?;
    // A leap second and the day's end at 24:00 are for Python.
    if year == 0 || !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return Err(Declined);
    }
    if day == 0 || day > days_in(year, month) {
        return Err(Declined);
    }
    let (milliseconds, zone) = decimals(rest)?;
    let ahead_min = zone_of(zone)?;
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - ahead_min;
    Ok((minutes * 60 + second) * 1_000 + milliseconds)
}

fn digits(text: &[u8]) -> Scan<i64> {
    text.iter().try_fold(0, |number, byte| {
        if byte.is_ascii_digit() { Ok(number * 10 + i64::from(byte - b'0')) } else { Err(Declined) }
    })
}

/// Milliseconds, rounded down, and what stands behind them.
fn decimals(text: &[u8]) -> Scan<(i64, &[u8])> {
    let Some((b'.' | b',', rest)) = text.split_first() else {
        return Ok((0, text));
    };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&count) {
        return Err(Declined);
    }
    let ms = digits(&rest[..count.min(3)])? * 10_i64.pow(3 - count.min(3) as u32);
    Ok((ms, &rest[count..]))
}

/// How far a zone is ahead of UTC, in minutes.
fn zone_of(text: &[u8]) -> Scan<i64> {
    let (sign, hours, minutes) = match text {
        b"" | b"Z" | b"z" => return Ok(0),
        [sign, h, i, b':', m, n] | [sign, h, i, m, n] => {
            (sign, digits(&[*h, *i])?, digits(&[*m, *n])?)
        }
        _ => return Err(Declined),
    };
    if hours > 23 || minutes > 59 {
        return Err(Declined);
    }
    match sign {
        b'+' => Ok(hours * 60 + minutes),
        b'-' => Ok(-(hours * 60 + minutes)),
        _ => Err(Declined),
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// By the Gregorian calendar; of a year that begins in March the leap day is the last one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_their_size() {
        assert_eq!(by_size(1_700_000_000), 1_700_000_000_000);
        assert_eq!(by_size(-1_700_000_000), -1_700_000_000_000);
        assert_eq!(by_size(1_700_000_000_123), 1_700_000_000_123);
        assert_eq!(by_size(1_700_000_000_123_999), 1_700_000_000_123);
        assert_eq!(by_size(-1_700_000_000_123_001), -1_700_000_000_124);
        assert_eq!(by_size(999_999_999_999_999_999), 999_999_999_999);
    }

    #[test]
    fn texts_are_read_as_numbers_or_by_the_calendar() {
        assert_eq!(read_text(b""), Ok(None));
        assert_eq!(read_text(b"1700000000123"), Ok(Some(1_700_000_000_123)));
        assert_eq!(read_text(b"007"), Ok(Some(7_000)));
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31 23:59:59.999", -1),
            ("2024-02-29T12:34:56.7Z", 1_709_210_096_700),
            ("2000-03-01t00:00:00,123456789z", 951_868_800_123),
            ("2026-11-27T10:38:05+02:00", 1_795_768_685_000),
            ("2026-11-27T10:38:05.5-0130", 1_795_781_285_500),
        ] {
            assert_eq!(read_text(text.as_bytes()), Ok(Some(ms)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_declined() {
        for text in [
            "1.5",
            "-1",
            "x",
            " 1",
            "0000000000000000001",
            "2026-11-27",
            "20261127T103805Z",
            "2026-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "2026-11-27T24:00:00Z",
            "2026-11-27T10:38:60Z",
            "2026-11-27T10:60:00Z",
            "0000-11-27T10:38:00Z",
            "2026-11-27T10:38:05.Z",
            "2026-11-27T10:38:05.1234567890Z",
            "2026-11-27T10:38:05UTC",
            "2026-11-27T10:38:05+24:00",
            "2026-11-27T10:38:05+02:60",
            "2026-11-27T10:38:05*02:00",
            "2026-11-27x10:38:05Z",
            "2026/11-27T10:38:05Z",
            "2026-1١-27T10:38:05Z",
        ] {
            assert_eq!(read_text(text.as_bytes()), Err(Declined), "{text}");
        }
    }

    #[test]
    fn a_plausible_time_is_from_1973_on_and_at_most_a_day_ahead() {
        assert!(is_plausible(EARLIEST_MS, EARLIEST_MS));
        assert!(!is_plausible(EARLIEST_MS - 1, EARLIEST_MS));
        assert!(is_plausible(EARLIEST_MS + AHEAD_MS, EARLIEST_MS));
        assert!(!is_plausible(EARLIEST_MS + AHEAD_MS + 1, EARLIEST_MS));
    }
}
