"""The kinds of field in a recipe: each reads JSON data, writes it, and describes itself as a JSON schema."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from filters.recipe.errors import RecipeError, guess, shown
from filters.recipe.looks import BUILT_IN_LOOKS, LOOK_NAME, unknown_look

REQUIRED = object()  # as a default: there is none
Schema = dict[str, Any]


class Kind(Protocol):
    """One field. A value that equals its default is left out of the canonical form."""

    @property
    def default(self) -> Any:
        """What a recipe without the field means. It never changes: published recipes rely on it."""

    def read(self, value: object, path: str) -> Any:
        """The value in the model. Raises RecipeError."""

    def write(self, value: Any) -> Any:
        """The model's value as JSON data."""

    def schema(self) -> Schema:
        """Which JSON data `read` takes; what a schema cannot say, its description does."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number within a range, kept to so many decimals that no eye can tell, and every platform writes alike."""

    says: str
    low: float
    high: float
    default: Any = 0.0
    decimals: int = 4

    def read(self, value: object, path: str) -> float:
        """The rounded number."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecipeError(path, f"{shown(value)} is no number; it goes from {self.low:g} to {self.high:g}")
        if not self.low <= value <= self.high:  # nor is NaN within
            raise RecipeError(path, f"{shown(value)} is out of range; it goes from {self.low:g} to {self.high:g}")
        return round(float(value), self.decimals)

    def write(self, value: float) -> float | int:
        """20.0 is written as 20."""
        return int(value) if float(value).is_integer() else value

    def schema(self) -> Schema:
        """A number with its bounds."""
        limits = {"minimum": self.write(self.low), "maximum": self.write(self.high)}
        return {"type": "number", **limits, **_default(self), "description": self.says}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of a few texts, or one of a few whole numbers."""

    says: str
    values: tuple[str, ...] | tuple[int, ...]
    default: Any = REQUIRED

    def read(self, value: object, path: str) -> str | int:
        """The value as it stands in the table."""
        if not isinstance(value, bool | Mapping | list):
            for known in self.values:
                if value == known:
                    return known
        hint = guess(value, map(str, self.values)) if isinstance(value, str) else f"it is one of {_listed(self.values)}"
        raise RecipeError(path, f"{shown(value)} is no choice; {hint}")

    def write(self, value: str | int) -> str | int:
        """As it is."""
        return value

    def schema(self) -> Schema:
        """An enumeration."""
        return {"enum": list(self.values), **_default(self), "description": self.says}


@dataclass(frozen=True, kw_only=True)
class Flag:
    """Yes or no."""

    says: str
    default: Any = False

    def read(self, value: object, path: str) -> bool:
        """The value, which is neither 1 nor "true"."""
        if not isinstance(value, bool):
            raise RecipeError(path, f"{shown(value)} is neither true nor false")
        return value

    def write(self, value: bool) -> bool:  # noqa: FBT001 - the value itself
        """As it is."""
        return value

    def schema(self) -> Schema:
        """A boolean."""
        return {"type": "boolean", **_default(self), "description": self.says}


@dataclass(frozen=True, kw_only=True)
class LookName:
    """The name of a look. Whether there is such a look, its owner knows."""

    says: str
    default: Any = REQUIRED

    def read(self, value: object, path: str) -> str:
        """The name, if a look can have it."""
        if not isinstance(value, str):
            raise RecipeError(path, f"{shown(value)} is no name of a look, such as clarendon")
        if not LOOK_NAME.fullmatch(value):
            raise unknown_look(value)
        return value

    def write(self, value: str) -> str:
        """As it is."""
        return value

    def schema(self) -> Schema:
        """A text with its pattern; the built-in looks are examples."""
        pattern = f"^{LOOK_NAME.pattern}$"
        return {"type": "string", "pattern": pattern, "examples": list(BUILT_IN_LOOKS), "description": self.says}


@dataclass(frozen=True, kw_only=True)
class Part:
    """An object of further fields, read into a frozen dataclass of the model.

    `make` takes the members' values by name, and `take` gives them back. `settle` checks the members together and
    gives the value to keep: the default, if the part as it stands changes nothing.
    """

    says: str
    members: Mapping[str, Kind]
    make: Callable[..., Any]
    take: Callable[[Any], Mapping[str, Any]] = vars
    settle: Callable[[Any, str], Any] = lambda value, _path: value
    default: Any = None

    def read(self, value: object, path: str) -> Any:
        """The part, its absent members at their defaults."""
        if not isinstance(value, Mapping):
            raise RecipeError(path, f"{shown(value)} is no object; its fields are {', '.join(self.members)}")
        for name in value:
            if name not in self.members:
                raise RecipeError(_join(path, name), f"there is no such field; {guess(name, self.members)}")
        return self.settle(self.make(**{name: self._member(name, value, path) for name in self.members}), path)

    def write(self, value: Any) -> dict[str, Any]:
        """The members that are not at their defaults, in the table's order."""
        values = self.take(value)
        return {name: kind.write(values[name]) for name, kind in self.members.items() if values[name] != kind.default}

    def schema(self) -> Schema:
        """An object that has these members and no others."""
        required = [name for name, kind in self.members.items() if kind.default is REQUIRED]
        properties = {name: kind.schema() for name, kind in self.members.items()}
        shape: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return shape | ({"required": required} if required else {}) | {"description": self.says}

    def _member(self, name: str, value: Mapping[str, object], path: str) -> Any:
        kind = self.members[name]
        if name in value:
            return kind.read(value[name], _join(path, name))
        if kind.default is REQUIRED:
            raise RecipeError(_join(path, name), "it is missing")
        return kind.default


def _join(path: str, name: object) -> str:
    """A member's path; a stranger's name is quoted unless it could be one of ours."""
    text = name if isinstance(name, str) and name.isidentifier() and len(name) <= 40 else shown(name)
    return f"{path}.{text}" if path else text


def _default(kind: Kind) -> Schema:
    return {} if kind.default in (REQUIRED, None) else {"default": kind.write(kind.default)}


def _listed(values: tuple[str, ...] | tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
