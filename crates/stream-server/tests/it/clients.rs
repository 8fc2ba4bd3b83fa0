//! A client that was written for OpenAI, over a real connection.

use std::sync::Arc;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequest,
    CreateChatCompletionRequestArgs,
};
use futures::StreamExt;
use stream_core::{Backend, Mock, Rejection};
use stream_server::{Server, ServerConfig};
use stream_testkit::{Act, Scripted};

async fn client(backend: impl Backend) -> Client<OpenAIConfig> {
    // Where another crate of the build has switched TLS on in reqwest, its client wants to know how.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ServerConfig::default().api_key("secret");
    let server = Server::bind("127.0.0.1:0", Arc::new(backend), config)
        .await
        .unwrap();
    let base = format!("http://{}/v1", server.address());
    tokio::spawn(server.run(std::future::pending()));
    let config = OpenAIConfig::new()
        .with_api_base(base)
        .with_api_key("secret");
    Client::with_config(config)
}

fn question() -> CreateChatCompletionRequest {
    let message = ChatCompletionRequestUserMessageArgs::default()
        .content("Hi")
        .build()
        .unwrap();
    CreateChatCompletionRequestArgs::default()
        .model("script")
        .messages([message.into()])
        .build()
        .unwrap()
}

#[tokio::test]
async fn async_openai_chats() {
    let client = client(Mock::new(["Hello", ", ", "world"])).await;
    let answer = client.chat().create(question()).await.unwrap();
    assert_eq!(
        answer.choices[0].message.content.as_deref(),
        Some("Hello, world")
    );
    assert_eq!(answer.usage.unwrap().completion_tokens, 3);
}

#[tokio::test]
async fn async_openai_streams() {
    let client = client(Mock::new(["Hello", ", ", "world"])).await;
    let mut stream = client.chat().create_stream(question()).await.unwrap();
    let (mut text, mut ends) = (String::new(), 0);
    while let Some(event) = stream.next().await {
        for choice in event.unwrap().choices {
            text.push_str(choice.delta.content.as_deref().unwrap_or(""));
            ends += usize::from(choice.finish_reason.is_some());
        }
    }
    assert_eq!((text.as_str(), ends), ("Hello, world", 1));
}

#[tokio::test]
async fn async_openai_is_told_what_is_wrong() {
    let long = Rejection::ContextLengthExceeded {
        model: "script".into(),
        prompt_tokens: 9,
        max_tokens: 1,
        context_length: 8,
    };
    let client = client(Scripted::new([Act::say("x")]).refusing(long)).await;
    let error = client
        .chat()
        .create(question())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("the context of script holds 8"), "{error}");
}
