"""Events for streams in every form that reaches them, numbered, so that each can be found again."""

import gzip
import hashlib
import itertools
import json

AGGREGATE = b"\xf3\x89\x9a\xc2"


class Events:
    """What was sent to some topics: every document by its number, also the bad ones."""

    def __init__(self, *topics):
        self.topics = topics
        self.numbers = itertools.count()
        # The table of each document, of bad ones with their text.
        self.good, self.bad = {}, {}
        # The documents in the data of each record, in their order.
        self.of_record = {}
        self.forms = [self.plain, self.lines, self.packed, self.envelope, self.aggregate, self.poison]

    def record(self, number):
        """A record for the stream: each form in turn, each topic in turn."""
        form = self.forms[number % len(self.forms)]
        topic = self.topics[number // len(self.forms) % len(self.topics)]
        key, data, documents = form(topic, f"{topic}/{number}")
        self.of_record[data] = documents
        return key, data

    def records(self, count):
        return [self.record(number) for number in range(count)]

    def document(self, topic):
        number = next(self.numbers)
        self.good[number] = topic
        # The bytes of no other test are the same.
        text = {"id": number, "of": self.topics[0], f"own_{number % 5}": {"n": number}}
        return number, json.dumps(text, separators=(",", ":"))

    def documents(self, topic, count):
        numbers, texts = zip(*(self.document(topic) for _ in range(count)))
        return list(numbers), texts

    def plain(self, topic, key):
        number, text = self.document(topic)
        return key, text.encode(), [number]

    def lines(self, topic, key):
        numbers, texts = self.documents(topic, 3)
        return key, "\n".join(texts).encode(), numbers

    def packed(self, topic, key):
        key, data, numbers = self.lines(topic, key)
        return key, gzip.compress(data), numbers

    def envelope(self, topic, key):
        """As a subscription of CloudWatch Logs sends it."""
        numbers, texts = self.documents(topic, 2)
        told = [{"id": str(n), "timestamp": 1795860000000, "message": text} for n, text in zip(numbers, texts)]
        sent = {"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "g",
                "logStream": "s", "subscriptionFilters": ["f"], "logEvents": told}
        return key, gzip.compress(json.dumps(sent).encode()), numbers

    def aggregate(self, _, key):
        """Records of all topics in one, as the library for producers sends them."""
        sent = [(f"{topic}/{key}", *self.document(topic)) for topic in self.topics * 2]
        data = aggregated([(key, text.encode()) for key, _, text in sent])
        return "a", data, [number for _, number, _ in sent]

    def poison(self, topic, key):
        number = next(self.numbers)
        text = f'{{"id": {number}, "of": "{self.topics[0]}", "cut'
        self.bad[number] = (topic, text)
        return key, text.encode(), [number]

    def by_collect(self, topic, count):
        """The body of a request; its events are records of their own."""
        numbers, texts = self.documents(topic, count)
        self.of_record |= {text.encode(): [number] for number, text in zip(numbers, texts)}
        return "\n".join(texts).encode()

    def file(self, topic, count):
        """The content of a file of this table."""
        _, texts = self.documents(topic, count)
        return "\n".join(texts)


def aggregated(records):
    """Keys with their data as one record (AWS_FACTS.md §4)."""
    keys = list(dict.fromkeys(key for key, _ in records))
    message = b"".join(field(1, key.encode()) for key in keys)
    for key, data in records:
        message += field(3, varint(1 << 3) + varint(keys.index(key)) + field(3, data))
    return AGGREGATE + message + hashlib.md5(message).digest()


def field(number, data):
    """A field of a protobuf message that holds bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(number):
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def check(stack, sql, events):
    """Every document of these events is a row once, or a bad record once, in its own table; and in
    each shard they have the order in which the stream holds them."""
    rows = [
        (number, topic, source, record)
        for topic in events.topics
        for number, source, record in sql(f"SELECT id, _source, _record FROM {topic}")
    ]
    numbers = {text: number for number, (_, text) in events.bad.items()}
    topics = ", ".join(f"'{topic}'" for topic in events.topics)
    select = f"SELECT bytes, table_name, source, record FROM quarantine WHERE table_name IN ({topics})"
    rows += [
        (numbers[text], topic, source, record)
        for text, topic, source, record in (sql(select) if events.bad else [])
    ]
    expected = events.good | {number: topic for number, (topic, _) in events.bad.items()}
    assert sorted((number, topic) for number, topic, _, _ in rows) == sorted(expected.items())
    places = [(source, record) for _, _, source, record in rows]
    assert len(set(places)) == len(places)
    for shard, records in stack.shards().items():
        held = [n for record in records for n in events.of_record.get(record["Data"], [])]
        of_shard = [(source, record, n) for n, _, source, record in rows if f"/{shard}/" in source]
        assert [number for _, _, number in sorted(of_shard)] == held
