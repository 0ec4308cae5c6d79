"""Seeded events for benchmarks: `python generate.py SHAPE MB FILE` writes megabytes of NDJSON.

The same shape, size and seed give the same bytes. Values vary the way those of real producers do:
ids and times hardly ever repeat, names come from pools, measurements wander and have as many
digits as sensors give. Nothing is copied from one record to the next, for then dictionaries and
compression would have an easier life here than they have with a user's files.
"""

import argparse
import json
import random
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path

SEED = 10
START = datetime(2026, 11, 1, tzinfo=timezone.utc)
MB = 1_000_000
WORDS = (
    "the a of to and in is it for on with as at by this that not from or be are was have but merge"
    " fix add remove update test build release branch cache thread buffer stream table column value"
    " memory latency retry timeout default option parser writer reader schema record version format"
    " bug crash panic docs change support allow refactor rename bump dependency workflow pipeline"
    " server client request response header token user group policy access network driver device"
).split()


class Source:
    """What records are made of. A subclass has `record`, which makes the one with this number."""

    def __init__(self, seed):
        self.choose = random.Random(f"{type(self).__name__} {seed}")
        self.random = self.choose.random
        self.seed = seed

    def below(self, end):
        """An integer from 0, which takes a third of the time of `randrange`."""
        return int(self.random() * end)

    def one_of(self, values):
        return values[int(self.random() * len(values))]

    def often_first(self, values):
        """One of the values, of which those in front are much more frequent."""
        return values[int(self.random() ** 3 * len(values))]

    def text(self, characters_max):
        text = prose(self.seed)
        begin = self.below(len(text) - characters_max)
        return text[begin : begin + 1 + self.below(characters_max)]

    def hex(self, digits):
        return f"{self.choose.getrandbits(digits * 4):0{digits}x}"

    def time(self, number, timespec="milliseconds"):
        """A time that goes up with the records, though not in step."""
        at = START + timedelta(milliseconds=number * 40 + self.below(900))
        return at.isoformat(timespec=timespec).replace("+00:00", "Z")


class Telemetry(Source):
    """Flat records of devices: times, ids, few-valued text, integers, doubles, booleans, gaps."""

    DEVICES = 20_000

    def __init__(self, seed):
        super().__init__(seed)
        # Each device has its place, and a temperature that wanders.
        self.places = [
            (round(self.random() * 120 - 60, 6), round(self.random() * 340 - 170, 6))
            for _ in range(self.DEVICES)
        ]
        self.temperatures = [15 + 20 * self.random() for _ in range(self.DEVICES)]

    def record(self, number):
        device, noise = self.below(self.DEVICES), self.random
        latitude, longitude = self.places[device]
        self.temperatures[device] += noise() - 0.5
        record = {
            "event_id": self.hex(24),
            "device_id": f"dev-{device:06}",
            "site": f"site-{device % 40:02}",
            "model": ("AX-200", "AX-210", "BN-7", "BN-9 Pro")[device % 4],
            "firmware": self.often_first(("4.2.1", "4.2.0", "4.1.7", "3.9.12", "4.3.0-rc1")),
            "measured_at": self.time(number),
            "sequence": number // 7 + device,
            "temperature": round(self.temperatures[device], 2),
            "humidity": round(30 + 60 * noise(), 1),
            "pressure": round(980 + 50 * noise(), 3),
            "latitude": round(latitude + noise() * 0.01, 6),
            "longitude": round(longitude + noise() * 0.01, 6),
            "battery": round(100 * noise()),
            "voltage": round(3.2 + noise(), 4),
            "rssi": -30 - self.below(70),
            "uptime_s": self.below(5_000_000),
            "charging": noise() < 0.2,
            "moving": noise() < 0.5,
        }
        if noise() < 0.6:
            record["speed"] = round(40 * noise(), 2)
            record["heading"] = self.below(360)
        if noise() < 0.5:
            record["error"] = self.one_of(("E-TIMEOUT", "E-SENSOR")) if noise() < 0.1 else None
        return record


class Nested(Source):
    """Events like those of GitHub: objects in objects, lists, addresses, prose; each type of event
    has a payload of its own."""

    API = "https://api.github.com"

    def __init__(self, seed):
        super().__init__(seed)
        names = [a + self.one_of("-._") + b for a in WORDS for b in WORDS]
        self.choose.shuffle(names)
        self.logins, self.repos = names[: len(names) // 2], names[len(names) // 2 :]
        self.payloads = (
            *[self.pushed] * 6,
            *[self.pull_request] * 5,
            *[self.commented] * 3,
            self.created,
            self.watched,
            self.released,
        )

    def record(self, number):
        login, repo = self.often_first(self.logins), self.often_first(self.repos)
        kind, payload = self.one_of(self.payloads)(number, repo)
        record = {
            "id": str(17_244_207_336 + number * 3 + self.below(3)),
            "type": kind,
            "actor": self.user(login) | {"display_login": login},
            "repo": {"id": number % 30_011, "name": repo, "url": f"{self.API}/repos/{repo}"},
            "payload": payload,
            "public": True,
            "created_at": self.time(number, "seconds"),
        }
        if self.random() < 0.3:
            record["org"] = self.user(self.often_first(self.logins))
        return record

    def user(self, login):
        number = self.below(90_000_000)
        return {
            "id": number,
            "login": login,
            "gravatar_id": "",
            "url": f"{self.API}/users/{login}",
            "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
            "site_admin": number % 500 == 0,
        }

    def repository(self, name):
        return {
            "id": self.below(400_000_000),
            "full_name": name,
            "private": False,
            "owner": self.user(self.often_first(self.logins)),
            "description": self.text(100) if self.random() < 0.7 else None,
            "fork": self.random() < 0.3,
            "size": self.below(1_000_000),
            "stargazers_count": int(1 / (self.random() + 1e-5)),
            "language": self.often_first(("JavaScript", "Python", "Rust", "Go", "C++", None)),
            "topics": [self.one_of(WORDS) for _ in range(self.below(5))],
            "default_branch": self.often_first(("main", "master", "develop")),
            "updated_at": self.time(self.below(10_000_000), "seconds"),
        }

    def pushed(self, number, repo):
        commits = []
        for _ in range(1 + self.below(8)):
            sha, login = self.hex(40), self.often_first(self.logins)
            author = {"name": login, "email": f"{login}@users.noreply.github.com"}
            url = f"{self.API}/repos/{repo}/commits/{sha}"
            message = self.text(240)
            commits.append(
                {"sha": sha, "author": author, "message": message, "distinct": True, "url": url}
            )
        payload = {"push_id": 7_500_000_000 + number, "size": len(commits)}
        payload |= {"ref": f"refs/heads/{self.often_first(WORDS)}", "commits": commits}
        return "PushEvent", payload | {"head": self.hex(40), "before": self.hex(40)}

    def pull_request(self, number, repo):
        address = f"{self.API}/repos/{repo}/pulls/{number}"
        merged = self.time(number, "seconds") if self.random() < 0.4 else None
        request = {
            "url": address,
            "id": 690_000_000 + number,
            "number": number,
            "state": "closed" if merged else "open",
            "title": self.text(80),
            "user": self.user(self.often_first(self.logins)),
            "body": self.text(1_200),
            "created_at": self.time(number // 2, "seconds"),
            "merged_at": merged,
            "labels": [self.label(repo) for _ in range(self.below(3))],
            "head": self.side(repo),
            "base": self.side(repo),
            "_links": {key: {"href": f"{address}/{key}"} for key in ("self", "html", "commits")},
            "draft": self.random() < 0.1,
            "comments": self.below(12),
            "additions": self.below(900),
            "deletions": self.below(400),
        }
        action = self.one_of(("opened", "closed", "synchronize"))
        return "PullRequestEvent", {"action": action, "number": number, "pull_request": request}

    def label(self, repo):
        name = self.one_of(WORDS)
        url = f"{self.API}/repos/{repo}/labels/{name}"
        return {"id": self.below(3_000_000), "name": name, "color": self.hex(6), "url": url}

    def side(self, repo):
        branch = self.often_first(WORDS)
        return {"label": branch, "sha": self.hex(40), "repo": self.repository(repo)}

    def commented(self, number, repo):
        issue = {
            "number": number,
            "title": self.text(90),
            "user": self.user(self.often_first(self.logins)),
            "labels": [self.label(repo) for _ in range(self.below(4))],
            "assignees": [self.often_first(self.logins) for _ in range(self.below(3))],
            "comments": self.below(40),
            "score": round(self.random() * 9, 3),
            "body": self.text(1_500),
        }
        comment = {"id": 880_000_000 + number, "user": issue["user"], "body": self.text(800)}
        return "IssueCommentEvent", {"action": "created", "issue": issue, "comment": comment}

    def created(self, number, repo):
        kind = self.one_of(("branch", "tag"))
        return "CreateEvent", {"ref": self.text(20), "ref_type": kind, "description": self.text(90)}

    def watched(self, number, repo):
        return "WatchEvent", {"action": "started"}

    def released(self, number, repo):
        release = {"tag_name": f"v{self.below(9)}.{self.below(30)}", "body": self.text(3_000)}
        release["author"] = self.user(self.often_first(self.logins))
        release["assets"] = [
            {"name": f"{repo}-{n}.tar.gz", "size": self.below(90_000_000)} for n in range(3)
        ]
        return "ReleaseEvent", {"action": "published", "release": release}


class Sparse(Source):
    """Events like those of Windows: each of thirty types has keys of its own, and two collectors do
    not agree about what is an object, a number or text."""

    TYPES = 30
    OWN_KEYS = 12
    SUBJECTS = ("Process", "Target", "Subject", "Source", "Parent", "Service", "Object", "Share")
    ASPECTS = ("Name", "Id", "Path", "Guid", "Sid", "Domain", "Mask", "Time", "Port", "Flags")
    FOLDERS = ("Windows\\System32", "Program Files\\Vendor", "Users\\admin\\AppData", "Temp")

    def __init__(self, seed):
        super().__init__(seed)
        names = [
            f"{subject}{aspect}{part}"
            for part in ("", "New", "Old", "Raw", "Last")
            for subject in self.SUBJECTS
            for aspect in self.ASPECTS
        ]
        own = [names[n * self.OWN_KEYS : (n + 1) * self.OWN_KEYS] for n in range(self.TYPES)]
        self.types = [[(key, self.maker(key)) for key in keys] for keys in own]
        self.hosts = [f"WORKSTATION{n}.theshire.local" for n in range(300)]
        self.users = [f"S-1-5-21-{self.hex(8)}-{n}" for n in range(2_000)]

    def maker(self, key):
        """What makes values for a key, told by its name; a few keys have two kinds of them."""
        makers = {
            "Id": lambda: self.below(12_000),
            "Path": self.path,
            "Guid": self.guid,
            "Sid": lambda: self.often_first(self.users),
            "Mask": lambda: f"0x{self.below(0x200000):x}",
            "Time": lambda: self.time(self.below(200_000)),
            "Port": lambda: self.below(65_536) if self.random() < 0.9 else "-",
            "Flags": lambda: self.random() < 0.5,
        }
        return next((make for end, make in makers.items() if end in key), self.name)

    def name(self):
        return f"{self.often_first(WORDS)}{self.below(500)}$"

    def path(self):
        return f"C:\\{self.often_first(self.FOLDERS)}\\{self.name()}.exe"

    def guid(self):
        return f"{{{self.hex(8)}-{self.hex(4)}-{self.hex(4)}-{self.hex(4)}-{self.hex(12)}}}"

    def record(self, number):
        kind, host = int(self.random() ** 2 * self.TYPES), self.often_first(self.hosts)
        own = {key: make() for key, make in self.types[kind] if self.random() < 0.85}
        record = {
            "@timestamp": self.time(number),
            "EventID": 4_600 + kind * 7,
            "Channel": "Security" if kind % 3 else "Microsoft-Windows-Sysmon/Operational",
            "RecordNumber": 5_402_080 + number,
            "ProviderGuid": f"{{5770385F-C22A-43E0-BF4C-{kind:012X}}}",
            "ExecutionProcessID": self.below(8_000),
            "ThreadID": self.below(9_000),
            "Message": self.text(200) + "".join(f"\r\n\t{key}: {own[key]}" for key in own),
        }
        if self.random() < 0.6:
            record |= {"host": {"name": host, "os": {"build": 17_763, "family": "windows"}}}
            record |= {"Task": kind, "Level": "Information", "Keywords": -(2**63) + kind}
            record |= {"tags": ["beats", self.one_of(WORDS)]}
        else:
            record |= {"host": host, "Task": "Logon", "Level": 4, "Keywords": f"0x{kind:x}"}
            record |= {"tags": "mordorDataset", "port": 60_000 + self.below(500)}
        # Half of the types come as objects, half with their keys among those of all.
        return record | (own if kind % 2 else {"EventData": own})


@cache
def prose(seed):
    """Text to cut messages from, so long that a page of Parquet hardly has a cut twice: few words
    are frequent, many are rare, and there is punctuation that JSON escapes."""
    choose = random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprstvw" for b in ("a", "e", "i", "o", "un", "er")]
    rare = ["".join(choose.choices(syllables, k=2 + n % 3)) for n in range(4_000)]
    weights = [1 / (rank + 10) for rank in range(len(WORDS) + len(rare))]
    words = choose.choices(WORDS + rare, weights, k=400_000)
    ends = [" "] * 40 + [", ", ". ", ".\n", '" ', ' "', ":\t", " \\", " é "]
    return "".join(map(str.__add__, words, choose.choices(ends, k=len(words))))


SHAPES = {"telemetry": Telemetry, "nested": Nested, "sparse": Sparse}


def lines(shape, seed=SEED):
    """Records of a shape as lines of JSON, without end."""
    source = SHAPES[shape](seed)
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    number = 0
    while True:
        yield encode(source.record(number)).encode() + b"\n"
        number += 1


def write(shape, size_bytes, path, seed=SEED):
    """Writes whole records until there are so many bytes; returns how many records."""
    written = records = 0
    with Path(path).open("wb") as file:
        for line in lines(shape, seed):
            file.write(line)
            written += len(line)
            records += 1
            if written >= size_bytes:
                return records


def main():
    words = argparse.ArgumentParser(description="Writes seeded events as NDJSON.")
    words.add_argument("shape", choices=SHAPES)
    words.add_argument("mb", type=float)
    words.add_argument("file")
    words.add_argument("--seed", type=int, default=SEED)
    given = words.parse_args()
    write(given.shape, given.mb * MB, given.file, given.seed)


if __name__ == "__main__":
    main()
