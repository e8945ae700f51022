"""Headers of file downloads."""

from __future__ import annotations

from fastapi import Response


def download(content: bytes, media_type: str, file_name: str, sha256: str) -> Response:
    """A file as an attachment; `file_name` is made by the service, of ASCII letters, digits, dot and hyphen."""
    return Response(content, media_type=media_type, headers=file_headers(file_name) | {"ETag": f'"{sha256}"'})


def file_headers(file_name: str) -> dict[str, str]:
    """Headers that make browsers store an answer under a name."""
    return {"Content-Disposition": f'attachment; filename="{file_name}"', "X-Content-Type-Options": "nosniff"}
