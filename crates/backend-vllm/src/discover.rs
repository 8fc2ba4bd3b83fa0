//! What a server tells of itself, before the first request.

use serde::Deserialize;
use serde_json::Value;

use crate::answer::whole;
use crate::config::VllmConfig;
use crate::error::ConnectError;
use crate::failure::causes;
use crate::known::Known;
use crate::pool::Pool;

/// A document of that length has every parameter described.
const MOST: usize = 16 << 20;

/// The model, and what the server knows.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) model: String,
    pub(crate) context_length: Option<usize>,
    pub(crate) known: Known,
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    max_model_len: Option<usize>,
}

/// Asks the first server that answers.
pub(crate) async fn discover(
    config: &VllmConfig,
    client: &reqwest::Client,
    pool: &Pool,
) -> Result<Found, ConnectError> {
    let mut problems = Vec::new();
    for base in pool.bases() {
        match of(base, config, client).await {
            Err(ConnectError::Unreachable(problem)) => problems.push(format!("{base}: {problem}")),
            other => return other,
        }
    }
    Err(ConnectError::Unreachable(problems.join("; ").into()))
}

async fn of(
    base: &str,
    config: &VllmConfig,
    client: &reqwest::Client,
) -> Result<Found, ConnectError> {
    let models = get(client, base, "/v1/models").await?;
    let models: Models = serde_json::from_str(&models).map_err(|e| ConnectError::Protocol {
        url: base.to_owned(),
        problem: format!("its /v1/models is no list of models: {e}"),
    })?;
    let model = choose(base, config.model.as_deref(), models.data)?;
    let known = match &config.parameters {
        Some(names) => Known::names(names),
        None => described(client, base).await.unwrap_or_else(Known::usual),
    };
    Ok(Found {
        model: model.id,
        context_length: model.max_model_len,
        known,
    })
}

/// What the server's OpenAPI document says, if it has one.
async fn described(client: &reqwest::Client, base: &str) -> Option<Known> {
    let text = get(client, base, "/openapi.json").await.ok()?;
    let document: Value = serde_json::from_str(&text).ok()?;
    Known::read(&document)
}

fn choose(base: &str, asked: Option<&str>, served: Vec<Model>) -> Result<Model, ConnectError> {
    let names: Vec<_> = served.iter().map(|model| model.id.clone()).collect();
    let mut fitting: Vec<_> = served
        .into_iter()
        .filter(|model| asked.is_none_or(|asked| asked == model.id))
        .collect();
    match (fitting.pop(), fitting.is_empty()) {
        (Some(model), true) => Ok(model),
        _ => Err(ConnectError::Model {
            url: base.to_owned(),
            asked: asked.map_or_else(
                || "exactly one model, so that one must be named".to_owned(),
                |name| format!("`{name}`"),
            ),
            served: names.join(", "),
        }),
    }
}

async fn get(client: &reqwest::Client, base: &str, path: &str) -> Result<String, ConnectError> {
    let answer = client.get(format!("{base}{path}")).send().await;
    let answer = answer.map_err(|e| ConnectError::Unreachable(causes(&e).into()))?;
    let status = answer.status();
    let protocol = |problem: String| ConnectError::Protocol {
        url: base.to_owned(),
        problem,
    };
    if !status.is_success() {
        return Err(protocol(format!("its {path} answers with {status}")));
    }
    let text = whole(answer, MOST).await;
    text.map_err(|failure| protocol(failure.error.to_string()))
}
