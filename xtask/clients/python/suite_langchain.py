"""langchain-openai's chat model under the standard tests that every chat model of langchain runs."""

import pytest
from conftest import KEY, MODEL, URL
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests


class TestChatOpenAI(ChatModelIntegrationTests):
    @property
    def chat_model_class(self):
        return ChatOpenAI

    @property
    def chat_model_params(self):
        return {
            "base_url": f"{URL}/v1",
            "api_key": KEY,
            "model": MODEL,
            "temperature": 0,
            "max_tokens": 256,
            "stream_usage": True,
            "max_retries": 0,
        }

    @pytest.fixture
    def model(self, request):
        """A small model repeats itself for ever inside a joke in JSON, were it not for a penalty."""
        given = dict(getattr(request, "param", {}))
        if "structured" in request.node.name or "json_mode" in request.node.name:
            given["extra_body"] = {"repetition_penalty": 1.15}
        return ChatOpenAI(**{**self.standard_chat_model_params, **self.chat_model_params, **given})

    @property
    def supports_json_mode(self):
        return True

    @property
    def model_override_value(self):
        return f"{MODEL}-alias"

    @property
    def supports_model_override(self):
        return True
