//! Texts to token ids and back, in the form of vLLM's API.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use stream_core::{Conversation, TokenizeError, Tokenizer};
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorBody};
use crate::state::App;
use crate::wire::{Body, Id, WireMessage};

/// What is to be tokenised: a text, or a conversation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenizeRequest {
    model: Option<String>,
    prompt: Option<String>,
    messages: Option<Vec<WireMessage>>,
}

/// Token ids.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tokenized {
    count: usize,
    /// Tokens of prompt and answer together.
    max_model_len: Option<usize>,
    tokens: Vec<u32>,
}

/// Token ids to be read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DetokenizeRequest {
    model: Option<String>,
    tokens: Vec<Id>,
}

/// Their text.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Detokenized {
    prompt: String,
}

/// The ids of a text or a conversation, as the model gets them.
#[utoipa::path(
    post, path = "/tokenize", request_body = TokenizeRequest,
    responses((status = 200, body = Tokenized), (status = "4XX", body = ErrorBody))
)]
pub(super) async fn tokenize(
    State(app): State<App>,
    Body(body): Body<TokenizeRequest>,
) -> Result<Json<Tokenized>, ApiError> {
    app.model(body.model.as_deref())?;
    let tokenizer = tokenizer(&app)?;
    let messages = match (&body.prompt, body.messages) {
        (Some(_), None) => None,
        (None, Some(messages)) => {
            let json = serde_json::to_string(&messages);
            Some(json.map_err(|e| ApiError::parameter("messages", e.to_string()))?)
        }
        _ => {
            let message = "set one of prompt and messages";
            return Err(ApiError::parameter("prompt", message));
        }
    };
    let prompt = body.prompt.unwrap_or_default();
    let tokens = aside(move || match messages {
        None => tokenizer.encode(&prompt),
        Some(messages) => {
            let text = tokenizer.render_conversation(&Conversation::new(messages))?;
            tokenizer.encode_chat(&text)
        }
    });
    let tokens = tokens.await?;
    Ok(Json(Tokenized {
        count: tokens.len(),
        max_model_len: app.backend.info().limits.context_length,
        tokens,
    }))
}

/// The text of token ids.
#[utoipa::path(
    post, path = "/detokenize", request_body = DetokenizeRequest,
    responses((status = 200, body = Detokenized), (status = "4XX", body = ErrorBody))
)]
pub(super) async fn detokenize(
    State(app): State<App>,
    Body(body): Body<DetokenizeRequest>,
) -> Result<Json<Detokenized>, ApiError> {
    app.model(body.model.as_deref())?;
    let tokenizer = tokenizer(&app)?;
    let mut bytes = Vec::new();
    for id in body.tokens {
        let of_id = tokenizer.token_bytes(id).ok_or_else(|| {
            let size = tokenizer.vocabulary_size();
            let message = format!("tokens holds the id {id}, but ids are under {size}");
            ApiError::parameter("tokens", message)
        })?;
        bytes.extend_from_slice(of_id);
    }
    let prompt = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Json(Detokenized { prompt }))
}

fn tokenizer(app: &App) -> Result<Arc<dyn Tokenizer>, ApiError> {
    app.config.tokenizer.clone().ok_or_else(|| {
        let message = "the engine behind this server keeps its tokenizer to itself";
        let status = StatusCode::NOT_IMPLEMENTED;
        ApiError::new(status, "invalid_request_error", None, message)
    })
}

/// A long text takes its time, which must not be the other requests'.
async fn aside(
    work: impl FnOnce() -> Result<Vec<u32>, TokenizeError> + Send + 'static,
) -> Result<Vec<u32>, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(tokens) => tokens.map_err(|error| ApiError::invalid(error.to_string())),
        Err(panic) => Err(ApiError::invalid(format!("the tokenizer failed: {panic}"))),
    }
}
