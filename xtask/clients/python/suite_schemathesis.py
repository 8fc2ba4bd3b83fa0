"""Random requests after the server's own OpenAPI document: every answer must be one it describes.

What a schema cannot say, such as that a message must say something, is refused with 400; so a
request that fits the schema may be refused. All other checks of schemathesis are made.
"""

import schemathesis
from conftest import KEY, MODEL, URL
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

load_all_checks()
HEADERS = {"Authorization": f"Bearer {KEY}"}
NOT_SAID_BY_SCHEMAS = {"positive_data_acceptance"}
schema = schemathesis.openapi.from_url(f"{URL}/openapi.json", headers=HEADERS)


@schemathesis.hook
def map_body(context, body):
    """Keeps answers short: their lengths are not what is tested, and the model is slow."""
    if isinstance(body, dict):
        for name, most in (("max_tokens", 4), ("max_completion_tokens", 4), ("n", 2)):
            if isinstance(body.get(name), int):
                body[name] = min(body[name], most)
        if "prompt" in body or "messages" in body:
            body.setdefault("max_tokens", 4)
    return body


@schema.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_operation(case):
    excluded = [check for check in CHECKS.get_all() if check.__name__ in NOT_SAID_BY_SCHEMAS]
    case.call_and_validate(headers=HEADERS, excluded_checks=excluded, timeout=60)
