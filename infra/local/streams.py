"""The stream of a stack on a local AWS: what it holds, how far it is loaded, and what Lambda does with
it that MiniStack 1.5.33 does not."""

import base64
import datetime
import json
import uuid
from contextlib import contextmanager
from pathlib import Path

from waiting import Failed, wait_until

# What Kinesis takes in a call.
RECORDS_A_CALL = 500


class HoldsStream:
    """The part of a stack that has to do with its stream."""

    def put_records(self, records):
        """Sends data under partition keys to the stream, in this order."""
        entries = [{"PartitionKey": key, "Data": data} for key, data in records]
        for first in range(0, len(entries), RECORDS_A_CALL):
            some = entries[first : first + RECORDS_A_CALL]
            answer = self.kinesis.put_records(StreamName=self.outputs()["StreamName"], Records=some)
            if answer["FailedRecordCount"]:
                raise Failed(f"{answer['FailedRecordCount']} records were not taken")

    def shards(self):
        """Every record that the stream holds, in its order, by the id of its shard."""
        name, found = self.outputs()["StreamName"], {}
        for shard in self.kinesis.list_shards(StreamName=name)["Shards"]:
            where = {"StreamName": name, "ShardId": shard["ShardId"]}
            position = self.kinesis.get_shard_iterator(ShardIteratorType="TRIM_HORIZON", **where)
            iterator, behind, records = position["ShardIterator"], None, []
            while behind != 0:
                page = self.kinesis.get_records(ShardIterator=iterator)
                records += page["Records"]
                iterator, behind = page["NextShardIterator"], page["MillisBehindLatest"]
            found[shard["ShardId"]] = records
        return found

    def stream_records(self):
        """Partition key and data of every record that the stream holds, shard by shard in order."""
        records = [record for shard in self.shards().values() for record in shard]
        return [(record["PartitionKey"], record["Data"]) for record in records]

    def watermarks(self):
        """What the lake knows of shards, by their ids."""
        return {Path(key).stem: entry for key, entry in self.states("streams").items()}

    def records_waiting(self):
        """Records of the stream that were not taken, and ranges that are still to be loaded."""
        known, waiting = self.watermarks(), 0
        for shard, records in self.shards().items():
            watermark = known.get(shard, {"taken": None, "pending": [], "failed": []})
            taken = int(watermark["taken"] or 0)
            waiting += sum(int(record["SequenceNumber"]) > taken for record in records)
            waiting += len(watermark["pending"]) + len(watermark["failed"])
        return waiting

    def wait_for_records(self, seconds=60):
        wait_until(lambda: self.records_waiting() == 0, seconds,
                   lambda: f"{self.records_waiting()} records wait")

    def batch(self, shard, records):
        """The event with which a mapping delivers records of a shard."""
        [mapping] = self.stream_mappings()

        def delivered(record):
            return {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record["PartitionKey"],
                    "sequenceNumber": record["SequenceNumber"],
                    "data": base64.b64encode(record["Data"]).decode(),
                    "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{shard}:{record['SequenceNumber']}",
                "eventName": "aws:kinesis:record",
                "eventSourceARN": mapping["EventSourceArn"],
            }

        return {"Records": [delivered(record) for record in records]}

    def give_up(self, shard, records):
        """Leaves records as Lambda leaves what a mapping gave up, which MiniStack 1.5.33 does not do
        (AWS documentation, "Retain discarded batch records for a Kinesis Data Streams event
        source")."""
        [mapping] = self.stream_mappings()
        now = datetime.datetime.now(datetime.UTC)
        key = f"aws/lambda/{mapping['UUID']}/{shard}/{now:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        told = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": mapping["FunctionArn"],
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 21,
            },
            "version": "1.0",
            "timestamp": now.isoformat(),
            "KinesisBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": records[0]["SequenceNumber"],
                "endSequenceNumber": records[-1]["SequenceNumber"],
                "batchSize": len(records),
                "streamArn": mapping["EventSourceArn"],
            },
            "payload": json.dumps(self.batch(shard, records)),
        }
        self.s3.put_object(Bucket=self.outputs()["LakeBucketName"], Key=key, Body=json.dumps(told))

    def given_up(self):
        """The keys of what was left there."""
        return self.keys("aws/lambda/")

    def stream_mappings(self):
        found = self.functions.list_event_source_mappings()["EventSourceMappings"]
        return [mapping for mapping in found if ":kinesis:" in mapping["EventSourceArn"]]

    @contextmanager
    def paused(self):
        """Nothing of the stream is delivered meanwhile."""
        [mapping] = self.stream_mappings()
        change = lambda enabled: self.functions.update_event_source_mapping(
            UUID=mapping["UUID"], Enabled=enabled
        )
        change(False)
        try:
            yield
        finally:
            change(True)
