"""llm-comply's checks of chat completions, one line of JSON for each."""

import json
import os
import subprocess
import sys
from pathlib import Path

URL, KEY, MODEL = (os.environ[f"CLIENTS_{name}"] for name in ("URL", "KEY", "MODEL"))
program = Path(sys.executable).with_name("llm-comply")
command = [program, "run", "--format", "openai-chat", "--json", "--base-url", f"{URL}/v1"]
said = subprocess.run([*command, "--api-key", KEY, "--model", MODEL], stdout=subprocess.PIPE)
with open(os.environ["CLIENTS_REPORT"], "a", encoding="utf-8") as file:
    for result in json.loads(said.stdout)["results"]:
        reason = "; ".join(result.get("errors") or result.get("warnings", []))
        line = {"check": result["id"], "outcome": result["status"], "reason": reason}
        print(json.dumps(line), file=file)
