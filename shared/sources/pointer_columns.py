"""The values of several JSON Pointers in many documents, found part by part for all documents at once."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from shared.sources.pointer import Choice, Find, Pointer, compile_pointer

Column = list[Any]
"""A value of each document; None where it is null or missing."""


class PointerColumns:
    """Pointers whose common beginnings are followed once. The documents hold no repeated key."""

    def __init__(self) -> None:
        self._places = {"": 0}
        self._steps: list[tuple[int, Callable[[Column], Column]]] = []

    def add(self, pointer: Pointer) -> int:
        """Add a pointer without stars; return the index of its column."""
        place = self._places.get(pointer.text)
        if place is None:
            parent = self.add(pointer.parent)
            self._steps.append((parent, _step(Pointer("", pointer.tokens[-1:]))))
            place = self._places[pointer.text] = len(self._steps)
        return place

    def find(self, documents: Sequence[Any]) -> list[Column]:
        """Return the column of each pointer, at its index."""
        columns = [list(documents)]
        for parent, step in self._steps:
            columns.append(step(columns[parent]))
        return columns


def _step(last: Pointer) -> Callable[[Column], Column]:
    find, key = compile_pointer(last), last.tokens[0]
    if isinstance(key, Choice):
        return _choice_step(find, key)
    get = itemgetter(key)

    def members(column: Column) -> Column:
        try:
            return [*map(get, column)]
        except (KeyError, TypeError):
            return [node.get(key) if node.__class__ is dict else find(node) for node in column]

    return members


def _choice_step(find: Find, choice: Choice) -> Callable[[Column], Column]:
    """Return the step to the chosen element, which usually has the same index in all arrays."""
    key, wanted = choice
    if wanted.isdigit():
        # The choice also matches an integer of these digits.
        return lambda column: [*map(find, column)]
    get = itemgetter(key)

    def choose(column: Column) -> Column:
        try:
            for at in range(min(map(len, column))):
                elements = [array[at] for array in column]
                kinds = {*map(get, elements)}
                if wanted in kinds:
                    return elements if kinds == {wanted} else [*map(find, column)]
        except (KeyError, TypeError):
            pass
        return [*map(find, column)]

    return choose
