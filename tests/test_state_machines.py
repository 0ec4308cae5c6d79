"""Every function, message field and error name in the state machines is there in code and template.

The machines are run with functions that answer what is in events/answers and check what they are
asked for against the events in events/<function>. That these are what the code reads and writes
is a test in Rust (tests/maintenance.rs).
"""

import json
import re
import tomllib
from pathlib import Path

import pytest
from cfnlint.decode import cfn_yaml

from state_machine import Failed, Run, states_of

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = cfn_yaml.load(str(ROOT / "infra/template.yaml"))
RESOURCES = TEMPLATE["Resources"]
MACHINES = {
    resource["Properties"]["DefinitionUri"]: resource["Properties"]
    for resource in RESOURCES.values()
    if resource["Type"] == "AWS::Serverless::StateMachine"
}
EVENTS = ROOT / "events"


def text(definition):
    return (ROOT / "infra" / definition).read_text()


def machine(definition):
    """A machine whose functions are called as their folders are."""
    replaced = lambda match: function_of(MACHINES[definition], match[1])
    return json.loads(re.sub(r"\$\{(\w+)\}", replaced, text(definition)))


def function_of(properties, name):
    """The function that a name in a definition stands for; other names stay."""
    value = properties["DefinitionSubstitutions"][name]
    if "Fn::GetAtt" not in value:
        return name
    resource, attribute = value["Fn::GetAtt"]
    assert attribute == "Arn" and resource == name
    assert RESOURCES[resource]["Type"] == "AWS::Serverless::Function"
    function = RESOURCES[resource]["Properties"]
    binary = Path(function["CodeUri"]).name
    assert binary in binaries()
    # One that has a binary for itself is called like it.
    step = function["Environment"]["Variables"].get("ALLUVIUM_STEP", binary)
    assert function["FunctionName"] == {"Fn::Sub": "${NamePrefix}-" + step}
    return step


def binaries():
    names = set()
    for manifest in ROOT.glob("functions/*/Cargo.toml"):
        cargo = tomllib.loads(manifest.read_text())
        found = {file.stem for file in manifest.parent.glob("src/bin/*.rs")}
        names |= found or {cargo["package"]["name"]}
    return names


def steps():
    """The functions that the binary knows."""
    code = (ROOT / "functions/maintain-lake/src/step.rs").read_text()
    return set(re.findall(r'Self::\w+ => "([a-z-]+)"', code))


def shape(value):
    """What a message looks like, without what it says."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        shapes = [shape(inner) for inner in value]
        return [one for at, one in enumerate(shapes) if one not in shapes[:at]]
    return type(value).__name__


def requests_of(function):
    return [shape(json.loads(file.read_text())) for file in (EVENTS / function).glob("*.json")]


def answer(name):
    return json.loads((EVENTS / "answers" / f"{name}.json").read_text())


ITEM = json.loads((EVENTS / "begin-swap/partition.json").read_text())


class Functions:
    """Functions that answer by a script, in turn, and note what they were asked for."""

    def __init__(self, **answers):
        self.answers = {name.replace("_", "-"): list(those) for name, those in answers.items()}
        self.asked = []

    def __call__(self, function, payload):
        assert shape(payload) in requests_of(function), (function, payload)
        self.asked.append((function, payload))
        given = self.answers[function].pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    def run(self, definition, items=(ITEM,)):
        def read(bucket, key):
            assert (bucket, key) == ("LakeBucket", answer("plan-compaction")["items_key"])
            return list(items)

        run = Run(self, read).run(machine(definition), {})
        assert not any(self.answers.values()), "not all was asked for"
        return run

    def of(self, function):
        return [payload for name, payload in self.asked if name == function]


COMPACT, VACUUM = "state-machines/compact-tables.asl.json", "state-machines/vacuum-lake.asl.json"


def test_the_template_deploys_every_machine():
    files = {f"state-machines/{file.name}" for file in (ROOT / "infra/state-machines").iterdir()}
    assert files == set(MACHINES) == {COMPACT, VACUUM}


@pytest.mark.parametrize("definition", [COMPACT, VACUUM])
def test_what_a_machine_names_is_there(definition):
    properties = MACHINES[definition]
    substituted = set(re.findall(r"\$\{(\w+)\}", text(definition)))
    assert substituted == set(properties["DefinitionSubstitutions"])
    functions = {name for name in substituted if function_of(properties, name) != name}
    assert functions and {function_of(properties, name) for name in functions} <= steps() | binaries()
    # Its role may invoke these and no others.
    role = RESOURCES[properties["Role"]["Fn::GetAtt"][0]]["Properties"]["Policies"][0]
    [invoke] = [
        statement["Resource"]
        for statement in role["PolicyDocument"]["Statement"]
        if statement.get("Sid") == "InvokeSteps"
    ]
    assert {resource["Fn::GetAtt"][0] for resource in invoke} == functions
    states = states_of(machine(definition))
    for name, state in states.items():
        for following in [state.get("Next"), state.get("Default")]:
            assert following in (None, *states), name


@pytest.mark.parametrize("definition", [COMPACT, VACUUM])
def test_errors_are_those_that_functions_fail_with(definition):
    code = (ROOT / "shared/alluvium-aws/src/failure.rs").read_text()
    known = set(re.findall(r'pub const \w+: &str = "(Alluvium\.\w+)"', code))
    assert known == {"Alluvium.Retryable", "Alluvium.Permanent"}
    for name, state in states_of(machine(definition)).items():
        for retry in state.get("Retry", []):
            assert retry["ErrorEquals"] == ["Alluvium.Retryable"], name
        for catch in state.get("Catch", []):
            assert set(catch["ErrorEquals"]) == known, name


def test_a_partition_is_merged_and_committed():
    functions = Functions(
        plan_compaction=[answer("plan-compaction")],
        begin_swap=[answer("begin-swap-begun")],
        merge_files=[answer("merge-files-verified")] * 2,
        commit_swap=[answer("commit-swap-committed")],
        summarize_compaction=[answer("summarize-compaction")],
    )
    assert functions.run(COMPACT) == answer("summarize-compaction")
    assert functions.of("begin-swap") == [ITEM]
    assert [request["bin"] for request in functions.of("merge-files")] == [0, 1]
    [commit] = functions.of("commit-swap")
    assert commit["merged"] == [answer("merge-files-verified")] * 2
    [summary] = functions.of("summarize-compaction")
    assert summary == {"plan": answer("plan-compaction"), "swaps": [{"outcome": "committed"}]}


def test_a_bin_that_fails_is_told_to_the_commit():
    functions = Functions(
        plan_compaction=[answer("plan-compaction")],
        begin_swap=[answer("begin-swap-begun")],
        merge_files=[Failed("Alluvium.Permanent", "why"), answer("merge-files-failed")],
        commit_swap=[answer("commit-swap-stopped")],
        summarize_compaction=[answer("summarize-compaction")],
    )
    functions.run(COMPACT)
    [commit] = functions.of("commit-swap")
    assert [merged["outcome"] for merged in commit["merged"]] == ["failed", "failed"]
    [summary] = functions.of("summarize-compaction")
    assert summary["swaps"] == [{"outcome": "failed"}]


def test_one_partition_does_not_stop_the_others():
    functions = Functions(
        plan_compaction=[answer("plan-compaction") | {"partitions": 5}],
        begin_swap=[
            Failed("Alluvium.Retryable"),
            Failed("Sandbox.Timedout"),
            answer("begin-swap-stopped"),
            answer("begin-swap-forward"),
            answer("begin-swap-begun") | {"bins": []},
        ],
        commit_swap=[Failed("Alluvium.Permanent"), answer("commit-swap-committed")],
        summarize_compaction=[answer("summarize-compaction")],
    )
    functions.run(COMPACT, [ITEM] * 5)
    forward, begun = functions.of("commit-swap")
    assert "merged" not in forward and begun["merged"] == []
    [summary] = functions.of("summarize-compaction")
    # Whatever ended in another way is missing, and counted as failed.
    outcomes = [swap["outcome"] for swap in summary["swaps"]]
    assert outcomes == ["failed", "stopped", "failed", "committed"]


def test_partitions_that_failed_fail_the_machine():
    functions = Functions(
        plan_compaction=[answer("plan-compaction")],
        begin_swap=[Failed("Alluvium.Permanent")],
        summarize_compaction=[Failed("Alluvium.Permanent", "1 of 1 partitions failed")],
    )
    with pytest.raises(Failed):
        functions.run(COMPACT)


def test_without_a_plan_there_is_nothing_to_do():
    functions = Functions(plan_compaction=[answer("plan-compaction-nothing")])
    assert functions.run(COMPACT) == answer("plan-compaction-nothing")
    functions = Functions(plan_compaction=[Failed("Alluvium.Retryable")])
    with pytest.raises(Failed):
        functions.run(COMPACT)


def test_a_vacuum_goes_on_until_nothing_is_left():
    done, streams = answer("vacuum-lake"), answer("finish-streams")
    functions = Functions(finish_streams=[streams], vacuum_lake=[done | {"left": 7}, done])
    assert functions.run(VACUUM) == done | {"invocations": 2, "streams": streams}
    assert [function for function, _ in functions.asked] == ["vacuum-lake"] * 2 + ["finish-streams"]
    endless = Functions(finish_streams=[streams], vacuum_lake=[done | {"left": 7}] * 100)
    assert endless.run(VACUUM)["left"] == 7


@pytest.mark.parametrize("error", ["Alluvium.Retryable", "Alluvium.Permanent"])
def test_streams_that_cannot_be_finished_stop_no_vacuum(error):
    done = answer("vacuum-lake")
    functions = Functions(finish_streams=[Failed(error)], vacuum_lake=[done])
    assert functions.run(VACUUM) == done | {"invocations": 1, "streams": {"error": error}}


def test_a_vacuum_that_fails_fails_the_machine():
    functions = Functions(
        finish_streams=[answer("finish-streams")], vacuum_lake=[Failed("Alluvium.Permanent")]
    )
    with pytest.raises(Failed):
        functions.run(VACUUM)
