"""The JSON Schema of ``profiler.toml``, from the models."""

from functools import cache
from typing import Any

from pydantic import SecretStr
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from profiler.config.settings import Settings


class FileSchema(GenerateJsonSchema):
    """What a file may hold: TOML has no null, and what is not set is left out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """A value or none: the value."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """A default of none is no default."""
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described

    def encode_default(self, dft: Any) -> Any:  # noqa: ANN401 - the generator's signature
        """A secret as it is."""
        # A default is no secret, and a mask would be a wrong one.
        return super().encode_default(dft.get_secret_value() if isinstance(dft, SecretStr) else dft)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - theirs
        """No titles: they say the names once more."""
        return False


@cache
def json_schema() -> dict[str, Any]:
    """Return the schema, as JSON Schema 2020-12."""
    schema = Settings.model_json_schema(schema_generator=FileSchema)
    described = {"title": "profiler.toml", "description": "Settings of the visitor profiler."}
    return {"$schema": FileSchema.schema_dialect, **schema, **described}
