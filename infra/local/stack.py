"""The stack of infra/template.yaml on a local AWS: deploys it, drops files, looks at the result.

Everything is read the way a user's engine reads it: tables and partitions from the Glue catalog,
then the files at the locations that it names. Nothing of Alluvium's own code takes part.
"""

import base64
import json
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import boto3
import duckdb
import sqlglot
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from streams import HoldsStream
from waiting import Failed, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.executable).parent
COMMAND = "target/local/alluvium"
NAME = "alluvium"
DATABASE = "alluvium"
# Functions, as the outputs of the stack call them.
FILES, STREAM, LEFTOVERS = "IngestObjectsName", "IngestStreamName", "FinishStreamsName"
# What is copied from the lake at once.
COPIES_AT_ONCE = 8
TYPES = {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ", "map<string,string>": "MAP(VARCHAR, VARCHAR)"}


# Whatever proxies the user has: none leads to this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Stack(HoldsStream):
    """A deployed stack, reached through `environment`."""

    def __init__(self, environment):
        self.environment = environment
        settings = {
            "endpoint_url": environment["AWS_ENDPOINT_URL"],
            "region_name": environment["AWS_REGION"],
            "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        }
        client = lambda service: boto3.client(service, **settings)
        self.s3, self.glue, self.sqs = client("s3"), client("glue"), client("sqs")
        self.sns, self.states = client("sns"), client("stepfunctions")
        self.functions, self.logs = client("lambda"), client("logs")
        self.kinesis, self.scheduler = client("kinesis"), client("scheduler")
        self.cloudformation, self.iam = client("cloudformation"), client("iam")

    @classmethod
    def deploy(cls, environment, echo=None):
        """Deploys the template that users deploy, with the functions of this machine."""
        stack = cls(environment)
        stack.s3.create_bucket(Bucket="deployment")
        stack.sns.create_topic(Name="schema-changes")
        command = ["sam", "deploy", "--template-file", "infra/template.yaml"]
        command += ["--config-env", "local"]
        stack.command(*command, echo=echo, shown=lambda line: "_COMPLETE " in line)
        stack.make_concurrency_a_number()
        stack.deploy_contracts("infra/tables", echo=echo)
        if echo:
            for name, value in stack.outputs().items():
                echo(f"    {name}: {value}")
        return stack

    def deploy_contracts(self, *files, echo=None, expect=(0,)):
        """Deploys contracts in files or folders to the lake, as `make deploy` does."""
        lake = ["--lake", f"s3://{self.outputs()['LakeBucketName']}", "--database", DATABASE]
        return self.command(COMMAND, "contract", "deploy", *files, *lake, echo=echo, expect=expect)

    def make_concurrency_a_number(self):
        """MiniStack 1.5.33 keeps a number parameter as text in a scaling configuration, and its
        poller then fails to compare it."""
        for mapping in self.functions.list_event_source_mappings()["EventSourceMappings"]:
            if "ScalingConfig" not in mapping:
                continue
            scaling = {"MaximumConcurrency": int(mapping["ScalingConfig"]["MaximumConcurrency"])}
            self.functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)

    def command(self, *words, echo=None, shown=lambda line: True, expect=(0,)):
        """Runs a command, shows it with its output, and fails loudly if it fails."""
        if echo:
            echo("$ " + " ".join(quoted(str(word)) for word in words))
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=self.environment | {"PATH": f"{BIN}:{self.environment['PATH']}"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode not in expect:
            raise Failed(f"{words[0]} failed with exit {done.returncode}:\n{done.stdout}")
        if echo:
            for line in filter(shown, done.stdout.splitlines()):
                echo(f"    {line}")
        return done.stdout

    def outputs(self):
        found = self.cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["Outputs"]
        return {output["OutputKey"]: output["OutputValue"] for output in found}

    # What goes in ---------------------------------------------------------------------------

    def drop(self, key, content):
        content = content if isinstance(content, bytes) else content.encode()
        self.s3.put_object(Bucket=self.outputs()["LandingBucketName"], Key=key, Body=content)

    def drop_samples(self):
        """What the events in events/ingest-objects announce is there then."""
        samples = ROOT / "events" / "landing"
        for file in sorted(samples.rglob("*.json")):
            self.drop(str(file.relative_to(samples)), file.read_bytes())

    def answer(self, event, function=FILES):
        """What a function answers to an event: its error, if it failed, and its payload."""
        answer = self.functions.invoke(
            FunctionName=self.outputs()[function], Payload=json.dumps(event)
        )
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def event(self, bucket, key):
        """The event that S3 sends for an object, as far as it is read."""
        s3 = {"bucket": {"name": bucket}, "object": {"key": key}}
        record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}
        return {"Records": [record]}

    def announce(self, bucket, key):
        """What the function answers to that event."""
        return self.answer(self.event(bucket, key))

    def invoke(self, function, event, echo):
        """Invokes a function, as the template calls it without its prefix, and shows its answer."""
        function = f"{NAME}-{function}"
        words = ["cargo", "lambda", "invoke", "--remote", "--endpoint-url"]
        words += [self.environment["AWS_ENDPOINT_URL"], "--data-file", event, function]
        self.command(*words, echo=echo)

    def execute(self, machine, event, seconds=120):
        """Runs a state machine, by the name of its output, and says how it ended and with what."""
        arn = self.outputs()[machine]
        execution = self.states.start_execution(stateMachineArn=arn, input=json.dumps(event))
        describe = lambda: self.states.describe_execution(executionArn=execution["executionArn"])
        wait_until(lambda: describe()["status"] != "RUNNING", seconds, lambda: f"{machine} still runs")
        ended = describe()
        return ended["status"], json.loads(ended.get("output") or "null")

    def let_read(self, bucket):
        """Grants the function to read one more bucket."""
        role = self.resource("IngestObjectsRole")
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_role_policy(RoleName=role, PolicyName=bucket, PolicyDocument=document)

    def resource(self, name):
        """What a resource of the template is called."""
        found = self.cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
        [physical] = [r["PhysicalResourceId"] for r in found if r["LogicalResourceId"] == name]
        return physical

    def post(self, path, body, signed=True, **headers):
        """Sends a request to the URL of `collect`, signed like the requests of an SDK; returns the
        status, the headers and the body of its answer."""
        url = urllib.parse.urlsplit(self.outputs()["CollectUrl"])
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = AWSRequest("POST", f"https://{url.netloc}{path}", data=body, headers=headers)
        if signed:
            names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
            keys = Credentials(*(self.environment[name] for name in names))
            SigV4Auth(keys, "lambda", self.environment["AWS_REGION"]).add_auth(request)
        # The name of the URL leads to the local AWS by its header alone.
        request = request.prepare()
        local = self.environment["AWS_ENDPOINT_URL"] + path
        sent = urllib.request.Request(local, data=body, method="POST")
        sent.headers = dict(request.headers.items()) | {"Host": url.netloc}
        try:
            with DIRECT.open(sent, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read()

    def calls(self):
        """How often the function asked what of S3 and Glue so far."""
        url = self.environment["AWS_ENDPOINT_URL"] + "/_alluvium/calls"
        with DIRECT.open(url) as answer:
            return Counter(json.loads(answer.read()))

    # How it is set up -----------------------------------------------------------------------

    @contextmanager
    def configured(self, variables, function=FILES, **settings):
        """Other variables and settings of a function, in new processes of it."""
        name = self.outputs()[function]
        found = self.functions.get_function_configuration(FunctionName=name)
        before = {setting: found[setting] for setting in settings}
        change = lambda variables, settings: self.functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}, **settings
        )
        change(found["Environment"]["Variables"] | variables, settings)
        try:
            yield
        finally:
            change(found["Environment"]["Variables"], before)

    @contextmanager
    def denying(self, role, action, keys):
        """A role of the template may not do something to objects of the lake."""
        name, lake = self.resource(role), self.outputs()["LakeBucketName"]
        statement = {"Effect": "Deny", "Action": action, "Resource": f"arn:aws:s3:::{lake}/{keys}"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_role_policy(RoleName=name, PolicyName="denied", PolicyDocument=document)
        try:
            yield
        finally:
            self.iam.delete_role_policy(RoleName=name, PolicyName="denied")

    @contextmanager
    def redelivering(self, seconds, receives):
        """Messages come back after so many seconds, and so many times."""
        url = self.outputs()["LandingQueueUrl"]
        names = ["VisibilityTimeout", "RedrivePolicy"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        redrive = json.loads(found["RedrivePolicy"]) | {"maxReceiveCount": receives}
        changed = {"VisibilityTimeout": str(seconds), "RedrivePolicy": json.dumps(redrive)}
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes=changed)
        try:
            yield
        finally:
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes=found)

    def processes(self):
        """Ids of the processes of functions: their programs lie in the folder of this local AWS."""
        shown = subprocess.run(["ps", "-axo", "pid=,args="], stdout=subprocess.PIPE, text=True)
        ours = f"{self.environment['TMPDIR']}/ministack-provided-code-"
        lines = [line.split(None, 1) for line in shown.stdout.splitlines()]
        return [int(pid) for pid, program in lines if program.startswith(ours)]

    # What the function says -----------------------------------------------------------------

    def invocations(self, function=FILES):
        """The metrics of every invocation so far, as its log lines have them."""
        return [line for line in self.log_lines(function) if "_aws" in line]

    def log_lines(self, function=FILES):
        group = f"/aws/lambda/{self.outputs()[function]}"
        lines = []
        try:
            pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            for page in pages:
                for event in page["events"]:
                    lines += [json.loads(m) for m in re.findall(r"^\{.*\}$", event["message"], re.M)]
        except self.logs.exceptions.ResourceNotFoundException:
            pass
        return lines

    def total(self, metric, function=FILES):
        return sum(line[metric] for line in self.invocations(function))

    def waiting(self, queue="LandingQueueUrl"):
        """Messages that wait in a queue or are being worked off."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self.outputs()[queue]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def worked_off(self):
        """Announcements of sources that are done: loaded, loaded before or gone."""
        lines = self.invocations()
        return sum(line[name] for line in lines for name in ("sources", "duplicates", "superseded"))

    def wait_for_sources(self, count, seconds=60):
        """Waits until so many sources were worked off and nothing is left in the queue."""
        wait_until(lambda: self.waiting() == 0 and self.worked_off() >= count, seconds,
                   lambda: f"{self.worked_off()} of {count} files are loaded, {self.waiting()} wait")

    def drop_and_wait(self, files, seconds=60):
        """Drops files, key to content, and waits until all of them are worked off."""
        done = self.worked_off()
        for key, content in files.items():
            self.drop(key, content)
        self.wait_for_sources(done + len(files), seconds)

    # What comes out -------------------------------------------------------------------------

    def table(self, table):
        return self.glue.get_table(DatabaseName=DATABASE, Name=table)["Table"]

    def tables(self):
        """The names of tables and views."""
        return [table["Name"] for table in self.all_tables()]

    def all_tables(self):
        pages = self.glue.get_paginator("get_tables").paginate(DatabaseName=DATABASE)
        return [table for page in pages for table in page["TableList"]]

    def columns(self, table):
        """Types by column name."""
        columns = self.table(table)["StorageDescriptor"]["Columns"]
        return {column["Name"]: column["Type"] for column in columns}

    def partitions(self, table):
        pages = self.glue.get_paginator("get_partitions").paginate(
            DatabaseName=DATABASE, TableName=table
        )
        return [partition for page in pages for partition in page["Partitions"]]

    def files(self, table):
        """URIs of the files that the catalog names."""
        found = []
        for partition in self.partitions(table):
            location = partition["StorageDescriptor"]["Location"]
            bucket, prefix = location.removeprefix("s3://").split("/", 1)
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            found += [f"s3://{bucket}/{o['Key']}" for page in pages for o in page.get("Contents", [])]
        return sorted(found)

    def ledger(self):
        """The entries of the ledger, one a source, by its identity."""
        return {Path(key).stem: entry for key, entry in self.states("ledger").items()}

    def states(self, kind):
        """Small objects in which the lake keeps its state, by their keys."""
        bucket, keys = self.outputs()["LakeBucketName"], self.keys(f"_alluvium/{kind}/{DATABASE}/")
        read = lambda key: json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
            return dict(zip(keys, pool.map(read, keys)))

    def keys(self, prefix):
        """The keys of objects of the lake."""
        bucket = self.outputs()["LakeBucketName"]
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [o["Key"] for page in pages for o in page.get("Contents", [])]

    def sql(self, query, folder):
        """Runs SQL with DuckDB over local copies of all files of the tables that it names, and over
        the views of the catalog, read as Athena reads them."""
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE SCHEMA {DATABASE}")
        connection.execute(f"SET search_path = '{DATABASE}'")
        # The name of a view holds that of its table.
        found = [table for table in self.all_tables() if table["Name"] in query]
        views = [table for table in found if table["TableType"] == "VIRTUAL_VIEW"]
        for table in found:
            if table not in views:
                relation = self.relation(table, Path(folder))
                connection.execute(f'CREATE VIEW "{table["Name"]}" AS {relation}')
        for view in views:
            athena = presto_view(view)["originalSql"]
            [select] = sqlglot.transpile(athena, read="athena", write="duckdb")
            connection.execute(f'CREATE VIEW "{view["Name"]}" AS {select}')
        return connection.sql(query)

    def relation(self, table, folder):
        """A table as DuckDB reads its files, with the columns that no file has."""
        columns = table["StorageDescriptor"]["Columns"] + table["PartitionKeys"]
        nulls = ", ".join(f'NULL::{duckdb_type(c["Type"])} AS "{c["Name"]}"' for c in columns)
        with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
            found = pool.map(lambda uri: self.copy(uri, folder), self.files(table["Name"]))
            copies = [str(path) for path in found]
        read = (
            f" UNION ALL BY NAME SELECT * FROM read_parquet({copies!r}, union_by_name = true, "
            "hive_partitioning = true, hive_types_autocast = false)"
        )
        return f"SELECT {nulls} WHERE false" + (read if copies else "")

    def copy(self, uri, folder):
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        path = folder / key
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.s3.download_file(bucket, key, str(path))
        return path


def duckdb_type(glue_type):
    if glue_type.startswith("array<"):
        return duckdb_type(glue_type.removeprefix("array<").removesuffix(">")) + "[]"
    return TYPES.get(glue_type, glue_type)


def presto_view(view):
    """What a view of the catalog says of itself to Athena and Trino."""
    text = view["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    return json.loads(base64.b64decode(text))


def quoted(word):
    return word if re.fullmatch(r"[\w@%+=:,./*-]+", word, re.A) else "'" + word.replace("'", "'\\''") + "'"
