"""Checks of options: what a number may be, and a class decorator that checks them."""

from __future__ import annotations

import argparse
import contextlib
import functools
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, TypeVar

from masa_mm.errors import UserError

Class = TypeVar("Class", bound=type)
LARGEST = 2**63 - 1  # what sizes, counts and seeds of torch and numpy hold


@dataclass(frozen=True)
class NumberCheck:
    """What a number, or each number of a sequence, may be.

    Args:
        words (str): The rule in words, "must be ...".
        least (float): The smallest allowed value; the bound itself is excluded with ``above``.
        most (float): The largest allowed value.
        whole (bool): Whether it must be an integer.
        above (bool): Whether ``least`` itself is excluded.
        optional (bool): Whether None is allowed.
        many (bool): Whether it is a sequence of such numbers.
        empty (bool): Whether that sequence may be empty.
    """

    words: str
    least: float = -math.inf
    most: float = math.inf
    whole: bool = False
    above: bool = False
    optional: bool = False
    many: bool = False
    empty: bool = False

    def accepts(self, value: Any) -> bool:
        """Whether the value keeps the rule."""
        if self.optional and value is None:
            return True
        if self.many:
            is_list = isinstance(value, Sequence) and not isinstance(value, str)
            return is_list and (self.empty or len(value) > 0) and all(map(self._fits, value))
        return self._fits(value)

    def check(self, where: str, value: Any) -> None:
        """Check a value.

        Raises:
            UserError: If it does not keep the rule; the message starts with ``where``.
        """
        if not self.accepts(value):
            raise UserError(f"{where} {self.words}, got {_shown(value)}")

    def _fits(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            return False
        if self.above and value == self.least:
            return False
        # A comparison with NaN is false; that of a huge integer needs no conversion to float.
        return bool(
            -LARGEST <= value <= LARGEST  # type: ignore[operator]
            and self.least <= value <= self.most  # type: ignore[operator]
        )


def whole(least: int, **options: Any) -> NumberCheck:
    """An integer of at least ``least``."""
    return NumberCheck(f"must be an integer of at least {least}", least, whole=True, **options)


def wholes(least: int, **options: Any) -> NumberCheck:
    """A list of integers of at least ``least``."""
    kind = "a list of" if options.get("empty") else "a list of one or more"
    words = f"must be {kind} integers of at least {least}"
    return NumberCheck(words, least, whole=True, many=True, **options)


def at_least(least: float, **options: Any) -> NumberCheck:
    """A finite number of at least ``least``."""
    return NumberCheck(f"must be a number of at least {least:g}", least, **options)


def above(bound: float, **options: Any) -> NumberCheck:
    """A finite number above ``bound``."""
    return NumberCheck(f"must be a number above {bound:g}", bound, above=True, **options)


FRACTION = NumberCheck("must be a number in [0, 1]", 0, 1)
FINITE = NumberCheck("must be a finite number")
SEED = NumberCheck("must be an integer from 0 to 4294967295", 0, 2**32 - 1, whole=True)


def option(rule: NumberCheck) -> Callable[[str], Any]:
    """Make the ``type`` of a number on a command line, which argparse refuses with exit code 2."""

    def parse(text: str) -> Any:
        value: Any = text
        with contextlib.suppress(ValueError):
            value = int(text) if rule.whole else float(text)
        if not rule.accepts(value):
            raise argparse.ArgumentTypeError(f"{rule.words}, got {_shown(text)}")
        return value

    return parse


count = option(whole(1))
seed = option(SEED)


def checked_options(**checks: NumberCheck) -> Callable[[Class], Class]:
    """Check options of a class before its constructor runs.

    Put this class decorator below ``register_module``.

    Args:
        **checks (NumberCheck): The rule of each option.
    """

    def decorate(cls: Class) -> Class:
        init = cls.__init__  # type: ignore[misc]
        parameters = list(inspect.signature(init).parameters.values())[1:]
        names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]

        @functools.wraps(init)
        def checking_init(self: Any, *args: Any, **kwargs: Any) -> None:
            given = dict(zip(names, args)) | kwargs
            for name in checks.keys() & given.keys():
                checks[name].check(f"{type(self).__name__}: {name}", given[name])
            init(self, *args, **kwargs)

        cls.__init__ = checking_init  # type: ignore[misc]
        return cls

    return decorate


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
