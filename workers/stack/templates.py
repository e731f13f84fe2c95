"""The configuration files that the servers read, from `config/templates/`."""

from importlib import resources
from string import Template


def fill(name: str, **values: object) -> str:
    """The template `name` with each `$value` replaced.

    Raises:
        KeyError: the template asks for a value that is not given.
    """
    return Template((resources.files("config") / "templates" / name).read_text()).substitute(values)
