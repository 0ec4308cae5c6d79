"""What Lambda is to a function until its first invocation: variables, a process, a Runtime API.

Functions and their variables are those of the template. The Runtime API listens on the loopback
interface, and so does everything that a function could mistake for AWS.
"""

import os
import re
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from cfnlint.decode import cfn_yaml

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TEMPLATE = cfn_yaml.load(str(ROOT / "infra/template.yaml"))
# A function that is not there by then never will be.
SECONDS_MAX = 30
NEXT = "/2018-06-01/runtime/invocation/next"


class Function(NamedTuple):
    """A function of the template, called as it is there without its prefix."""

    name: str
    binary: str
    variables: dict[str, str]


class Started(NamedTuple):
    """What a function had taken when it asked for its first invocation."""

    cpu_ms: float
    wall_ms: float
    resident_kib: int
    # Requests that were made of anything but the Runtime API.
    calls: int


def functions():
    found = []
    for resource in TEMPLATE["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            variables = properties["Environment"]["Variables"]
            variables = {name: value_of(said) for name, said in variables.items()}
            name = value_of(properties["FunctionName"]).removeprefix("alluvium-")
            found.append(Function(name, Path(properties["CodeUri"]).name, variables))
    return sorted(found)


def value_of(said, names=None):
    """What the template says, with its defaults; a resource has its own name, in small letters."""
    names = names or {}
    if not isinstance(said, dict):
        return str(said)
    [(way, said)] = said.items()
    match way:
        case "Ref" if said in names:
            return value_of(names[said])
        case "Ref" if said in TEMPLATE["Parameters"]:
            return str(TEMPLATE["Parameters"][said]["Default"])
        case "Ref":
            return said.lower()
        case "Fn::If":
            return value_of(said[1])
        case "Fn::Sub":
            text, names = (said, {}) if isinstance(said, str) else said
            return re.sub(r"\$\{(\w+)\}", lambda name: value_of({"Ref": name[1]}, names), text)
    raise ValueError(f"what does {way} mean?")


@contextmanager
def started(function, profile):
    """The process of a function that has asked for its first invocation, what it had taken by
    then, the connection it asks on, and the place that it takes for AWS."""
    with closing(listening()) as runtime, closing(listening()) as aws:
        environment = of_lambda(function, place(runtime), place(aws))
        begun = time.monotonic_ns()
        # What a child is said to have taken begins with its own program: it is not forked.
        process = subprocess.Popen(
            [TARGET / profile / function.binary],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            close_fds=False,
        )
        try:
            with closing(accepted(runtime, process)) as connection:
                asked = connection.recv(65_536).decode()
                took = Started(
                    cpu_ms=cpu_ns(process.pid) / 1e6,
                    wall_ms=(time.monotonic_ns() - begun) / 1e6,
                    resident_kib=resident_kib(process.pid),
                    calls=waiting(aws),
                )
                assert asked.startswith(f"GET {NEXT} "), asked
                yield process, took, connection, aws
        finally:
            process.kill()
            process.communicate()


def of_lambda(function, runtime, aws):
    """The variables of a sandbox (Lambda's documentation, defined runtime environment variables),
    with everything of AWS in one place."""
    return function.variables | {
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/22/[$LATEST]0",
        "AWS_LAMBDA_RUNTIME_API": runtime,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": f"http://{aws}",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{aws}",
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "TZ": ":UTC",
    }


def listening():
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(SECONDS_MAX)
    return listener


def place(listener):
    host, port = listener.getsockname()
    return f"{host}:{port}"


def accepted(listener, process):
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        process.kill()
        said = process.communicate()[0].decode()
        raise AssertionError(f"no request came in {SECONDS_MAX} s: {said}") from None
    connection.settimeout(SECONDS_MAX)
    return connection


def waiting(listener):
    """How many connections were made that nobody accepted."""
    listener.setblocking(False)
    made = 0
    try:
        while True:
            listener.accept()[0].close()
            made += 1
    except BlockingIOError:
        return made
    finally:
        listener.settimeout(SECONDS_MAX)


def cpu_ns(pid):
    """The CPU time of all threads of a process, of the system for it as well; its clock has the
    number that clock_getcpuclockid(3) would give it."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def resident_kib(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
