"""Things of one kind: by the name, config, class or object that a user gives."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from nlstm.arguments.config import deserialize
from nlstm.arguments.names import unknown_name

__all__ = ["Registry"]

Thing = TypeVar("Thing")


class Registry(Generic[Thing]):
    """Classes of one kind by Keras's names: snake case, the class's own, and short forms.

    Parameters
    ----------
    kind : str
        What they are, for errors: ``"loss"``.
    interface : type
        What all of them are.
    classes : dict of str to type
    aliases : dict of str to type, optional
        Short forms, in small and in capital letters.
    """

    def __init__(
        self,
        kind: str,
        interface: type[Thing],
        classes: Mapping[str, Callable[..., Thing]],
        aliases: Mapping[str, Callable[..., Thing]] | None = None,
    ) -> None:
        self.kind, self.interface, self.classes = kind, interface, classes
        self.shown = {**classes, **(aliases or {})}
        self.by_name = {
            **self.shown,
            **{name.upper(): found for name, found in (aliases or {}).items()},
            **{found.__name__: found for found in classes.values()},
        }

    def get(self, identifier: Any, other: str) -> Thing:
        """Return the thing for a name, an object or a class.

        Parameters
        ----------
        identifier : str, object or type
        other : str
            What else than a name may come, for the error.
        """
        if isinstance(identifier, Mapping):
            identifier = self.made(identifier)
        if isinstance(identifier, str):
            if identifier not in self.by_name:
                raise unknown_name(self.kind, identifier, self.shown)
            return self.by_name[identifier]()
        if isinstance(identifier, type) and issubclass(identifier, self.interface):
            return identifier()
        if isinstance(identifier, self.interface):
            return identifier
        if isinstance(identifier, type):
            raise TypeError(f"{identifier.__name__} is no {self.kind} of nlstm's.")
        article = "An" if self.kind[0] in "aeiou" else "A"
        raise TypeError(f"{article} {self.kind} is a name or {other}; got {identifier!r}.")

    def made(self, config: Mapping[str, Any]) -> Any:
        """Return what ``{"class_name": ..., "config": {...}}`` stands for, as in Keras."""
        name, arguments = config.get("class_name"), config.get("config", {})
        if not isinstance(name, str) or not isinstance(arguments, Mapping):
            raise TypeError(
                f"A {self.kind} as a dict is {{'class_name': ..., 'config': {{...}}}}; "
                f"got {dict(config)!r}."
            )
        found: Any = self.by_name.get(name) or self.by_name.get(name.lower())
        if found is None or config.get("registered_name") not in (None, name):
            return deserialize(config)
        return found.from_config(arguments)
