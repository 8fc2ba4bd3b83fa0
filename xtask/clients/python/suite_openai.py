"""OpenAI's own Python library: what its users do with chats, and with plain completions."""

import asyncio
import json

import openai
import pytest
from conftest import MODEL
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

HELLO = [{"role": "user", "content": "Say hello."}]
GREEDY = {"model": MODEL, "messages": HELLO, "temperature": 0, "max_tokens": 24}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}},
            "required": ["city"],
        },
    },
}
FORCED = {**GREEDY, "tools": [WEATHER], "max_tokens": 64}
BY_NAME = {"type": "function", "function": {"name": "get_weather"}}


@pytest.fixture
def client(server):
    with OpenAI(**server) as client:
        yield client


def joined(stream):
    """The text of the first choice of a stream."""
    deltas = (chunk.choices[0].delta.content for chunk in stream if chunk.choices)
    return "".join(delta or "" for delta in deltas)


def test_models_are_listed(client):
    assert [model.id for model in client.models.list()][0] == MODEL
    assert client.models.retrieve(MODEL).id == MODEL


def test_chat(client):
    answer = client.chat.completions.create(**GREEDY)
    assert answer.object == "chat.completion" and answer.choices[0].message.content
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert answer.choices[0].finish_reason in ("stop", "length")


def test_chat_streams_what_it_says_at_once(client):
    whole = client.chat.completions.create(**GREEDY).choices[0].message.content
    chunks = list(client.chat.completions.create(**GREEDY, stream=True))
    assert joined(chunks) == whole
    assert len({chunk.id for chunk in chunks}) == 1 and len(chunks) > 2
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")


def test_usage_in_a_stream(client):
    asked = {"include_usage": True}
    *others, last = client.chat.completions.create(**GREEDY, stream=True, stream_options=asked)
    assert last.choices == [] and last.usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in others)


def test_the_librarys_own_stream_helper(client):
    with client.chat.completions.stream(**{**GREEDY, "max_tokens": 200}) as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert answer.choices[0].message.content


def test_n(client):
    hot = {**GREEDY, "temperature": 1, "seed": 1, "n": 3}
    answer = client.chat.completions.create(**hot)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1
    streamed = {0: "", 1: "", 2: ""}
    for chunk in client.chat.completions.create(**hot, stream=True):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert list(streamed.values()) == [choice.message.content for choice in answer.choices]


def test_stop(client):
    count = {**GREEDY, "messages": [{"role": "user", "content": "Count from one to ten: 1, 2, 3"}]}
    whole = client.chat.completions.create(**count).choices[0].message.content
    word = whole.split()[1]
    stopped = client.chat.completions.create(**count, stop=[word]).choices[0]
    assert stopped.finish_reason == "stop"
    assert stopped.message.content == whole[: whole.index(word)]


def test_seed(client):
    hot = {**GREEDY, "temperature": 1}
    say = lambda seed: client.chat.completions.create(**hot, seed=seed).choices[0].message.content
    assert say(7) == say(7)
    assert len({say(seed) for seed in range(4)}) > 1


def test_logprobs(client):
    asked = {"logprobs": True, "top_logprobs": 3}
    choice = client.chat.completions.create(**GREEDY, **asked).choices[0]
    tokens = choice.logprobs.content
    said = b"".join(bytes(token.bytes) for token in tokens).decode()
    assert said.startswith(choice.message.content)
    for token in tokens:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        assert token.logprob == max(top.logprob for top in token.top_logprobs)
    chunks = client.chat.completions.create(**GREEDY, **asked, stream=True)
    logprobs = (chunk.choices[0].logprobs for chunk in chunks if chunk.choices)
    assert sum(len(found.content) for found in logprobs if found) == len(tokens)


def test_logit_bias(client):
    forced = {**GREEDY, "max_tokens": 4, "logit_bias": {"1000": 100}, "logprobs": True}
    tokens = client.chat.completions.create(**forced).choices[0].logprobs.content
    assert len({token.token for token in tokens}) == 1


def test_a_json_schema(client):
    schema = {"type": "object", "properties": {"age": {"type": "integer", "maximum": 99}}}
    schema |= {"required": ["age"], "additionalProperties": False}
    format = {"type": "json_schema", "json_schema": {"name": "age", "schema": schema}}
    for stream in (False, True):
        answer = client.chat.completions.create(**GREEDY, response_format=format, stream=stream)
        text = joined(answer) if stream else answer.choices[0].message.content
        assert isinstance(json.loads(text)["age"], int)


def test_a_pydantic_model(client):
    class Light(BaseModel):
        on: bool

    answer = client.chat.completions.parse(**GREEDY, response_format=Light)
    assert isinstance(answer.choices[0].message.parsed, Light)


def test_a_tool_is_called(client):
    for choice in ("required", BY_NAME):
        answer = client.chat.completions.create(**FORCED, tool_choice=choice).choices[0]
        call = answer.message.tool_calls[0]
        assert call.function.name == "get_weather" and call.id
        assert set(json.loads(call.function.arguments)) == {"city"}
    assert answer.finish_reason in ("tool_calls", "stop")


def test_a_tool_call_streams_its_arguments(client):
    chunks = client.chat.completions.create(**FORCED, tool_choice="required", stream=True)
    calls = [c.choices[0].delta.tool_calls for c in chunks if c.choices]
    deltas = [call for found in calls for call in found or []]
    assert deltas[0].function.name == "get_weather" and deltas[0].id
    assert all(delta.function.name is None for delta in deltas[1:]) and len(deltas) > 2
    arguments = "".join(delta.function.arguments or "" for delta in deltas)
    assert set(json.loads(arguments)) == {"city"}


def test_the_answer_of_a_tool_is_taken(client):
    answer = client.chat.completions.create(**FORCED, tool_choice="required").choices[0].message
    result = {"role": "tool", "tool_call_id": answer.tool_calls[0].id, "content": "Sunny."}
    talk = {**GREEDY, "messages": [*HELLO, answer.model_dump(exclude_none=True), result]}
    assert client.chat.completions.create(**talk, tools=[WEATHER]).choices[0].finish_reason


def test_completions(client):
    plain = {"model": MODEL, "prompt": "One, two,", "temperature": 0, "max_tokens": 8}
    answer = client.completions.create(**plain)
    chunks = client.completions.create(**plain, stream=True)
    assert "".join(c.choices[0].text for c in chunks) == answer.choices[0].text != ""
    echoed = client.completions.create(**plain, echo=True, logprobs=1).choices[0]
    assert echoed.text == "One, two," + answer.choices[0].text
    assert len(echoed.logprobs.tokens) == len(echoed.logprobs.token_logprobs)
    many = client.completions.create(**{**plain, "prompt": ["One,", "Red,"]})
    assert [choice.index for choice in many.choices] == [0, 1]


def test_errors_have_their_types(client, server):
    create = client.chat.completions.create
    for error, change in (
        (openai.BadRequestError, {"temperature": 99}),
        (openai.NotFoundError, {"model": "none"}),
        (openai.BadRequestError, {"messages": []}),
        (openai.BadRequestError, {"max_tokens": 10**7}),
    ):
        for stream in (False, True):
            with pytest.raises(error) as caught:
                create(**{**GREEDY, **change}, stream=stream)
            assert caught.value.body["message"] and caught.value.body["type"]
    with OpenAI(**{**server, "api_key": "wrong"}) as stranger:
        with pytest.raises(openai.AuthenticationError):
            stranger.models.list()
    with pytest.raises(openai.BadRequestError) as caught:
        create(**{**GREEDY, "temperature": 99})
    assert caught.value.param == "temperature"


def working(client):
    """How many requests the server answers now."""
    path = str(client.base_url).removesuffix("/v1/") + "/health"
    return client.get(path, cast_to=object)["requests"]


def test_a_closed_stream_is_not_gone_on_with(client):
    endless = {**GREEDY, "max_tokens": 4000, "extra_body": {"ignore_eos": True}}
    with client.chat.completions.create(**endless, stream=True) as stream:
        for _, chunk in zip(range(3), stream):
            assert chunk.choices
        assert working(client) == 1
    assert any(working(client) == 0 for _ in range(200))


async def test_the_asynchronous_client(server):
    async with AsyncOpenAI(**server) as client:
        stream = await client.chat.completions.create(**GREEDY, stream=True)
        chunks = [chunk async for chunk in stream]
        whole = await client.chat.completions.create(**GREEDY)
    assert joined(chunks) == whole.choices[0].message.content


async def test_64_streams_at_once_are_what_each_is_alone(server):
    story = [{"role": "user", "content": "Tell a story."}]
    drawn = {**GREEDY, "messages": story, "temperature": 1, "stream": True}
    async with AsyncOpenAI(**server) as client:

        async def told(seed):
            stream = await client.chat.completions.create(**drawn, seed=seed)
            return joined([chunk async for chunk in stream])

        alone = [await told(seed) for seed in range(64)]
        assert len(set(alone)) == 64
        assert await asyncio.gather(*map(told, range(64))) == alone


async def test_200_that_hang_up_leave_no_work(server):
    endless = {**GREEDY, "max_tokens": 4000, "extra_body": {"ignore_eos": True}, "stream": True}
    async with AsyncOpenAI(**server) as client:

        async def hangs_up():
            async with asyncio.timeout(0.5):
                async with await client.chat.completions.create(**endless) as stream:
                    async for _ in stream:
                        pass

        ends = await asyncio.gather(*(hangs_up() for _ in range(200)), return_exceptions=True)
        assert {type(end) for end in ends} == {TimeoutError}
    with OpenAI(**server) as client:
        left = [working(client) for _ in range(200)]
        assert left[-1] == 0, left
        assert client.chat.completions.create(**GREEDY).choices[0].message.content
