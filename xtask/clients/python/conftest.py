"""Where the server is, for every suite, and a line of JSON for each check that was made.

`cargo xtask clients` sets the variables and reads the report.
"""

import json
import os
import re

import pytest

URL = os.environ["CLIENTS_URL"]
KEY = os.environ["CLIENTS_KEY"]
MODEL = os.environ["CLIENTS_MODEL"]


@pytest.fixture(scope="session")
def server():
    return {"base_url": f"{URL}/v1", "api_key": KEY, "timeout": 60, "max_retries": 0}


def pytest_runtest_logreport(report):
    """One line for each test: its call, or what kept it from being called."""
    if report.when != "call" and report.outcome == "passed":
        return
    said = report.longrepr
    if report.outcome == "skipped":
        reason = said[2].removeprefix("Skipped: ")
    else:
        crash = getattr(said, "reprcrash", None)
        reason = crash.message if crash else str(said or "")
    # As in `TestChatOpenAI.test_stream[model0]` and `test_operation[POST /tokenize]`.
    check = re.sub(r"^(\w+\.)?test_", "", report.location[2])
    line = {"check": check, "outcome": report.outcome, "reason": reason}
    with open(os.environ["CLIENTS_REPORT"], "a", encoding="utf-8") as file:
        print(json.dumps(line), file=file)
