"""Exports a Hugging Face folder with optimum: `python export.py FOLDER OUT`. See README.md."""

import json
import pathlib
import shutil
import sys
import tempfile

from optimum.exporters.onnx import main_export


def old_layout(folder, copy):
    """The folder as transformers 4 reads it: the base of the rotation has a key of its own."""
    shutil.copytree(folder, copy)
    path = copy / "config.json"
    config = json.loads(path.read_text())
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config))


folder, out = map(pathlib.Path, sys.argv[1:])
with tempfile.TemporaryDirectory() as place:
    copy = pathlib.Path(place) / "model"
    old_layout(folder, copy)
    main_export(str(copy), out, task="text-generation-with-past", dtype="fp32", do_validation=False)
(out / "config.json").write_text((folder / "config.json").read_text())
