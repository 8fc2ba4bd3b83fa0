"""Answers at once, from nothing: what the measuring itself costs."""

import worker


class Mock:
    def __init__(self, model: str, threads: int):
        self.left: dict[int, int] = {}
        self.ready = worker.ready("mock", "1", model, f"{threads} threads")

    def add(self, key: int, prompt: list[int], max_tokens: int) -> None:
        self.left[key] = max_tokens

    def step(self, tell: worker.Tell) -> None:
        for key in list(self.left):
            self.left[key] -= 1
            tell(key, 1, self.left[key] == 0)
            if self.left[key] == 0:
                del self.left[key]

    def cancel(self, key: int) -> None:
        del self.left[key]


def open(model: str, threads: int) -> Mock:
    return Mock(model, threads)
