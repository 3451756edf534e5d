//! How long to wait before a request is repeated.

use std::time::Duration;

/// The wait before repetition number `tried` (from 0): doubled each time up to `most`, and spread by a quarter to both
/// sides so that the threads of a run do not return all at once. What spreads is the URL and the number, not chance: a
/// run that is repeated waits the same.
pub(super) fn backoff(first: Duration, most: Duration, url: &str, tried: u32) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(tried));
    let spread = url.bytes().fold(tried, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    doubled.min(most).saturating_mul(768 + spread % 512).min(most.saturating_mul(1024)) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_are_spread_and_end() {
        const FIRST: u64 = 250;
        const MOST: u64 = 60_000;
        let wait = |url: &str, tried| {
            backoff(Duration::from_millis(FIRST), Duration::from_millis(MOST), url, tried).as_millis()
        };
        let urls: Vec<String> = (0..1000).map(|n| format!("https://h/{n}.nc")).collect();
        for (tried, middle) in
            [(0, 250), (1, 500), (2, 1000), (5, 8000), (8, 60_000), (31, 60_000), (99, 60_000)]
        {
            let found: Vec<u128> = urls.iter().map(|url| wait(url, tried)).collect();
            let (least, most) = (found.iter().min().expect("some"), found.iter().max().expect("some"));
            assert!(*least >= middle * 3 / 4 && *most <= (middle * 5 / 4).min(MOST.into()), "{tried}");
            assert!(most - least > middle / 5, "{tried}: {least} to {most}");
            assert_eq!(found, urls.iter().map(|url| wait(url, tried)).collect::<Vec<_>>());
        }
        assert_eq!(backoff(Duration::ZERO, Duration::from_secs(1), "u", 9), Duration::ZERO);
    }
}
