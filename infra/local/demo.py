"""Shows Alluvium's main job on a local AWS: files and events go in, tables follow them.

Every step is one sentence, the command and its output. The end is a count that must add up.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from stack import NAME, ROOT, Failed, Stack, wait_until

COMMAND = "target/local/alluvium"
GENERATIONS = [
    ("The first event has six fields.", "events/landing/camera/1-first.json"),
    ("A new firmware adds fields and leaves others out.", "events/landing/camera/2-new-fields.json"),
    ("The next one says `low` where there was a number, and objects where there were strings.",
     "events/landing/camera/3-conflicting-type.json"),
    ("Another has keys that would share one column name, and the same key twice.",
     "events/landing/camera/4-colliding-names.json"),
]
BAD_LINES = 3
CONTRACT = "events/contracts/trips.toml"
TRIPS = "events/trips/1-weekend.json"
POSTED = [
    '{"trip":5,"city":"Porto","started_at":1795345200000,"fare":6,"card":"4242 4242 4242 4242"}',
    '{"trip":6,"city":"Lisboa","started_at":1795348800000,"fare":11.25,"tip":1.5}',
]
SENSORS = {f"sensors/{n}.json": json.dumps({"sensor": n, "celsius": 20 + n / 4}) for n in range(12)}
SETTLE_WAIT_SECONDS = 90
PUT = '{"trip":7,"city":"Porto","started_at":1795352400000,"fare":8.75,"tip":2}'


class Demo:
    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder
        self.outputs = stack.outputs()
        self.lake = f"s3://{self.outputs['LakeBucketName']}"
        self.dropped = 0

    def say(self, sentence):
        print(f"\n-- {sentence}", flush=True)

    def drop(self, file, key):
        target = f"s3://{self.outputs['LandingBucketName']}/{key}"
        self.stack.command("aws", "s3", "cp", "--no-progress", file, target, echo=print)
        self.dropped += 1
        self.stack.wait_for_sources(self.dropped)

    def post(self, path, body):
        print(f"POST {self.outputs['CollectUrl'].rstrip('/')}{path}")
        print("    " + body.replace("\n", "\n    "))
        status, _, answer = self.stack.post(path, body.encode())
        print(f"HTTP {status}\n    {answer.decode()}")
        if status != 202:
            raise Failed("collect did not take the events")

    def show_columns(self):
        self.stack.command(COMMAND, "schema", "camera", "--lake", self.lake, echo=print,
                           shown=lambda line: not line.startswith("_"))

    def sql(self, query):
        print(f"SQL> {query}")
        result = self.stack.sql(query, self.folder / "copies")
        print("    " + str(result).rstrip().replace("\n", "\n    "), flush=True)
        return result.fetchall()

    def compact(self):
        """Whether a query finds the same before and after small files became one."""
        files = lambda: self.stack.command(COMMAND, "files", "sensors", "--lake", self.lake, echo=print)
        query = "SELECT count(*) AS readings, avg(celsius) AS mean, max(_source) AS last FROM sensors"
        self.say("The sensors of the beginning left a file each.")
        files()
        before = self.sql(query)
        self.say("A file may be merged once its settle time has passed, for an attempt at it may go on writing "
                 "until then: 20 minutes as users deploy it, 40 seconds here. Waiting for the rest of it.")
        event = {"tables": ["sensors"]}
        settled = lambda: self.planned(event) == len(SENSORS)
        wait_until(settled, SETTLE_WAIT_SECONDS, lambda: "not all files may be merged")
        self.say("The state machine that a schedule starts every hour merges them.")
        print(f"$ aws stepfunctions start-execution --state-machine-arn {self.outputs['CompactTablesArn']} "
              f"--input '{json.dumps(event)}'")
        status, summary = self.stack.execute("CompactTablesArn", event)
        print(f"    {status}: {json.dumps(summary)}")
        if status != "SUCCEEDED":
            raise Failed("the files were not merged")
        self.say("Readers find one file, and in it what they found before. The twelve are kept for a day, for queries "
                 "that are still reading them; then `vacuum-lake` deletes them.")
        files()
        return self.sql(query) == before and len(self.stack.files("sensors")) == 1

    def planned(self, event):
        """How many files would be merged by now."""
        function = f"{NAME}-plan-compaction"
        answer = self.stack.functions.invoke(FunctionName=function, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())["merged_files"]

    def run(self):
        self.say("Twelve sensors leave a file with one reading each. At the end these files become one.")
        for key, content in SENSORS.items():
            self.stack.drop(key, content)
        self.dropped += len(SENSORS)
        self.stack.wait_for_sources(self.dropped)
        for number, (sentence, file) in enumerate(GENERATIONS, start=1):
            self.say(f"Generation {number}. {sentence}")
            self.drop(file, f"camera/{Path(file).name}")
            self.show_columns()

        self.say("A file may be compressed.")
        copy = shutil.copy(ROOT / "events/demo/5-zoom.json", self.folder)
        self.stack.command("gzip", "-n", copy, echo=print)
        self.drop(f"{copy}.gz", "camera/2026/11/5-zoom.json.gz")
        self.say("A key may hold spaces, `+` and letters of any language.")
        self.drop("events/demo/6-location.json", "camera/Größe + Ort/6.json")
        self.say("Three bad lines go to the quarantine table; the good lines around them are loaded.")
        self.drop("events/demo/7-damaged.json", "camera/7-damaged.json")
        self.say("A file that is delivered twice is loaded once.")
        self.drop(GENERATIONS[0][1], "camera/1-first.json")

        self.say("This is the table now, and where in the events its values stood.")
        self.show_columns()
        self.say("Its rows.")
        self.sql("SELECT data_record_id AS id, data_record_city AS city, data_record_battery_level "
                 "AS level, data_record_battery_level__string AS level__string, "
                 "data_record_lens_zoom AS zoom, data_log_ts AS log_ts FROM camera ORDER BY log_ts, id")
        self.say("The unified view has one column for each path; this is its query.")
        self.stack.command(COMMAND, "schema", "camera", "--view", "--lake", self.lake, echo=print)
        self.say("What Athena finds in it: every level, whatever kind it came as.")
        self.sql("SELECT data_record_id AS id, data_record_battery_level AS level, data_tags AS tags "
                 "FROM camera_unified ORDER BY data_log_ts, id")
        self.say("Which column came when, from which file, with which conflict.")
        self.stack.command(COMMAND, "history", "camera", "--lake", self.lake, echo=print)
        self.say("A contract settles beforehand: partitions by the time of events, kinds, what is dropped.")
        self.stack.command("cat", CONTRACT, echo=print)
        self.stack.command(COMMAND, "contract", "deploy", CONTRACT, "--lake", self.lake, echo=print)
        self.drop(TRIPS, f"trips/{Path(TRIPS).name}")
        self.sql("SELECT dt, city, trip, fare, gps FROM trips ORDER BY trip")
        self.say("The card numbers are nowhere, and a trip of 1970 is not believed. Its files:")
        self.stack.command(COMMAND, "files", "trips", "--lake", self.lake, echo=print)
        self.say("Events are sent one by one, too: by a signed request, or put into the stream. `trips` is their topic.")
        self.post("/trips", "\n".join(POSTED))
        self.stack.command("aws", "kinesis", "put-record", "--stream-name", self.outputs["StreamName"],
                           "--partition-key", "trips/taxi-7", "--data", PUT, "--output", "text", echo=print)
        self.stack.wait_for_records()
        self.say("They are rows beside those of the file, under the same contract.")
        self.sql("SELECT trip, city, fare, tip, CASE WHEN _source LIKE '%/raw/%' THEN 'stream' ELSE 'file' END "
                 "AS came_by, dt FROM trips ORDER BY trip")
        self.say("What could not be loaded, with the reason, the place and the bytes.")
        self.sql("SELECT reason, split_part(source, '/', -1) AS file, record, \"offset\", bytes "
                 "FROM quarantine ORDER BY record")
        same = self.compact()
        return self.count() and same

    def count(self):
        """Records as they were sent, one a line, against rows as a reader finds them."""
        files = [ROOT / file for _, file in GENERATIONS] + sorted((ROOT / "events/demo").iterdir())
        records = sum(len(file.read_text().splitlines()) for file in [*files, ROOT / TRIPS])
        records += len([*POSTED, PUT, *SENSORS])
        self.say("Nothing was lost.")
        [(rows,)] = self.sql("SELECT (SELECT count(*) FROM camera) + (SELECT count(*) FROM trips) + "
                             "(SELECT count(*) FROM sensors) AS rows")
        [(quarantined,)] = self.sql("SELECT count(*) FROM quarantine")
        lost = records - rows - quarantined
        print(f"\n{records} records in, {rows} rows, {quarantined} quarantined, {lost} lost")
        return lost == 0 and quarantined == BAD_LINES


def main():
    os.chdir(ROOT)
    folder = Path(tempfile.mkdtemp(prefix="demo-")).relative_to(ROOT)
    print("-- The template that users deploy is deployed to a local AWS.", flush=True)
    try:
        good = Demo(Stack.deploy(dict(os.environ), echo=print), folder).run()
    except Failed as failed:
        sys.exit(f"{failed}")
    except KeyboardInterrupt:
        sys.exit(130)
    shutil.rmtree(folder)
    sys.exit(0 if good else "the counts are off, or a query found something else after merging")


if __name__ == "__main__":
    main()
