"""What is read of a server's answers about itself."""

import pytest

from ponder.bench.target import base_url, connect, parse_counters
from ponder.errors import ParameterError


@pytest.mark.parametrize(
    "url", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/", "http://h:1//"]
)
def test_addresses_are_read_with_and_without_v1(url):
    assert base_url(url) == "http://h:1"


def test_a_prefix_stays():
    assert base_url("https://h/models/a/v1") == "https://h/models/a"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:1",
        "localhost",
        "ftp://h",
        "http://",
        "http://h:x",
        "http://h:99999",
        "http://h/?q",
        "http://h/\n",
    ],
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ParameterError, match="url"):
        base_url(url)


def test_a_password_is_refused_and_not_shown():
    with pytest.raises(ParameterError) as error:
        base_url("http://me:secret@h")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("key", ["", " ", "a\nb", "ä", "\x7f"])
def test_a_key_that_is_no_header_is_refused_and_not_shown(key):
    with pytest.raises(ParameterError, match="api_key = '…'"):
        connect("http://h", key)


def test_counters_are_summed_over_labels():
    text = """
# TYPE vllm:prefix_cache_hits counter
vllm:prefix_cache_hits_total{engine="0",model_name="a} b"} 12.0
vllm:prefix_cache_hits_total{engine="1",model_name="a"} 1.5e1
vllm:prefix_cache_hits_created{engine="0"} 1.7e+09
prefix_cache_queries_total 100 1700000000000
prefix_cache_bad_total many
requests_total 3
"""
    assert parse_counters(text) == {
        "vllm:prefix_cache_hits_total": 27.0,
        "prefix_cache_queries_total": 100.0,
    }
