"""Contracts that the command deploys, and the function that follows them with its own role."""

from stack import DATABASE


def test_the_function_follows_a_contract_as_soon_as_it_is_deployed(stack, sql, deploy):
    stack.drop_and_wait({"contracted/in/1.json": '{"n":1}'})
    said = deploy("by_contract.toml", 'table = "by_contract"\n[source]\nprefix = "contracted/in"\n')
    assert "+ _alluvium/tables/by_contract.toml" in said
    stack.drop_and_wait({"contracted/in/2.json": '{"n":2}', "contracted/3.json": '{"n":3}'})
    stack.drop_and_wait({"contracted/in-4.json": '{"n":4}'})
    assert sql("SELECT n FROM by_contract ORDER BY n") == [(2,), (4,)]
    assert sql("SELECT n FROM contracted ORDER BY n") == [(1,), (3,)]


def test_events_are_where_they_happened(stack, sql, deploy):
    deploy("happened.toml", """
table = "happened"

[time]
event_time = "$.at"
format = "s"

[partition]
by = ["hour(event_time)", "identity($.site)"]
""")
    stack.drop_and_wait({"happened/1.json": "".join(
        f'{{"at":{at},"site":"{site}"}}\n' for at, site in
        [(1795341600, "a"), (1795345200, "a"), (1795341601, "b/c"), (4, "a")]
    )})
    values = sorted(partition["Values"] for partition in stack.partitions("happened"))
    none = "__HIVE_DEFAULT_PARTITION__"
    assert values == [
        ["2026-11-22", "10", "a"], ["2026-11-22", "10", "b/c"], ["2026-11-22", "11", "a"], [none, none, "a"],
    ]
    assert sql("SELECT count(*) FROM happened") == [(4,)]
    parameters = stack.table("happened")["Parameters"]
    assert parameters["alluvium.partitions"] == "hour(event_time), identity($.site) as site"


def test_a_wrong_contract_is_named_by_who_fails_over_it(stack, sql):
    bucket = stack.outputs()["LakeBucketName"]
    # One that announces nothing by itself.
    stack.s3.create_bucket(Bucket="unannounced")
    stack.let_read("unannounced")
    stack.s3.put_object(Bucket="unannounced", Key="wronged/1.json", Body=b'{"n":1}')
    stack.s3.put_object(Bucket=bucket, Key="_alluvium/tables/wrong.toml", Body=b"table = 1\n")
    error, failure = stack.announce("unannounced", "wronged/1.json")
    stack.s3.delete_object(Bucket=bucket, Key="_alluvium/tables/wrong.toml")
    assert error and failure["errorType"] == "Alluvium.Permanent"
    assert "_alluvium/tables/wrong.toml:1:9: `table` is a whole number" in failure["errorMessage"]
    error, counts = stack.announce("unannounced", "wronged/1.json")
    assert (error, counts["loaded"]) == (None, 1)
    assert sql("SELECT n FROM wronged") == [(1,)]


def test_contracts_that_do_not_suit_the_tables_are_not_deployed(stack, tmp_path):
    stack.drop_and_wait({"settled/1.json": '{"at":"2026-11-24T00:00:00Z"}'})
    path = tmp_path / "settled.toml"
    path.write_text('table = "settled"\n[partition]\nby = ["hour(arrived_at)"]\n')
    said = stack.deploy_contracts(path, expect=(1,))
    assert "table settled is partitioned by day(arrived_at), not by hour(arrived_at)" in said
    listed = stack.s3.list_objects_v2(Bucket=stack.outputs()["LakeBucketName"], Prefix="_alluvium/tables/")
    assert not listed.get("Contents")
    assert "alluvium.partitions" not in stack.glue.get_table(DatabaseName=DATABASE, Name="settled")["Table"]["Parameters"]
