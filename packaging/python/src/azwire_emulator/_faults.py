"""Faults to inject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Literal, Optional, Union

Fault = Literal[
    "close",
    "delayAck",
    "drop",
    "duplicateAck",
    "expireTokens",
    "halfOpen",
    "refuseAck",
    "status",
    "withholdAck",
]
"""The name of a fault; the emulator's README has a table of them."""

Occasion = Literal["ack", "delivery", "message", "now", "open", "request"]
"""When a fault strikes: at once (``now``), or in place of what happens then."""

_NAMES = {"retry_after": "retryAfter"}
_MEMBERS = {"retryAfter": "retry_after"}


@dataclass(frozen=True)
class FaultRule:
    """One fault, where it strikes, and how often::

        FaultRule("drop", at="delivery", scope="chat", every=50, times=20)
        FaultRule("status", at="request", status=503, retry_after=1)
        FaultRule("delayAck", at="ack", milliseconds=20, times="forever")

    Which faults an occasion allows is checked by the emulator.
    """

    fault: Fault
    """The fault."""
    at: Occasion
    """The occasion."""
    scope: Optional[str] = None
    """Only in this hub, or at the path of this hybrid connection."""
    user: Optional[str] = None
    """Only for this user."""
    connection: Optional[str] = None
    """Only for the connection with this id."""
    every: int = 1
    """Strikes on every n-th occasion of a connection."""
    times: Union[int, Literal["forever"]] = 1
    """How often it strikes in all."""
    probability: float = 1.0
    """The probability of striking on an occasion that counts, from 0 to 1."""
    code: Optional[int] = None
    """The close code of ``close``."""
    reason: Optional[str] = None
    """The reason of ``close``."""
    milliseconds: Optional[int] = None
    """The delay of ``delayAck``, on the emulator's clock."""
    name: Optional[str] = None
    """The name of the error of ``refuseAck``, such as ``Timeout``."""
    message: Optional[str] = None
    """The text of the error of ``refuseAck``."""
    status: Optional[int] = None
    """The status of ``status``, from 400 to 599."""
    retry_after: Optional[int] = None
    """The seconds in ``Retry-After`` of ``status``."""

    def _to_json(self) -> Dict[str, Any]:
        members = ((_NAMES.get(name, name), value) for name, value in vars(self).items())
        return {name: value for name, value in members if value is not None}

    @classmethod
    def _read(cls, value: Dict[str, Any]) -> FaultRule:
        known = cls.__dataclass_fields__
        members = ((_MEMBERS.get(name, name), member) for name, member in value.items())
        return cls(**{name: member for name, member in members if name in known})


@dataclass(frozen=True)
class ArmedRule:
    """A rule, and how often it has struck."""

    rule: FaultRule
    """The rule, as the emulator understood it."""
    struck: int
    """How often it has struck since it was armed."""


@dataclass(frozen=True)
class FaultState:
    """The armed rules of one service."""

    seed: int
    """The seed of the rules that were armed last."""
    rules: List[ArmedRule]
    """All rules in the order in which they were armed, except those that struck at once (``now``)."""

    @property
    def struck(self) -> int:
        """How often all rules together have struck."""
        return sum(rule.struck for rule in self.rules)

    @classmethod
    def _read(cls, value: Dict[str, Any]) -> FaultState:
        rules = [
            ArmedRule(FaultRule._read(armed["rule"]), armed["struck"]) for armed in value["rules"]
        ]
        return cls(value["seed"], rules)


def _plan(rules: Iterable[FaultRule], seed: int) -> Dict[str, Any]:
    return {"seed": seed, "rules": [rule._to_json() for rule in rules]}
