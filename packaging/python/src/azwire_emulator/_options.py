"""Options as flags of the program. Pure."""

from __future__ import annotations

import os
from typing import Iterable, List, Mapping, Union

PathLike = Union[str, "os.PathLike[str]"]
"""A path."""

Values = Union[str, Iterable[str]]
"""One value or several."""

Value = Union[bool, int, float, PathLike, Values, None]
"""A value of any option; ``None`` leaves it out."""


def command_line(flags: Mapping[str, Value], arguments: Iterable[str]) -> List[str]:
    """Returns the arguments of the program: those that are given, after the flags that they lack."""
    if isinstance(arguments, str):
        raise TypeError("`arguments` is a text; give a list of arguments")
    given = list(arguments)
    named = {argument.split("=", 1)[0] for argument in given}
    line: List[str] = []
    for name, value in flags.items():
        if f"--{name}" not in named:
            line += _flag(name, value)
    return line + given


def _flag(name: str, value: Value) -> List[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--{name}=false"]
    if isinstance(value, (str, int, float, os.PathLike)):
        return [f"--{name}={_text(value)}"]
    return [f"--{name}={each}" for each in value]


def _text(value: Union[int, float, PathLike]) -> str:
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
