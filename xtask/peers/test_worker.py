"""The protocol, with engines that are made up. `python3 -m unittest` in this folder runs it."""

import io
import json
import subprocess
import sys
import time
import unittest
from pathlib import Path

import worker
from engines.mock import Mock

HERE = Path(__file__).parent


def asked(lengths, concurrency=None, timeout_s=60.0, arrivals=None, prompt=None):
    prompt = prompt or {"tokens": [1, 2, 3]}
    arrivals = arrivals or [0.0] * len(lengths)
    requests = [
        {"arrival_s": arrival, "prompt": prompt, "max_tokens": length}
        for arrival, length in zip(arrivals, lengths)
    ]
    return {"concurrency": concurrency, "timeout_s": timeout_s, "requests": requests}


class Watched(Mock):
    """Knows how many requests it ever had at once."""

    most = 0

    def step(self, tell):
        self.most = max(self.most, len(self.left))
        super().step(tell)


class Stuck(Mock):
    """Never answers, and knows what was given up."""

    cancelled = ()

    def step(self, tell):
        time.sleep(0.001)

    def cancel(self, key):
        self.cancelled += (key,)


class Text(Mock):
    """Counts the words of a prompt itself."""

    def step(self, tell):
        super().step(lambda key, tokens, ended: tell(key, tokens, ended, 7))


class RoundTest(unittest.TestCase):
    def run_round(self, engine, **round):
        told = []
        outcome = worker.Round(engine, asked(**round), told.append).run()
        self.assertEqual(told, list(range(1, len(round["lengths"]) + 1)))
        return outcome["requests"]

    def test_every_request_gets_its_tokens_in_order(self):
        records = self.run_round(Mock("m", 1), lengths=[3, 1, 2], concurrency=2)
        self.assertEqual([r["output_tokens"] for r in records], [3, 1, 2])
        for record in records:
            times = [record["sent_s"], *record["tokens_s"], record["ended_s"]]
            self.assertEqual(times, sorted(times))
            self.assertEqual(len(record["tokens_s"]), record["output_tokens"])
            self.assertEqual((record["prompt_tokens"], record["error"]), (3, None))

    def test_no_more_than_allowed_are_under_way(self):
        for concurrency, most in [(1, 1), (3, 3), (None, 5)]:
            engine = Watched("m", 1)
            self.run_round(engine, lengths=[4] * 5, concurrency=concurrency)
            self.assertEqual(engine.most, most)

    def test_nothing_is_sent_before_it_is_due(self):
        records = self.run_round(Mock("m", 1), lengths=[1, 1], arrivals=[0.0, 0.02])
        self.assertGreaterEqual(records[1]["sent_s"], 0.02)

    def test_a_request_that_takes_too_long_has_failed(self):
        engine = Stuck("m", 1)
        records = self.run_round(engine, lengths=[1, 1], timeout_s=0.01)
        self.assertEqual(engine.cancelled, (0, 1))
        self.assertTrue(all("over 0.01 s" in record["error"] for record in records))

    def test_an_engine_that_takes_text_says_how_long_it_was(self):
        (record,) = self.run_round(Text("m", 1), lengths=[1], prompt={"text": "a b"})
        self.assertEqual(record["prompt_tokens"], 7)


class LinesTest(unittest.TestCase):
    def test_rounds_are_answered_until_the_input_ends(self):
        commands = [json.dumps({"round": asked([2])})] * 2
        output = io.StringIO()
        worker.serve(Mock("m", 1), commands, output)
        events = [next(iter(json.loads(line))) for line in output.getvalue().splitlines()]
        self.assertEqual(events, ["ready", "done", "round", "done", "round"])

    def program(self, engine, model):
        command = [sys.executable, "worker.py", engine, "--model", model, "--threads", "2"]
        ended = subprocess.run(command, cwd=HERE, input="", capture_output=True, text=True)
        (line,) = ended.stdout.splitlines()
        return json.loads(line), ended.returncode

    def test_the_program_says_what_it_is_or_why_it_is_not(self):
        event, code = self.program("mock", "m")
        self.assertEqual((event["ready"]["device"], code), ("2 threads", 0))
        event, code = self.program("absent", __file__)
        self.assertIn("The protocol, with engines", event["failed"])
        self.assertNotEqual(code, 0)
        event, _ = self.program("no_such_engine", "m")
        self.assertIn("no_such_engine", event["failed"])


if __name__ == "__main__":
    unittest.main()
