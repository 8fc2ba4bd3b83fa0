"""onnxruntime-genai's engine, which batches requests as they come."""

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime_genai as genai

import worker

Flags = genai.EngineEventFlags
# Tokens of prompt and answer together.
CONTEXT = 1024
# Events that one run of the engine may bring.
EVENTS = 256


class OnnxRuntime:
    def __init__(self, folder: str, threads: int):
        config = genai.Config(folder)
        config.overlay(json.dumps(settings(threads)))
        self.model = genai.Model(config)
        self.engine = genai.Engine(self.model)
        self.events = self.engine.create_event_buffer(EVENTS)
        self.requests: dict[int, tuple[genai.Request, int]] = {}
        self.ready = worker.ready(
            "onnxruntime-genai",
            genai.__version__,
            Path(folder).name,
            f"cpu, {threads} threads, int4",
            context_length=CONTEXT,
        )

    def add(self, key: int, prompt: list[int], max_tokens: int) -> None:
        request = self.engine.create_request()
        options = genai.TurnOptions(request)
        options.set_do_sample(False)
        # Without an end before its last token.
        options.set_min_generated_tokens(max_tokens)
        options.set_max_generated_tokens(max_tokens)
        turn = request.begin_turn(np.array(prompt, dtype=np.int32), options)
        self.requests[key] = (request, turn)

    def step(self, tell: worker.Tell) -> None:
        keys = {id(request): key for key, (request, _) in self.requests.items()}
        for event in self.engine.run(self.events):
            key = keys[id(event.request)]
            if event.flags & Flags.FAILED:
                raise RuntimeError(f"a request failed: {event.error_code}")
            ended = bool(event.flags & Flags.TURN_FINISHED)
            tell(key, int(bool(event.flags & Flags.TOKEN)), ended)
            if ended:
                self.requests.pop(key)[0].close()

    def cancel(self, key: int) -> None:
        request, turn = self.requests.pop(key)
        request.cancel_turn(turn)
        request.close()


def settings(threads: int) -> dict:
    options = {"intra_op_num_threads": threads}
    return {"model": {"decoder": {"session_options": options}}, "search": {"max_length": CONTEXT}}


def open(model: str, threads: int) -> OnnxRuntime:
    return OnnxRuntime(model, threads)
