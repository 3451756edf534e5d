//! How many requests a server can bear in a time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Most requests that a rate may count: beyond it, it limits nothing.
const REQUESTS_MAX: u32 = 10_000;
/// The units of a rate and their seconds.
const UNITS: [(&str, u32); 3] = [("s", 1), ("min", 60), ("h", 3600)];

/// A number of requests in a time: `10/s`, `30/min`, `500/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Rate {
    requests: u32,
    seconds: u32,
}

impl Rate {
    /// The time from one request to the next.
    pub fn interval(self) -> Duration {
        Duration::from_secs(self.seconds.into()) / self.requests.max(1)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(count, unit)| {
            let requests = count.trim().parse().ok().filter(|n| (1..=REQUESTS_MAX).contains(n))?;
            let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit.trim())?;
            Some(Self { requests, seconds })
        });
        parsed.ok_or_else(|| format!("expected 1 to {REQUESTS_MAX} requests per `s`, `min` or `h`: `10/s`"))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, seconds)| *seconds == self.seconds).map_or("s", |(name, _)| name);
        write!(f, "{}/{unit}", self.requests)
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        for (text, shown, millis) in [
            ("10/s", Some("10/s"), 100),
            ("1/s", Some("1/s"), 1000),
            ("30 / min", Some("30/min"), 2000),
            ("1000/h", Some("1000/h"), 3600),
            ("10000/s", Some("10000/s"), 0),
            ("0/s", None, 0),
            ("10001/s", None, 0),
            ("-1/s", None, 0),
            ("1.5/s", None, 0),
            ("10/day", None, 0),
            ("10", None, 0),
            ("", None, 0),
        ] {
            let rate: Option<Rate> = text.parse().ok();
            assert_eq!(rate.map(|r| r.to_string()).as_deref(), shown, "{text}");
            assert_eq!(rate.map_or(0, |r| r.interval().as_millis()), millis, "{text}");
            if let Some(rate) = rate {
                let json = serde_json::to_string(&rate).expect("text");
                assert_eq!(serde_json::from_str::<Rate>(&json).expect("the same"), rate, "{json}");
            }
        }
    }
}
