"""Reads a moment as a person gives it on the command line, and says it back to them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from provenance.errors import InvalidInput

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_SECONDS = re.compile(r"\d{9,12}", re.ASCII)  # fewer digits are a year or a day without its hyphens
_FORMS = "a day like 2027-12-31, a time like 2027-12-31T18:00+08:00 or Unix seconds like 1830297599"


def parse_time(text: str, time_zone: str) -> int:
    """Unix seconds. A day means its last second; where no offset is written, it is `time_zone`'s (IANA name).

    Raises InvalidInput for any other form, a day that there is not, or an unknown zone.
    """
    zone, text = _zone(time_zone), text.strip()
    try:
        if _SECONDS.fullmatch(text):
            datetime.fromtimestamp(int(text), UTC)
            return int(text)
        if _DAY.fullmatch(text):
            day = datetime.fromisoformat(text).date()
            return int(datetime.combine(day, time(23, 59, 59), zone).timestamp())
        if _HOUR.fullmatch(text):
            moment = datetime.fromisoformat(text)
            return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{text!r:.40} is no moment of the calendar: {error}", field="expires") from error
    raise InvalidInput(f"{text!r:.40} is not {_FORMS}", field="expires")


def describe_time(seconds: int, time_zone: str) -> str:
    """Like `2027-12-31 23:59:59 UTC+08:00 (Asia/Shanghai), which is 2027-12-31 15:59:59 UTC`."""
    utc = datetime.fromtimestamp(seconds, UTC)
    if time_zone == "UTC":
        return f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"{utc.astimezone(_zone(time_zone)):%Y-%m-%d %H:%M:%S %Z} ({time_zone}), which is {utc:%Y-%m-%d %H:%M:%S} UTC"
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        detail = f"there is no time zone {name!r:.40}; say one like Asia/Shanghai"
        raise InvalidInput(detail, field="time-zone") from error
