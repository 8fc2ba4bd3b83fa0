//! From the bytes of a body to what it says, or to a sentence about what is wrong with it.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::state::App;

/// A JSON body that was read within its limits of size and time.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        check_type(request.headers())?;
        let limit = app.config.limits.body_timeout;
        let bytes = tokio::time::timeout(limit, Bytes::from_request(request, app));
        match bytes.await {
            Ok(Ok(bytes)) => Ok(Self(read(&bytes)?)),
            Ok(Err(refused)) => Err(unread(refused.status(), refused.body_text())),
            Err(_) => {
                let message = format!("the request's body did not arrive within {limit:?}");
                Err(unread(StatusCode::REQUEST_TIMEOUT, message))
            }
        }
    }
}

fn unread(status: StatusCode, message: String) -> ApiError {
    ApiError::new(status, "invalid_request_error", None, message)
}

/// JSON says so: a page of another site can send texts without being asked, but not JSON.
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let kind = given.and_then(|v| v.split(';').next()).unwrap_or("").trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = "the body must be JSON, with `content-type: application/json`";
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Err(unread(status, message.to_owned()))
}

/// Reads JSON, and says at which member it is wrong.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        match path.as_str() {
            "." | "?" => ApiError::invalid(message),
            _ => ApiError::parameter(path.clone(), format!("{path}: {message}")),
        }
    })?;
    json.end().map_err(|e| ApiError::invalid(e.to_string()))?;
    Ok(value)
}
