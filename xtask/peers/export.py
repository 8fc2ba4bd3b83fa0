"""Writes the weights of a GGUF file as a Hugging Face folder, for peers that read no GGUF.

    python export.py FILE.gguf FOLDER [--dtype bfloat16]

The numbers are those of the file, dequantised and rounded to the dtype; config and tokenizer are
what transformers makes of the file's metadata.
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes a GGUF file as a Hugging Face folder.")
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    args = parser.parse_args()
    place = args.file.resolve()
    model = AutoModelForCausalLM.from_pretrained(
        place.parent,
        gguf_file=place.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=getattr(torch, args.dtype),
    )
    tokenizer = AutoTokenizer.from_pretrained(place.parent, gguf_file=place.name)
    # The folder gets its name when it is whole.
    part = args.folder.with_name(args.folder.name + ".part")
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    name_rope_theta(part / "config.json")
    part.rename(args.folder)


def name_rope_theta(config: Path) -> None:
    """Writes the base of the rotation where readers older than transformers 5 look for it, too."""
    text = json.loads(config.read_text())
    text.setdefault("rope_theta", text["rope_parameters"]["rope_theta"])
    config.write_text(json.dumps(text, indent=2))


if __name__ == "__main__":
    main()
