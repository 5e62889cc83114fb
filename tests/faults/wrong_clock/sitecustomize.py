"""Sets the host clock of a Python process wrong by `WRONG_CLOCK_S` seconds, as far as Python tells.

Python imports this by itself when its folder is on `PYTHONPATH`, before anything of ours. What the
process reads of the wall clock through `time` and `datetime` is off; monotonic time is right, as it
is on a host whose clock was set wrong. Libraries that ask the kernel by themselves are not reached:
the ids of uuid-utils, whose time is used for order alone.
"""

import datetime as dt
import os
import time
from typing import Any

_OFF_S = float(os.environ.get("WRONG_CLOCK_S", "0"))
_OFF = dt.timedelta(seconds=_OFF_S)

_right_time, _right_time_ns = time.time, time.time_ns
_right_datetime, _right_date = dt.datetime, dt.date


class _Instances(type):
    """Counts the real class's instances as those of its stand-in, which makes no others."""

    _real: type

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls._real)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls._real)


class _WrongDatetime(_right_datetime, metaclass=_Instances):  # type: ignore[misc, valid-type]
    _real = _right_datetime

    def __new__(cls, *values: Any, **named: Any) -> Any:
        return _right_datetime(*values, **named)

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return _right_datetime.now(tz) + _OFF

    @classmethod
    def utcnow(cls) -> Any:
        return _right_datetime.utcnow() + _OFF

    @classmethod
    def today(cls) -> Any:
        return _right_datetime.now() + _OFF


class _WrongDate(_right_date, metaclass=_Instances):  # type: ignore[misc, valid-type]
    _real = _right_date

    def __new__(cls, *values: Any, **named: Any) -> Any:
        return _right_date(*values, **named)

    @classmethod
    def today(cls) -> Any:
        return (_right_datetime.now() + _OFF).date()


if _OFF_S:
    time.time = lambda: _right_time() + _OFF_S
    time.time_ns = lambda: _right_time_ns() + int(_OFF_S * 1_000_000_000)
    dt.datetime = _WrongDatetime  # type: ignore[misc]
    dt.date = _WrongDate  # type: ignore[misc]
