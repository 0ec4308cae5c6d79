"""Contracts that are suggested from real events: right ones, and what people would write."""

import subprocess
import tomllib

import pytest
from conftest import COMMAND
from test_corpora import CORPORA, NDJSON

TIMES = {
    "cloudtrail_invictus": ("$.eventTime", "rfc3339"),
}


@pytest.mark.parametrize("folder", NDJSON)
def test_what_is_suggested_is_a_contract(tmp_path, folder):
    files = sorted((CORPORA / folder).glob("*.ndjson"))
    words = [COMMAND, "contract", "suggest", "--table", folder, *files]
    text = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    said = tomllib.loads(text)
    path = tmp_path / f"{said['table']}.toml"
    path.write_text(text)
    checked = subprocess.run([COMMAND, "contract", "check", path], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    if folder in TIMES:
        assert (said["time"]["event_time"], said["time"]["format"]) == TIMES[folder]
