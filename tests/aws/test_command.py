"""The command on a lake in S3 with the Glue catalog."""

import json

from stack import ROOT

COMMAND = ROOT / "target" / "local" / "alluvium"


def run(stack, *words, expect=0):
    lake = ["--lake", f"s3://{stack.outputs()['LakeBucketName']}"]
    return stack.command(COMMAND, *words, *lake, expect=(expect,))


def test_the_command_works_on_the_lake_of_the_functions(stack, sql, tmp_path):
    file = tmp_path / "1.json"
    file.write_text('{"id":1,"name":"first"}\nbad\n')
    report = json.loads(run(stack, "ingest", "--table", "by_hand", file, "--json", expect=3))
    assert (report["records"], report["loaded"]) == (2, 1)
    assert sql("SELECT id, name FROM by_hand") == [(1, "first")]

    assert "by_hand" in run(stack, "tables")
    schema = json.loads(run(stack, "schema", "by_hand", "--json"))
    assert [c["name"] for c in schema["columns"]][-2:] == ["id", "name"]
    assert run(stack, "files", "by_hand").split() == stack.files("by_hand")
    assert run(stack, "files", "by_hand", "--sql", "duckdb").startswith("read_parquet(['s3://")


def test_what_is_missing_is_named(stack):
    error = run(stack, "schema", "nothing", expect=1)
    assert "there is no table nothing" in error
    nowhere = stack.command(COMMAND, "tables", "--lake", "s3://", expect=(2,))
    assert "s3://BUCKET" in nowhere
    file = ROOT / "events" / "landing" / "camera" / "1-first.json"
    stack.glue.create_database(DatabaseInput={"Name": "of_no_bucket"})
    words = ["ingest", "--table", "t", file, "--database", "of_no_bucket"]
    error = stack.command(COMMAND, *words, "--lake", "s3://no-such-bucket", expect=(1,))
    assert "no-such-bucket" in error and "NoSuchBucket" in error
    stack.s3.create_bucket(Bucket="other-lake")
    stack.command(COMMAND, *words, "--lake", "s3://other-lake")
    error = run(stack, *words, expect=1)
    assert "table t lies at s3://other-lake/of_no_bucket/t/, not in this lake" in error
    error = run(stack, "ingest", "--table", "t", file, "--database", "elsewhere", expect=1)
    assert "elsewhere" in error and "EntityNotFoundException" in error
