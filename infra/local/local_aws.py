"""A local AWS: starts it, stops it, and runs commands against it.

    local_aws.py up                     start one that stays until `down`, and deploy the stack to it
    local_aws.py invoke FUNCTION EVENT  invoke a function of the stack with the event in a file
    local_aws.py down                   stop it
    local_aws.py run COMMAND            run a command against one of its own, which ends with the command
    local_aws.py keep COMMAND           run a command against a new one that stays until `down`

It listens on a free port of the loopback interface only, so that several can run side by side, and
keeps everything in target/local-aws. Whatever reaches it through the variables of `environment`
cannot reach a real account: profiles, sessions and configuration of the user are out of the way.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
STATE = ROOT / "target" / "local-aws"
BIN = Path(sys.executable).parent
HOST = "127.0.0.1"
SERVICES = (
    "s3,sqs,sns,lambda,iam,sts,logs,cloudwatch,events,glue,cloudformation,kms,kinesis,states,scheduler"
)
START_SECONDS = 60
STOP_SECONDS = 20
PR_SET_PDEATHSIG = 1
# Whatever proxies the user has: none leads to this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LocalAws:
    """One local AWS with its folder; `port` is known once it runs."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.port = None
        self.process = None

    @property
    def endpoint(self):
        return f"http://{HOST}:{self.port}"

    def environment(self):
        """The variables under which SDKs, the AWS CLI and SAM find it and nothing else."""
        nothing = self.folder / "no-configuration"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        direct = {name: HOST for name in ("NO_PROXY", "no_proxy")}
        return kept | direct | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": str(nothing),
            "AWS_SHARED_CREDENTIALS_FILE": str(nothing),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(self.folder / "sam"),
            "TMPDIR": str(self.folder / "tmp"),
        }

    def start(self, ends_with_us):
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        (self.folder / "no-configuration").touch()
        self.port = free_port()
        settings = {
            "GATEWAY_PORT": str(self.port),
            "PYTHONPATH": str(Path(__file__).parent),
            "MINISTACK_HOST": HOST,
            "SERVICES": SERVICES,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "AUTH": "true",
        }
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                [BIN / "hypercorn", "serve:app", "--bind", f"{HOST}:{self.port}", "--keep-alive", "75"],
                env=self.environment() | settings,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent if ends_with_us else None,
            )
        (self.folder / "process.json").write_text(
            json.dumps({"pid": self.process.pid, "port": self.port})
        )
        self.wait_until_ready()

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self.answers():
                return
            time.sleep(0.1)
        log = (self.folder / "log").read_text(errors="replace")
        raise SystemExit(f"the local AWS did not start:\n{log}")

    def answers(self):
        try:
            with DIRECT.open(f"{self.endpoint}/_ministack/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        """Ends it with everything it started: they are one process group."""
        for end, seconds in [(signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)]:
            try:
                os.killpg(self.process.pid, end)
            except ProcessLookupError:
                break
            if self.ended_within(seconds):
                break
        shutil.rmtree(self.folder, ignore_errors=True)

    def ended_within(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.process.poll()
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return True
            time.sleep(0.05)
        return False


class Adopted:
    """A process that another run of this script started."""

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        return None


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def end_with_parent():
    """On Linux, so that nothing is left running even if we are killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt(folder):
    """The local AWS that runs in `folder`, if one does; ids of processes are used again, so the
    port in its command line must be the one that was noted."""
    try:
        known = json.loads((folder / "process.json").read_text())
    except FileNotFoundError:
        return None
    shown = ["ps", "-o", "args=", "-p", str(known["pid"])]
    running = subprocess.run(shown, stdout=subprocess.PIPE, text=True).stdout
    if f"{HOST}:{known['port']}" not in running:
        return None
    aws = LocalAws(folder)
    aws.port, aws.process = known["port"], Adopted(known["pid"])
    return aws


@contextmanager
def staying(aws):
    """Starts one that stays, unless what is done with it first fails."""
    try:
        if aws.process is None:
            aws.start(ends_with_us=False)
        yield aws
    except BaseException:
        stop_in_peace(aws)
        raise


def kept():
    """The one that stays until `down`, running or not."""
    aws = adopt(STATE / "kept")
    if aws is None:
        shutil.rmtree(STATE / "kept", ignore_errors=True)
        aws = LocalAws(STATE / "kept")
    return aws


def stop_in_peace(aws):
    """Whoever is impatient must not leave it running."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if aws.process is not None:
        aws.stop()


def down():
    aws = adopt(STATE / "kept")
    if aws is None:
        print("no local AWS is running")
    else:
        aws.stop()
        print(f"stopped the local AWS at {aws.endpoint}")


def run(command):
    """Runs a command with its own local AWS and ends as the command ends."""
    aws = LocalAws(STATE / f"run-{os.getpid()}")
    try:
        aws.start(ends_with_us=True)
        child = subprocess.Popen(command, env=aws.environment(), preexec_fn=end_with_parent)
        try:
            return child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
    except KeyboardInterrupt:
        return 130
    finally:
        stop_in_peace(aws)


def up():
    from stack import Stack

    with staying(kept()) as aws:
        print(f"local AWS at {aws.endpoint}, until `make local-down`", flush=True)
        Stack.deploy(aws.environment(), echo=print).drop_samples()


def keep(command):
    """Runs a command with a new one that stays, unless the command fails."""
    down()
    with staying(kept()) as aws:
        ended = subprocess.run(command, env=aws.environment()).returncode
        if ended != 0:
            sys.exit(ended)
        print(f"local AWS at {aws.endpoint}, until `make local-down`; to reach it:")
        for name, value in aws.environment().items():
            if name.startswith("AWS_"):
                print(f"    export {name}={value}")


def invoke(function, event):
    from stack import Stack

    aws = adopt(STATE / "kept")
    if aws is None:
        sys.exit("no local AWS is running: `make local-up` starts one")
    Stack(aws.environment()).invoke(function, event, echo=print)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # boto3 in this process, too, must not look for a way through a proxy.
    os.environ.update({name: HOST for name in ("NO_PROXY", "no_proxy")})
    match sys.argv[1:]:
        case ["up"]:
            up()
        case ["keep", *command] if command:
            keep(command)
        case ["invoke", function, event]:
            invoke(function, event)
        case ["down"]:
            down()
        case ["run", *command] if command:
            sys.exit(run(command))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
