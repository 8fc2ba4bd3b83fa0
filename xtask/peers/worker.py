"""Runs a peer as a contender of `stream-engine bench`.

    python worker.py ENGINE --model PATH --threads N

ENGINE is a module of the folder `engines`, with a function `open(model, threads)` that loads the
model and returns an `Engine`. What is written to stdout and read from stdin is the protocol that
`stream-engine bench --help` describes under `--contender`.
"""

import argparse
import importlib
import json
import os
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Iterable, Protocol, TextIO

# So long the loop sleeps while nothing is under way and the next request is not yet due.
NAP_S = 0.001


class Tell(Protocol):
    """Is told of a request: its key, how many new tokens it has, whether it has ended, and, of a
    prompt that came as text, how many tokens that has."""

    def __call__(self, key: int, tokens: int, ended: bool, prompt_tokens: int = 0) -> None: ...


class Engine(Protocol):
    """A loaded model that answers many requests at once, greedily and past its end token."""

    ready: dict
    """What `ready` of the protocol tells of it."""

    def add(self, key: int, prompt: list[int] | str, max_tokens: int) -> None:
        """Takes a request. Its prompt is token ids, or text if `ready` has no token prompts."""

    def step(self, tell: Tell) -> None:
        """Works on the requests, and tells of their tokens at once, until some had news."""

    def cancel(self, key: int) -> None:
        """Forgets a request, of which no more news may come."""


def ready(
    backend: str,
    version: str,
    model: str,
    device: str,
    *,
    context_length: int | None = None,
    token_prompts: bool = True,
    exact_length: bool = True,
) -> dict:
    """What the protocol wants to know of an engine."""
    return {
        "backend": backend,
        "version": version,
        "model": model,
        "device": device,
        "context_length": context_length,
        "token_prompts": token_prompts,
        "exact_length": exact_length,
    }


@dataclass
class Record:
    """What became of a request, in seconds from the start of its round."""

    arrival_s: float
    prompt_tokens: int
    sent_s: float = 0.0
    tokens_s: list[float] = field(default_factory=list)
    ended_s: float = 0.0
    output_tokens: int = 0
    error: str | None = None


class Round:
    """One round: requests are given to the engine when they are due and there is room."""

    def __init__(self, engine: Engine, asked: dict, done):
        self.engine = engine
        self.requests = asked["requests"]
        self.most = asked["concurrency"] or len(self.requests)
        self.timeout_s = asked["timeout_s"]
        self.done = done
        self.records = [Record(r["arrival_s"], count(r["prompt"])) for r in self.requests]
        self.waiting = deque(range(len(self.requests)))
        self.active: set[int] = set()
        self.start = time.perf_counter()

    def now(self) -> float:
        return time.perf_counter() - self.start

    def run(self) -> dict:
        while self.waiting or self.active:
            self.send()
            if not self.active:
                time.sleep(NAP_S)
                continue
            self.engine.step(self.note)
            self.give_up()
        return {"duration_s": self.now(), "requests": [vars(record) for record in self.records]}

    def send(self) -> None:
        while self.waiting and len(self.active) < self.most:
            key = self.waiting[0]
            request, record = self.requests[key], self.records[key]
            record.sent_s = self.now()
            if record.sent_s < record.arrival_s:
                return
            self.waiting.popleft()
            self.active.add(key)
            (prompt,) = request["prompt"].values()
            self.engine.add(key, prompt, request["max_tokens"])

    def note(self, key: int, tokens: int, ended: bool, prompt_tokens: int = 0) -> None:
        if key not in self.active:
            return
        record = self.records[key]
        record.prompt_tokens = prompt_tokens or record.prompt_tokens
        if tokens:
            record.tokens_s.append(self.now())
            record.output_tokens += tokens
        if ended:
            self.end(key)

    def give_up(self) -> None:
        for key in list(self.active):
            record = self.records[key]
            if self.now() - record.sent_s > self.timeout_s:
                self.engine.cancel(key)
                record.error = f"it took over {self.timeout_s} s"
                self.end(key)

    def end(self, key: int) -> None:
        self.active.remove(key)
        self.records[key].ended_s = self.now()
        self.done(len(self.requests) - len(self.waiting) - len(self.active))


def count(prompt: dict) -> int:
    """The tokens of a prompt; of a text, which nobody has cut yet, 0."""
    return len(prompt.get("tokens", ()))


def serve(engine: Engine, commands: Iterable[str], output: TextIO) -> None:
    """Says that the engine is ready, and answers rounds until there are no more commands."""
    say(output, {"ready": engine.ready})
    for line in commands:
        asked = json.loads(line)["round"]
        outcome = Round(engine, asked, lambda ended: say(output, {"done": ended})).run()
        say(output, {"round": outcome})


def say(output: TextIO, event: dict) -> None:
    output.write(json.dumps(event) + "\n")
    output.flush()


def own_stdout() -> TextIO:
    """Stdout for the protocol alone: whatever else is written there goes to stderr."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return output


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs a peer as a contender of a bench.")
    parser.add_argument("engine", help="a module of the folder `engines`")
    parser.add_argument("--model", required=True, help="a file or a folder")
    parser.add_argument("--threads", required=True, type=int, help="threads that compute")
    args = parser.parse_args()
    output = own_stdout()
    # Read when the libraries of numerics are loaded.
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    try:
        module = importlib.import_module(f"engines.{args.engine}")
        serve(module.open(args.model, args.threads), sys.stdin, output)
    except Exception as error:
        # The bench lists the contender with this reason, and goes on with the others.
        say(output, {"failed": f"{type(error).__name__}: {error}"})
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
