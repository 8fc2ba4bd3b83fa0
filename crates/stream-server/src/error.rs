//! What a client is told when something is wrong: OpenAI's error object, with the right status.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use stream_core::{Error, InvalidRequest, Rejection};
use utoipa::ToSchema;

/// After how long a client is asked to come back when the server is full.
const SOON: Duration = Duration::from_secs(1);

/// A failure as a client sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) body: ErrorObject,
    retry_after: Option<Duration>,
}

/// OpenAI's error object.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ErrorObject {
    /// What was wrong, where, and what is allowed.
    message: String,
    /// `invalid_request_error`, `authentication_error`, `permission_error`, `overloaded_error`,
    /// `timeout_error` or `server_error`.
    #[schema(value_type = String)]
    pub(crate) r#type: &'static str,
    /// The parameter that was wrong, where it is one.
    #[schema(value_type = Option<String>)]
    param: Option<Cow<'static, str>>,
    /// A word for programs.
    #[schema(value_type = Option<String>)]
    code: Option<&'static str>,
}

/// What every refusal looks like.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorObject,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        r#type: &'static str,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            body: ErrorObject {
                message: message.into(),
                r#type,
                param: None,
                code,
            },
            retry_after: None,
        }
    }

    /// The request itself is wrong.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            None,
            message,
        )
    }

    /// A parameter of the request is wrong.
    pub(crate) fn parameter(
        name: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self::invalid(message).about(name)
    }

    pub(crate) fn about(mut self, parameter: impl Into<Cow<'static, str>>) -> Self {
        self.body.param = Some(parameter.into());
        self
    }

    fn coded(mut self, code: &'static str) -> Self {
        self.body.code = Some(code);
        self
    }

    /// The server takes no more for now.
    pub(crate) fn busy(message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut error = Self::new(status, "overloaded_error", Some("overloaded"), message);
        error.retry_after = Some(retry_after.unwrap_or(SOON));
        error
    }

    /// Something here is broken, and what it is helps nobody outside.
    pub(crate) fn internal() -> Self {
        Self::server("an internal error")
    }

    fn server(message: impl Into<String>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "server_error", None, message)
    }

    /// The error event of a stream that has begun.
    pub(crate) fn event(&self) -> ErrorBody {
        ErrorBody {
            error: self.body.clone(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.event())).into_response();
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs().max(1);
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<InvalidRequest> for ApiError {
    fn from(error: InvalidRequest) -> Self {
        let message = error.to_string();
        Self::parameter(error.parameter, message)
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        match rejection {
            Rejection::Invalid(error) => error.into(),
            Rejection::ContextLengthExceeded { .. } | Rejection::KvCacheTooSmall { .. } => {
                Self::invalid(message).coded("context_length_exceeded")
            }
            Rejection::Unsupported { parameter, .. } => {
                Self::parameter(parameter, message).coded("unsupported_parameter")
            }
            Rejection::Grammar { kind, .. } => Self::parameter(kind, message),
            Rejection::Tokenize(_) => Self::invalid(message),
            Rejection::Refused { parameter, .. } => match parameter {
                Some(name) => Self::parameter(name.to_string(), message),
                None => Self::invalid(message),
            },
            Rejection::Busy { retry_after, .. } => Self::busy(message, retry_after),
            Rejection::QueueFull { .. }
            | Rejection::GrammarsBusy { .. }
            | Rejection::ShuttingDown => Self::busy(message, None),
            Rejection::Failed(_) => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                ..Self::server(message)
            },
            Rejection::Denied(_) => Self {
                status: StatusCode::BAD_GATEWAY,
                ..Self::server(message)
            },
            _ => Self::server(message),
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Rejected(rejection) => (*rejection).into(),
            Error::Deadline { .. } | Error::SlowReader { .. } | Error::Hung { .. } => {
                let status = StatusCode::GATEWAY_TIMEOUT;
                Self::new(status, "timeout_error", Some("deadline"), message)
            }
            Error::ShutDown => Self::busy(message, None),
            Error::Unreachable(_) | Error::Truncated(_) | Error::Protocol(_) => Self {
                status: StatusCode::BAD_GATEWAY,
                ..Self::server(message)
            },
            Error::Grammar { .. } => Self::server(message).coded("grammar"),
            Error::Numerical { .. } => Self::server(message).coded("numerical_error"),
            _ => Self::server(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stream_core::DeadlineKind;

    #[test]
    fn who_can_mend_it_decides_the_status() {
        let limit = Duration::from_secs(1);
        let full = Rejection::QueueFull { capacity: 3 };
        let long = Rejection::ContextLengthExceeded {
            model: "m".into(),
            prompt_tokens: 9,
            max_tokens: 1,
            context_length: 8,
        };
        let unsupported = Rejection::Unsupported {
            parameter: "dry",
            backend: "b".into(),
        };
        let deadline = Error::Deadline {
            kind: DeadlineKind::Queue,
            limit,
        };
        let cases = [
            (long.into(), 400),
            (unsupported.into(), 400),
            (full.clone().into(), 503),
            (Rejection::ShuttingDown.into(), 503),
            (Rejection::Failed("x".into()).into(), 503),
            (Rejection::Denied("x".into()).into(), 502),
            (Error::Rejected(Box::new(full)).into(), 503),
            (deadline.into(), 504),
            (Error::Hung { limit }.into(), 504),
            (Error::Truncated("x".into()).into(), 502),
            (Error::Engine("x".into()).into(), 500),
        ];
        for (error, status) in cases {
            let error: ApiError = error;
            assert_eq!(error.status.as_u16(), status, "{error:?}");
            assert_eq!(
                error.retry_after.is_some(),
                error.body.code == Some("overloaded")
            );
        }
    }
}
