"""The file of an upload, read in memory (a general form parser would write large ones to disk)."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from service.errors import BadInput, Refused

MAX_PARTS = 8


def uploaded(body: bytes, content_type: str) -> bytes:
    """The picture of a request to /classify: the field "file" of a form, or the body itself.

    Raises Refused (415) for another content type, BadInput for a form that cannot be read.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return file_in_form(body, content_type)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return body
    kind = f"{kind[:40]!r}" if kind else "missing"
    raise Refused(415, f"content type {kind}: send multipart/form-data with a field file, or image/*")


def file_in_form(body: bytes, content_type: str, field: str = "file") -> bytes:
    """The one file in the field ``field`` of a multipart/form-data body; BadInput if it is not there."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise BadInput("the content type names no boundary of the form's parts")
    parts, ended = [], []
    header, value = bytearray(), bytearray()

    def begin():
        if len(parts) == MAX_PARTS:
            raise FormParserError(f"more than {MAX_PARTS} fields")
        parts.append(({}, bytearray()))

    def end_header():
        parts[-1][0][bytes(header).lower()] = bytes(value)
        header.clear()
        value.clear()

    callbacks = {
        "on_part_begin": begin,
        "on_header_field": lambda data, start, end: header.extend(data[start:end]),
        "on_header_value": lambda data, start, end: value.extend(data[start:end]),
        "on_header_end": end_header,
        "on_part_data": lambda data, start, end: parts[-1][1].extend(memoryview(data)[start:end]),
        "on_end": lambda: ended.append(True),
    }
    try:
        parser = MultipartParser(boundary, callbacks)
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BadInput(f"the form cannot be read: {error}") from None
    if not ended:
        raise BadInput("the form is cut off")
    files = []
    for headers, data in parts:
        options = parse_options_header(headers.get(b"content-disposition", b""))[1]
        if options.get(b"name") == field.encode() and b"filename" in options:
            files.append(bytes(data))
    if len(files) != 1:
        raise BadInput(f'the form needs one file in a field named "{field}", it has {len(files)}')
    return files[0]
