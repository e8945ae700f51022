"""The body of `PUT /v1/devices/{device}/tables/{space}` in the OpenAPI document; `service/table_upload.py` reads it."""

from __future__ import annotations

from typing import Any

from service.table_document import FORMAT, TableBody, TableDocument

_ROWS = {"skip in=16x32x32 out=24x32x32 stride=1": 0.083, "stem in=3x32x32 out=16x32x32 kernel=3 stride=1": 0.41}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema with its references replaced by what they mean; the models do not contain themselves."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        meant = definitions[str(schema["$ref"]).rsplit("/", 1)[-1]]
        return _inlined(meant | {name: value for name, value in schema.items() if name != "$ref"}, definitions)
    return {name: _inlined(value, definitions) for name, value in schema.items()}


def _schema(model: type[TableBody | TableDocument], title: str) -> dict[str, Any]:
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    inlined: dict[str, Any] = _inlined(schema, definitions)
    return inlined | {"title": title}


PUT_BODY: dict[str, Any] = {
    "required": True,
    "description": "At most 8 MiB. Numbers are finite, times are milliseconds for one image.",
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    _schema(TableDocument, "A table as it is downloaded"),
                    _schema(TableBody, "A table written by hand"),
                    {
                        "title": "What agent.py --out wrote",
                        "type": "object",
                        "required": ["format", "plan_sha256", "space", "entries"],
                        "properties": {
                            "format": {"type": "string", "pattern": "^lutnas-measurement/"},
                            "plan_sha256": {"type": "string", "description": "Of the measurement plan's zip."},
                            "space": {"type": "string"},
                            "entries": {"type": "object", "description": "Model -> times in milliseconds."},
                        },
                        "additionalProperties": True,
                    },
                ]
            },
            "examples": {
                "by hand": {
                    "summary": "A plain table; the rest is unknown",
                    "value": {"fixed_ms": 0.4, "operator_ms": _ROWS, "provenance": {"source": "measured by hand"}},
                },
                "document": {
                    "summary": "A downloaded table",
                    "value": {"format": FORMAT, "table": {"fixed_ms": 0.4, "operator_ms": _ROWS}},
                },
            },
        }
    },
}
