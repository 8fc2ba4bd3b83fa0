//! Which models are served.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ApiError, ErrorBody};
use crate::state::App;

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Model {
    id: String,
    /// `model`
    #[schema(value_type = String)]
    object: &'static str,
    /// When it was loaded, in seconds since 1970.
    created: u64,
    #[schema(value_type = String)]
    owned_by: &'static str,
    /// vLLM's: the first of its names.
    root: String,
    /// vLLM's: tokens of prompt and answer together.
    max_model_len: Option<usize>,
}

/// All models.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Models {
    /// `list`
    #[schema(value_type = String)]
    object: &'static str,
    data: Vec<Model>,
}

fn model(app: &App, name: &str) -> Model {
    Model {
        id: name.to_owned(),
        object: "model",
        created: app.created,
        owned_by: "stream-engine",
        root: app.backend.info().model.clone(),
        max_model_len: app.backend.info().limits.context_length,
    }
}

/// The models that are served: one, by each of its names.
#[utoipa::path(get, path = "/v1/models", responses((status = 200, body = Models)))]
pub(super) async fn list(State(app): State<App>) -> Json<Models> {
    let names = app.config.names.iter();
    Json(Models {
        object: "list",
        data: names.map(|name| model(&app, name)).collect(),
    })
}

/// One model.
#[utoipa::path(
    get, path = "/v1/models/{name}", params(("name" = String, Path)),
    responses((status = 200, body = Model), (status = 404, body = ErrorBody))
)]
pub(super) async fn one(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Model>, ApiError> {
    Ok(Json(model(&app, app.model(Some(&name))?)))
}
