"""transformers' `generate`, which batches what is there and takes the next requests when all of
the batch have ended."""

import os

import torch
from transformers import AutoModelForCausalLM, __version__
from transformers.generation.streamers import BaseStreamer

import worker


class Wave(BaseStreamer):
    """Tells of each step of a batch."""

    def __init__(self, tell: worker.Tell, limits: dict[int, int]):
        self.tell = tell
        self.limits = limits
        self.made = 0
        self.read_prompt = False

    def put(self, value) -> None:
        # The first call brings the prompts.
        if not self.read_prompt:
            self.read_prompt = True
            return
        self.made += 1
        for key, limit in self.limits.items():
            if self.made <= limit:
                self.tell(key, 1, self.made == limit)

    def end(self) -> None:
        pass


class Transformers:
    def __init__(self, folder: str, threads: int):
        torch.set_num_threads(threads)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
        self.pending: dict[int, tuple[list[int], int]] = {}
        self.ready = worker.ready(
            "transformers",
            f"{__version__}, torch {torch.__version__}",
            os.path.basename(folder),
            f"cpu, {threads} threads, bf16",
        )

    def add(self, key: int, prompt: list[int], max_tokens: int) -> None:
        self.pending[key] = (prompt, max_tokens)

    @torch.inference_mode()
    def step(self, tell: worker.Tell) -> None:
        wave, self.pending = self.pending, {}
        ids, mask = padded([prompt for prompt, _ in wave.values()])
        limits = {key: limit for key, (_, limit) in wave.items()}
        most = max(limits.values())
        self.model.generate(
            input_ids=ids,
            attention_mask=mask,
            streamer=Wave(tell, limits),
            do_sample=False,
            min_new_tokens=most,
            max_new_tokens=most,
        )

    def cancel(self, key: int) -> None:
        self.pending.pop(key, None)


def padded(prompts: list[list[int]]):
    """Prompts as one tensor, filled up on the left, and which of its tokens count."""
    width = max(len(prompt) for prompt in prompts)
    ids = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return ids, mask


def open(model: str, threads: int) -> Transformers:
    return Transformers(model, threads)
