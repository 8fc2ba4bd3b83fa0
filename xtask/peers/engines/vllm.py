"""vLLM for CPU: its own engine and scheduler, stepped in this process."""

import os

# Read when vLLM is imported: no process of its own for the engine, so that its memory is seen;
# gigabytes of cache; threads are those of OpenMP, bound to no core.
os.environ.update(
    VLLM_ENABLE_V1_MULTIPROCESSING="0",
    VLLM_CPU_KVCACHE_SPACE="2",
    VLLM_CPU_OMP_THREADS_BIND="nobind",
    VLLM_LOGGING_LEVEL="WARNING",
    HF_HUB_OFFLINE="1",
)

from vllm import EngineArgs, LLMEngine, SamplingParams, __version__
from vllm.sampling_params import RequestOutputKind

import worker

# Tokens of prompt and answer together.
CONTEXT = 1024


class Vllm:
    def __init__(self, folder: str, threads: int):
        args = EngineArgs(
            model=folder,
            dtype="bfloat16",
            max_model_len=CONTEXT,
            max_num_seqs=64,
            enable_prefix_caching=False,
        )
        self.engine = LLMEngine.from_engine_args(args)
        self.ready = worker.ready(
            "vllm",
            __version__,
            os.path.basename(folder),
            f"cpu, {threads} threads, bf16",
            context_length=CONTEXT,
        )

    def add(self, key: int, prompt: list[int], max_tokens: int) -> None:
        parameters = SamplingParams(
            temperature=0,
            max_tokens=max_tokens,
            ignore_eos=True,
            detokenize=True,
            output_kind=RequestOutputKind.DELTA,
        )
        self.engine.add_request(str(key), {"prompt_token_ids": prompt}, parameters)

    def step(self, tell: worker.Tell) -> None:
        for output in self.engine.step():
            tell(int(output.request_id), len(output.outputs[0].token_ids), output.finished)

    def cancel(self, key: int) -> None:
        self.engine.abort_request([str(key)])


def open(model: str, threads: int) -> Vllm:
    return Vllm(model, threads)
