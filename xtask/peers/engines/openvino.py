"""OpenVINO GenAI's pipeline of continuous batching, which reads GGUF files itself."""

import os

import numpy as np
import openvino
import openvino_genai as genai

import worker

# Gigabytes of cache: all sequences of a bench fit, so that none is put off.
CACHE_GB = 2


class OpenVino:
    def __init__(self, path: str, threads: int):
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = CACHE_GB
        properties = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        self.pipe = genai.ContinuousBatchingPipeline(path, scheduler, "CPU", properties)
        self.handles: dict[int, genai.GenerationHandle] = {}
        self.left: dict[int, int] = {}
        self.ready = worker.ready(
            "openvino",
            genai.__version__,
            os.path.basename(path),
            f"cpu, {threads} threads",
        )

    def add(self, key: int, prompt: list[int], max_tokens: int) -> None:
        config = genai.GenerationConfig()
        config.max_new_tokens = max_tokens
        config.ignore_eos = True
        config.do_sample = False
        ids = openvino.Tensor(np.array([prompt], dtype=np.int64))
        self.handles[key] = self.pipe.add_request(key, ids, config)
        self.left[key] = max_tokens

    def step(self, tell: worker.Tell) -> None:
        self.pipe.step()
        for key, handle in list(self.handles.items()):
            if handle.can_read():
                (output,) = handle.read().values()
                tokens = len(output.generated_ids)
                self.left[key] -= tokens
                tell(key, tokens, self.left[key] <= 0)
                if self.left[key] <= 0:
                    self.forget(key)

    def cancel(self, key: int) -> None:
        self.handles[key].cancel()
        self.forget(key)

    def forget(self, key: int) -> None:
        del self.handles[key], self.left[key]


def open(model: str, threads: int) -> OpenVino:
    return OpenVino(model, threads)
