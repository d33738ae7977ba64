"""Of each kind of finding, of answer to a review and of trace one in full: that of the first case that has it.

``make docs`` writes them anew: the difference shows what users will read otherwise.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from service.audit.cases import CLUSTER, EXPECTATION, Engine, load_case
from service.policy.flow_query import parse_flow
from service.policy.stages import Detail
from service.policy.trace import trace

CASES = Path(__file__).parent / "cases"
FILE = CASES / "specimens.json"


def written():
    """The specimens of the file: by case what it tells, by fingerprint, the name of a request or the place of a flow."""
    return json.loads(FILE.read_text("utf-8"))


def told(case):
    """What the folder *case* tells, as every door does; the empty fields of findings are left out."""
    loaded = load_case(CASES / case)
    engine = Engine.of(loaded)
    findings = [_without_paths(one) for one in engine.findings()]
    full = {one.pop("fingerprint"): one for one in findings}
    return {
        **{key: _without_blanks(one) for key, one in full.items()},
        **{name: engine.review(one)["response"] for name, one in loaded.reviews.items()},
        **{
            f"flow {place}": _traced(engine.source.world, one["flow"])
            for place, one in enumerate(loaded.expectation.flows)
        },
    }


def _traced(world, flow):
    """What the trace of a flow says at each hook, and its text with every rule that was looked at."""
    found = trace(world, parse_flow(flow), Detail.RULES)
    hooks = [
        " ".join(map(str, (one.hook, one.direction, one.verdict, one.reason)))
        for one in found.stages
    ]
    return {"disposition": found.disposition, "hooks": hooks, "text": found.to_text().split("\n")}


def _without_paths(finding):
    text = json.dumps(finding, ensure_ascii=False)
    return json.loads(re.sub(r'"[^"]*/cases/[^"]*/' + CLUSTER, f'"{CLUSTER}', text))


def _without_blanks(finding):
    return {name: value for name, value in finding.items() if value or name == "score"}


def kind(one):
    """What sets a finding, an answer or a trace apart from those that only name other objects."""
    if "allowed" in one:
        warnings, refusal = one.get("warnings", ()), str(one.get("status"))
        return one["allowed"], str(one.get("auditAnnotations")), len(warnings), "---" in refusal
    if "hooks" in one:
        return one["disposition"], *one["hooks"]
    names = ("check", "reason", "result", "severity")
    advice = re.sub(r"\S*[\d/._-]\S*", "", one.get("advice", ""))
    return (*(one[name] for name in names), *sorted(one.get("details", {})), "fix" in one, advice)


def collected():
    """The specimens, anew."""
    kinds = {}
    for case in sorted(path.parent.name for path in CASES.glob(f"*/{EXPECTATION}")):
        for key, one in told(case).items():
            kinds.setdefault(kind(one), (case, key, one))
    found = {}
    for case, key, one in kinds.values():
        found.setdefault(case, {})[key] = one
    return found


def _text(value, depth=3):
    """JSON with lines down to the fields of a specimen."""
    if depth == 0 or not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    lines = (f"{json.dumps(name)}: {_text(one, depth - 1)}" for name, one in value.items())
    return "{\n" + ",\n".join(lines) + "\n}"


if __name__ == "__main__":
    FILE.write_text(_text(collected()) + "\n", "utf-8")
