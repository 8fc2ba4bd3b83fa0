"""llama.cpp through the C API that llama-cpp-python binds: sequences are batched as they come,
a step's decoding rows together with pieces of new prompts, as llama-server does."""

import ctypes
import os
from dataclasses import dataclass

import llama_cpp as llama
import numpy as np

import worker

# Sequences that have a place in the cache, and tokens that each may have.
SEQUENCES = 32
CONTEXT = 1024
# Tokens of a step: llama.cpp's own default for a logical batch.
BATCH = 2048


@dataclass
class Sequence:
    key: int
    place: int
    to_read: list[int]
    left: int
    position: int = 0


class LlamaCpp:
    def __init__(self, path: str, threads: int):
        llama.llama_backend_init()
        self.model = llama.llama_model_load_from_file(
            path.encode(), llama.llama_model_default_params()
        )
        if not self.model:
            raise RuntimeError("llama.cpp cannot load the model; stderr says why")
        self.context = llama.llama_init_from_model(self.model, settings(threads))
        if not self.context:
            raise RuntimeError("llama.cpp cannot make a context; stderr says why")
        vocabulary = llama.llama_model_get_vocab(self.model)
        self.vocabulary = llama.llama_vocab_n_tokens(vocabulary)
        self.memory = llama.llama_get_memory(self.context)
        self.batch = llama.llama_batch_init(BATCH, 0, 1)
        self.free = list(range(SEQUENCES))
        self.sequences: dict[int, Sequence] = {}
        self.ready = worker.ready(
            "llama.cpp",
            f"llama-cpp-python {llama.__version__}",
            os.path.basename(path),
            f"cpu, {threads} threads, {features()}",
            context_length=CONTEXT,
        )

    def add(self, key: int, prompt: list[int], max_tokens: int) -> None:
        if not self.free:
            raise RuntimeError(f"more than {SEQUENCES} requests at once")
        if len(prompt) + max_tokens > CONTEXT:
            raise RuntimeError(f"more than {CONTEXT} tokens of prompt and answer")
        self.sequences[key] = Sequence(key, self.free.pop(), list(prompt), max_tokens)

    def step(self, tell: worker.Tell) -> None:
        chosen = self.fill()
        if llama.llama_decode(self.context, self.batch) != 0:
            raise RuntimeError("llama_decode failed")
        for sequence, row in chosen:
            self.choose(sequence, row)
            tell(sequence.key, 1, sequence.left == 0)

    def cancel(self, key: int) -> None:
        sequence = self.sequences.pop(key)
        llama.llama_memory_seq_rm(self.memory, sequence.place, -1, -1)
        self.free.append(sequence.place)

    def fill(self) -> list[tuple[Sequence, int]]:
        """Puts the next tokens of each sequence into the batch; those that decode have one and
        come first. Returns whose next token is decided, and by which row."""
        self.batch.n_tokens = 0
        chosen = []
        for sequence in sorted(self.sequences.values(), key=lambda s: len(s.to_read)):
            taken = sequence.to_read[: BATCH - self.batch.n_tokens]
            sequence.to_read = sequence.to_read[len(taken) :]
            for token in taken:
                self.put(token, sequence)
            if taken and not sequence.to_read:
                row = self.batch.n_tokens - 1
                self.batch.logits[row] = True
                chosen.append((sequence, row))
        return chosen

    def put(self, token: int, sequence: Sequence) -> None:
        batch, row = self.batch, self.batch.n_tokens
        batch.token[row] = token
        batch.pos[row] = sequence.position
        batch.n_seq_id[row] = 1
        batch.seq_id[row][0] = sequence.place
        batch.logits[row] = False
        batch.n_tokens += 1
        sequence.position += 1

    def choose(self, sequence: Sequence, row: int) -> None:
        logits = llama.llama_get_logits_ith(self.context, row)
        token = int(np.argmax(np.ctypeslib.as_array(logits, (self.vocabulary,))))
        sequence.to_read = [token]
        sequence.left -= 1
        if sequence.left == 0:
            self.cancel(sequence.key)


def settings(threads: int):
    """llama.cpp's defaults, with room for all sequences."""
    settings = llama.llama_context_default_params()
    settings.n_ctx = SEQUENCES * CONTEXT
    settings.n_seq_max = SEQUENCES
    settings.n_batch = BATCH
    # As llama-server has it: one cache for all, of which a sequence takes what it needs.
    settings.kv_unified = True
    settings.n_threads = settings.n_threads_batch = threads
    return settings


def features() -> str:
    """The instruction sets that llama.cpp was compiled for and finds."""
    text = ctypes.string_at(llama.llama_print_system_info()).decode()
    pairs = [pair.split("=") for pair in text.split("|")[0:] if "=" in pair]
    names = [pair[0].split(":")[-1].strip() for pair in pairs if pair[1].strip() == "1"]
    return " ".join(names)


def open(model: str, threads: int) -> LlamaCpp:
    return LlamaCpp(model, threads)
