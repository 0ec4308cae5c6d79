"""Runs a state machine without AWS: as much of the Amazon States Language as ours use.

Whatever a path does not find fails, as it does on AWS, and so does a state of which not all is
understood: a test that says nothing of a field would not be one.
"""

import re

KNOWN = {
    "Task": {"Resource", "Parameters", "ResultSelector", "ResultPath", "OutputPath", "Retry", "Catch"},
    "Pass": {"Parameters", "Result", "ResultPath"},
    "Choice": {"Choices", "Default"},
    "Map": {
        "ItemsPath", "ItemSelector", "ItemReader", "ItemProcessor", "MaxConcurrency", "ResultPath",
        "ToleratedFailurePercentage",
    },
    "Succeed": set(),
}
EVERYWHERE = {"Type", "Comment", "Next", "End"}


class Failed(Exception):
    """A function, and with it a state, failed with an error of this name."""

    def __init__(self, error, cause=""):
        super().__init__(error)
        self.error, self.cause = error, cause


def states_of(machine):
    """All states of a machine, those in its Maps too, by name."""
    found = dict(machine["States"])
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            inner = states_of(state["ItemProcessor"])
            assert not inner.keys() & found.keys()
            found |= inner
    return found


class Run:
    """One execution: `invoke(function, payload)` answers for functions, `read(bucket, key)` for
    objects."""

    def __init__(self, invoke, read):
        self.invoke, self.read = invoke, read

    def run(self, machine, data):
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            assert not (state.keys() - KNOWN[state["Type"]] - EVERYWHERE), name
            step = {"Task": self.task, "Pass": self.passed, "Choice": self.choice, "Map": self.map}
            if state["Type"] == "Succeed":
                return data
            data, following = step[state["Type"]](state, data)
            if following is None:
                return data
            name = following

    def task(self, state, data):
        assert state["Resource"].endswith(":states:::lambda:invoke")
        try:
            request = filled(state["Parameters"], data)
            answer = {"Payload": self.invoke(request["FunctionName"], request["Payload"])}
        except Failed as failed:
            for catch in state.get("Catch", []):
                if failed.error in catch["ErrorEquals"]:
                    told = {"Error": failed.error, "Cause": failed.cause}
                    return put(catch.get("ResultPath", "$"), data, told), catch["Next"]
            raise
        if "ResultSelector" in state:
            answer = filled(state["ResultSelector"], answer)
        data = put(state.get("ResultPath", "$"), data, answer)
        return found(state.get("OutputPath", "$"), data), state.get("Next")

    def choice(self, state, data):
        for choice in state["Choices"]:
            if holds(choice, data):
                return data, choice["Next"]
        return data, state["Default"]

    def map(self, state, data):
        if "ItemReader" in state:
            where = filled(state["ItemReader"]["Parameters"], data)
            items = self.read(where["Bucket"], where["Key"])
        else:
            items = found(state["ItemsPath"], data)
        results = []
        for item in items:
            selector = state.get("ItemSelector")
            given = filled(selector, data, {"Map": {"Item": {"Value": item}}}) if selector else item
            try:
                results.append(self.run(state["ItemProcessor"], given))
            except Failed:
                if state.get("ToleratedFailurePercentage") != 100:
                    raise
        return put(state.get("ResultPath", "$"), data, results), state.get("Next")

    def passed(self, state, data):
        result = state["Result"] if "Result" in state else filled(state["Parameters"], data)
        return put(state.get("ResultPath", "$"), data, result), state.get("Next")


def found(path, data, context=None):
    """What is at a path; it must be there."""
    if path.startswith("States.MathAdd("):
        one, other = path.removeprefix("States.MathAdd(").removesuffix(")").split(", ")
        return found(one, data) + int(other)
    root, path = (context, path[1:]) if path.startswith("$$") else (data, path)
    assert re.fullmatch(r"\$(\.\w+)*", path), path
    for key in path.split(".")[1:]:
        root = root[key]
    return root


def filled(template, data, context=None):
    if not isinstance(template, dict):
        return template
    return {
        key.removesuffix(".$"): found(value, data, context)
        if key.endswith(".$")
        else filled(value, data, context)
        for key, value in template.items()
    }


def put(path, data, result):
    if path == "$":
        return result
    assert re.fullmatch(r"\$\.\w+", path), path
    return data | {path.removeprefix("$."): result}


def holds(choice, data):
    if "And" in choice:
        return all(holds(part, data) for part in choice["And"])
    value = found(choice["Variable"], data)
    [(test, against)] = [pair for pair in choice.items() if pair[0] not in ("Variable", "Next")]
    if test == "StringEquals":
        return value == against
    if test == "NumericGreaterThan":
        return value > against
    assert test == "NumericLessThan", test
    return value < against
