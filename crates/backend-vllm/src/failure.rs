//! What an attempt failed by, and whether another may help.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use stream_core::{Error, Rejection};

use crate::answer::whole;
use crate::chunk::message;

/// No server may have a request wait for longer than this.
const LONGEST: Duration = Duration::from_secs(60);
/// A page of a proxy is not worth more.
const MESSAGE: usize = 2048;

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Another attempt may help.
    pub(crate) again: bool,
    /// The server asks for so much time before.
    pub(crate) after: Option<Duration>,
    /// The server cannot be reached.
    pub(crate) unreachable: bool,
}

impl Failure {
    /// No attempt will help.
    pub(crate) fn last(error: Error) -> Self {
        Self {
            error,
            again: false,
            after: None,
            unreachable: false,
        }
    }
}

/// The connection failed before anything was said.
pub(crate) fn of_transport(error: &reqwest::Error) -> Failure {
    Failure {
        error: Error::Unreachable(causes(error).into()),
        again: true,
        after: None,
        unreachable: error.is_connect() || error.is_timeout(),
    }
}

/// An error with all its causes, without the address, which may hold what is nobody's business.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "timed out"
    } else {
        "failed"
    }
    .to_owned();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// The server answered with an error.
pub(crate) async fn of_response(response: Response, most: usize) -> Failure {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = whole(response, most.min(64 << 10))
        .await
        .unwrap_or_default();
    let body: Result<serde_json::Value, _> = serde_json::from_str(&body);
    let (message, parameter) = match &body {
        Ok(json) => (
            shortened(message(json)),
            json.pointer("/error/param")
                .and_then(|p| p.as_str())
                .map(Into::into),
        ),
        Err(_) => (format!("it answers with {status}"), None),
    };
    let after = retry_after(&headers, SystemTime::now());
    let rejection = match status.as_u16() {
        429 | 503 => Rejection::Busy {
            message: message.into(),
            retry_after: after,
        },
        401 | 403 | 404 | 405 => Rejection::Denied(message.into()),
        400..500 => Rejection::Refused {
            parameter,
            message: message.into(),
        },
        300..400 => Rejection::Denied(format!("it redirects with {status}").into()),
        _ => {
            return Failure {
                error: Error::Engine(message.into()),
                again: advised(&headers).unwrap_or(matches!(status.as_u16(), 502 | 504)),
                after,
                unreachable: false,
            };
        }
    };
    Failure {
        error: Error::Rejected(Box::new(rejection)),
        again: may_pass(status) && advised(&headers).unwrap_or(true),
        after,
        unreachable: false,
    }
}

fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 503)
}

/// What the server itself says of another attempt (`x-should-retry`, as OpenAI's clients read it).
fn advised(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.to_str().ok()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// `Retry-After` in seconds or as a date, or `retry-after-ms`; never longer than a minute.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| {
        text.parse::<f64>()
            .ok()
            .filter(|n| n.is_finite() && *n >= 0.0)
    };
    let milliseconds = text("retry-after-ms").and_then(number);
    let after = match milliseconds {
        Some(ms) => Duration::try_from_secs_f64(ms / 1000.0).ok(),
        None => {
            let text = text(RETRY_AFTER.as_str())?;
            match number(text) {
                Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
                None => {
                    let date = httpdate::parse_http_date(text).ok()?;
                    Some(date.duration_since(now).unwrap_or_default())
                }
            }
        }
    };
    Some(after.unwrap_or(LONGEST).min(LONGEST))
}

fn shortened(mut message: String) -> String {
    let end = (0..=MESSAGE.min(message.len()))
        .rev()
        .find(|i| message.is_char_boundary(*i));
    message.truncate(end.unwrap_or(0));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_retry_after_is_read_and_capped() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let cases = [
            ("retry-after", "2", Some(2.0)),
            ("retry-after", "0.5", Some(0.5)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT", Some(3.0)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT", Some(0.0)),
            ("retry-after", "86400", Some(60.0)),
            ("retry-after", "1e300", Some(60.0)),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
            ("retry-after-ms", "250", Some(0.25)),
        ];
        for (name, value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            let found = retry_after(&headers, now).map(|d| d.as_secs_f64());
            assert_eq!(found, expected, "{name}: {value}");
        }
    }
}
