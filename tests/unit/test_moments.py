"""A moment on the command line: its forms, whose zone it is in, and how it is said back."""

import pytest

from provenance.cli.moments import describe_time, parse_time
from provenance.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "zone", "seconds"),
    [
        ("2027-12-31", "UTC", 1830297599),
        ("2027-12-31", "Asia/Shanghai", 1830297599 - 8 * 3600),
        ("2027-12-31T23:59:59Z", "Asia/Shanghai", 1830297599),
        ("2027-12-31T23:59:59+08:00", "UTC", 1830297599 - 8 * 3600),
        ("2027-12-31T23:59", "UTC", 1830297540),
        ("1830297599", "Asia/Shanghai", 1830297599),
    ],
)
def test_a_moment_is_read_in_its_zone(text, zone, seconds):
    assert parse_time(text, zone) == seconds


@pytest.mark.parametrize(
    "text", ["²", "2027", "20271231", "", "2027-02-30", "31.12.2027", "٢٠٢٧-١٢-٣١", "2027-12-31T25:00"]
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(InvalidInput):
        parse_time(text, "UTC")


@pytest.mark.parametrize("zone", ["Mars/Base", "../etc/passwd", ""])
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(InvalidInput, match="time zone"):
        parse_time("2027-12-31", zone)


def test_a_moment_is_said_in_the_reader_s_zone_and_in_utc():
    said = describe_time(1830297599, "Asia/Shanghai")
    assert "2028-01-01 07:59:59" in said
    assert "2027-12-31 23:59:59 UTC" in said
