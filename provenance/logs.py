"""Structured logs: one JSON object a line on standard error. Never bodies, queries or keys."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import structlog

_PLAIN = json.JSONEncoder()


def _dumps(event: Any, **options: Any) -> str:
    """Most lines need no fallback for what is no JSON, and an encoder made once is faster."""
    try:
        return _PLAIN.encode(event)
    except TypeError:
        return json.dumps(event, **options)


def configure(level: int = logging.INFO) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),  # the one of this moment: it may be redirected
        cache_logger_on_first_use=False,
    )
