"""The list of all settings, and what each is called: in the file, the environment, as a flag."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from profiler.config.settings import ENV_PREFIX, Settings

#: Flags that set what a setting does, by the setting's path.
FLAGS = {
    "rules": "--rules",
    "redis.url": "--redis",
    "kafka.bootstrap_servers": "--bootstrap-servers",
    "metrics.listen": "--metrics",
    "serve.host": "--host",
    "serve.port": "--port",
}

#: The variable that names the file; it has the settings' prefix, and is none.
CONFIG_VARIABLE = f"{ENV_PREFIX}config".upper()


class Setting(NamedTuple):
    """One setting.

    Attributes:
        section: its table in the file, empty at the top.
        key: its name there.
        field: type, default, bounds and meaning.
    """

    section: str
    key: str
    field: FieldInfo

    @property
    def path(self) -> str:
        """The name in messages: ``kafka.client_id``."""
        return f"{self.section}.{self.key}" if self.section else self.key

    @property
    def variable(self) -> str:
        """The environment's name for it: ``PROFILER_KAFKA__CLIENT_ID``."""
        return variable_of(self.path)

    @property
    def is_secret(self) -> bool:
        """Whether it is masked, and may come from a file that ``<variable>_FILE`` names."""
        return "SecretStr" in str(self.field.annotation)

    @property
    def default(self) -> object:
        """The default as it is written; None where there is none, or the machine decides."""
        default = self.field.default if self.field.default_factory is None else None
        return default.get_secret_value() if isinstance(default, SecretStr) else default

    def value_in(self, settings: Settings) -> object:
        """Return its value."""
        return getattr(getattr(settings, self.section) if self.section else settings, self.key)

    def taken_from(self, layer: Mapping[str, Any]) -> object:
        """Return what a source says, nested like the settings; None where it says nothing."""
        holder = layer.get(self.section) if self.section else layer
        return holder.get(self.key) if isinstance(holder, Mapping) else None

    def put_into(self, layer: dict[str, Any], value: object) -> None:
        """Let a source say this; a section that is no table stays as it is, to be refused."""
        holder = layer.setdefault(self.section, {}) if self.section else layer
        if isinstance(holder, dict):
            holder[self.key] = value


def variable_of(path: str) -> str:
    """Return the environment's name for a setting."""
    return f"{ENV_PREFIX}{path.replace('.', '__')}".upper()


def sections() -> dict[str, type[BaseModel]]:
    """Return the tables of the file, by name."""
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


@cache
def catalogue() -> tuple[Setting, ...]:
    """Return every setting: the top's, then by section, as a file lists them."""
    return tuple(_settings())


def _settings() -> Iterator[Setting]:
    tables = sections()
    for key, field in Settings.model_fields.items():
        if key not in tables:
            yield Setting("", key, field)
    for section, model in tables.items():
        # Inherited fields come first in a model; how to find a server reads better before TLS.
        fields = sorted(model.model_fields.items(), key=lambda item: item[0].startswith("ssl_"))
        for key, field in fields:
            yield Setting(section, key, field)
