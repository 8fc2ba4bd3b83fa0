"""mistral.rs through its Python package: a thread for each request, which reads its stream.
It reads GGUF files too, and is slower with them."""

import os
import queue
import threading

import mistralrs

import worker

# So long a step waits for news, before deadlines are looked at.
PATIENCE_S = 0.05


class MistralRs:
    def __init__(self, folder: str, threads: int):
        # Read by the thread pool that computes.
        os.environ["RAYON_NUM_THREADS"] = str(threads)
        which = mistralrs.Which.Plain(model_id=folder, dtype=mistralrs.ModelDType.F32)
        self.runner = mistralrs.Runner(which, max_seqs=64, prefix_cache_n=0)
        self.lock = threading.Lock()
        self.news: queue.SimpleQueue = queue.SimpleQueue()
        self.ready = worker.ready(
            "mistral.rs",
            "0.9.5",
            os.path.basename(folder),
            f"cpu, {threads} threads, f32",
            token_prompts=False,
        )

    def add(self, key: int, prompt: str, max_tokens: int) -> None:
        threading.Thread(target=self.read, args=(key, prompt, max_tokens), daemon=True).start()

    def step(self, tell: worker.Tell) -> None:
        try:
            news = self.news.get(timeout=PATIENCE_S)
        except queue.Empty:
            return
        if isinstance(news, Exception):
            raise news
        tell(*news)

    def cancel(self, key: int) -> None:
        # Its stream is read to its end, and nobody listens.
        pass

    def read(self, key: int, prompt: str, max_tokens: int) -> None:
        try:
            self.answer(key, prompt, max_tokens)
        except Exception as error:
            self.news.put(error)

    def answer(self, key: int, prompt: str, max_tokens: int) -> None:
        """A chunk is a token, unless it waited for the rest of a character; the last one brings
        the numbers of tokens."""
        request = mistralrs.ChatCompletionRequest(
            messages=prompt,
            model="default",
            max_tokens=max_tokens,
            temperature=0.0,
            stream=True,
            ignore_eos=True,
        )
        seen, read = 0, 0
        # The runner itself takes one call at a time; streams run side by side.
        with self.lock:
            stream = self.runner.send_chat_completion_request(request)
        for chunk in stream:
            if chunk.usage:
                read = chunk.usage.prompt_tokens
                rest = chunk.usage.completion_tokens - seen
            else:
                rest = 1
            seen += rest
            self.news.put((key, rest, False, read))
        self.news.put((key, 0, True, read))


def open(model: str, threads: int) -> MistralRs:
    return MistralRs(model, threads)
